#pragma once

#include "common/result.hpp"
#include "coordinator/core/model.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coordinator {

enum class TerminalAction {
    sessions,
    windows,
    panes,
    create_session,
    create_pane,
    read, ///< What a pane shows.
    send_keys,
    resize,
    switch_to,
    kill_pane,
    kill_window,
    kill_session,
    watch, ///< Has a function of its own.
};
std::string_view to_string(TerminalAction action) noexcept; ///< "send_keys"
/// It may leave the guest other than it was: audited, with its intent first.
bool changes_terminals(TerminalAction action) noexcept;

struct TerminalKey {
    bool is_text = false; ///< Typed as it is; else the name of a key: "Enter", "C-c".
    std::string value;
};

/// What is wanted of a user's terminals in a sandbox. Names, ids, keys and sizes are judged by the
/// guest's agent, with reasons of its own.
struct TerminalRequest {
    TerminalAction action = TerminalAction::sessions;
    std::string user = "sandbox";
    /// The session (name or id), window or pane (ids) that it is about. Of lists "": all sessions.
    std::string target{};
    std::string name{};   ///< Of create_session; "": one is made up.
    std::string window{}; ///< Of what creates: the window's name.
    bool new_window = false;
    bool beside = false;   ///< How a window is split; else below.
    std::string command{}; ///< What runs in it, a line for /bin/sh; "": a login shell.
    std::string cwd{};
    std::map<std::string, std::string> env{};
    unsigned rows = 0; ///< 0: as they are by default.
    unsigned columns = 0;
    unsigned last_lines = 0; ///< Of read; 0: the screen alone.
    std::vector<TerminalKey> keys{};
};

// A guest's words: hostile.

struct TerminalSession {
    std::string id; ///< "$0"
    std::string name;
    common::WallTime created;
    unsigned windows = 0;
    bool attached = false;
    unsigned column = 0; ///< Of the cursor in the active pane, from 0.
    unsigned row = 0;
};

struct TerminalWindow {
    std::string id; ///< "@0"
    std::string session;
    unsigned index = 0;
    std::string name;
    bool active = false;
    unsigned panes = 0;
    unsigned rows = 0;
    unsigned columns = 0;
};

/// How a pane's program ended.
struct TerminalEnd {
    int exit_code = 0; ///< 128 and the signal, if it was one.
    int signal = 0;
};

struct TerminalPane {
    std::string id; ///< "%0"
    std::string session;
    unsigned window_index = 0;
    std::string window;
    unsigned index = 0;
    std::string title;
    std::string path; ///< Its program's folder; "": unknown.
    std::uint64_t pid = 0;
    bool active = false;
    unsigned rows = 0;
    unsigned columns = 0;
    bool ended = false; ///< Kept, to be read, until it is killed.
    std::optional<TerminalEnd> end;
};

struct TerminalAnswer {
    std::vector<TerminalSession> sessions; ///< Those asked for, or the one that was made.
    std::vector<TerminalWindow> windows;
    std::vector<TerminalPane> panes;
    std::string name; ///< Of the session that was killed.
    std::string text; ///< Of read: a line for each row, as UTF-8.
    unsigned lines = 0;
    bool truncated = false;
};

/// One step of what somebody sees who looks on.
struct TerminalPiece {
    std::string what;  ///< screen | output | size | ended
    std::string bytes; ///< For a terminal of `rows` and `columns`, that starts reset: any bytes.
    unsigned rows = 0;
    unsigned columns = 0;
    std::optional<TerminalEnd> end; ///< Of `ended`: the program's own;
    std::string reason;             ///< else killed, tmux_gone or watch_broken.
};

/// What a pane shows, as it changes. on_news() and its callback: any thread; everything else one.
class TerminalWatch {
public:
    virtual ~TerminalWatch() = default;
    /// Called whenever there may be something to take, and at once if there is.
    virtual void on_news(std::function<void()> news) = 0;
    virtual std::optional<TerminalPiece> take() = 0;
    [[nodiscard]] virtual bool ended() const = 0;
    virtual void close() = 0;
};

/// Terminals in sandboxes, through their agents; a sleeping sandbox is woken. Each call blocks
/// until its reply is due and may come from any thread. Errors as of Service::run, `no_live_exec`
/// and agent_too_old where the agent cannot, and those of guest/terminals, with its reasons.
class GuestTerminals {
public:
    virtual ~GuestTerminals() = default;
    virtual common::Result<TerminalAnswer>
    ask(const Caller& caller, const common::SandboxId& id, const TerminalRequest& request) = 0;
    virtual common::Result<std::unique_ptr<TerminalWatch>>
    watch(const Caller& caller, const common::SandboxId& id, const TerminalRequest& request) = 0;
};

} // namespace coordinator
