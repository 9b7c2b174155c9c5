#include "hostd/core/admission.hpp"

#include <fmt/format.h>

namespace hostd {

using common::Error;
using common::ErrorCode;
using common::Result;

void Commitment::add(const SandboxSpec& spec, const Capacity& capacity)
{
    memory += spec.memory + capacity.overhead;
    vcpus += spec.vcpus;
}

Result<> admit(const SandboxSpec& spec, const Capacity& capacity, const Commitment& committed)
{
    // Below this no kernel starts; above, the sum below could overflow.
    constexpr auto least_memory = common::Bytes::mib(16);
    constexpr auto most_memory = common::Bytes::gib(64U << 10U);
    constexpr unsigned most_vcpus = 512;
    if (spec.vcpus == 0 || spec.vcpus > most_vcpus || spec.memory < least_memory ||
        spec.memory > most_memory) {
        return Error{ErrorCode::invalid_argument,
                     fmt::format("{} vCPUs and {} MiB are no size for a sandbox",
                                 spec.vcpus,
                                 spec.memory.mib())};
    }
    if (committed.memory + spec.memory + capacity.overhead > capacity.memory) {
        return Error{ErrorCode::resource_exhausted,
                     fmt::format("needs {} MiB and {} MiB of overhead, {} MiB of {} MiB are free",
                                 spec.memory.mib(),
                                 capacity.overhead.mib(),
                                 (capacity.memory - committed.memory).mib(),
                                 capacity.memory.mib()),
                     "no_memory"};
    }
    if (committed.vcpus + spec.vcpus > capacity.vcpus) {
        return Error{ErrorCode::resource_exhausted,
                     fmt::format("needs {} vCPUs, {} of {} are promised already",
                                 spec.vcpus,
                                 committed.vcpus,
                                 capacity.vcpus),
                     "no_vcpus"};
    }
    return {};
}

} // namespace hostd
