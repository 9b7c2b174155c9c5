// What is, and what changed by itself: adoption at start, events, reconciliation.
#include "common/log/log.hpp"
#include "hostd/core/sandbox_service.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace hostd {

using common::Error;
using common::ErrorCode;
using common::Result;

Result<SandboxService::Found> SandboxService::look(const Hypervisor& hypervisor,
                                                   const SandboxStore& store)
{
    Found found;
    // Folders first: a domain defined in between is then only seen as one more domain.
    COMMON_TRY(found.folders, store.list());
    COMMON_TRY(found.domains, hypervisor.list());
    for (const auto& id : found.folders) {
        if (store.has_run(id)) {
            found.have_run.insert(id);
        }
    }
    return found;
}

void SandboxService::adopt()
{
    blocking([this] { return look(ports_.hypervisor, ports_.store); },
             [this](const Result<Found>& found) {
                 if (!found) {
                     spdlog::warn("reading the sandboxes back: {}; trying again",
                                  found.error().message);
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
    spdlog::info("adopted {} sandboxes", table_.size());
    count_ = static_cast<unsigned>(table_.size());
    adopted_ = true;
    send_inventory();
    reconcile();
    look_for_ips();
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
    apply(sandbox, record.state);
}

void SandboxService::send_inventory()
{
    std::vector<SandboxStatus> all;
    for (const auto& [id, sandbox] : table_) {
        all.push_back(sandbox.status);
    }
    ports_.uplink.inventory(std::move(all));
}

void SandboxService::on_domain(const DomainEvent& event)
{
    switch (event.kind) {
    case DomainEvent::Kind::domain_changed: return refresh(event.sandbox);
    case DomainEvent::Kind::connection_lost:
        spdlog::warn("libvirt's connection is lost; the VMs run on");
        return;
    case DomainEvent::Kind::connection_restored:
        spdlog::info("libvirt's connection is back: looking at everything again");
        return reconcile();
    }
}

void SandboxService::on_guest(const GuestEvent& event)
{
    auto* sandbox = find(event.sandbox);
    if (sandbox == nullptr) {
        return;
    }
    auto& status = sandbox->status;
    switch (event.kind) {
    case GuestEvent::Kind::ready:
        if (status.phase == Phase::starting || status.phase == Phase::running) {
            return booted(*sandbox);
        }
        status.agent_ready = true;
        return;
    case GuestEvent::Kind::lost:
        if (std::exchange(status.agent_ready, false) && sandbox->attached) {
            publish(*sandbox);
            refresh(event.sandbox);
        }
        return;
    case GuestEvent::Kind::misbehaved:
        spdlog::warn("the agent of {} broke the protocol: {}", event.sandbox.str(), event.detail);
        return;
    case GuestEvent::Kind::addresses:
        // The guest's word counts only where it says what the lease says.
        if (status.ip.empty() && !status.net.ip.empty() &&
            std::ranges::find(event.addresses, status.net.ip) != event.addresses.end()) {
            status.ip = status.net.ip;
            publish(*sandbox);
        }
        return;
    }
}

void SandboxService::refresh(const common::SandboxId& id)
{
    auto* sandbox = find(id);
    if (sandbox == nullptr || std::exchange(sandbox->refresh_asked, true)) {
        return;
    }
    in_lane(id, [this, id] {
        if (auto* now = find(id); now == nullptr || now->condemned) {
            return leave_lane(id);
        } else {
            now->refresh_asked = false;
        }
        blocking([this, id] { return ports_.hypervisor.find(id); },
                 [this, id](const Result<DomainRecord>& record) {
                     auto& seen = table_.at(id);
                     if (record) {
                         apply(seen, record->state);
                     } else if (record.error().code == ErrorCode::not_found) {
                         lost_domain(seen);
                     }
                     leave_lane(id);
                 });
    });
}

void SandboxService::lost_domain(Sandbox& sandbox)
{
    const auto& id = sandbox.status.spec.id;
    const Error gone{ErrorCode::internal,
                     "the domain of " + id.str() + " is gone: somebody undefined it",
                     "domain_missing"};
    end_boot(sandbox, gone);
    end_stop(sandbox, gone);
    detach(sandbox);
    if (sandbox.status.phase != Phase::error || !sandbox.status.error) {
        sandbox.status.phase = Phase::error;
        sandbox.status.error = gone;
        publish(sandbox);
    }
}

void SandboxService::attach_if_new(Sandbox& sandbox, Phase before)
{
    if (before == Phase::stopped || before == Phase::created || before == Phase::error) {
        sandbox.ip_tries = settings_.ip_tries;
        attach(sandbox);
    }
}

void SandboxService::apply(Sandbox& sandbox, DomainState state)
{
    auto& status = sandbox.status;
    const auto before = status.phase;
    switch (state) {
    case DomainState::unknown: return;
    case DomainState::running:
        if (before == Phase::starting && !sandbox.boot) {
            // A start whose answer got lost.
            sandbox.boot.emplace().begun = ports_.clock.steady();
            attach(sandbox);
        } else if (before != Phase::starting && !sandbox.stop) {
            status.phase = Phase::running;
            status.error.reset();
            attach_if_new(sandbox, before);
        }
        break;
    case DomainState::paused:
    case DomainState::paused_by_disk_error:
        if (!sandbox.stop) {
            paused(sandbox, state);
            attach_if_new(sandbox, before);
        }
        break;
    case DomainState::stopped:
        if (before != Phase::created && before != Phase::error) {
            status.phase = Phase::stopped;
        }
        break;
    case DomainState::crashed:
        status.phase = Phase::error;
        status.error = Error{ErrorCode::internal, "the guest crashed", "guest_crashed"};
        break;
    }
    if (state == DomainState::stopped || state == DomainState::crashed) {
        detach(sandbox);
        end_boot(sandbox,
                 {ErrorCode::failed_precondition,
                  status.spec.id.str() + " powered off while it booted; its console is in " +
                      sandbox.files.console_log.string(),
                  "guest_stopped"});
        end_stop(sandbox, std::nullopt);
    }
    if (status.phase != before) {
        tell_guests(sandbox, before);
        publish(sandbox);
    }
}

void SandboxService::reconcile()
{
    if (!adopted_) {
        return; // The network must not be made to fit an empty table. Adoption ends in this.
    }
    if (std::exchange(reconciling_, true)) {
        reconcile_again_ = true;
        return;
    }
    for (auto& [id, sandbox] : table_) {
        refresh(id);
        sandbox.ip_tries = std::max(sandbox.ip_tries, 1U);
    }
    blocking([this] { return leases_.ensure(); },
             [this](const Result<>& ensured) {
                 if (!ensured) {
                     spdlog::error("the base network is not as it should be: {}; trying again",
                                   ensured.error().message);
                 }
                 reconciling_ = false;
                 if (std::exchange(reconcile_again_, false)) {
                     return reconcile();
                 }
                 if (!std::exchange(reconcile_due_, true)) {
                     loop_->after(settings_.reconcile_interval, [this] {
                         reconcile_due_ = false;
                         reconcile();
                     });
                 }
             });
}

void SandboxService::look_for_ips()
{
    std::vector<std::pair<common::SandboxId, NetLease>> wanted;
    for (auto& [id, sandbox] : table_) {
        const auto phase = sandbox.status.phase;
        if (sandbox.status.ip.empty() && !sandbox.status.net.mac.empty() && sandbox.ip_tries > 0 &&
            (phase == Phase::running || phase == Phase::starting)) {
            --sandbox.ip_tries;
            wanted.emplace_back(id, sandbox.status.net);
        }
    }
    if (wanted.empty()) {
        loop_->after(settings_.ip_interval, [this] { look_for_ips(); });
        return;
    }
    blocking(
        [this, wanted = std::move(wanted)] {
            std::vector<std::pair<common::SandboxId, std::string>> seen;
            for (const auto& [id, lease] : wanted) {
                if (auto ip = ports_.network.observed_ip(lease); ip && !ip->empty()) {
                    seen.emplace_back(id, *std::move(ip));
                }
            }
            return seen;
        },
        [this](const std::vector<std::pair<common::SandboxId, std::string>>& seen) {
            for (const auto& [id, ip] : seen) {
                auto* sandbox = find(id);
                if (sandbox != nullptr && sandbox->status.ip != ip &&
                    (sandbox->status.phase == Phase::running ||
                     sandbox->status.phase == Phase::starting)) {
                    sandbox->status.ip = ip;
                    publish(*sandbox);
                }
            }
            loop_->after(settings_.ip_interval, [this] { look_for_ips(); });
        });
}

} // namespace hostd
