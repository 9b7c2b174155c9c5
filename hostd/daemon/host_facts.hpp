#pragma once

#include "common/mutex.hpp"
#include "hostd/core/network.hpp"
#include "hostd/core/storage.hpp"
#include "hostd/core/uplink.hpp"
#include "hostd/daemon/accel.hpp"

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <set>
#include <string>
#include <thread>

namespace hostd::daemon {

/// Of the first CPU in /proc/cpuinfo.
std::set<std::string> cpu_flags();

struct MemoryFacts {
    common::Bytes total;
    common::Bytes available;
};
MemoryFacts memory_facts();

/// What stays as it is while the process runs: names, cores, capacity.
HostReport fixed_facts(const Settings& settings, const AccelVerdict& verdict);

/// The host's report, gathered by a thread of its own every few seconds so that report() never
/// waits for libvirt or a disk.
class HostFacts {
public:
    struct Sources {
        Hypervisor& hypervisor;
        const ImageStore& images;
        const SandboxStore& store;
        const Network& network;
        std::filesystem::path state_dir;
    };
    HostFacts(HostReport fixed, Sources sources);
    ~HostFacts();
    HostFacts(const HostFacts&) = delete;
    HostFacts& operator=(const HostFacts&) = delete;

    /// Any thread; returns at once. `sandboxes` is left to the caller.
    [[nodiscard]] HostReport report() const EXCLUDES(mutex_);
    /// Whether libvirt answered when it was asked last. Likewise.
    [[nodiscard]] bool libvirt_answers() const noexcept { return libvirt_answers_; }

private:
    void run(const std::stop_token& stop);
    void gather();

    const Sources sources_;
    HostReport gathered_; ///< The thread's own.
    mutable common::Mutex mutex_;
    HostReport report_ GUARDED_BY(mutex_);
    std::atomic<bool> libvirt_answers_{false};
    std::jthread thread_;
};

} // namespace hostd::daemon
