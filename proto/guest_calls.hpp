#pragma once

#include "common/result.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// A call: what the agent itself does for the API, in a process of its own. It travels as a live
// exec (guest_messages.hpp) whose `call` names the service and whose `request` is the message that
// says what is wanted. What passes over its stdin and stdout is:
//
//   head   := length (u32, big endian), msgpack: at most max_call_head
//   stdin  := piece* end                     of what takes a body, once it has said `ready`
//   piece  := length (u32, 1 to max_call_piece), bytes
//   end    := 0 (u32), SHA-256 of all the bytes
//   stdout := head* bytes
//
// Nothing of a body counts that has no end, or one that does not fit. Whoever calls is trusted by
// the guest, but bounded; what a guest answers is anybody's.
namespace proto {

inline constexpr std::size_t max_call_head = std::size_t{4} << 20U;
inline constexpr std::size_t max_call_piece = std::size_t{1} << 20U;
inline constexpr std::size_t max_call_request = std::size_t{48} << 10U;
inline constexpr std::size_t most_entries = 10'000;
inline constexpr std::size_t most_terminals = 64; ///< Of each kind, in one reply.

// ---- files: guest/files over a call --------------------------------------------

/// A write with an `owner`. Agents from before owners refuse it, where they would ignore the field.
inline constexpr std::string_view write_owned = "write_owned";

struct FileCall {
    static constexpr std::string_view kind = "files";
    /// exists | list | read | lines | hash | write | write_owned | edit | mkdir | move | copy |
    /// remove | watch
    std::string what;
    std::string path;
    std::string to;                 ///< Of move and copy.
    std::vector<std::string> roots; ///< None: everything.
    // Beside what guest/files refuses by itself.
    std::vector<std::string> never_read;
    std::vector<std::string> never_written;
    bool recursive = false; ///< list, remove, copy, watch
    bool overwrite = false; ///< write, move, copy
    bool append = false;    ///< write
    bool parents = false;   ///< write, mkdir: made where they are missing.
    bool all = false;       ///< edit: every occurrence.
    std::uint32_t depth = 0;
    std::uint64_t limit = 0;  ///< Entries of list, lines of lines.
    std::uint64_t from = 0;   ///< Of read the first byte, of lines the first line.
    std::uint64_t until = 0;  ///< Of lines the last one; 0: no end.
    bool has_length = false;  ///< Of read: `length` bytes; else to its end.
    bool from_end = false;    ///< Of read: the last `length` bytes.
    std::uint64_t length = 0; ///< Of edit: so much of the body is the old text.
    std::int32_t mode = -1;   ///< Permissions; -1: not said.
    std::string sha256;       ///< Of write: hex, that the content must have.
    std::string owner;        ///< Of write_owned: a user of the guest's.
};

struct FileEntry {
    std::string path;
    std::string kind; ///< file | folder | symlink | fifo | socket | char_device | block_device
    std::uint32_t mode = 0;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint64_t size = 0;
    std::int64_t modified_ns = 0;
    std::string target;
};

/// As common::Error.
struct CallError {
    std::string code;
    std::string message;
    std::string reason;
    std::string details;
};

struct FileReply {
    static constexpr std::string_view kind = "file_reply";
    std::optional<CallError> error; ///< Then nothing else is said, and nothing follows.
    bool ready = false;             ///< The body may come; another reply follows it.
    std::vector<FileEntry> entries; ///< Of list; else what it is about, where there is something.
    bool truncated = false;
    std::uint64_t unreadable = 0; ///< Folders that could not be entered.
    bool created = false;
    bool was_folder = false;
    std::uint64_t bytes = 0;
    std::uint64_t count = 0;   ///< Entries, or replacements.
    std::uint64_t skipped = 0; ///< Of copy: neither files, folders nor links.
    std::string sha256;        ///< Hex.
    std::string text;          ///< Lines, or a diff.
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    std::optional<std::uint64_t> length; ///< Of the bytes that follow, if known.
    std::optional<std::uint64_t> total;  ///< Lines of the file, if counted.
};

/// What watch tells, one head each.
struct FileNews {
    static constexpr std::string_view kind = "file_news";
    std::string change; ///< created | modified | deleted | moved | attributes | overflow
    std::string path;
    std::string to;
    bool folder = false;
    bool partial = false; ///< Not all folders are watched.
};

// ---- terminals: guest/terminals over a call ------------------------------------

/// One of the two.
struct TerminalKey {
    std::string name; ///< "Enter", "C-c"
    std::string text; ///< As it is.
};

struct TerminalCall {
    static constexpr std::string_view kind = "terminals";
    /// sessions | windows | panes | create_session | create_pane | read | send_keys | resize |
    /// switch_to | kill_pane | kill_window | kill_session | watch
    std::string what;
    /// The session (name or id), window or pane (ids) that it is about. Of lists "": all sessions.
    std::string target;
    std::string name;   ///< Of create_session; "": one is made up.
    std::string window; ///< Of what creates: the window's name.
    bool new_window = false;
    bool beside = false; ///< How a window is split; else below.
    std::string line;    ///< What runs in it; "": a login shell.
    std::string cwd;
    std::map<std::string, std::string> env;
    std::uint32_t rows = 0;
    std::uint32_t columns = 0;
    std::uint32_t last_lines = 0; ///< Of read; 0: the screen.
    std::vector<TerminalKey> keys;
};

struct TerminalSession {
    std::string id;
    std::string name;
    std::int64_t created = 0; ///< Seconds since 1970.
    std::uint32_t windows = 0;
    bool attached = false;
    std::uint32_t column = 0; ///< Of the cursor, from 0.
    std::uint32_t row = 0;
};

struct TerminalWindow {
    std::string id;
    std::string session;
    std::uint32_t index = 0;
    std::string name;
    bool active = false;
    std::uint32_t panes = 0;
    std::uint32_t rows = 0;
    std::uint32_t columns = 0;
};

/// How a program ended.
struct TerminalEnd {
    std::int32_t exit_code = 0; ///< 128 and the signal, if it was one.
    std::int32_t signal = 0;
};

struct TerminalPane {
    std::string id;
    std::string session;
    std::uint32_t window_index = 0;
    std::string window;
    std::uint32_t index = 0;
    std::string title;
    std::string path;
    std::int64_t pid = 0;
    bool active = false;
    std::uint32_t rows = 0;
    std::uint32_t columns = 0;
    bool ended = false;
    std::optional<TerminalEnd> end;
};

struct TerminalReply {
    static constexpr std::string_view kind = "terminal_reply";
    std::optional<CallError> error;        ///< Then nothing else is said, and nothing follows.
    std::vector<TerminalSession> sessions; ///< Those asked for, or the one that was made.
    std::vector<TerminalWindow> windows;
    std::vector<TerminalPane> panes;
    std::string name; ///< Of the session that was killed.
    std::string text; ///< Of read.
    std::uint32_t lines = 0;
    bool truncated = false;
};

/// What watch tells, one head each, after a reply.
struct TerminalNews {
    static constexpr std::string_view kind = "terminal_news";
    std::string what;  ///< screen | output | size | ended
    std::string bytes; ///< For a person's terminal.
    std::uint32_t rows = 0;
    std::uint32_t columns = 0;
    std::optional<TerminalEnd> end; ///< Of `ended`: the program's own;
    std::string reason;             ///< else killed, tmux_gone or watch_broken.
};

template <typename Message>
std::string encode_call(const Message& message);
template <typename Message>
common::Result<Message> decode_call(std::string_view bytes);

/// As it travels: with its length.
template <typename Message>
std::string call_head(const Message& message);
/// "length" of `size` bytes: four of them, as before a head and a piece.
std::string call_length(std::size_t size);
/// The other way; `bytes` has at least four.
std::uint32_t call_length_of(std::string_view bytes);

} // namespace proto
