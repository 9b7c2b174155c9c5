// What changed by itself: events, looking again, reconciliation.
#include "common/log/log.hpp"
#include "hostd/core/sandbox_service.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace hostd {

using common::Error;
using common::ErrorCode;
using common::Result;

void SandboxService::on_domain(const DomainEvent& event)
{
    switch (event.kind) {
    case DomainEvent::Kind::domain_changed: return refresh(event.sandbox);
    case DomainEvent::Kind::connection_lost:
        spdlog::warn("libvirt's connection is lost; the VMs run on");
        ++absences_;
        return;
    case DomainEvent::Kind::connection_restored:
        spdlog::info("libvirt's connection is back: looking at everything again");
        sweep_soon();
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
        sandbox->frozen = false; // It was told who it is, which lets it go on.
        if (is_up(status.phase) && (status.phase != Phase::restoring || sandbox->boot)) {
            return booted(*sandbox);
        }
        status.agent_ready = true;
        return;
    case GuestEvent::Kind::lost:
        sandbox->frozen = false; // Nobody knows.
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
        auto* const now = find(id);
        if (now == nullptr || now->condemned) {
            return leave_lane(id);
        }
        now->refresh_asked = false;
        if (now->in_step_since == absences_) {
            return look_again(id, [this, id] { leave_lane(id); });
        }
        // Which of its files is its disk is not certain: nothing is swept meanwhile.
        state_work([this, id] {
            look_again(id, [this, id] {
                state_work_done();
                leave_lane(id);
            });
        });
    });
}

void SandboxService::look_again(const common::SandboxId& id, std::function<void()> then)
{
    const auto& sandbox = table_.at(id);
    const auto incarnation = sandbox.status.incarnation;
    const bool stops = sandbox.stop.has_value();
    const auto absences = sandbox.in_step_since == absences_ ? std::optional<std::uint64_t>{}
                                                             : std::optional{absences_};
    struct Seen {
        Result<DomainRecord> record;
        Result<> in_step;
        bool put_away = false;
    };
    blocking(
        [this, id, incarnation, stops, absent = absences.has_value()] {
            auto record = look_at(id, incarnation);
            keeper_.thaw_what_is_left(id);
            auto in_step = absent && record
                               ? ports_.hypervisor.bring_disk_into_step(id, record->incarnation)
                               : Result<>{};
            if (record && (stops || lives(record->state))) {
                keeper_.forget_suspended(id); // Older than its disk is, or soon will be.
            }
            const bool put_away = record && !is_active(record->state) && keeper_.is_put_away(id);
            return Seen{std::move(record), std::move(in_step), put_away};
        },
        [this, id, absences, then = std::move(then)](const Seen& found) {
            auto& seen = table_.at(id);
            if (absences && found.record && found.in_step) {
                seen.in_step_since = *absences;
                sweep_soon(); // It was left out of those since.
            } else if (!found.in_step) {
                spdlog::error("{}: {}", id.str(), found.in_step.error().message);
            }
            if (found.record) {
                replaced(seen, *found.record);
                found.put_away ? put_away(seen) : apply(seen, found.record->state);
            } else if (found.record.error().code == ErrorCode::not_found) {
                lost_domain(seen);
            } else {
                spdlog::warn("looking at {}: {}", id.str(), found.record.error().message);
            }
            then();
        });
}

Result<DomainRecord> SandboxService::look_at(const common::SandboxId& id, std::uint64_t incarnation)
{
    COMMON_TRY(auto record, ports_.hypervisor.find(id));
    const bool stands_still =
        record.state == DomainState::paused && ports_.checkpoints.is_moving(id);
    if (record.incarnation == incarnation && !stands_still) {
        return record;
    }
    COMMON_TRY(auto all, ports_.hypervisor.all_of(id));
    return all.empty() ? Result<DomainRecord>{std::move(record)} : keeper_.settle(std::move(all));
}

