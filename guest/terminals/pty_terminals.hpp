#pragma once

#include "guest/terminals/endings.hpp"
#include "guest/terminals/pty_layout.hpp"
#include "guest/terminals/pty_pane.hpp"
#include "guest/terminals/terminals.hpp"

namespace guest::terminals {

/// Terminals of our own, for guests without tmux. A window is a group of panes: each has
/// all of its size, and none is drawn beside another. They end with this object. Every function but
/// those that kill answers before it returns.
class PtyTerminals final : public Terminals {
public:
    /// `group`: the cgroup that the programs are in; "": the agent's own.
    PtyTerminals(const common::Clock& clock, User user, std::string group, const Limits& limits);
    ~PtyTerminals() override;

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
    struct Found {
        std::uint32_t id = 0;
        PtyPane* pane = nullptr;
    };
    common::Result<Found> find(const std::string& pane);
    common::Result<std::uint32_t> start(const PaneProgram& program, TerminalSize size);
    common::Result<std::uint32_t> add_pane(const NewPane& wanted);
    common::Result<WatchId> add_watch(const std::string& pane);
    common::Result<> resize_window(const std::string& pane, TerminalSize size);
    [[nodiscard]] std::size_t cells() const;
    [[nodiscard]] std::size_t watchers() const;
    [[nodiscard]] SessionView view(PtyLayout::Session& session);
    [[nodiscard]] static WindowView view(const PtyLayout::Session& session,
                                         const PtyLayout::Window& window);
    [[nodiscard]] PaneView view(std::uint32_t pane);
    /// The sessions that are meant; `not_found`.
    common::Result<std::vector<PtyLayout::Session*>> meant(const std::string& session);
    void end(const std::vector<std::uint32_t>& panes, std::function<void()> then);

    const common::Clock& clock_;
    User user_;
    std::string group_;
    Limits limits_;
    PtyLayout layout_;
    std::map<std::uint32_t, PtyPane> panes_;
    std::map<WatchId, WatchQueue> ended_watches_; ///< Of panes that are gone.
    Endings endings_;
    std::uint32_t next_pane_ = 0;
    WatchId next_watch_ = 1;
};

} // namespace guest::terminals
