// Sandboxes that change hosts: which may, and where to.
#include "coordinator/core/moving.hpp"
#include "coordinator/core/registry.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

Error stays(const Sandbox& sandbox, const std::string& why, const char* reason)
{
    return {ErrorCode::failed_precondition,
            fmt::format("move sandbox {}: {}", sandbox.id.str(), why),
            reason};
}

/// Why the memory of a guest of one host cannot be loaded on another; "" if nothing speaks against
/// it. What is compared is what QEMU's and libvirt's formats were proven with.
std::string unlike(const HostFacts& from, const HostFacts& to)
{
    const auto differs = [](const char* what, const std::string& here, const std::string& there) {
        return here == there ? std::string{}
                             : fmt::format("its {} is {}, and {} here", what, there, here);
    };
    for (const auto& why :
         {differs("architecture", from.arch, to.arch),
          differs("acceleration", from.accel, to.accel),
          differs("QEMU", from.qemu_version, to.qemu_version),
          differs("libvirt", from.libvirt_version, to.libvirt_version),
          differs("state engine", from.state_engine, to.state_engine),
          // Emulated, a guest sees nothing of its host's.
          from.accel == "tcg" ? std::string{} : differs("CPU", from.cpu_model, to.cpu_model)}) {
        if (!why.empty()) {
            return why;
        }
    }
    return "";
}

bool has_memory(Phase phase)
{
    return phase == Phase::running || phase == Phase::paused || phase == Phase::suspended;
}

} // namespace

Result<> Core::Moving::may_go_with_memory(const Sandbox& sandbox) const
{
    const auto image = core_.fleet_.image_of(sandbox);
    const auto& facts = core_.fleet_.hosts().at(sandbox.host).host.facts;
    if (image && image->agent != "paddock") {
        return stays(sandbox,
                     "no agent of ours in it could tell it its new address; stopped, it can move",
                     "no_agent");
    }
    if (image && image->boot == "uefi") {
        return stays(sandbox, "UEFI variables do not move; stopped, it can", "uefi");
    }
    if (facts.state_engine != "fast") {
        return stays(sandbox,
                     "its host cannot clone memory (" + facts.state_engine_reason +
                         "); stopped, it can move",
                     "state_incompatible");
    }
    return {};
}

/// What memory it has can be loaded there.
Result<> Core::Moving::may_arrive(const Sandbox& sandbox, const common::HostName& to) const
{
    if (!has_memory(sandbox.phase)) {
        return {};
    }
    COMMON_CHECK(may_go_with_memory(sandbox));
    const auto& hosts = core_.fleet_.hosts();
    const auto why = unlike(hosts.at(sandbox.host).host.facts, hosts.at(to).host.facts);
    return why.empty() ? Result<>{}
                       : stays(sandbox, "host " + to.str() + ": " + why, "state_incompatible");
}

/// Why the memory of a guest of one host cannot be loaded on the other; "" if it can.
std::string Core::Moving::difference(const common::HostName& from, const common::HostName& to) const
{
    const auto& hosts = core_.fleet_.hosts();
    const auto why = unlike(hosts.at(from).host.facts, hosts.at(to).host.facts);
    return why.empty() ? why : "host " + to.str() + ": " + why;
}

Result<> Core::Moving::may_move(const Sandbox& sandbox) const
{
    const auto phase = sandbox.phase;
    const bool settled = has_memory(phase) || phase == Phase::stopped || phase == Phase::created;
    if (!settled || sandbox.desired == Desired::destroyed) {
        return wrong_state(sandbox, "move");
    }
    if (is_moving(sandbox.id) || !sandbox.moving_to.empty()) {
        return stays(sandbox, "it is on its way already", "moving");
    }
    COMMON_TRY(const auto* host, core_.reachable(sandbox));
    if (host->host.health != HostHealth::ready) {
        return stays(sandbox, "its host is not ready", "host_unreachable");
    }
    if (has_memory(phase)) {
        COMMON_CHECK(may_go_with_memory(sandbox));
    }
    const auto kept = core_.checkpoints_.listed(sandbox.id);
    const auto most = core_.settings_.max_snapshots_per_sandbox;
    if (kept.size() >= most) { // It takes one more for a moment.
        return stays(sandbox,
                     fmt::format("it has {} snapshots, which is the most; delete one", most),
                     "too_many_snapshots");
    }
    for (const auto& checkpoint : kept) {
        if (!checkpoint.error.empty() && checkpoint.status == Checkpoint::Status::ready) {
            return stays(sandbox,
                         "its snapshot " + checkpoint.name + " is damaged: " + checkpoint.error +
                             "; delete it",
                         "snapshot_damaged");
        }
    }
    if (!may_be_quiet_soon(sandbox.id)) {
        return stays(sandbox, "something is under way in it", "busy");
    }
    return core_.room_for_one_more();
}

