#include "hostd/simulated/fleet.hpp"

#include <algorithm>

namespace hostd::simulated {

Fleet::Fleet(const FleetSettings& settings, const common::Clock& clock, std::vector<Member> members)
    : stagger_{settings.stagger}
{
    const auto count =
        std::clamp<std::size_t>(settings.threads, 1, std::max<std::size_t>(members.size(), 1));
    std::vector<std::vector<Member>> parts(count);
    for (std::size_t i = 0; i < members.size(); ++i) {
        parts[i % count].push_back(std::move(members[i]));
    }
    // Of the fleet as a whole so often: of each part as many times more seldom.
    auto trouble = settings.trouble;
    trouble.hangs_every *= static_cast<std::int64_t>(count);
    trouble.dies_every *= static_cast<std::int64_t>(count);
    for (auto& part : parts) {
        shards_.push_back(std::make_unique<Shard>(settings.link,
                                                  clock,
                                                  settings.shape,
                                                  settings.ways,
                                                  trouble,
                                                  std::move(part),
                                                  settings.seed + shards_.size()));
    }
}

void Fleet::start()
{
    for (auto& shard : shards_) {
        shard->start(stagger_);
    }
}

void Fleet::stop()
{
    for (auto& shard : shards_) {
        shard->stop();
    }
}

Shard::Summary Fleet::summary()
{
    Shard::Summary sum;
    for (auto& shard : shards_) {
        const auto part = shard->summary();
        sum.hosts += part.hosts;
        sum.welcomed += part.welcomed;
        sum.in_trouble += part.in_trouble;
        sum.sandboxes += part.sandboxes;
        sum.counts += part.counts;
    }
    return sum;
}

std::vector<HostView> Fleet::view()
{
    std::vector<HostView> all;
    for (auto& shard : shards_) {
        auto part = shard->view();
        std::ranges::move(part, std::back_inserter(all));
    }
    std::ranges::sort(all, {}, &HostView::name);
    return all;
}

std::size_t Fleet::do_to(const std::string& glob, Deed deed)
{
    std::size_t count = 0;
    for (auto& shard : shards_) {
        count += shard->do_to(glob, deed);
    }
    return count;
}

std::size_t Fleet::descriptors(std::size_t hosts, unsigned threads)
{
    constexpr std::size_t own = 32;
    return link::LinkBundle::descriptors(hosts) + std::size_t{threads} * 64 + own;
}

} // namespace hostd::simulated
