#pragma once

#include "common/result.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace guest {

/// Where the agent and what it starts are in the cgroup2 tree:
///
///   as PID 1:     /                                agent, kernel threads
///                 /guest                           what it starts
///   as a service: /system.slice/….service/agent    agent
///                 /system.slice/….service/commands what it starts
struct Groups {
    std::filesystem::path root;     ///< Where the tree is mounted. Empty: there is none.
    std::filesystem::path own;      ///< The agent's, below root. Empty: the root itself.
    std::filesystem::path commands; ///< An absolute path; empty without a tree.
};

/// Makes the groups and moves this process to its own. `membership` is the text of
/// /proc/self/cgroup.
Groups settle_into_groups(const std::filesystem::path& root, std::string_view membership);

/// Makes everything stand still but its own group: each group beside its path from the root.
/// It waits for nobody but the kernel, because everybody else may stand still already.
class Freezer {
public:
    /// `goes_on`: whether a process in a group on that path is one that ought to stand still.
    Freezer(Groups groups, std::function<bool(pid_t)> goes_on);

    /// `unavailable` if it cannot be done in time; then everything goes on. Success if it was
    /// done before.
    common::Result<> freeze(std::chrono::milliseconds patience);
    /// Lets go on what freeze() stopped; what others stopped stays so.
    void thaw();
    [[nodiscard]] bool frozen() const noexcept { return frozen_; }

private:
    enum class Found { nothing, more };
    Found stop_all();
    Found stop(const std::filesystem::path& group);
    [[nodiscard]] std::vector<std::filesystem::path> way() const;
    /// Why it is not done yet; "" when it is.
    [[nodiscard]] std::string obstacle() const;

    Groups groups_;
    std::function<bool(pid_t)> goes_on_;
    std::vector<std::filesystem::path> stopped_;
    bool frozen_ = false;
};

/// Whether it is another program than this one, that is: not a thread of the kernel, not a corpse.
bool is_other_program(pid_t pid);

/// Writes what the file systems hold to their disks. In a helper process: a file system may
/// be served by a program that stands still.
common::Result<> sync_disks(std::chrono::milliseconds patience);

} // namespace guest
