// Checkpoints that a host has and should not.
#include "coordinator/core/moving.hpp"

#include "common/log/log.hpp"

namespace coordinator {

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
    if (moving_->is_moving(report.sandbox) || sandbox->left_host == host) {
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

} // namespace coordinator
