// Memory that is kept, checkpoints, what moves, and images.
#include "common/digest/digest.hpp"
#include "hostd/simulated/host.hpp"

#include <algorithm>
#include <sstream>

namespace hostd::simulated {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

constexpr std::string_view manifest_of_version = "simulated-1";

/// Of words without spaces, so that another simulated host can read it.
std::string write_manifest(const Checkpoint& checkpoint)
{
    const auto& spec = checkpoint.spec;
    std::ostringstream out;
    out << manifest_of_version << ' ' << checkpoint.has_memory << ' ' << spec.image.str() << ' '
        << spec.vcpus << ' ' << spec.memory.count() << ' ' << to_string(spec.network) << ' '
        << to_string(spec.disk) << ' ' << spec.name << ' ' << spec.tenant;
    return out.str();
}

Result<Checkpoint> read_manifest(const std::string& manifest)
{
    std::istringstream in{manifest};
    std::string version;
    std::string picture;
    std::string network;
    std::string disk;
    std::uint64_t memory = 0;
    Checkpoint checkpoint;
    auto& spec = checkpoint.spec;
    in >> version >> checkpoint.has_memory >> picture >> spec.vcpus >> memory >> network >> disk >>
        spec.name >> spec.tenant;
    const auto mode = network_mode_from(network);
    const auto kind = disk_kind_from(disk);
    if (version != manifest_of_version || !common::is_name(picture) || !mode || !kind) {
        return Error{ErrorCode::failed_precondition,
                     "a simulated host has nothing of what a real one offers",
                     "offer_refused"};
    }
    spec.image = common::ImageName{picture};
    spec.memory = common::Bytes{memory};
    spec.network = *mode;
    spec.disk = *kind;
    return checkpoint;
}

/// What all have in common, whichever way they came here.
void fill_in(Checkpoint& checkpoint, const common::Clock& clock)
{
    constexpr auto memory_kept = common::Bytes::mib(96); // Of an idle guest of 256 MiB.
    checkpoint.agent = AgentKind::paddock;
    checkpoint.frozen = true;
    checkpoint.hypervisor = {"simulated", "simulated"};
    checkpoint.paused = std::chrono::milliseconds{20};
    checkpoint.created_at = clock.wall();
    checkpoint.memory_bytes = checkpoint.has_memory ? memory_kept : common::Bytes{};
    checkpoint.disk_bytes = common::Bytes::mib(1);
    checkpoint.files.folder = "/simulated/" + checkpoint.id.str();
    checkpoint.digests = {
        {"disk", common::digest::to_hex(common::digest::of("disk of " + checkpoint.id.str()))}};
}

Error unknown_snapshot(const common::SnapshotId& id)
{
    return {ErrorCode::not_found, "this host has no checkpoint " + id.str(), "unknown_snapshot"};
}

} // namespace

void Host::pause(const Op& op, const common::SandboxId& id)
{
    in_lane_of(op, id, [this, op, id](Sandbox& sandbox) {
        if (sandbox.phase == Phase::running || sandbox.phase == Phase::paused) {
            return become(op, sandbox, ways_.wake, Phase::paused);
        }
        fail(
            op,
            {ErrorCode::failed_precondition, "pause " + id.str() + ": not running", "not_running"});
        leave_lane(id);
    });
}

void Host::suspend(const Op& op, const common::SandboxId& id)
{
    in_lane_of(op, id, [this, op, id](Sandbox& sandbox) {
        if (sandbox.phase == Phase::running || sandbox.phase == Phase::paused ||
            sandbox.phase == Phase::suspended) {
            return become(op, sandbox, ways_.state, Phase::suspended);
        }
        fail(op,
             {ErrorCode::failed_precondition,
              "suspend " + id.str() + ": not running",
              "not_running"});
        leave_lane(id);
    });
}

/// Admitted anew: its share was given back when it was suspended.
void Host::resume(const Op& op, Sandbox& sandbox)
{
    const auto id = sandbox.spec.id;
    if (auto admitted = admit(sandbox.spec, shape_.capacity, committed()); !admitted) {
        ++counts_.oversold;
        fail(op, std::move(admitted).error().during("resume " + id.str()));
        return leave_lane(id);
    }
    sandbox.phase = Phase::restoring;
    publish(sandbox);
    become(op, sandbox, ways_.state, Phase::running);
}

void Host::take_checkpoint(const Op& op, const SnapshotCommand& command)
{
    in_lane_of(op, command.id, [this, op, &command](const Sandbox&) {
        later(ports_.dice.in(ways_.state), [this, op, &command] {
            const auto& sandbox = table_.at(command.id);
            Checkpoint checkpoint;
            checkpoint.id = command.snapshot;
            checkpoint.name = command.name;
            checkpoint.parent = command.parent;
            checkpoint.spec = sandbox.spec;
            checkpoint.has_memory = command.memory && sandbox.phase != Phase::stopped &&
                                    sandbox.phase != Phase::created;
            fill_in(checkpoint, ports_.clock);
            checkpoints_.insert_or_assign(checkpoint.id, checkpoint);
            answer(op, std::move(checkpoint));
            leave_lane(command.id);
        });
    });
}

