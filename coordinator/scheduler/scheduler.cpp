#include "coordinator/scheduler/scheduler.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <tuple>

namespace coordinator::scheduler {

namespace {

/// Why `host` cannot take it; "" if it can.
std::string refusal(const HostView& host, const Demand& demand)
{
    if (auto why = demand.where.why_not(host.name, host.labels); !why.empty()) {
        return why;
    }
    if (!host.not_ready.empty()) {
        return host.not_ready;
    }
    if (const auto said = demand.refused.find(host.name); said != demand.refused.end()) {
        return "it refused: " + said->second;
    }
    if (!host.has_image) {
        return "it does not have the image";
    }
    const auto memory = demand.memory + host.overhead;
    const auto free_memory = host.capacity_memory - host.used_memory;
    if (memory > free_memory || memory < demand.memory) { // The sum may wrap around.
        return fmt::format("{} MiB of memory free of {}, {} needed",
                           free_memory.mib(),
                           host.capacity_memory.mib(),
                           memory.mib());
    }
    const auto free_vcpus =
        host.capacity_vcpus > host.used_vcpus ? host.capacity_vcpus - host.used_vcpus : 0;
    if (demand.vcpus > free_vcpus) {
        return fmt::format(
            "{} vCPUs free of {}, {} needed", free_vcpus, host.capacity_vcpus, demand.vcpus);
    }
    return "";
}

double share(double part, double whole)
{
    return whole > 0 ? part / whole : 1;
}

/// How full the host is once it has taken it, 0 to 1.
double fullness(const HostView& host, const Demand& demand)
{
    const auto memory = host.used_memory + demand.memory + host.overhead;
    return std::max(share(static_cast<double>(memory.count()),
                          static_cast<double>(host.capacity_memory.count())),
                    share(host.used_vcpus + demand.vcpus, host.capacity_vcpus));
}

} // namespace

std::string Where::why_not(const common::HostName& name,
                           const std::map<std::string, std::string>& its_labels) const
{
    if (host && *host != name) {
        return "another host was asked for";
    }
    for (const auto& [label, value] : labels) {
        const auto found = its_labels.find(label);
        if (found == its_labels.end()) {
            return fmt::format("it has no label {}, \"{}\" was asked for", label, value);
        }
        if (found->second != value) {
            return fmt::format(
                "its label {} is \"{}\", \"{}\" was asked for", label, found->second, value);
        }
    }
    return "";
}

Verdict place(const std::vector<HostView>& fleet, const Demand& demand)
{
    Verdict verdict;
    const HostView* best = nullptr;
    const auto rank = [&demand](const HostView& host) {
        return std::tuple{host.starting, fullness(host, demand), host.name.str()};
    };
    for (const auto& host : fleet) {
        if (auto why = refusal(host, demand); !why.empty()) {
            verdict.rejected.push_back({host.name, std::move(why)});
        } else if (best == nullptr || rank(host) < rank(*best)) {
            best = &host;
        }
    }
    if (best != nullptr) {
        verdict.host = best->name;
    }
    return verdict;
}

} // namespace coordinator::scheduler
