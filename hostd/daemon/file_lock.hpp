#pragma once

#include "common/result.hpp"
#include "common/unique_fd.hpp"

#include <filesystem>

namespace hostd::daemon {

/// An exclusive flock on a file, held for the object's life; it dies with the process. The file
/// holds the owner's pid, for people.
class FileLock {
public:
    enum class IfHeld { fail, wait };
    /// `failed_precondition` (reason already_running) if another process holds it.
    static common::Result<FileLock> take(const std::filesystem::path& file, IfHeld if_held);

private:
    explicit FileLock(common::UniqueFd fd) : fd_{std::move(fd)} {}
    common::UniqueFd fd_;
};

} // namespace hostd::daemon
