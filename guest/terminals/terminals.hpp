#pragma once

#include "common/clock.hpp"
#include "guest/terminals/views.hpp"

#include <functional>
#include <memory>
#include <sys/types.h>

namespace guest::terminals {

/// Called once with how it ended; never after the Terminals it was given to are gone.
template <typename T = void>
using Then = std::function<void(common::Result<T>)>;

/// The terminals of one user in this guest: sessions of windows of panes. There are two kinds:
/// TmuxTerminals and PtyTerminals; both keep tests/unit/guest_terminals/contract_tests.cpp.
///
/// One thread. Nothing blocks: `then` is called from within the function itself or from serve(),
/// on_time() or reaped(), and may call any function but the destructor.
///
/// Reasons, the same for both kinds: invalid_argument invalid_name, invalid_id, invalid_size,
/// invalid_keys, invalid_program · not_found no_such_session, no_such_window, no_such_pane,
/// no_such_watch · already_exists session_exists · failed_precondition pane_ended, no_space (to
/// split) · too_large too_many_keys · rate_limited busy (the program reads no keys, or too many
/// calls wait) · resource_exhausted too_many_sessions, too_many_panes, too_many_watchers,
/// too_many_cells · refused no_such_cwd, not_executable · unavailable tmux_gone · timeout
/// tmux_silent · internal tmux_failed.
///
/// A session is named by its name or its id, everything else by its id.
class Terminals {
public:
    virtual ~Terminals() = default;

    /// POST /v1/tmux/sessions/create, /v1/sandbox/sessions/create: a session with one window with
    /// one pane.
    virtual void create_session(const NewSession& wanted, Then<SessionView> then) = 0;
    /// POST /v1/tmux/panes/create: the new pane becomes the active one, and its window.
    virtual void create_pane(const NewPane& wanted, Then<PaneView> then) = 0;

    /// GET /v1/tmux/sessions, /v1/sandbox/sessions, /v1/sandbox/sessions/{name}.
    virtual void sessions(Then<std::vector<SessionView>> then) = 0;
    /// GET /v1/tmux/windows?session=; "": of all sessions.
    virtual void windows(const std::string& session, Then<std::vector<WindowView>> then) = 0;
    /// GET /v1/tmux/panes?session=; "": of all sessions.
    virtual void panes(const std::string& session, Then<std::vector<PaneView>> then) = 0;

    /// POST /v1/tmux/panes/read: the last `last_lines` of scrollback and screen, without the blank
    /// ones at the end; 0: the screen alone. A line is a row of the screen.
    virtual void read(const std::string& pane, std::uint32_t last_lines, Then<PaneText> then) = 0;
    /// POST /v1/tmux/panes/send-keys: all of them in order, or none.
    virtual void send_keys(const std::string& pane, const std::vector<Key>& keys, Then<> then) = 0;
    /// Gives the pane's window another size. With tmux its panes share it; PTYs have all of it.
    virtual void resize(const std::string& pane, TerminalSize size, Then<> then) = 0;
    /// POST /v1/tmux/panes/switch: the pane becomes the active one of its window, and its window
    /// that of its session.
    virtual void switch_to(const std::string& pane, Then<> then) = 0;

    /// DELETE /v1/tmux/panes/{id}: it goes, and its window and session with the last one. What ran
    /// in it is hung up, and killed if that did not end it; what made itself a session of its own
    /// (a daemon) lives on. `then` comes when all is gone, at the latest after some seconds.
    virtual void kill_pane(const std::string& pane, Then<> then) = 0;
    /// The same with a whole window ("@0").
    virtual void kill_window(const std::string& window, Then<> then) = 0;
    /// DELETE /v1/tmux/sessions/{name}, /v1/sandbox/sessions/{name}, POST
    /// /v1/tmux/sessions/{id}/release: the same with a whole session; its name.
    virtual void kill_session(const std::string& session, Then<std::string> then) = 0;

    /// Somebody looks on, without a way to write: what is shown now, and all that changes.
    virtual void watch(const std::string& pane, Then<WatchId> then) = 0;
    /// The next piece, of at most about `bytes_at_most` unless it is a whole screen; nothing if
    /// there is none yet. After serve(), on_time() or reaped() there may be. A watcher that does
    /// not come holds nobody up: it misses output and gets the screen anew. `ended` comes once,
    /// then the watch is gone.
    virtual std::optional<WatchPiece> next(WatchId watch, std::size_t bytes_at_most) = 0;
    virtual void unwatch(WatchId watch) = 0;

    /// The loop calls `poll(fd, events)` for each descriptor that it has to wait for (poll(2)'s
    /// events). They change with every function: ask anew for every turn.
    virtual void descriptors(const std::function<void(int fd, short events)>& poll) const = 0;
    /// Reads and writes what is ready, a bounded amount of each.
    virtual void serve() = 0;
    /// Does what is due. When it wants to be called next, at the latest.
    virtual std::optional<common::SteadyTime> on_time() = 0;
    /// A child of this process has ended, as waitpid(2) says. False: it is none of these.
    virtual bool reaped(pid_t pid, int wait_status) = 0;

    /// Nothing is left that would be lost with it.
    [[nodiscard]] virtual bool idle() const = 0;
};

} // namespace guest::terminals
