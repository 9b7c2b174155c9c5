// Create and start: admission, the steps of building, and the wait for the guest.
#include "common/log/log.hpp"
#include "hostd/core/sandbox_service.hpp"

#include <fmt/format.h>

namespace hostd {

using common::Error;
using common::ErrorCode;

void SandboxService::create(const Op& op)
{
    const auto& command = std::get<CreateCommand>(op->command.what);
    const auto& id = command.spec.id;
    if (auto* sandbox = find(id); sandbox != nullptr) {
        return repeat_create(op, *sandbox);
    }
    if (auto admitted = admit(command.spec, settings_.capacity, committed()); !admitted) {
        return fail(op, std::move(admitted).error().during("create " + id.str()));
    }
    if (command.start || command.from_snapshot) {
        answer_by(op, id, command.boot_timeout);
    }
    // In the table from here on: its share is taken, and nobody else makes it.
    auto& sandbox = table_[id];
    sandbox.in_step_since = absences_;
    sandbox.status.spec = command.spec;
    sandbox.status.spec_digest = digest_of(command.spec);
    sandbox.status.generation = op->command.generation;
    count_ = static_cast<unsigned>(table_.size());
    in_lane(id, [this, op] {
        blocking(
            [this, op] {
                return builder_.build(std::get<CreateCommand>(op->command.what),
                                      op->command.generation,
                                      op->command.request);
            },
            [this, op](const std::shared_ptr<Building>& building) { built(op, building); });
    });
}

void SandboxService::repeat_create(const Op& op, Sandbox& sandbox)
{
    const auto& command = std::get<CreateCommand>(op->command.what);
    const auto& id = command.spec.id;
    if (sandbox.status.spec_digest != digest_of(command.spec)) {
        return fail(op,
                    {ErrorCode::already_exists,
                     "sandbox " + id.str() + " exists with another specification"});
    }
    if (is_stale(op, sandbox)) {
        return;
    }
    if (sandbox.condemned) {
        sandbox.condemned->waiting.push_back(op);
        return;
    }
    // Behind whatever is under way for it, its first creation included.
    in_lane(id, [this, op, id] {
        auto* now = find(id);
        if (now == nullptr) {
            fail(op, {ErrorCode::unavailable, "the creation of " + id.str() + " under way failed"});
        } else if (const auto& create = std::get<CreateCommand>(op->command.what);
                   !create.start || (create.warm && now->status.phase == Phase::paused)) {
            answer(op, now->status);
        } else {
            answer_by(op, id, std::get<CreateCommand>(op->command.what).boot_timeout);
            // A start of what runs is a success; of what was only defined, the rest of the create.
            start_existing(op, id);
        }
        leave_lane(id);
    });
}

void SandboxService::built(const Op& op, const std::shared_ptr<Building>& building)
{
    const auto& id = std::get<CreateCommand>(op->command.what).spec.id;
    auto& sandbox = table_.at(id);
    sandbox.status.timings = building->timings;
    sandbox.status.net = building->domain.net;
    sandbox.status.agent = building->domain.image.agent;
    sandbox.files = building->domain.files;
    const bool loads = building->has_memory();
    if (building->error || (!loads && !std::get<CreateCommand>(op->command.what).start)) {
        return made(op, building);
    }
    sandbox.status.phase = loads ? Phase::restoring : Phase::starting;
    publish(sandbox);
    with_start_slot([this, op, building] {
        blocking(
            [this, building] {
                if (held_.is_closed()) {
                    builder_.give_up(*building, no_leader());
                } else {
                    builder_.start(*building);
                }
                return building;
            },
            [this, op](const std::shared_ptr<Building>& same) { started(op, same); });
    });
}

void SandboxService::started(const Op& op, const std::shared_ptr<Building>& building)
{
    const auto& id = std::get<CreateCommand>(op->command.what).spec.id;
    auto& sandbox = table_.at(id);
    sandbox.status.timings = building->timings;
    if (building->error) {
        release_start_slot();
        return made(op, building);
    }
    building->undo->commit();
    await_boot(op, sandbox, Slot::held);
    leave_lane(id);
}

void SandboxService::made(const Op& op, const std::shared_ptr<Building>& building)
{
    const auto id = std::get<CreateCommand>(op->command.what).spec.id;
    auto& sandbox = table_.at(id);
    if (!building->error) {
        building->undo->commit();
        if (building->source) {
            sandbox.status.phase = Phase::stopped; // What is on its disk has run, elsewhere.
        }
        publish(sandbox);
        answer(op, sandbox.status);
        return leave_lane(id);
    }
    spdlog::warn("{}", building->error->message);
    sandbox.condemned = Condemned{{op}, *building->error};
    if (building->left.empty()) {
        // Only what was published need be taken back.
        if (sandbox.status.phase != Phase::created) {
            sandbox.status.phase = Phase::destroyed;
            publish(sandbox);
        }
        erase(id);
        sweep_soon(); // What it was to be made of stays, also if it is of the same sandbox.
    } else {
        for (const auto& left : building->left) {
            spdlog::error("undoing the create of {}: {}; trying again", id.str(), left.message);
        }
        sandbox.status.phase = Phase::error;
        sandbox.status.error = building->error;
        publish(sandbox);
        loop_->after(settings_.retry_interval, [this, id] { destroy_condemned(id); });
    }
    leave_lane(id);
}

void SandboxService::start_existing(const Op& op, const common::SandboxId& id)
{
    auto* sandbox = current(op, id);
    if (sandbox == nullptr) {
        return;
    }
    if (const auto* start = std::get_if<StartCommand>(&op->command.what); start != nullptr) {
        answer_by(op, id, start->boot_timeout);
    }
    record_generation(op, *sandbox);
    in_lane_of(op, id, [this, op, id](Sandbox& now) {
        if (now.stop) {
            fail(op,
                 {ErrorCode::failed_precondition,
                  "sandbox " + id.str() + " is stopping",
                  "stopping"});
        } else if (now.boot) {
            now.boot->waiting.push_back(op);
        } else if (now.status.phase == Phase::paused) {
            return resume_in_lane(op, id);
        } else if (now.status.phase == Phase::suspended) {
            return load_in_lane(op, now);
        } else if (now.status.phase == Phase::running && now.status.agent != AgentKind::none &&
                   !now.status.agent_ready) {
            // Adopted while it booted: whoever asks for its start again still waits for the hello.
            now.boot = Boot{};
            now.boot->begun = ports_.clock.steady();
            now.boot->waiting.push_back(op);
        } else if (now.status.phase == Phase::running) {
            up(op, now);
        } else {
            return start_in_lane(op, now);
        }
        leave_lane(id);
    });
}

void SandboxService::start_in_lane(const Op& op, Sandbox& sandbox)
{
    const auto id = sandbox.status.spec.id;
    if (refuse_fenced(op)) {
        return leave_lane(id);
    }
    no_longer_held(sandbox);
    sandbox.status.phase = Phase::starting;
    sandbox.status.error.reset();
    publish(sandbox);
    with_start_slot([this, op, id] {
        const auto begun = ports_.clock.steady();
        blocking(
            [this, id] {
                return held_.is_closed() ? common::Result<>{no_leader()}
                                         : ports_.hypervisor.start(id);
            },
            [this, op, id, begun](common::Result<> result) {
                auto& starting = table_.at(id);
                starting.status.timings = {{"start",
                                            std::chrono::duration_cast<std::chrono::microseconds>(
                                                ports_.clock.steady() - begun)}};
                if (result) {
                    await_boot(op, starting, Slot::held);
                } else {
                    start_failed(op, starting, std::move(result).error());
                }
                leave_lane(id);
            });
    });
}

void SandboxService::start_failed(const Op& op, Sandbox& sandbox, Error error)
{
    const auto id = sandbox.status.spec.id;
    release_start_slot();
    error = std::move(error).during("start " + id.str());
    spdlog::warn("{}", error.message);
    // Unknown stays `starting` until the next look; that one decides.
    const bool unknown = error.code == ErrorCode::timeout || error.code == ErrorCode::unavailable;
    sandbox.status.phase = unknown ? Phase::starting : Phase::error;
    sandbox.status.error = error;
    publish(sandbox);
    fail(op, std::move(error));
    refresh(id);
}

void SandboxService::await_boot(const Op& op, Sandbox& sandbox, Slot slot)
{
    const auto id = sandbox.status.spec.id;
    auto& boot = *(sandbox.boot = Boot{});
    boot.waiting.push_back(op);
    boot.begun = ports_.clock.steady();
    boot.holds_slot = slot == Slot::held;
    sandbox.ip_tries = settings_.ip_tries;
    if (sandbox.status.agent == AgentKind::none) {
        return booted(sandbox);
    }
    loop_->after(settings_.start_slot, [this, id, begun = boot.begun] {
        auto* late = find(id);
        if (late != nullptr && late->boot && late->boot->begun == begun && late->boot->holds_slot) {
            late->boot->holds_slot = false;
            release_start_slot();
        }
    });
    attach(sandbox);
}

void SandboxService::answer_by(const Op& op,
                               const common::SandboxId& id,
                               std::chrono::milliseconds boot_timeout)
{
    // Counted from the command's arrival: its sender waits that long, whatever was in the way.
    loop_->after(boot_timeout, [this, op, id, boot_timeout] {
        if (op->answered) {
            return;
        }
        const auto* sandbox = find(id);
        if (sandbox != nullptr && sandbox->condemned) {
            return; // It is told why it failed once nothing is left of it.
        }
        const auto console =
            sandbox == nullptr ? std::string{"(gone)"} : sandbox->files.console_log.string();
        fail(op,
             {ErrorCode::timeout,
              fmt::format("the agent of {} has not said hello within {} ms; the work goes on; "
                          "its console is in {}",
                          id.str(),
                          boot_timeout.count(),
                          console),
              "boot_timeout"});
    });
}

void SandboxService::booted(Sandbox& sandbox)
{
    sandbox.status.agent_ready = sandbox.status.agent != AgentKind::none;
    sandbox.status.phase = Phase::running;
    sandbox.status.error.reset();
    if (sandbox.boot) {
        const auto boot = *std::exchange(sandbox.boot, std::nullopt);
        sandbox.status.timings["agent"] = std::chrono::duration_cast<std::chrono::microseconds>(
            ports_.clock.steady() - boot.begun);
        if (const auto start = sandbox.status.timings.find("start");
            start != sandbox.status.timings.end()) {
            counts_.boots.observe(start->second + sandbox.status.timings["agent"]);
        }
        for (const auto& op : boot.waiting) {
            up(op, sandbox);
        }
        if (boot.holds_slot) {
            release_start_slot();
        }
    }
    publish(sandbox);
}

void SandboxService::end_boot(Sandbox& sandbox, const Error& error)
{
    if (sandbox.boot) {
        const auto boot = *std::exchange(sandbox.boot, std::nullopt);
        for (const auto& op : boot.waiting) {
            fail(op, error);
        }
        if (boot.holds_slot) {
            release_start_slot();
        }
    }
}

void SandboxService::attach(Sandbox& sandbox)
{
    const auto& spec = sandbox.status.spec;
    switch (sandbox.status.agent) {
    case AgentKind::none: return;
    case AgentKind::qemu: return ping_qemu_agent(spec.id);
    case AgentKind::paddock: break;
    }
    sandbox.attached = true;
    const auto& net = sandbox.status.net;
    ports_.guests.attach(spec.id,
                         sandbox.files.agent_socket,
                         {spec.name.empty() ? spec.id.str() : spec.name, net.mac, net.ip});
}

void SandboxService::detach(Sandbox& sandbox, std::optional<Error> why)
{
    if (std::exchange(sandbox.attached, false)) {
        ports_.guests.detach(sandbox.status.spec.id, std::move(why));
    }
    sandbox.status.agent_ready = false;
    sandbox.status.ip.clear();
}

void SandboxService::ping_qemu_agent(const common::SandboxId& id)
{
    auto work = [this, id] { return ports_.hypervisor.qemu_agent_ping(id); };
    blocking_on(*qemu_ping_workers_, work, [this, id](const common::Result<>& pong) {
        auto* sandbox = find(id);
        if (sandbox == nullptr || sandbox->status.agent_ready || !is_up(sandbox->status.phase)) {
            return;
        }
        if (pong) {
            return booted(*sandbox);
        }
        // A full image boots for a minute; past that an agent is unlikely.
        constexpr std::chrono::minutes hopeful{2};
        const bool soon = sandbox->boot && ports_.clock.steady() - sandbox->boot->begun < hopeful;
        loop_->after(soon ? settings_.agent_poll : settings_.reconcile_interval,
                     [this, id] { ping_qemu_agent(id); });
    });
}

void SandboxService::with_start_slot(common::EventLoop::Task task)
{
    if (start_slots_used_ < settings_.max_parallel_starts) {
        ++start_slots_used_;
        return task();
    }
    start_line_.push_back(std::move(task));
}

void SandboxService::release_start_slot()
{
    if (start_line_.empty()) {
        --start_slots_used_;
        return;
    }
    // From the loop, not from here: whoever gives the slot back is not done yet.
    post([task = std::move(start_line_.front())] { task(); });
    start_line_.pop_front();
}

} // namespace hostd