void Host::restore(const Op& op, const RestoreCommand& command)
{
    in_lane_of(op, command.id, [this, op, &command](Sandbox& sandbox) {
        const auto found = checkpoints_.find(command.snapshot);
        if (found == checkpoints_.end()) {
            fail(op, unknown_snapshot(command.snapshot));
            return leave_lane(command.id);
        }
        const bool up =
            found->second.has_memory || is_up(sandbox.phase) || sandbox.phase == Phase::paused;
        if (sandbox.phase == Phase::suspended) {
            return resume(op, sandbox);
        }
        sandbox.phase = Phase::restoring;
        ++sandbox.incarnation;
        publish(sandbox);
        become(op, sandbox, ways_.state, up ? Phase::running : Phase::stopped);
    });
}

void Host::answer_checkpoint(const Op& op, const common::SnapshotId& snapshot)
{
    const auto found = checkpoints_.find(snapshot);
    if (found == checkpoints_.end()) {
        return fail(op, unknown_snapshot(snapshot));
    }
    answer(op, found->second);
}

void Host::delete_checkpoint(const Op& op, const common::SnapshotId& snapshot)
{
    checkpoints_.erase(snapshot);
    answer(op, {});
}

void Host::offer(const Op& op, const common::SnapshotId& snapshot)
{
    const auto found = checkpoints_.find(snapshot);
    if (found == checkpoints_.end()) {
        return fail(op, unknown_snapshot(snapshot));
    }
    answer(op, CheckpointOffer{write_manifest(found->second), {}});
}

/// There are no files to ask for: what would take the time of a transfer is a wait.
void Host::fetch(const Op& op, const FetchSnapshotCommand& command)
{
    in_lane(command.id, [this, op, &command] {
        later(ports_.dice.in(ways_.state), [this, op, &command] {
            if (auto checkpoint = read_manifest(command.offer.manifest)) {
                checkpoint->id = command.snapshot;
                checkpoint->spec.id = command.id;
                fill_in(*checkpoint, ports_.clock);
                checkpoints_.insert_or_assign(command.snapshot, *checkpoint);
                answer(op, *std::move(checkpoint));
            } else {
                fail(op, std::move(checkpoint).error());
            }
            leave_lane(command.id);
        });
    });
}

std::vector<Image>::iterator Host::image(const common::ImageName& name)
{
    return std::ranges::find(images_, name, &Image::name);
}

void Host::make_image(const Op& op, const MakeImageCommand& command)
{
    const auto found = checkpoints_.find(command.snapshot);
    if (found == checkpoints_.end()) {
        return fail(op, unknown_snapshot(command.snapshot));
    }
    const auto there = image(command.image);
    if (there != images_.end() && there->from_snapshot != command.snapshot) {
        return fail(
            op,
            {ErrorCode::already_exists, "image " + command.image.str() + " exists", "name_taken"});
    }
    if (there == images_.end()) {
        Image made;
        made.name = command.image;
        made.digest = common::digest::to_hex(common::digest::of(command.snapshot.str()));
        made.agent = AgentKind::paddock;
        made.boot = Boot::kernel;
        made.default_vcpus = found->second.spec.vcpus;
        made.default_memory = found->second.spec.memory;
        made.registered_at = ports_.clock.wall();
        made.tenant = command.tenant;
        made.from_snapshot = command.snapshot;
        images_.push_back(std::move(made));
    }
    answer(op, *image(command.image));
}

/// Of files that it does not ask for.
void Host::add_image(const Op& op, const ImageRecipe& recipe)
{
    const auto there = image(recipe.name);
    if (there != images_.end() && there->tenant != recipe.tenant) {
        return fail(
            op,
            {ErrorCode::already_exists, "image " + recipe.name.str() + " exists", "name_taken"});
    }
    auto& made = there == images_.end() ? images_.emplace_back() : *there;
    made.name = recipe.name;
    made.digest = recipe.disk.digest;
    made.size = recipe.disk.size;
    made.virtual_size = recipe.disk.size;
    made.boot = recipe.boot;
    made.agent = AgentKind::paddock;
    made.default_vcpus = recipe.vcpus;
    made.default_memory = recipe.memory;
    made.registered_at = ports_.clock.wall();
    made.tenant = recipe.tenant;
    made.registration = recipe.registration;
    answer(op, made);
}

void Host::remove_image(const Op& op, const RemoveImageCommand& command)
{
    const auto there = image(command.image);
    if (there == images_.end() || there->tenant != command.tenant ||
        (!command.registration.str().empty() && there->registration != command.registration)) {
        return fail(op,
                    {ErrorCode::not_found,
                     "this host has no image " + command.image.str(),
                     "unknown_image"});
    }
    images_.erase(there);
    answer(op, {});
}

} // namespace hostd::simulated
