// What monitoring is told of the service.
#include "hostd/core/sandbox_service.hpp"

#include <future>

namespace hostd {

namespace {

/// Of those that are answered; "" of the others.
struct KindOf {
    const char* operator()(const CreateCommand&) const { return "create"; }
    const char* operator()(const ClaimCommand&) const { return "claim"; }
    const char* operator()(const StartCommand&) const { return "start"; }
    const char* operator()(const StopCommand&) const { return "stop"; }
    const char* operator()(const PauseCommand&) const { return "pause"; }
    const char* operator()(const SuspendCommand&) const { return "suspend"; }
    const char* operator()(const SnapshotCommand&) const { return "snapshot"; }
    const char* operator()(const RestoreCommand&) const { return "restore"; }
    const char* operator()(const DeleteSnapshotCommand&) const { return "delete_snapshot"; }
    const char* operator()(const VerifySnapshotCommand&) const { return "verify_snapshot"; }
    const char* operator()(const OfferSnapshotCommand&) const { return "offer_snapshot"; }
    const char* operator()(const FetchSnapshotCommand&) const { return "fetch_snapshot"; }
    const char* operator()(const MakeImageCommand&) const { return "make_image"; }
    const char* operator()(const AddImageCommand&) const { return "add_image"; }
    const char* operator()(const ImportVmCommand&) const { return "import_vm"; }
    const char* operator()(const RemoveImageCommand&) const { return "remove_image"; }
    const char* operator()(const DestroyCommand&) const { return "destroy"; }
    /// How long one that is read live takes says nothing about one that is run.
    const char* operator()(const ExecCommand& exec) const
    {
        return exec.exec.live ? "live" : "run";
    }
    const char* operator()(const ReadCommand&) const { return "read"; }
    const char* operator()(const ListVmsCommand&) const { return "list_vms"; }
    template <typename Other>
    const char* operator()(const Other&) const
    {
        return "";
    }
};

} // namespace

void ServiceCounts::ended(const Command& command,
                          const std::optional<common::Error>& error,
                          std::chrono::microseconds took)
{
    const std::string kind = std::visit(KindOf{}, command.what);
    if (kind.empty()) {
        return;
    }
    const auto* const result = !error                                      ? "done"
                               : error->code == common::ErrorCode::timeout ? "unknown"
                                                                           : "failed";
    ++operations[{kind, result}];
    operation_times[kind].observe(took);
}

std::optional<ServiceFigures> SandboxService::figures(std::chrono::milliseconds patience)
{
    const auto told = std::make_shared<std::promise<ServiceFigures>>();
    auto future = told->get_future();
    const auto taken = loop_->post([this, told] {
        ServiceFigures figures;
        figures.counts = counts_;
        for (const auto& [id, sandbox] : table_) {
            figures.sandboxes.emplace(id, sandbox.status.phase);
        }
        figures.adopted = adopted_;
        figures.checkpoints = checkpoints_.size();
        figures.under_way = answers_.under_way();
        figures.loop = loop_->waiting();
        figures.booting = start_slots_used_;
        figures.in_line = start_line_.size();
        figures.fenced = fence_on_;
        figures.held = held_.all().size();
        if (fence_) {
            figures.leader_silence = ports_.fence->now() - fence_->last_heard();
        }
        told->set_value(std::move(figures));
    });
    if (!taken || future.wait_for(patience) != std::future_status::ready) {
        return std::nullopt;
    }
    try {
        return future.get();
    } catch (const std::future_error&) {
        return std::nullopt; // The service ends.
    }
}

} // namespace hostd
