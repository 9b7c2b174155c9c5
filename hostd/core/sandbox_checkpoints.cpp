// Checkpoints: taken, verified, deleted; and what has lost its owner.
#include "common/log/log.hpp"
#include "hostd/core/sandbox_service.hpp"

namespace hostd {

using common::Error;
using common::ErrorCode;
using common::Result;
using Draft = StateKeeper::Draft;

void SandboxService::take_checkpoint(const Op& op)
{
    const auto& command = std::get<SnapshotCommand>(op->command.what);
    const auto id = command.id;
    if (const auto* sandbox = current(op, id); sandbox == nullptr) {
        return;
    }
    in_lane_of(op, id, [this, op, id](const Sandbox& now) {
        const auto& wish = std::get<SnapshotCommand>(op->command.what);
        if (const auto known = checkpoints_.find(wish.snapshot); known != checkpoints_.end()) {
            answer(op, known->second); // Asked for again after the answer was lost.
            return leave_lane(id);
        }
        const auto phase = now.status.phase;
        const bool alive = phase == Phase::running || phase == Phase::paused;
        const bool rests = phase == Phase::stopped || phase == Phase::created;
        if (!alive && (wish.memory || !rests)) {
            fail(op, not_running(now, "take a checkpoint of"));
            return leave_lane(id);
        }
        state_work([this, op, id] {
            const auto source = table_.at(id).status;
            auto work = [this, op, source] {
                return keeper_.prepare(std::get<SnapshotCommand>(op->command.what), source);
            };
            blocking(work, [this, op, id](Result<Draft> prepared) {
                if (prepared) {
                    return freeze_and_capture(op, std::make_shared<Draft>(*std::move(prepared)));
                }
                const bool deep = prepared.error().stable_reason() == "chain_too_long";
                fail(op, std::move(prepared).error().during("take a checkpoint of " + id.str()));
                state_work_done();
                leave_lane(id);
                if (deep) {
                    keep_shallow(id); // For the next one.
                }
            });
        });
    });
}

void SandboxService::freeze_and_capture(const Op& op, const std::shared_ptr<Draft>& draft)
{
    const auto id = draft->checkpoint.spec.id;
    const auto& sandbox = table_.at(id);
    if (sandbox.status.phase != Phase::running) {
        return capture(op, draft, ports_.clock.steady());
    }
    with_frozen_guest(id, [this, op, id, draft](Result<std::chrono::microseconds> frozen) {
        if (frozen) {
            return capture(op, draft, ports_.clock.steady() - *frozen);
        }
        blocking(
            [this, draft] {
                keeper_.abandon(*draft);
                return 0;
            },
            [this, op, id, error = std::move(frozen).error()](int) mutable {
                fail(op, std::move(error).during("take a checkpoint of " + id.str()));
                state_work_done();
                leave_lane(id);
            });
    });
}

void SandboxService::capture(const Op& op,
                             const std::shared_ptr<Draft>& draft,
                             common::SteadyTime frozen_at)
{
    blocking([this, draft] { return keeper_.capture(*draft); },
             [this, op, draft, frozen_at](Result<> result) {
                 const auto& id = draft->checkpoint.spec.id;
                 auto& sandbox = table_.at(id);
                 // Unless it was heard of meanwhile, which means that it went on.
                 draft->checkpoint.frozen = sandbox.frozen;
                 if (sandbox.status.phase == Phase::running) {
                     sandbox.frozen = false;
                     ports_.guests.thaw(id);
                     if (draft->checkpoint.frozen) {
                         // Its processes stood still for longer than its CPUs did.
                         draft->checkpoint.paused =
                             std::chrono::duration_cast<std::chrono::microseconds>(
                                 ports_.clock.steady() - frozen_at);
                     }
                 }
                 captured(op, draft, std::move(result));
             });
}

void SandboxService::captured(const Op& op, const std::shared_ptr<Draft>& draft, Result<> result)
{
    const auto id = draft->checkpoint.spec.id;
    const auto ended = [this, op, id](Result<Checkpoint> committed) {
        if (committed) {
            checkpoints_.insert_or_assign(committed->id, *committed);
            answer(op, *std::move(committed));
            keep_shallow(id);
        } else {
            auto error = std::move(committed).error().during("take a checkpoint of " + id.str());
            spdlog::warn("{}", error.message);
            fail(op, std::move(error));
            sweep_soon();
        }
        state_work_done();
        leave_lane(id);
        refresh(id);
    };
    if (!result) {
        if (draft->unsure) {
            table_.at(id).in_step_since = 0;
        }
        return ended(std::move(result).error());
    }
    blocking([this, draft] { return keeper_.commit(std::move(*draft)); }, ended);
}

/// Behind whatever is under way for it. A chain that could not be made shallow is looked at again
/// after the next checkpoint; at the longest that the store allows, that one is refused.
void SandboxService::keep_shallow(const common::SandboxId& id)
{
    in_lane(id, [this, id] {
        const auto* now = find(id);
        const bool alive =
            now != nullptr && !now->condemned &&
            (now->status.phase == Phase::running || now->status.phase == Phase::paused);
        if (!alive) {
            return leave_lane(id);
        }
        state_work([this, id] {
            // Reading much keeps nobody else waiting.
            blocking_on(
                *verify_workers_,
                [this, id] { return keeper_.keep_shallow(id, settings_.deepest_chain); },
                [this, id](const Result<>& kept) {
                    if (!kept) {
                        spdlog::warn(
                            "the chain of {} stays deep: {}", id.str(), kept.error().message);
                    }
                    state_work_done();
                    sweep_soon();
                    leave_lane(id);
                });
        });
    });
}

void SandboxService::with_frozen_guest(const common::SandboxId& id, Guests::Frozen then)
{
    const auto& status = table_.at(id).status;
    if (status.agent != AgentKind::paddock) {
        return then(std::chrono::microseconds{0});
    }
    if (!status.agent_ready) {
        return then(Error{ErrorCode::unavailable,
                          "the guest's agent is not connected and cannot hold the guest still",
                          "guest_not_frozen"});
    }
    using Still = Result<std::chrono::microseconds>;
    ports_.guests.freeze(id, [this, id, loop = loop_, then = std::move(then)](Still frozen) {
        static_cast<void>(loop->post([this, id, then, frozen = std::move(frozen)] {
            table_.at(id).frozen = frozen.has_value();
            then(frozen);
        }));
    });
}

void SandboxService::delete_checkpoint(const Op& op)
{
    const auto& command = std::get<DeleteSnapshotCommand>(op->command.what);
    const auto id = command.id;
    // Also for a sandbox that is gone: something may be left that nobody knows of.
    in_lane(id, [this, op, id, snapshot = command.snapshot] {
        if (const auto known = checkpoints_.find(snapshot);
            known != checkpoints_.end() && known->second.spec.id != id) {
            fail(op, {ErrorCode::not_found, snapshot.str() + " is no checkpoint of " + id.str()});
            return leave_lane(id);
        }
        blocking([this, snapshot] { return ports_.checkpoints.remove(snapshot); },
                 [this, op, id, snapshot](Result<> removed) {
                     if (removed) {
                         checkpoints_.erase(snapshot);
                         sweep_soon();
                         answer(op, {});
                     } else {
                         fail(op, std::move(removed).error().during("delete " + snapshot.str()));
                     }
                     leave_lane(id);
                 });
    });
}

void SandboxService::verify_checkpoint(const Op& op)
{
    const auto& command = std::get<VerifySnapshotCommand>(op->command.what);
    const auto known = checkpoints_.find(command.snapshot);
    if (known == checkpoints_.end() || known->second.spec.id != command.id) {
        return fail(
            op,
            {ErrorCode::not_found,
             "this host has no checkpoint " + command.snapshot.str() + " of " + command.id.str()});
    }
    // Not in the lane: reading gigabytes must not keep the VM from being stopped.
    blocking_on(
        *verify_workers_,
        [this, snapshot = command.snapshot] { return ports_.checkpoints.verify(snapshot); },
        [this, op, checkpoint = known->second](Result<> verified) {
            if (verified) {
                answer(op, checkpoint);
            } else {
                fail(op, std::move(verified).error());
            }
        });
}

std::vector<common::SnapshotId> SandboxService::checkpoints_of(const common::SandboxId& id) const
{
    std::vector<common::SnapshotId> all;
    for (const auto& [snapshot, checkpoint] : checkpoints_) {
        if (checkpoint.spec.id == id) {
            all.push_back(snapshot);
        }
    }
    return all;
}

void SandboxService::state_work(common::EventLoop::Task task)
{
    if (sweeping_) {
        after_sweep_.push_back(std::move(task));
        return;
    }
    ++state_work_;
    task();
}

void SandboxService::state_work_done()
{
    --state_work_;
}

void SandboxService::sweep_soon()
{
    if (!adopted_) {
        return; // Adoption ends in one.
    }
    if (std::exchange(sweep_due_, true)) {
        sweep_again_ = true; // The one that is due may come before what this is about.
        return;
    }
    loop_->after(settings_.sweep_delay, [this] { sweep(); });
}

/// Only when nothing is being captured or restored: an overlay that was just made is on top of
/// nothing yet.
void SandboxService::sweep()
{
    if (state_work_ > 0) {
        loop_->after(settings_.sweep_delay, [this] { sweep(); });
        return;
    }
    sweeping_ = true;
    std::vector<common::SandboxId> ids;
    for (const auto& [id, sandbox] : table_) {
        // What libvirt believes of the others may not be what is so.
        if (sandbox.in_step_since == absences_) {
            ids.push_back(id);
        }
    }
    blocking(
        [this, ids = std::move(ids)] {
            std::set<std::filesystem::path> tops;
            std::set<common::SandboxId> known;
            for (const auto& id : ids) {
                // What was cut short may have two domains. One that is being made has none yet.
                if (ports_.checkpoints.is_moving(id)) {
                    continue;
                }
                if (auto top = ports_.hypervisor.top_of(id)) {
                    tops.insert(*std::move(top));
                    known.insert(id);
                }
            }
            return ports_.checkpoints.sweep(tops, known);
        },
        [this](const Result<Swept>& swept) {
            if (!swept && swept.error().code == ErrorCode::unavailable) {
                sweep_again_ = true;
            } else if (!swept) {
                spdlog::warn("looking for files without an owner: {}", swept.error().message);
            } else {
                for (const auto& kept : swept->kept) {
                    spdlog::warn("keeping a file that may have no owner: {}", kept);
                }
                if (swept->again && !std::exchange(sweep_retry_due_, true)) {
                    loop_->after(settings_.reconcile_interval, [this] {
                        sweep_retry_due_ = false;
                        sweep_soon();
                    });
                }
                if (swept->files > 0) {
                    spdlog::info("removed {} files without an owner, {} MiB",
                                 swept->files,
                                 swept->bytes.mib());
                }
            }
            sweeping_ = false;
            sweep_due_ = false;
            if (std::exchange(sweep_again_, false)) {
                sweep_soon();
            }
            for (auto& task : std::exchange(after_sweep_, {})) {
                state_work(std::move(task));
            }
        });
}

} // namespace hostd
