#pragma once

#include "common/clock.hpp"
#include "guest/spawn.hpp"
#include "guest/terminals/views.hpp"

#include <deque>
#include <functional>
#include <sys/types.h>

namespace guest::terminals {

/// How tmux is called.
struct TmuxProgram {
    std::string path; ///< Absolute.
    User user;
    std::string group; ///< The cgroup; "": the agent's own.
    std::string socket = "paddock";

    /// With its socket, without anybody's settings. `then` are its commands.
    [[nodiscard]] Program with(const std::vector<std::string>& words, std::string cwd) const;
};

/// Calls tmux, once after the other, without waiting for any.
class TmuxRuns {
public:
    /// What it printed, or what it complained of.
    struct Outcome {
        bool succeeded = false;
        std::string printed{};
        std::string complaint{};
    };
    using Done = std::function<void(common::Result<Outcome>)>;

    TmuxRuns(const common::Clock& clock, TmuxProgram program, const Limits& limits)
        : clock_{clock}, program_{std::move(program)}, limits_{limits}
    {}
    ~TmuxRuns();
    TmuxRuns(const TmuxRuns&) = delete;
    TmuxRuns& operator=(const TmuxRuns&) = delete;

    /// `rate_limited` (busy), `timeout` (tmux_silent), `internal` (tmux_failed) for a flood, and
    /// what spawn() says.
    void run(std::vector<std::string> words, std::string cwd, Done done);

    void descriptors(const std::function<void(int fd, short events)>& poll) const;
    void serve();
    std::optional<common::SteadyTime> on_time();
    bool reaped(pid_t pid, int wait_status);
    [[nodiscard]] bool empty() const noexcept { return waiting_.empty() && !running_; }

private:
    struct Waiting {
        std::vector<std::string> words;
        std::string cwd;
        Done done;
        common::SteadyTime deadline;
    };
    struct Running {
        Child child;
        Done done;
        common::SteadyTime deadline;
        Outcome outcome{};
        std::optional<int> wait_status{};
        std::optional<common::SteadyTime> reaped{};
    };
    void start_next();
    void finish(common::Result<Outcome> outcome);
    void check_end();

    const common::Clock& clock_;
    TmuxProgram program_;
    Limits limits_;
    std::deque<Waiting> waiting_;
    std::optional<Running> running_;
    std::vector<pid_t> given_up_; ///< Killed, and not yet reaped.
};

} // namespace guest::terminals
