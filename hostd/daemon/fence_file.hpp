#pragma once

#include "common/mutex.hpp"
#include "hostd/core/fence.hpp"

#include <filesystem>

namespace hostd::daemon {

/// The stamp of the fence as a small file, renamed into place. Not synced: what a cut of the power
/// takes of it, it takes of the VMs, too.
class FenceFile final : public FenceStamps {
public:
    /// `boot_id`: of this start of the machine.
    FenceFile(std::filesystem::path path, std::string boot_id);
    explicit FenceFile(std::filesystem::path path);

    [[nodiscard]] BootTime now() const override { return BootClock::now(); }
    std::optional<FenceStamp> read() override EXCLUDES(mutex_);
    common::Result<> write(const FenceStamp& stamp) override EXCLUDES(mutex_);

private:
    const std::filesystem::path path_;
    const std::string boot_id_;
    common::Mutex mutex_;
};

} // namespace hostd::daemon
