#include "hostd/core/traffic_meter.hpp"

#include <algorithm>
#include <set>

namespace hostd {

namespace {

// What a guest sends with nobody using it, in ten seconds at worst: ten ARP requests of 42 bytes
// for a neighbour that is gone, three DHCP requests of 342 that nobody answers, four questions of
// 90 to time servers; a few router solicitations and multicast reports. All of that is below one
// of the two bounds, as is a keepalive each minute or a ping each second; who serves or downloads
// is soon above both.
constexpr std::chrono::milliseconds quiet_time{10000};
constexpr std::uint64_t quiet_packets = 10;
constexpr auto quiet_bytes = common::Bytes::kib(2);

/// More than `bound` in quiet_time, on average over `time`.
bool exceeds(std::uint64_t rise, std::uint64_t bound, std::chrono::milliseconds time)
{
    return static_cast<double>(rise) * static_cast<double>(quiet_time.count()) >
           static_cast<double>(bound) * static_cast<double>(time.count());
}

} // namespace

std::vector<common::SandboxId> TrafficMeter::look(const std::vector<Traffic>& now,
                                                  common::SteadyTime at)
{
    // Looks may have failed in between; one that comes early allows no less.
    const auto time =
        std::max(std::chrono::duration_cast<std::chrono::milliseconds>(at - seen_at_), quiet_time);
    std::set<common::SandboxId> active;
    decltype(seen_) next;
    for (const auto& one : now) {
        const std::pair key{one.sandbox, one.incarnation};
        const auto before = seen_.find(key);
        if (before != seen_.end() && one.packets >= before->second.packets &&
            one.bytes >= before->second.bytes &&
            exceeds(one.packets - before->second.packets, quiet_packets, time) &&
            exceeds((one.bytes - before->second.bytes).count(), quiet_bytes.count(), time)) {
            active.insert(one.sandbox);
        }
        next.insert_or_assign(key, one);
    }
    seen_ = std::move(next);
    seen_at_ = at;
    return {active.begin(), active.end()};
}

} // namespace hostd
