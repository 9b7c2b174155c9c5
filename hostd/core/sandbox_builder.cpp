#include "hostd/core/sandbox_builder.hpp"

#include <fmt/format.h>

namespace hostd {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

/// Whether the step may have taken effect in spite of its error: then it is undone
/// too, which costs nothing if it did not.
bool may_have_happened(const Result<>& result)
{
    return result || result.error().code == ErrorCode::timeout ||
           result.error().code == ErrorCode::unavailable ||
           result.error().code == ErrorCode::internal;
}

} // namespace

template <typename Step>
auto SandboxBuilder::timed(Building& building, const char* name, Step step)
{
    const auto begin = clock_.steady();
    auto result = step();
    building.timings[name] =
        std::chrono::duration_cast<std::chrono::microseconds>(clock_.steady() - begin);
    return result;
}

void SandboxBuilder::on_undo(Building& building, const char* what, std::function<Result<>()> step)
{
    building.undo->add([&building, what, step = std::move(step)] {
        if (auto undone = step(); !undone) {
            building.left.push_back(std::move(undone).error().during(what));
        }
    });
}

std::shared_ptr<Building> SandboxBuilder::build(const CreateCommand& command,
                                                std::uint64_t generation,
                                                const common::RequestId& request)
{
    auto building = std::make_shared<Building>();
    building->domain.generation = generation;
    building->domain.request = request.str();
    if (auto built = build_steps(*building, command); !built) {
        building->error = std::move(built).error().during("create " + command.spec.id.str());
        building->undo.reset();
    }
    return building;
}

Result<> SandboxBuilder::build_steps(Building& building, const CreateCommand& command)
{
    const auto& id = command.spec.id;
    auto& domain = building.domain;
    domain.sandbox = command.spec;
    domain.spec_digest = digest_of(command.spec);
    domain.accel = machine_.accel;
    domain.cpu_model = machine_.cpu_model;
    domain.created_at = clock_.wall();

    COMMON_TRY(domain.image,
               timed(building, "admit", [&] { return images_.find(command.spec.image); }));
    if (!command.image_digest.empty() && command.image_digest != domain.image.digest) {
        return Error{ErrorCode::failed_precondition,
                     fmt::format("image '{}' has digest {} here, asked for was {}",
                                 domain.image.name.str(),
                                 domain.image.digest,
                                 command.image_digest),
                     "image_digest_mismatch"};
    }
    COMMON_TRY(domain.net, timed(building, "network", [&] {
                   return leases_.allocate(id, command.spec.network);
               }));
    on_undo(building, "release the lease", [this, id, net = domain.net] {
        return leases_.release(id, net);
    });
    COMMON_TRY(domain.files,
               timed(building, "overlay", [&] { return store_.create(id, domain.image); }));
    on_undo(building, "remove the overlay", [this, id] { return store_.remove(id); });
    auto defined = timed(building, "define", [&] { return hypervisor_.define(domain); });
    if (may_have_happened(defined)) {
        on_undo(building, "undefine the domain", [this, id] { return hypervisor_.undefine(id); });
    }
    return defined;
}

void SandboxBuilder::start(Building& building)
{
    const auto id = building.domain.sandbox.id;
    auto started = timed(building, "start", [&] { return hypervisor_.start(id); });
    if (may_have_happened(started)) {
        on_undo(building, "kill the domain", [this, id] { return hypervisor_.kill(id); });
    }
    if (!started) {
        building.error = std::move(started).error().during("start " + id.str());
        building.undo.reset();
    }
}

Result<> SandboxBuilder::destroy(const common::SandboxId& id, const NetLease& lease)
{
    COMMON_CHECK(hypervisor_.kill(id));
    COMMON_CHECK(hypervisor_.undefine(id));
    COMMON_CHECK(store_.remove(id));
    return leases_.release(id, lease);
}

} // namespace hostd
