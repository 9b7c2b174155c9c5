#pragma once

#include "guest/terminals/endings.hpp"
#include "guest/terminals/terminals.hpp"
#include "guest/terminals/tmux_records.hpp"
#include "guest/terminals/tmux_watch.hpp"
#include "guest/terminals/tmux_words.hpp"

#include <map>

namespace guest::terminals {

/// Terminals of the guest's tmux: a server of the user's own (`tmux -L paddock`), which a person in
/// the guest can attach to as well. It lives on when this object ends; what the guest does to it
/// shows. Nothing that it says is believed unchecked: it is the user's.
class TmuxTerminals final : public Terminals {
public:
    TmuxTerminals(const common::Clock& clock, TmuxProgram program, const Limits& limits);

    void create_session(const NewSession& wanted, Then<SessionView> then) override;
    void create_pane(const NewPane& wanted, Then<PaneView> then) override;
    void sessions(Then<std::vector<SessionView>> then) override;
    void windows(const std::string& session, Then<std::vector<WindowView>> then) override;
    void panes(const std::string& session, Then<std::vector<PaneView>> then) override;
    void read(const std::string& pane, std::uint32_t last_lines, Then<PaneText> then) override;
    void send_keys(const std::string& pane, const std::vector<Key>& keys, Then<> then) override;
    void resize(const std::string& pane, TerminalSize size, Then<> then) override;
    void switch_to(const std::string& pane, Then<> then) override;
    void kill_pane(const std::string& pane, Then<> then) override;
    void kill_window(const std::string& window, Then<> then) override;
    void kill_session(const std::string& session, Then<std::string> then) override;
    void watch(const std::string& pane, Then<WatchId> then) override;
    std::optional<WatchPiece> next(WatchId watch, std::size_t bytes_at_most) override;
    void unwatch(WatchId watch) override;
    void descriptors(const std::function<void(int fd, short events)>& poll) const override;
    void serve() override;
    std::optional<common::SteadyTime> on_time() override;
    bool reaped(pid_t pid, int wait_status) override;
    [[nodiscard]] bool idle() const override;

private:
    using Printed = common::Result<std::string>;
    using Panes = common::Result<std::vector<PaneView>>;

    /// What it prints, or why not.
    void run(const TmuxWords& words,
             common::Error without_server,
             std::function<void(Printed)> then,
             std::string cwd = "");
    void run_for_nothing(const TmuxWords& words, common::Error without_server, Then<> then);
    /// What `words` list; asked once more, if tmux has yet to hear how one ended.
    void list_panes(const TmuxWords& words,
                    const TmuxRecords& records,
                    const common::Error& missing,
                    int tries_left,
                    const Then<std::vector<PaneView>>& then);
    /// Calls `then` with the panes there are, if there is room for another one of so many cells.
    void with_room(std::size_t cells, std::function<void(Panes)> then);
    void new_session(const NewSession& wanted, int tries_left, const Then<SessionView>& then);
    void add_program(TmuxWords& words, const PaneProgram& program) const;
    /// `words` list panes and kill the `meant` ones: ends what ran in them; their session's name.
    void kill(const TmuxWords& words,
              const TmuxRecords& records,
              std::function<bool(const PaneView&)> meant,
              common::Error missing,
              Then<std::string> then);
    void end(const std::vector<PaneView>& panes, std::function<void()> then);
    void start_watch(const std::string& pane, const Printed& session, const Then<WatchId>& then);

    const common::Clock& clock_;
    TmuxProgram program_;
    Limits limits_;
    TmuxRuns runs_;
    Endings endings_;
    std::map<WatchId, std::unique_ptr<TmuxWatch>> watches_;
    std::vector<pid_t> ended_clients_; ///< Killed, and not yet reaped.
    std::size_t watches_to_come_ = 0;
    WatchId next_watch_ = 1;
};

} // namespace guest::terminals
