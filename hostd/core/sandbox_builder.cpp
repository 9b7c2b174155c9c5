#include "hostd/core/sandbox_builder.hpp"

#include "common/tenant.hpp"

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

    COMMON_CHECK(timed(building, "admit", [&] {
        return command.from_snapshot ? choose_source(building, command)
                                     : choose_image(building, command);
    }));
    COMMON_TRY(domain.net, timed(building, "network", [&] {
                   return leases_.allocate(id, command.spec.network);
               }));
    on_undo(building, "release the lease", [this, id, net = domain.net] {
        return leases_.release(id, net);
    });
    COMMON_CHECK(timed(building, "overlay", [&] { return make_disk(building); }));
    on_undo(building, "remove the overlay", [this, id] { return store_.remove(id); });
    if (building.has_memory()) {
        return {};
    }
    auto defined = timed(building, "define", [&] { return define(building); });
    if (may_have_happened(defined)) {
        on_undo(building, "undefine the domain", [this, id] { return hypervisor_.undefine(id); });
    }
    if (defined && building.source && !command.start) {
        // Last, so that what is cut short before it is removed. A start would say the same.
        return store_.mark_run(id);
    }
    return defined;
}

Result<> SandboxBuilder::choose_image(Building& building, const CreateCommand& command)
{
    auto& image = building.domain.image;
    COMMON_TRY(image, images_.find(command.spec.image));
    if (!command.image_digest.empty() && command.image_digest != image.digest) {
        return Error{ErrorCode::failed_precondition,
                     fmt::format("image '{}' has digest {} here, asked for was {}",
                                 image.name.str(),
                                 image.digest,
                                 command.image_digest),
                     "image_digest_mismatch"};
    }
    return {};
}

Result<> SandboxBuilder::choose_source(Building& building, const CreateCommand& command)
{
    COMMON_TRY(building.source, checkpoints_.find(*command.from_snapshot));
    const auto& source = *building.source;
    const auto& was = source.spec;
    const auto& spec = command.spec;
    if (was.image != spec.image || was.vcpus != spec.vcpus || was.memory != spec.memory ||
        was.network != spec.network || was.disk != spec.disk ||
        (was.tenant != spec.tenant && was.tenant != common::pool_tenant)) {
        return Error{ErrorCode::invalid_argument,
                     fmt::format("a clone of {} has its image, vCPUs, memory, network mode, kind "
                                 "of disk and tenant",
                                 source.id.str())};
    }
    // It boots from the same kernel, whatever the disk has become; or did, perhaps on another host.
    COMMON_CHECK(choose_image(building, command));
    if (!source.has_memory) {
        return {};
    }
    if (source.agent != AgentKind::paddock || !source.frozen) {
        return Error{ErrorCode::failed_precondition,
                     fmt::format("{} was taken of a guest whose agent did not hold it still: a "
                                 "clone of it could not be told who it is",
                                 source.id.str()),
                     "no_agent"};
    }
    building.domain.image.agent = source.agent;
    return {};
}

Result<> SandboxBuilder::make_disk(Building& building)
{
    const auto& id = building.domain.sandbox.id;
    auto& files = building.domain.files;
    if (!building.source) {
        COMMON_TRY(files, store_.create(id, building.domain.image));
        return {};
    }
    COMMON_TRY(files, store_.create_empty(id));
    auto overlay = checkpoints_.overlay_on(id, building.source->layer);
    if (!overlay) {
        static_cast<void>(store_.remove(id));
        return std::move(overlay).error();
    }
    files.overlay = *std::move(overlay);
    return {};
}

Result<> SandboxBuilder::define(Building& building)
{
    COMMON_CHECK(hypervisor_.define(building.domain));
    if (!building.source) {
        return {};
    }
    // What lies below its overlay is not the image, but what the overlay says.
    return hypervisor_.set_top(building.domain.sandbox.id, building.domain.files.overlay);
}

Result<> SandboxBuilder::load(const Building& building)
{
    const auto& domain = building.domain;
    const auto& source = *building.source;
    COMMON_TRY(auto* const engine, engines_.of(source.engine));
    DomainRecord record;
    record.sandbox = domain.sandbox;
    record.spec_digest = domain.spec_digest;
    record.incarnation = domain.incarnation;
    record.generation = domain.generation;
    record.request = domain.request;
    record.agent = source.agent;
    record.net = domain.net;
    record.files = domain.files;
    record.created_at = domain.created_at;
    const auto& id = domain.sandbox.id;
    COMMON_CHECK(checkpoints_.mark_moving(id));
    auto loaded = engine->load({std::move(record), source.files, domain.image});
    checkpoints_.unmark_moving(id);
    return loaded;
}

void SandboxBuilder::start(Building& building)
{
    const auto id = building.domain.sandbox.id;
    const bool loads = building.has_memory();
    auto started = timed(building, loads ? "load" : "start", [&] {
        return loads ? load(building) : hypervisor_.start(id);
    });
    if (may_have_happened(started)) {
        if (loads) {
            on_undo(
                building, "undefine the domain", [this, id] { return hypervisor_.undefine(id); });
        }
        on_undo(building, "kill the domain", [this, id] { return hypervisor_.kill(id); });
    }
    if (!started) {
        building.error = std::move(started).error().during("start " + id.str());
        building.undo.reset();
    }
}

void SandboxBuilder::give_up(Building& building, Error why)
{
    building.error = std::move(why).during("start " + building.domain.sandbox.id.str());
    building.undo.reset();
}

Result<> SandboxBuilder::destroy(const common::SandboxId& id, const NetLease& lease)
{
    COMMON_CHECK(hypervisor_.kill(id));
    COMMON_CHECK(hypervisor_.undefine(id));
    // Also what a restore that was cut short has left.
    constexpr std::uint64_t none = 0;
    COMMON_CHECK(hypervisor_.keep_only(id, none));
    COMMON_CHECK(store_.remove(id));
    return leases_.release(id, lease);
}

} // namespace hostd
