#pragma once

#include "hostd/simulated/simulation.hpp"

namespace hostd::simulated {

struct FleetSettings {
    link::LinkSettings link;
    Shape shape;
    Behaviour ways;
    Trouble trouble; ///< Of the whole fleet.
    unsigned threads = 1;
    std::uint64_t seed = 0;
    std::chrono::milliseconds stagger{0};
};

/// A simulated fleet: its hosts spread over a few threads, each of which has the same number of
/// them to look after. What it is asked waits for those threads.
class Fleet {
public:
    Fleet(const FleetSettings& settings, const common::Clock& clock, std::vector<Member> members);

    void start();
    void stop();

    Shard::Summary summary();
    /// Each host, in the order of names.
    std::vector<HostView> view();
    std::size_t do_to(const std::string& glob, Deed deed);

    /// What the process must be allowed to have open.
    static std::size_t descriptors(std::size_t hosts, unsigned threads);

private:
    std::chrono::milliseconds stagger_;
    std::vector<std::unique_ptr<Shard>> shards_;
};

} // namespace hostd::simulated
