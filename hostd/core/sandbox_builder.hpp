#pragma once

#include "common/rollback.hpp"
#include "hostd/core/checkpoint_store.hpp"
#include "hostd/core/hypervisor.hpp"
#include "hostd/core/lease_book.hpp"
#include "hostd/core/storage.hpp"
#include "hostd/core/uplink.hpp"

#include <memory>
#include <optional>

namespace hostd {

using Timings = std::map<std::string, std::chrono::microseconds>;

/// How this host runs its VMs.
struct Machine {
    Accel accel = Accel::tcg;
    std::string cpu_model; ///< A named model, e.g. "qemu64".
};

/// A sandbox in the making: what was done, and how to take it back until commit().
struct Building {
    DomainSpec domain;
    std::optional<Checkpoint> source; ///< Of a clone: what it is loaded from.
    Timings timings;
    std::optional<common::Error> error; ///< Why it failed; then everything was undone …
    std::vector<common::Error> left;    ///< … but for what these say.
    std::optional<common::Rollback> undo{std::in_place};

    [[nodiscard]] bool has_memory() const { return source && source->has_memory; }
};

/// The steps that make, start and remove a sandbox on this host. Blocking: for
/// worker threads; calls for one sandbox do not overlap.
class SandboxBuilder {
public:
    SandboxBuilder(Hypervisor& hypervisor,
                   const ImageStore& images,
                   SandboxStore& store,
                   CheckpointStore& checkpoints,
                   StateEngines& engines,
                   LeaseBook& leases,
                   const common::Clock& clock,
                   Machine machine)
        : hypervisor_{hypervisor},
          images_{images},
          store_{store},
          checkpoints_{checkpoints},
          engines_{engines},
          leases_{leases},
          clock_{clock},
          machine_{std::move(machine)}
    {}

    /// Lease, overlay, domain; undone in reverse at the first failure. A clone with memory has no
    /// domain yet: it comes with its start.
    std::shared_ptr<Building>
    build(const CreateCommand& command, std::uint64_t generation, const common::RequestId& request);
    /// Starts what build() made, as one more step of it.
    void start(Building& building);
    /// Undoes what build() made, and does not start it.
    static void give_up(Building& building, common::Error why);

    /// Kills, undefines, removes the files, gives the lease back. Each step succeeds
    /// when there is nothing to do; the first that fails ends it, to be repeated.
    common::Result<> destroy(const common::SandboxId& id, const NetLease& lease);

private:
    common::Result<> build_steps(Building& building, const CreateCommand& command);
    common::Result<> choose_image(Building& building, const CreateCommand& command);
    common::Result<> choose_source(Building& building, const CreateCommand& command);
    common::Result<> make_disk(Building& building);
    common::Result<> define(Building& building);
    common::Result<> load(const Building& building);
    template <typename Step>
    auto timed(Building& building, const char* name, Step step);
    void on_undo(Building& building, const char* what, std::function<common::Result<>()> step);

    Hypervisor& hypervisor_;
    const ImageStore& images_;
    SandboxStore& store_;
    CheckpointStore& checkpoints_;
    StateEngines& engines_;
    LeaseBook& leases_;
    const common::Clock& clock_;
    const Machine machine_;
};

} // namespace hostd
