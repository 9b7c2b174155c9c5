#pragma once

#include "guest/terminals/tmux_control.hpp"
#include "guest/terminals/tmux_runs.hpp"
#include "guest/terminals/watch_queue.hpp"

#include <memory>

namespace guest::terminals {

/// One who looks on a pane of tmux: a client in control mode, to which only commands of ours are
/// given. What a pane shows is asked through it, too: so it is known what was written before and
/// what after.
class TmuxWatch {
public:
    /// `session` is the pane's, by its id.
    static common::Result<std::unique_ptr<TmuxWatch>> start(const common::Clock& clock,
                                                            const TmuxProgram& program,
                                                            const std::string& session,
                                                            const std::string& pane,
                                                            const Limits& limits);
    ~TmuxWatch();
    TmuxWatch(const TmuxWatch&) = delete;
    TmuxWatch& operator=(const TmuxWatch&) = delete;

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    [[nodiscard]] bool was_reaped() const noexcept { return reaped_; }
    [[nodiscard]] const std::string& pane() const noexcept { return pane_; }
    [[nodiscard]] WatchQueue& queue() noexcept { return queue_; }

    void descriptors(const std::function<void(int fd, short events)>& poll) const;
    void serve();
    std::optional<common::SteadyTime> on_time();
    void reaped();
    /// After it, or its session, was killed through this API.
    void killed() { end("killed"); }
    /// The screen anew, if something was missed.
    void catch_up();

private:
    enum class Asked { status, screen, reaping };

    TmuxWatch(const common::Clock& clock, Child child, std::string pane, const Limits& limits);
    void ask_all();
    void ask(Asked what);
    void take_reply(const TmuxControl::Reply& reply);
    void take_status(const std::string& line);
    void end(std::string reason);
    void write();

    const common::Clock& clock_;
    std::string pane_;
    pid_t pid_;
    bool reaped_ = false;
    common::UniqueFd in_;
    common::UniqueFd out_;
    TmuxControl control_;
    WatchQueue queue_;
    std::string unsent_;
    std::deque<Asked> expected_;
    common::SteadyTime reply_due_;
    common::SteadyTime next_status_;
    std::chrono::milliseconds patience_;
    bool attached_ = false; ///< What is written comes from then on.
    bool shown_ = false;    ///< What comes now is after the last screen.
    TerminalSize size_{};
    std::string cursor_; ///< As a sequence, of the last status.
    bool alternate_ = false;
};

} // namespace guest::terminals