/// What is under way of it are commands that have not run for long.
bool Core::Moving::may_be_quiet_soon(const common::SandboxId& id) const
{
    const auto now = core_.clock_.steady();
    const auto [first, last] = core_.pending_of_.equal_range(id);
    return std::all_of(first, last, [this, now](const auto& entry) {
        const auto& op = *core_.pending_.at(entry.second);
        const bool is_young = op.kind == Kind::run && now - op.begun < quiet_patience;
        return is_young || is_about_move(op.kind) || is_question(op.kind);
    });
}

/// Nothing is under way of it but a move.
bool Core::Moving::is_quiet(const common::SandboxId& id) const
{
    const auto [first, last] = core_.pending_of_.equal_range(id);
    const bool is_busy = std::any_of(first, last, [this](const auto& entry) {
        const auto kind = core_.pending_.at(entry.second)->kind;
        return !is_about_move(kind) && !is_question(kind);
    });
    const auto all = core_.checkpoints_.of(id);
    return !is_busy && std::ranges::all_of(all, [this](const Checkpoint& one) {
        return one.status == Checkpoint::Status::ready && !core_.checkpoints_.is_held(one.id);
    });
}

/// The best of those that can take it.
Result<common::HostName> Core::Moving::target(const Sandbox& sandbox,
                                              std::map<common::HostName, std::string> refused) const
{
    const auto image = core_.fleet_.image_of(sandbox);
    const auto is_here = [&sandbox](const auto& host) { return host == sandbox.host; };
    if (!image || (std::ranges::all_of(image->hosts, is_here) &&
                   !core_.registry_->fetchable(image->name, sandbox.tenant))) {
        return stays(sandbox,
                     "no other host has its image " + sandbox.image.str() +
                         " with the digest that it was made of",
                     "image_elsewhere");
    }
    const auto& here = core_.fleet_.hosts().at(sandbox.host).host.facts;
    refused.insert_or_assign(sandbox.host, "it is there");
    for (const auto& host : sandbox.remains_on) {
        refused.insert_or_assign(host, "it still has what it was made of there before");
    }
    for (const auto& [name, known] : core_.fleet_.hosts()) {
        const auto why = has_memory(sandbox.phase) ? unlike(here, known.host.facts) : std::string{};
        const auto shunned = shunned_.find({sandbox.id, name});
        if (!why.empty()) {
            refused.emplace(name, why);
        } else if (shunned != shunned_.end() && core_.clock_.steady() < shunned->second.until) {
            refused.emplace(name, "it could not take it a moment ago: " + shunned->second.why);
        }
    }
    auto moved = sandbox;
    if (auto placed = core_.place(moved, *image, std::nullopt, refused); !placed) {
        if (auto fetching = core_.registry_->fetch_for(moved, *image, std::nullopt, refused)) {
            return std::move(*fetching).during("move sandbox " + sandbox.id.str());
        }
        auto error = std::move(placed).error();
        error.message =
            "move sandbox " + sandbox.id.str() + ": no other host can take it: " + error.details;
        return error;
    }
    return moved.host;
}

/// Another host is tried first: this one would have it stand still for nothing again.
void Core::Moving::shun(const Moved& move, const Error& why)
{
    constexpr std::chrono::seconds for_so_long{60};
    const auto now = core_.clock_.steady();
    std::erase_if(shunned_, [now](const auto& entry) { return entry.second.until <= now; });
    shunned_.insert_or_assign({move->id, move->to}, Shunned{why.message, now + for_so_long});
}

void Core::Moving::forgive(const common::HostName& host)
{
    std::erase_if(shunned_, [this, &host](const auto& entry) {
        const auto* sandbox = core_.fleet_.find(entry.first.first);
        return sandbox == nullptr || sandbox->host == host;
    });
}

} // namespace coordinator
