#pragma once

#include "coordinator/scheduler/scheduler.hpp"

#include <boost/test/unit_test.hpp>

// Small fleets, and what is asked of them.
namespace coordinator::scheduler {

using common::Bytes;
using common::HostName;

inline HostView host(const std::string& name, unsigned vcpus = 8, Bytes memory = Bytes::mib(1000))
{
    HostView view;
    view.name = HostName{name};
    view.capacity_vcpus = vcpus;
    view.capacity_memory = memory;
    view.overhead = Bytes::mib(50);
    view.has_image = true;
    return view;
}

inline Demand demand(unsigned vcpus = 1, Bytes memory = Bytes::mib(200))
{
    Demand one;
    one.vcpus = vcpus;
    one.memory = memory;
    return one;
}

/// `fleet` must outlive it.
inline View view_of(const std::vector<HostView>& fleet)
{
    return {fleet.size(), [&fleet](std::size_t at) { return fleet.at(at); }};
}

inline std::string chosen(const std::vector<HostView>& fleet,
                          const Demand& what = demand(),
                          const Policy& policy = {},
                          std::size_t first = 0)
{
    const auto host = place(view_of(fleet), what, policy, first);
    return host ? host->str() : "none";
}

inline std::vector<Assessment> assessed(const std::vector<HostView>& fleet,
                                        const Demand& what = demand())
{
    return assess(view_of(fleet), what, {});
}

inline std::string why(const std::vector<HostView>& fleet, const Demand& what = demand())
{
    BOOST_REQUIRE(chosen(fleet, what) == "none");
    return assessed(fleet, what).at(0).why_not;
}

inline Policy sampling(std::size_t sample)
{
    Policy policy;
    policy.full_scan = 1;
    policy.sample = sample;
    return policy;
}

} // namespace coordinator::scheduler
