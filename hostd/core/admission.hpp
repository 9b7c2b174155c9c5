#pragma once

#include "common/result.hpp"
#include "hostd/core/model.hpp"

namespace hostd {

/// What this host may promise (DESIGN.md, "Capacity").
struct Capacity {
    common::Bytes memory;
    unsigned vcpus = 0;
    common::Bytes overhead; ///< Charged per sandbox on top of guest memory.
};

/// What the sandboxes that exist are promised, overhead included.
struct Commitment {
    common::Bytes memory;
    unsigned vcpus = 0;
    void add(const SandboxSpec& spec, const Capacity& capacity);
};

/// Whether one more sandbox fits. `invalid_argument` for a spec that makes no
/// sense; `resource_exhausted` (reason no_memory or no_vcpus) with the numbers. Pure.
common::Result<>
admit(const SandboxSpec& spec, const Capacity& capacity, const Commitment& committed);

} // namespace hostd
