#include "hostd/daemon/host_facts.hpp"

#include "hostd/daemon/guard.hpp"
#include <cstdlib>
#include <fmt/format.h>
#include <fstream>
#include <sstream>
#include <sys/utsname.h>

namespace hostd::daemon {

using common::Bytes;

namespace {

constexpr auto interval = std::chrono::seconds{3};

/// What follows "key :" in the first such line of a /proc file.
std::string proc_value(const char* file, std::string_view key)
{
    std::ifstream in{file};
    std::string line;
    while (std::getline(in, line)) {
        if (!line.starts_with(key)) {
            continue;
        }
        const auto colon = line.find(':');
        const auto start =
            colon == std::string::npos ? colon : line.find_first_not_of(" \t", colon + 1);
        return start == std::string::npos ? std::string{} : line.substr(start);
    }
    return {};
}

Bytes meminfo(std::string_view key)
{
    const auto text = proc_value("/proc/meminfo", key);
    return Bytes::kib(std::strtoull(text.c_str(), nullptr, 10));
}

double first_load()
{
    double load = 0;
    return ::getloadavg(&load, 1) == 1 ? load : 0;
}

} // namespace

std::set<std::string> cpu_flags()
{
    std::istringstream words{proc_value("/proc/cpuinfo", "flags")};
    return {std::istream_iterator<std::string>{words}, {}};
}

MemoryFacts memory_facts()
{
    return {meminfo("MemTotal:"), meminfo("MemAvailable:")};
}

HostReport fixed_facts(const Settings& settings, const AccelVerdict& verdict)
{
    HostReport report;
    utsname names{};
    ::uname(&names);
    report.hostname = names.nodename;
    report.arch = names.machine;
    report.kernel = names.release;
    report.cpu_model = proc_value("/proc/cpuinfo", "model name");
    report.accel = verdict.accel;
    report.accel_reason = verdict.reason;
    report.cores = std::max(1U, std::thread::hardware_concurrency());
    report.memory = memory_facts().total;
    const auto memory = settings.capacity_memory == Bytes{} ? report.memory - Bytes::gib(2)
                                                            : settings.capacity_memory;
    report.capacity_memory = Bytes::mib(memory.mib() * settings.memory_overcommit_percent / 100);
    report.capacity_vcpus = settings.capacity_vcpus == 0 ? report.cores * settings.vcpu_overcommit
                                                         : settings.capacity_vcpus;
    report.overhead = settings.overhead;
    report.fence = settings.fence;
    return report;
}

HostFacts::HostFacts(HostReport fixed, Sources sources)
    : sources_{sources}, gathered_{std::move(fixed)}, report_{gathered_}
{
    // Images and disk at once: the first hello tells them. libvirt may take its time.
    gathered_.images = sources_.images.list(gathered_.warnings);
    report_.images = gathered_.images;
    thread_ = std::jthread{[this](const std::stop_token& stop) { run(stop); }};
}

HostFacts::~HostFacts() = default;

HostReport HostFacts::report() const
{
    const common::MutexLock lock{mutex_};
    return report_;
}

void HostFacts::run(const std::stop_token& stop)
{
    std::mutex mutex;
    std::condition_variable_any never;
    while (!stop.stop_requested()) {
        gather();
        std::unique_lock lock{mutex};
        never.wait_for(lock, stop, interval, [] { return false; });
    }
}

void HostFacts::gather()
{
    gathered_.warnings.clear();
    gathered_.memory_available = memory_facts().available;
    gathered_.load1 = first_load();
    gathered_.network_cidr = sources_.network.cidr();
    gathered_.images = sources_.images.list(gathered_.warnings);
    if (const auto space = sources_.store.space()) {
        gathered_.disk = space->total;
        gathered_.disk_free = space->free;
    } else {
        gathered_.warnings.push_back(space.error().message);
    }
    auto facts = sources_.hypervisor.facts();
    libvirt_answers_ = facts.has_value();
    if (facts) {
        gathered_.hypervisor = *std::move(facts);
    } else {
        gathered_.warnings.push_back(facts.error().message);
    }
    if (gathered_.accel == Accel::tcg) {
        gathered_.warnings.push_back("guests are emulated, which is slow: " +
                                     gathered_.accel_reason);
    }
    // As the coordinator's `lost_after`: before that it does not even know that this one is cut
    // off.
    constexpr std::chrono::seconds lost_after{30};
    const auto& [after, action] = gathered_.fence;
    const bool promises = action != FenceAction::keep && after.count() != 0;
    if (promises && !guard_runs(sources_.state_dir)) {
        gathered_.warnings.push_back("while hostd does not run nobody keeps what fence promises: "
                                     "systemctl start paddock-hostd-guard");
    }
    if (promises && after < lost_after) {
        gathered_.warnings.push_back(
            "fence_after_sec is less than the 30 s after which a host is taken for lost: "
            "sandboxes are fenced where nobody would miss this host");
    }
    const common::MutexLock lock{mutex_};
    report_ = gathered_;
}

} // namespace hostd::daemon
