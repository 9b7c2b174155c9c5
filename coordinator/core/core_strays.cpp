// What hosts have and should not, and what has become of a sandbox there by itself.
#include "coordinator/core/moving.hpp"
#include "coordinator/core/strays.hpp"

#include "common/log/log.hpp"
#include "common/tenant.hpp"

namespace coordinator {

namespace {

constexpr std::uint64_t most_generations = 1ULL << 48U; // Hosts may lie.

/// It is somebody's, at rest, and of a size that is one: hosts may lie.
bool is_adoptable(const SandboxReport& report)
{
    constexpr unsigned most_vcpus = 4096;
    constexpr auto most_memory = common::Bytes{1ULL << 46U};
    const bool rests = report.phase == Phase::created || report.phase == Phase::running ||
                       report.phase == Phase::paused || report.phase == Phase::suspended ||
                       report.phase == Phase::stopped || report.phase == Phase::error;
    return rests && common::is_name(report.tenant) && common::is_name(report.image) &&
           report.generation < most_generations && report.vcpus > 0 && report.vcpus <= most_vcpus &&
           report.memory > common::Bytes{} && report.memory <= most_memory;
}

/// All that its host knows of it. What it does not know is as if nobody had asked for it: labels,
/// environment, file policy, time to live, placement, replicas. Nor does it know of which version
/// of its image it was made, so that it moves to no other host.
Sandbox adopted(const Host& host, const SandboxReport& report, common::WallTime now)
{
    Sandbox sandbox;
    sandbox.id = report.id;
    sandbox.job = common::mint<common::JobId>();
    sandbox.tenant = report.tenant;
    sandbox.name = common::is_name(report.name) ? report.name : report.id.str();
    sandbox.image = common::ImageName{report.image};
    sandbox.host = host.name;
    sandbox.vcpus = report.vcpus;
    sandbox.memory = report.memory;
    sandbox.overhead = host.facts.overhead;
    sandbox.network = report.network;
    sandbox.disk = report.disk;
    sandbox.created_at = now;
    sandbox.updated_at = now;
    sandbox.phase = report.phase;
    sandbox.generation = report.generation;
    return sandbox;
}

} // namespace

std::optional<AuditRow> catch_up(Sandbox& sandbox, const SandboxReport& report, const Fleet& fleet)
{
    if (report.generation <= sandbox.generation || report.generation >= most_generations) {
        return std::nullopt;
    }
    sandbox.generation = report.generation;
    if (sandbox.tenant != common::pool_tenant || !common::is_name(report.tenant)) {
        return std::nullopt;
    }
    sandbox.tenant = report.tenant;
    sandbox.name = common::is_name(report.name) && !fleet.named(report.tenant, report.name)
                       ? report.name
                       : sandbox.id.str();
    sandbox.pool.clear();
    spdlog::warn("sandbox {} of host {} was claimed by {}, which no record tells",
                 sandbox.id.str(),
                 sandbox.host.str(),
                 sandbox.tenant);
    return AuditRow{
        AuditRow::Kind::outcome,
        "sandbox.orphan",
        {"system:reconciler", sandbox.tenant, common::mint<common::RequestId>()},
        {},
        sandbox.host.str(),
        sandbox.id.str(),
        "adopted",
        detail_of({{"phase", std::string{to_string(report.phase)}}, {"name", sandbox.name}})};
}

/// A host has what is deleted here. Only of sandboxes that it has by our records: a coordinator
/// with the wrong database must do no harm.
void Core::delete_remains(const common::HostName& host, const CheckpointReport& report)
{
    const auto* sandbox = fleet_.find(report.sandbox);
    if (sandbox == nullptr || sandbox->host != host) {
        return drop_stray(host, report);
    }
    spdlog::info("host {} still has checkpoint {}, which is deleted", host.str(), report.id.str());
    drop_copy(host, report);
}

/// A host has a copy of what is another one's, or deleted: a move has come to nothing, or is over.
/// Not if it has the sandbox, too: then it may be our records that are wrong, or old.
void Core::drop_stray(const common::HostName& host, const CheckpointReport& report)
{
    const auto* known = fleet_.host(host);
    const auto* sandbox = fleet_.find(report.sandbox);
    if (sandbox == nullptr || known == nullptr || known->unknown.contains(report.sandbox) ||
        known->unknown.size() >= KnownHost::most_unknown) {
        spdlog::warn("host {} has checkpoint {} of sandbox {}, which has no record on that host: "
                     "it is left alone",
                     host.str(),
                     report.id.str(),
                     report.sandbox.str());
        return;
    }
    if (moving_->is_moving(report.sandbox) || is_left(*sandbox, host)) {
        return; // It may be needed yet, or goes with what else is left there.
    }
    const auto* found = checkpoints_.find(report.id);
    if (sandbox->host == host && found != nullptr && found->status == Checkpoint::Status::ready) {
        auto here = *found; // A move that came to nothing was on record in part.
        here.host = host;
        here.path = report.path;
        here.digests = report.digests;
        return note(std::move(here), "snapshot.found", "ok");
    }
    spdlog::info(
        "host {} has a copy of checkpoint {} that nobody needs", host.str(), report.id.str());
    drop_copy(host, report);
}

void Core::drop_copy(const common::HostName& host, const CheckpointReport& report)
{
    const auto* sandbox = fleet_.find(report.sandbox);
    HostCommand command;
    command.operation = common::mint<common::OperationId>();
    command.request = common::mint<common::RequestId>();
    command.generation = sandbox == nullptr ? 0 : sandbox->generation;
    command.what = DeleteSnapshotOnHost{report.sandbox, report.id};
    static_cast<void>(link_.send(host, std::move(command)));
}

/// A host has what it should not.
void Core::destroy_remains(const common::HostName& host,
                           const common::SandboxId& id,
                           std::uint64_t gen)
{
    HostCommand command;
    command.operation = common::mint<common::OperationId>();
    command.request = common::mint<common::RequestId>();
    command.generation = gen;
    command.what = DestroyOnHost{id};
    static_cast<void>(link_.send(host, std::move(command)));
}

/// Nothing on record says why that host has it. Left alone unless operators want it otherwise: a
/// coordinator with the wrong database, or an old one, must do no harm. So is one that is another
/// host's by our records.
bool Core::settle_orphan(KnownHost& known, const SandboxReport& report)
{
    const auto& host = known.host.name;
    const bool nowhere = fleet_.find(report.id) == nullptr;
    const bool goes = settings_.orphans == Orphans::destroy && nowhere;
    if (settings_.orphans == Orphans::adopt && nowhere && is_adoptable(report)) {
        auto sandbox = adopted(known.host, report, clock_.wall());
        if (fleet_.named(sandbox.tenant, sandbox.name) != nullptr) {
            sandbox.name = sandbox.id.str();
        }
        spdlog::warn("host {} has sandbox {}, which has no record: it is adopted as {} of {}",
                     host.str(),
                     report.id.str(),
                     sandbox.name,
                     sandbox.tenant);
        known.unknown.erase(report.id);
        reports_.emplace_back(
            AuditRow{AuditRow::Kind::outcome,
                     "sandbox.orphan",
                     {"system:reconciler", sandbox.tenant, common::mint<common::RequestId>()},
                     {},
                     host.str(),
                     report.id.str(),
                     "adopted",
                     detail_of({{"phase", std::string{to_string(report.phase)}},
                                {"image", sandbox.image.str()},
                                {"name", sandbox.name}})});
        put(std::move(sandbox));
        apply(host, report); // The rest of it, as of any.
        return true;
    }
    spdlog::warn("host {} has sandbox {}, which has no record on that host: it is {}",
                 host.str(),
                 report.id.str(),
                 goes ? "destroyed there, as `orphans: destroy` says" : "left alone");
    if (goes) {
        destroy_remains(host, report.id, report.generation + 1);
    }
    if (known.orphans.size() < KnownHost::most_unknown && known.orphans.insert(report.id).second) {
        AuditRow row{AuditRow::Kind::outcome,
                     "sandbox.orphan",
                     {"system:reconciler", "", common::mint<common::RequestId>()},
                     {},
                     host.str(),
                     report.id.str(),
                     goes ? "destroyed" : "left_alone",
                     detail_of({{"phase", std::string{to_string(report.phase)}}})};
        save_outcome({std::move(row)}, [](const common::Result<>&) {});
    }
    return false;
}

/// Nobody had asked for it: a guest that ended, a host that lost its power, one that was lost and
/// is there again. The audit has it too, or it would not explain what the record says.
void Core::note_report(const Sandbox& was, const Sandbox& is)
{
    const bool is_lost = is.phase == Phase::lost;
    std::vector<std::pair<std::string_view, std::string>> detail{
        {"was", std::string{to_string(was.phase)}}, {"phase", std::string{to_string(is.phase)}}};
    if (!is.error.empty()) {
        detail.emplace_back("error", is.error);
    }
    AuditRow row{AuditRow::Kind::outcome,
                 is_lost                    ? "sandbox.lost"
                 : was.phase == Phase::lost ? "sandbox.found"
                                            : "sandbox.report",
                 {"host:" + is.host.str(), is.tenant, common::mint<common::RequestId>()},
                 {},
                 is.host.str(),
                 is.id.str(),
                 is_lost ? "lost" : "ok",
                 detail_of(detail)};
    reports_.emplace_back(std::move(row)); // It is written with what it tells of.
}

} // namespace coordinator
