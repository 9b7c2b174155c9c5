#pragma once

#include "proto/guest_frame.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

// What travels in the frames of the guest channel. The payload is msgpack
// [session, stream, kind, body]. Stream 0 is the channel itself; hostd picks a
// fresh stream per exec. Kinds that a side does not know are ignored.
//
// An exec is keyed by its operation id. The agent answers a second `exec` with the
// same id by attaching the running (or ended) one to the new stream: `started`,
// its output so far from offset 0, and `exit` once it ended. It keeps all of that
// until `exec_ack`.
//
// A `live` exec is not collected but read as it comes: both its streams are one log, whose
// positions count the bytes of both (output_log.hpp). An `offset` of its output is such a position,
// and its credit is for both, named "output". The agent holds the newest of it, and no more than
// that is unsent: then the command waits in its write. Attached anew it goes on `from` where hostd
// asks, or from the oldest that it still has, as `started` says.
//
// Flow control: for each of stdout and stderr of a stream the agent sends at most
// `initial_credit` bytes beyond what `credit` has granted, and hostd sends no more
// stdin than it was granted likewise.
namespace proto {

inline constexpr std::uint16_t guest_protocol = 1;
inline constexpr std::uint32_t initial_credit = 256U << 10U;
/// The most data of one stdout, stderr or stdin frame: leaves room for its header.
inline constexpr std::size_t max_chunk = std::size_t{60} << 10U;
/// Bound of an exec frame's own content; longer stdin follows in `stdin` frames.
inline constexpr std::size_t max_exec_bytes = std::size_t{60} << 10U;
inline constexpr std::size_t max_seed_bytes = 64;

struct GuestFrame {
    Session session{};
    std::uint32_t stream = 0;
    std::string kind;
    std::string body;
};

std::string encode(const GuestFrame& frame);
common::Result<GuestFrame> decode_guest_frame(std::string_view payload);

// ---- hostd to agent ------------------------------------------------------------

/// Starts a session: drop what was half read or half sent, answer with echo_of(session)
/// and then `hello`. Execs go on.
struct GuestReset {
    static constexpr std::string_view kind = "reset";
};

struct GuestExec {
    static constexpr std::string_view kind = "exec";
    std::string operation_id;
    std::vector<std::string> argv; ///< Either this …
    std::string shell;             ///< … or a line for /bin/sh -c.
    std::string user;              ///< A name or number from /etc/passwd.
    std::string cwd;               ///< "": the user's home.
    std::map<std::string, std::string> env;
    bool has_stdin = false;               ///< `stdin` frames follow; else it reads /dev/null.
    std::uint32_t timeout_ms = 0;         ///< Then the whole process group is killed. 0: none.
    std::uint32_t output_limit_bytes = 0; ///< Kept of each of stdout and stderr; the rest is
                                          ///< read, counted and dropped.
    bool resumed = false; ///< It was sent before: attach to it; if it is not known, never start it.
    bool live = false;    ///< Only where the agent's hello says so, as what follows.
    std::uint64_t from = 0; ///< The position that output is wanted from.
    bool terminal = false;  ///< It gets one of its own instead of pipes; all is stdout.
    std::uint16_t rows = 0;
    std::uint16_t columns = 0;
    std::string call;    ///< Instead of a program, of a live exec: a service of the agent's own …
    std::string request; ///< … and what is wanted of it (guest_calls.hpp).
};

struct GuestStdin {
    static constexpr std::string_view kind = "stdin";
    std::uint64_t offset = 0; ///< Of data's first byte. After a duplicate `exec` hostd sends
                              ///< stdin from 0 again; the agent skips what it has had.
    std::string data;
    bool eof = false;
};

struct GuestSignal {
    static constexpr std::string_view kind = "signal";
    std::int32_t signal = 0; ///< To the process group; of a terminal, the one in its foreground.
};

/// Of a terminal.
struct GuestResize {
    static constexpr std::string_view kind = "resize";
    std::uint16_t rows = 0;
    std::uint16_t columns = 0;
};

/// Either way: `bytes` more may be sent on this stream.
struct GuestCredit {
    static constexpr std::string_view kind = "credit";
    std::string channel; ///< stdout | stderr | output | stdin
    std::uint32_t bytes = 0;
};

struct GuestExecAck {
    static constexpr std::string_view kind = "exec_ack";
    std::string operation_id;
};

struct GuestShutdown {
    static constexpr std::string_view kind = "shutdown";
    bool reboot = false;
};

/// What only the host knows about this incarnation. Sent after each hello, and when the guest
/// had stood still. The agent takes it up in this order: randomness, clock, hostname; then, if it
/// was told another identity before (it is a copy), all else that two guests must not share; then
/// it thaws, always. It answers with `became`.
struct GuestBecome {
    static constexpr std::string_view kind = "become";
    std::string hostname;
    std::int64_t time_unix_us = 0; ///< 0: leave the clock alone.
    std::string identity;          ///< The sandbox's id.
    std::string seed;              ///< Random bytes of the host: at most max_seed_bytes.
    std::string mac;               ///< "": no network, nothing of it is touched.
    std::string ip;                ///< IPv4, likewise.
};

/// Everything in the guest but the agent is to stand still, and what it wrote is to be on its
/// disk. Answered by `frozen`. No command starts until `thaw` or `become`.
struct GuestFreeze {
    static constexpr std::string_view kind = "freeze";
    std::uint64_t token = 0; ///< Tells the answer from that to an earlier one.
};

struct GuestThaw {
    static constexpr std::string_view kind = "thaw";
    std::int64_t time_unix_us = 0; ///< 0: leave the clock alone. It stood still with the CPUs.
};

struct GuestPing {
    static constexpr std::string_view kind = "ping";
    std::uint64_t token = 0;
};

// ---- agent to hostd ------------------------------------------------------------

struct GuestHello {
    static constexpr std::string_view kind = "hello";
    std::uint16_t protocol = 0;
    std::string agent_version;
    std::string hostname;
    std::string boot_id; ///< /proc/sys/kernel/random/boot_id: tells a reboot from a reconnect.
    std::uint64_t uptime_ms = 0;
    bool init = false;    ///< The agent is PID 1.
    bool frozen = false;  ///< As `freeze` left it.
    std::string identity; ///< Of the last `become`. Only in the agent's memory: "" after a boot,
                          ///< another's in a guest that was loaded as a copy.
    bool live = false;    ///< It knows live execs and terminals.
    bool calls = false;   ///< It knows calls.
};

/// All of `become` was done, and nothing of the guest stands still any more.
struct GuestBecame {
    static constexpr std::string_view kind = "became";
    std::string identity;
};

struct GuestFrozen {
    static constexpr std::string_view kind = "frozen";
    std::uint64_t token = 0;
    bool ok = false;            ///< If not, everything goes on.
    std::uint64_t still_us = 0; ///< For how long it has stood still by now; 0: not told.
    std::string message;
};

/// Addresses of the guest's interfaces, on change. Only a hint: leases decide.
struct GuestNet {
    static constexpr std::string_view kind = "net";
    std::vector<std::string> addresses; ///< "eth0 52:54:00:… 10.0.0.7/24"
};

struct GuestStarted {
    static constexpr std::string_view kind = "started";
    std::int32_t pid = 0;
    // Of a live exec:
    std::uint64_t from = 0;       ///< The position of the output that follows.
    std::uint64_t stdin_at = 0;   ///< Stdin that it has: hostd goes on from there, …
    std::uint32_t stdin_room = 0; ///< … with so much credit.
};

struct GuestOutput {
    static constexpr std::string_view kind = "output";
    std::string channel;      ///< stdout | stderr
    std::uint64_t offset = 0; ///< Of data's first byte in that stream.
    std::string data;
};

struct GuestExit {
    static constexpr std::string_view kind = "exit";
    std::int32_t exit_code = 0; ///< 128 + signal when a signal ended it.
    std::int32_t signal = 0;
    bool timed_out = false;
    std::uint64_t stdout_bytes = 0; ///< Written by the command; more than was kept: truncated.
    std::uint64_t stderr_bytes = 0;
    std::uint64_t run_us = 0;
};

/// Instead of started: it did not start, or the operation is unknown.
struct GuestExecError {
    static constexpr std::string_view kind = "exec_error";
    /// unknown_user | no_such_cwd | not_executable | busy | invalid | unknown_operation | internal
    std::string code;
    std::string message;
};

struct GuestPong {
    static constexpr std::string_view kind = "pong";
    std::uint64_t token = 0;
};

template <typename Message>
std::string encode_guest_body(const Message& message);
template <typename Message>
common::Result<Message> decode_guest_body(std::string_view body);

/// One message as a whole frame, ready to be written.
template <typename Message>
std::string guest_frame(const Session& session, std::uint32_t stream, const Message& message)
{
    return encode_frame(encode(
        GuestFrame{session, stream, std::string{Message::kind}, encode_guest_body(message)}));
}

} // namespace proto
