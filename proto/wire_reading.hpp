#pragma once

#include "common/result.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

// What travels for live execs beside their command and its reply. `operation` is the exec's; a
// reader is a number that the coordinator picks and that ends with the connection. A host
// sends to a reader no more than it has credit for, and a command that is read by somebody waits
// in its write for the slowest of its readers; one that nobody reads goes on, and its host
// keeps the newest of its output (output_log.hpp tells of positions).
namespace proto {

// ---- coordinator to host: none of these but Input is answered -------------------

struct OpenReader {
    static constexpr std::string_view kind = "open_reader";
    std::string id; ///< Of the sandbox, as below.
    std::string operation;
    std::uint64_t reader = 0;
    std::uint64_t from = 0; ///< The position that it wants to read from.
    std::uint32_t credit = 0;
};

struct GrantReader {
    static constexpr std::string_view kind = "grant_reader";
    std::string id;
    std::string operation;
    std::uint64_t reader = 0;
    std::uint32_t bytes = 0; ///< That it has read.
};

struct CloseReader {
    static constexpr std::string_view kind = "close_reader";
    std::string id;
    std::string operation;
    std::uint64_t reader = 0;
};

/// Of all live execs of a sandbox, those to come included: what they write is told as ReaderNews
/// (output, end) under this number, which is the coordinator's as a reader's is and ends with the
/// connection likewise. A watcher holds no command up: what there is no credit for it misses,
/// which positions tell. With the number that watches already: more credit, and no `from`.
struct WatchOutput {
    static constexpr std::string_view kind = "watch_output";
    std::string id;
    std::uint64_t watch = 0;
    std::uint32_t credit = 0; ///< As a reader's.
    /// Operation → the position that what it writes is wanted from. Of others that run already:
    /// from now on.
    std::map<std::string, std::uint64_t> from;
};
inline constexpr std::size_t max_watched = 128;

struct UnwatchOutput {
    static constexpr std::string_view kind = "unwatch_output";
    std::string id;
    std::uint64_t watch = 0;
};

/// Answered by a reply without a value, under the envelope's own operation.
struct Input {
    static constexpr std::string_view kind = "input";
    std::string id;
    std::string operation;
    std::string what; ///< stdin | signal | resize
    std::string data; ///< Of stdin: at most max_input_bytes.
    bool eof = false; ///< Of stdin: nothing follows `data`.
    std::int32_t signal = 0;
    std::uint16_t rows = 0;
    std::uint16_t columns = 0;
};
/// What each piece of output costs a reader's credit on top of its bytes: many small ones are work
/// and memory too.
inline constexpr std::uint32_t piece_overhead = 256;
inline constexpr std::size_t max_input_bytes = std::size_t{64} << 10U;

// ---- host to coordinator --------------------------------------------------------

struct ReaderNews {
    static constexpr std::string_view kind = "reader_news";
    std::string operation;
    std::uint64_t reader = 0;
    /// started | output | end: all of it was sent, and it has ended; its reply is on the way |
    /// gone: the host does not have it (any more).
    std::string what;
    std::string stdio;          ///< Of output: stdout | stderr.
    std::uint64_t position = 0; ///< Of the first byte; at the end, of what would follow.
    std::string data;
};

template <typename Message>
std::string encode_body(const Message& message);
template <typename Message>
common::Result<Message> decode_body(std::string_view body);

} // namespace proto