/// It was suspended, and libvirtd died while it ended the domain: what was put away counts.
void SandboxService::put_away(Sandbox& sandbox)
{
    auto& status = sandbox.status;
    if (status.phase == Phase::suspended) {
        return;
    }
    const Error suspended{
        ErrorCode::failed_precondition, status.spec.id.str() + " is suspended", "not_running"};
    detach(sandbox);
    end_boot(sandbox, suspended);
    end_stop(sandbox, std::nullopt);
    sandbox.frozen = false;
    status.phase = Phase::suspended;
    status.error.reset();
    publish(sandbox);
}

/// Another incarnation than was known: a restore was done whose end nobody heard.
void SandboxService::replaced(Sandbox& sandbox, const DomainRecord& record)
{
    auto& status = sandbox.status;
    if (record.incarnation == status.incarnation) {
        return;
    }
    spdlog::warn("{} is its incarnation {} now", status.spec.id.str(), record.incarnation);
    detach(sandbox);
    sandbox.files = record.files;
    sandbox.frozen = false;
    status.incarnation = record.incarnation;
    status.net = record.net;
    leases_.use_tap(status.spec.id, record.net);
    status.phase = Phase::stopped; // From where apply() finds what it is.
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
    if (before == Phase::suspended) {
        spdlog::warn("{} was started by somebody else: its memory of before is dropped",
                     sandbox.status.spec.id.str());
    }
    if (before == Phase::stopped || before == Phase::created || before == Phase::error ||
        before == Phase::suspended) {
        sandbox.ip_tries = settings_.ip_tries;
        attach(sandbox);
    }
}

void SandboxService::apply(Sandbox& sandbox, DomainState state)
{
    auto& status = sandbox.status;
    const auto before = status.phase;
    const bool starts = before == Phase::starting || before == Phase::restoring;
    switch (state) {
    case DomainState::unknown: return;
    case DomainState::ending: // Not there yet.
    case DomainState::running:
        if (starts && !sandbox.boot) {
            // A start whose answer got lost.
            sandbox.boot = Boot{};
            sandbox.boot->begun = ports_.clock.steady();
            attach(sandbox);
        } else if (!starts && !sandbox.stop) {
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
        if (before != Phase::created && before != Phase::error && before != Phase::suspended) {
            status.phase = Phase::stopped;
        }
        break;
    case DomainState::crashed:
        if (before == Phase::suspended) {
            break; // Its QEMU ended badly, after its memory was put away.
        }
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
    const bool marked = mark_held(sandbox);
    if (status.phase != before) {
        sandbox.frozen = sandbox.frozen && status.phase == Phase::paused;
        tell_guests(sandbox, before);
    }
    if (marked || status.phase != before) {
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
            is_up(phase)) {
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
                    is_up(sandbox->status.phase)) {
                    sandbox->status.ip = ip;
                    publish(*sandbox);
                }
            }
            loop_->after(settings_.ip_interval, [this] { look_for_ips(); });
        });
}

void SandboxService::keep_dhcp_told()
{
    const auto again = [this](std::chrono::milliseconds later) {
        loop_->after(later, [this] { keep_dhcp_told(); });
    };
    if (!leases_.has_news()) {
        return again(settings_.dhcp_interval);
    }
    // A server that cannot be told reads the file when it is back, and the guest asks on; until
    // then each reconcile says what is wrong.
    blocking([this] { return leases_.tell_dhcp(); },
             [this, again](const Result<>&) { again(settings_.dhcp_pause); });
}

/// Who uses the network is not idle, though nobody asks hostd for anything.
void SandboxService::look_at_traffic()
{
    blocking([this] { return ports_.hypervisor.traffic(); },
             [this](const Result<std::vector<Traffic>>& seen) {
                 if (!seen) {
                     spdlog::debug("ignoring what guests send: {}", seen.error().message);
                 } else if (auto active = traffic_.look(*seen, ports_.clock.steady());
                            !active.empty()) {
                     ports_.uplink.activity(std::move(active));
                 }
                 loop_->after(settings_.network_interval, [this] { look_at_traffic(); });
             });
}

} // namespace hostd
