// Adoption at start: what libvirt and the disk hold becomes the table.
#include "common/log/log.hpp"
#include "hostd/core/sandbox_service.hpp"

#include <algorithm>

namespace hostd {

using common::Error;
using common::ErrorCode;
using common::Result;

Result<SandboxService::Found> SandboxService::look()
{
    Found found;
    // Folders first: a domain defined in between is then only seen as one more domain.
    COMMON_TRY(found.folders, ports_.store.list());
    COMMON_TRY(auto domains, ports_.hypervisor.list());
    std::map<common::SandboxId, std::vector<DomainRecord>> incarnations;
    for (auto& domain : domains) {
        incarnations[domain.sandbox.id].push_back(std::move(domain));
    }
    for (auto& [id, records] : incarnations) {
        if (is_half_a_clone(records)) {
            // Booted, it would take itself for what it was copied from.
            if (auto gone = ports_.hypervisor.undefine(id); !gone) {
                spdlog::error("half a clone stays, unused: {}", gone.error().message);
            }
            continue;
        }
        const auto latest = *std::ranges::max_element(records, {}, &DomainRecord::incarnation);
        auto counts = keeper_.settle(std::move(records));
        if (!counts) {
            spdlog::error("{} is not as it should be: {}; looking again later",
                          id.str(),
                          counts.error().message);
        }
        found.domains.push_back(counts ? *std::move(counts) : latest);
    }
    for (const auto& id : found.folders) {
        if (ports_.store.has_run(id)) {
            found.have_run.insert(id);
        }
        if (ports_.checkpoints.is_suspended(id)) {
            found.suspended.insert(id);
        }
    }
    std::vector<std::string> warnings;
    found.checkpoints = ports_.checkpoints.list(warnings);
    for (const auto& warning : warnings) {
        spdlog::error("leaving a checkpoint alone: {}", warning);
    }
    return found;
}

/// Its domain was defined, and its memory never loaded.
bool SandboxService::is_half_a_clone(const std::vector<DomainRecord>& records) const
{
    const auto& record = records.front();
    const auto& id = record.sandbox.id;
    return records.size() == 1 && record.state == DomainState::stopped &&
           ports_.checkpoints.is_moving(id) && !ports_.checkpoints.is_suspended(id) &&
           !ports_.store.has_run(id);
}

void SandboxService::adopt()
{
    blocking(
        [this, closed = held_.is_closed(), stamp = fence_ ? fence_stamp() : FenceStamp{}] {
            if (closed) { // Before any that was cut short goes on.
                static_cast<void>(hold_running(stamp));
            }
            return look();
        },
        [this](const Result<Found>& found) {
            if (!found) {
                spdlog::warn("reading the sandboxes back: {}; trying again", found.error().message);
                loop_->after(settings_.retry_interval, [this] { adopt(); });
                return;
            }
            adopted(*found);
        });
}

void SandboxService::adopted(const Found& found)
{
    for (const auto& domain : found.domains) {
        adopt_one(domain, found);
    }
    for (const auto& checkpoint : found.checkpoints) {
        checkpoints_.insert_or_assign(checkpoint.id, checkpoint);
    }
    for (const auto& id : found.folders) {
        if (find(id) != nullptr) {
            continue;
        }
        if (found.have_run.contains(id)) {
            // Somebody undefined it, or its domain cannot be read. Only a destroy takes a disk
            // that a guest has written to.
            spdlog::error("{} has a folder but no domain: keeping its disk", id.str());
            continue;
        }
        spdlog::info("removing the folder of {}: it has no domain, a create was cut short",
                     id.str());
        in_lane(id, [this, id] {
            blocking([this, id] { return ports_.store.remove(id); },
                     [this, id](const Result<>& removed) {
                         if (!removed) {
                             spdlog::error("ignoring a leftover: {}", removed.error().message);
                         }
                         leave_lane(id);
                     });
        });
    }
    spdlog::info("adopted {} sandboxes and {} checkpoints", table_.size(), checkpoints_.size());
    count_ = static_cast<unsigned>(table_.size());
    adopted_ = true;
    send_inventory();
    sweep_soon();
    reconcile();
    look_for_ips();
    keep_dhcp_told();
    look_at_traffic();
}

void SandboxService::adopt_one(const DomainRecord& record, const Found& found)
{
    const auto& id = record.sandbox.id;
    auto& sandbox = table_[id];
    sandbox.status.spec = record.sandbox;
    sandbox.status.spec_digest = record.spec_digest;
    sandbox.status.incarnation = record.incarnation;
    sandbox.status.generation = record.generation;
    sandbox.status.net = record.net;
    sandbox.status.agent = record.agent;
    sandbox.files = record.files;
    leases_.adopt(id, record.net);
    if (std::ranges::find(found.folders, id) == found.folders.end()) {
        sandbox.status.phase = Phase::error;
        sandbox.status.error = Error{
            ErrorCode::internal, "the disk of " + id.str() + " is missing", "overlay_missing"};
        return;
    }
    sandbox.status.phase = found.have_run.contains(id) ? Phase::stopped : Phase::created;
    if (!is_active(record.state) && found.suspended.contains(id)) {
        sandbox.status.phase = Phase::suspended;
        return;
    }
    apply(sandbox, record.state);
}

void SandboxService::send_inventory()
{
    std::vector<SandboxStatus> all;
    for (const auto& [id, sandbox] : table_) {
        all.push_back(sandbox.status);
    }
    std::vector<Checkpoint> checkpoints;
    for (const auto& [id, checkpoint] : checkpoints_) {
        checkpoints.push_back(checkpoint);
    }
    ports_.uplink.inventory(std::move(all), std::move(checkpoints));
}

} // namespace hostd
