#pragma once

#include "common/clock.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <sys/types.h>
#include <vector>

namespace guest::terminals {

/// Ends what runs in terminals: every process whose session one of the leaders has founded. First
/// by hanging up, after a moment by SIGKILL. One thread; nothing blocks.
class Endings {
public:
    enum class Tie {
        child,  ///< Of this process, and not reaped.
        reaped, ///< It was one. Its number stays taken as long as its session has members.
        told,   ///< Somebody said so: only processes of `user` are ended.
    };
    struct Leader {
        pid_t pid = 0;
        Tie tie = Tie::child;
        std::uint32_t user = 0;
    };

    explicit Endings(const common::Clock& clock) : clock_{clock} {}

    /// `then` comes from on_time(), when nothing is left or nothing helped for some seconds.
    void end(std::vector<Leader> leaders, std::function<void()> then);
    /// Without a hang-up and without waiting.
    static void kill(const std::vector<Leader>& leaders);

    bool reaped(pid_t pid);
    std::optional<common::SteadyTime> on_time();
    [[nodiscard]] bool empty() const noexcept { return endings_.empty(); }

private:
    struct Ending {
        std::vector<Leader> leaders;
        std::function<void()> then;
        common::SteadyTime began;
        common::SteadyTime due;
    };
    bool go_on(Ending& ending);

    const common::Clock& clock_;
    std::vector<Ending> endings_;
};

} // namespace guest::terminals
