#pragma once

#include "guest/spawn.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace guest::terminals {

/// What one user's terminals may cost; more is refused, or the oldest output is dropped.
struct Limits {
    std::size_t sessions = 16;
    std::size_t panes = 32;              ///< Of all sessions, those that have ended included.
    std::size_t watchers = 16;           ///< Of all panes.
    std::size_t cells = 400'000;         ///< Columns times rows, of all panes: some 24 bytes each.
    std::size_t scrollback_lines = 2000; ///< Of each pane …
    std::size_t scrollback_bytes = std::size_t{512} << 10U; ///< … and as UTF-8.
    std::size_t watch_bytes = std::size_t{256} << 10U;      ///< Held for a watcher that is slow.
    std::size_t waiting_keys = std::size_t{64}
                               << 10U; ///< Bytes that a pane's program does not read.
    std::size_t waiting_calls = 64;    ///< For tmux, which is asked one thing after the other.
    /// For tmux's answer, waiting included: the first one of a guest that still boots is slow.
    std::chrono::milliseconds patience{15'000};
};

// What one call may say. tmux takes 16 KiB at once.
constexpr std::uint16_t columns_at_most = 500;
constexpr std::uint16_t rows_at_most = 200;
constexpr std::size_t keys_at_most = 256;                      ///< In one call.
constexpr std::size_t text_at_most = std::size_t{8} << 10U;    ///< Bytes, of all texts in one call.
constexpr std::size_t command_at_most = std::size_t{8} << 10U; ///< With the variables.
constexpr std::size_t folder_at_most = 1024;
constexpr std::size_t read_lines_at_most = 2000;
constexpr std::size_t read_bytes_at_most = std::size_t{1} << 20U;

struct SessionView {
    std::string id; ///< "$0"
    std::string name;
    std::int64_t created = 0; ///< Seconds since 1970.
    std::uint32_t windows = 0;
    bool attached = false;    ///< Somebody watches, or has attached in the guest.
    std::uint16_t column = 0; ///< Of the cursor in the active pane, from 0.
    std::uint16_t row = 0;
};

struct WindowView {
    std::string id; ///< "@0"
    std::string session;
    std::uint32_t index = 0;
    std::string name;
    bool active = false;
    std::uint32_t panes = 0;
    TerminalSize size;
};

/// How the program of a pane ended. Both 0: well.
struct PaneEnd {
    int exit_code = 0; ///< 128 and the signal, if it was one.
    int signal = 0;
};

struct PaneView {
    std::string id; ///< "%0". Names one pane until its tmux server, or its keeper, begins anew.
    std::string session;
    std::uint32_t window_index = 0;
    std::string window;
    std::uint32_t index = 0;
    std::string title;
    std::string path; ///< Its program's folder; "": unknown.
    std::int64_t pid = 0;
    bool active = false; ///< In its window.
    TerminalSize size;
    bool ended = false;           ///< It is kept, to be read, until it is killed.
    std::optional<PaneEnd> end{}; ///< How, as soon as that is known.
};

/// What a pane runs, and as what.
struct PaneProgram {
    std::string line;                       ///< For /bin/sh; "": the user's login shell.
    std::string cwd;                        ///< "": the user's home.
    std::map<std::string, std::string> env; ///< Over the basic HOME, PATH, USER, …
};

struct NewSession {
    std::string name;   ///< "": one is made up.
    std::string window; ///< Its first window's name; "": the program's.
    PaneProgram program{};
    TerminalSize size{24, 80};
};

enum class Split { below, beside };

struct NewPane {
    std::string session;
    std::optional<std::string>
        new_window;     ///< Its name, "" for the program's. Else a window is split:
    std::string window; ///< the one of this name, "" for the active one.
    Split split = Split::below;
    PaneProgram program{};
};

struct PaneText {
    std::string pane;
    std::string content; ///< UTF-8 without colours or controls; each line ends with '\n'.
    std::uint32_t lines = 0;
    bool truncated = false; ///< Older lines did not fit `read_bytes_at_most`.
};

struct NamedKey {
    std::string name; ///< As tmux's: "Enter", "C-c", "M-x", "F5". See keys.hpp.
};
struct TypedText {
    std::string text; ///< UTF-8 without NUL, as it is.
};
using Key = std::variant<NamedKey, TypedText>;

using WatchId = std::uint64_t;

/// One step of what a watcher sees.
struct WatchPiece {
    enum class Kind {
        screen, ///< All of it anew, at the beginning and when too much was missed.
        output, ///< What the program wrote since, as it is: any bytes.
        size,   ///< It has another size from here on; `bytes` is empty.
        ended,  ///< Nothing comes any more: see `end` and `reason`.
    };
    Kind kind = Kind::output;
    std::string bytes{}; ///< For a terminal of a person's, of `size`, that starts reset.
    TerminalSize size{};
    std::optional<PaneEnd> end{}; ///< Of `ended`: the program's own.
    std::string reason{};         ///< Of `ended` otherwise: killed, tmux_gone or watch_broken.
};

} // namespace guest::terminals
