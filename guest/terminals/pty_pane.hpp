#pragma once

#include "common/clock.hpp"
#include "guest/terminals/endings.hpp"
#include "guest/terminals/watch_queue.hpp"
#include "vt/screen.hpp"

#include <functional>
#include <map>

namespace guest::terminals {

/// One program on a terminal of its own, and what is on its screen.
class PtyPane {
public:
    static common::Result<PtyPane> start(const PaneProgram& program,
                                         const User& user,
                                         const std::string& group,
                                         TerminalSize size,
                                         const Limits& limits);

    [[nodiscard]] const vt::Screen& screen() const noexcept { return screen_; }
    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    [[nodiscard]] const std::optional<PaneEnd>& end() const noexcept { return end_; }
    [[nodiscard]] Endings::Leader leader() const;
    /// The folder of the program in the foreground.
    [[nodiscard]] std::string path() const;

    /// `busy` if too much waits already.
    common::Result<> type(const std::vector<Key>& keys);
    void resize(TerminalSize size);

    void descriptors(const std::function<void(int fd, short events)>& poll) const;
    void serve(common::SteadyTime now);
    std::optional<common::SteadyTime> on_time(common::SteadyTime now);
    void reaped(int wait_status, common::SteadyTime now);

    /// What is shown, at once.
    void watch(WatchId watch);
    bool unwatch(WatchId watch) { return watchers_.erase(watch) > 0; }
    WatchQueue* watched(WatchId watch);
    [[nodiscard]] const std::map<WatchId, WatchQueue>& watchers() const noexcept
    {
        return watchers_;
    }
    void end_watches(const WatchPiece& ended);

private:
    PtyPane(Child child, TerminalSize size, const Limits& limits);
    bool read(common::SteadyTime now);
    void show();
    void write();

    Limits limits_;
    pid_t pid_ = 0;
    common::UniqueFd terminal_; ///< Closed when nothing can come any more.
    vt::Screen screen_;
    std::string unshown_;                            ///< Read, and not yet on the screen.
    std::string typed_;                              ///< Not yet read by the program.
    std::optional<common::SteadyTime> silent_until_; ///< Nobody has the other end open now.
    std::optional<PaneEnd> end_;
    std::optional<common::SteadyTime> last_read_; ///< Since it ended.
    std::map<WatchId, WatchQueue> watchers_;
};

} // namespace guest::terminals
