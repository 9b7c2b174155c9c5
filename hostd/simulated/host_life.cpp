// From a create to a destroy.
#include "hostd/simulated/host.hpp"

#include <algorithm>

namespace hostd::simulated {

using common::Error;
using common::ErrorCode;
using common::Result;
using std::chrono::microseconds;

void Host::create(const Op& op, const CreateCommand& command)
{
    const auto& id = command.spec.id;
    if (const auto* there = find(id); there != nullptr) {
        if (there->digest != digest_of(command.spec)) {
            return fail(op,
                        {ErrorCode::already_exists,
                         "sandbox " + id.str() + " exists with another specification"});
        }
        ++counts_.repeated;
        return command.start ? start(op, id) : answer(op, status_of(*there));
    }
    if (auto may = may_create(command); !may) {
        return fail(op, std::move(may).error().during("create " + id.str()));
    }
    // In the table from here on: its share is taken, and nobody else makes it.
    auto& sandbox = table_[id];
    sandbox.spec = command.spec;
    sandbox.digest = digest_of(command.spec);
    sandbox.generation = op->command.generation;
    sandbox.address = ++made_;
    in_lane(id, [this, op, &command] {
        const auto span = ports_.dice.in(ways_.make);
        later(span, [this, op, &command] { make(op, command); });
    });
}

Result<> Host::may_create(const CreateCommand& command)
{
    if (auto admitted = admit(command.spec, shape_.capacity, committed()); !admitted) {
        ++counts_.oversold;
        return admitted;
    }
    if (ports_.dice.falls(ways_.refused_creates)) {
        ++counts_.refused;
        return Error{ErrorCode::resource_exhausted, "refused by the dice", "no_memory"};
    }
    if (command.from_snapshot) {
        if (!checkpoints_.contains(*command.from_snapshot)) {
            return Error{ErrorCode::not_found,
                         "this host has no checkpoint " + command.from_snapshot->str(),
                         "unknown_snapshot"};
        }
        return {};
    }
    const auto found = image(command.spec.image);
    if (found == images_.end()) {
        return Error{ErrorCode::not_found,
                     "this host has no image " + command.spec.image.str(),
                     "unknown_image"};
    }
    if (!command.image_digest.empty() && found->digest != command.image_digest) {
        return Error{ErrorCode::failed_precondition,
                     "image " + command.spec.image.str() + " of this host is another one",
                     "image_changed"};
    }
    return {};
}

void Host::make(const Op& op, const CreateCommand& command)
{
    const auto id = command.spec.id;
    auto& sandbox = table_.at(id);
    std::optional<Error> wrong;
    if (ports_.dice.falls(ways_.failed_creates)) {
        ++counts_.failed;
        wrong = Error{ErrorCode::unavailable, "failed by the dice", "host_busy"};
    } else if (command.from_snapshot && !checkpoints_.contains(*command.from_snapshot)) {
        wrong = Error{ErrorCode::not_found, "its checkpoint went meanwhile", "unknown_snapshot"};
    }
    if (wrong) {
        table_.erase(id);
        fail(op, std::move(*wrong).during("create " + id.str()));
        return leave_lane(id);
    }
    sandbox.is_made = true;
    ++counts_.creates;
    const auto made =
        std::chrono::duration_cast<microseconds>(ports_.clock.steady() - op->received);
    const Timings timings{{"define", made}};
    const bool loads = command.from_snapshot && checkpoints_.at(*command.from_snapshot).has_memory;
    if (loads) {
        sandbox.phase = Phase::restoring;
        publish(sandbox);
        return later(ports_.dice.in(ways_.state), [this, op, id, timings] {
            up(op, table_.at(id), timings);
            leave_lane(id);
        });
    }
    if (command.start) {
        return boot(op, id, timings);
    }
    sandbox.phase = command.from_snapshot ? Phase::stopped : Phase::created;
    publish(sandbox);
    answer(op, status_of(sandbox, timings));
    leave_lane(id);
}

/// In its lane, which it leaves.
void Host::boot(const Op& op, const common::SandboxId& id, Timings timings)
{
    auto& sandbox = table_.at(id);
    sandbox.phase = Phase::starting;
    publish(sandbox);
    with_start_slot([this, op, id, timings = std::move(timings)] {
        const auto span = ports_.dice.in(ways_.boot);
        later(span, [this, op, id, timings, span] {
            ++counts_.boots;
            auto all = timings;
            all["agent"] = span;
            up(op, table_.at(id), all);
            release_start_slot();
            leave_lane(id);
        });
    });
}

void Host::up(const Op& op, Sandbox& sandbox, const Timings& timings)
{
    const auto* create = std::get_if<CreateCommand>(&op->command.what);
    sandbox.phase = create != nullptr && create->warm ? Phase::paused : Phase::running;
    answer(op, status_of(sandbox, timings));
    publish(sandbox);
}

void Host::become(const Op& op, Sandbox& sandbox, const Span& span, Phase phase)
{
    later(ports_.dice.in(span), [this, op, phase, id = sandbox.spec.id] {
        auto& now = table_.at(id);
        now.phase = phase;
        answer(op, status_of(now));
        publish(now);
        leave_lane(id);
    });
}

void Host::start(const Op& op, const common::SandboxId& id)
{
    in_lane_of(op, id, [this, op, id](Sandbox& sandbox) {
        switch (sandbox.phase) {
        case Phase::paused: return become(op, sandbox, ways_.wake, Phase::running);
        case Phase::suspended: return resume(op, sandbox);
        case Phase::created:
        case Phase::stopped:
        case Phase::error: return boot(op, id, {});
        case Phase::starting:
        case Phase::restoring:
        case Phase::stopping:
        case Phase::destroyed:
        case Phase::running: break;
        }
        answer(op, status_of(sandbox));
        leave_lane(id);
    });
}

void Host::stop(const Op& op, const common::SandboxId& id)
{
    in_lane_of(op, id, [this, op, id](Sandbox& sandbox) {
        if (sandbox.phase == Phase::created || sandbox.phase == Phase::stopped) {
            answer(op, status_of(sandbox));
            return leave_lane(id);
        }
        if (sandbox.phase != Phase::suspended) {
            sandbox.phase = Phase::stopping;
            publish(sandbox);
        }
        become(op, sandbox, ways_.stop, Phase::stopped);
    });
}

void Host::claim(const Op& op, const ClaimCommand& command)
{
    in_lane_of(op, command.id, [this, op, &command](Sandbox& sandbox) {
        if (sandbox.phase != Phase::paused && sandbox.phase != Phase::running) {
            fail(op,
                 {ErrorCode::failed_precondition,
                  "claim " + command.id.str() + ": it does not stand ready",
                  "not_running"});
            return leave_lane(command.id);
        }
        sandbox.spec.tenant = command.tenant;
        sandbox.spec.name = command.name;
        sandbox.digest = digest_of(sandbox.spec);
        become(op, sandbox, ways_.wake, Phase::running);
    });
}

/// Success if there is nothing of it. Whatever its generation: nothing comes after it.
void Host::destroy(const Op& op, const common::SandboxId& id)
{
    in_lane(id, [this, op, id] {
        if (find(id) == nullptr) {
            answer(op, {});
            return leave_lane(id);
        }
        later(ports_.dice.in(ways_.destroy), [this, op, id] {
            auto& sandbox = table_.at(id);
            sandbox.phase = Phase::destroyed;
            publish(sandbox);
            table_.erase(id);
            std::erase_if(checkpoints_,
                          [&id](const auto& entry) { return entry.second.spec.id == id; });
            ++counts_.destroyed;
            answer(op, {});
            leave_lane(id);
        });
    });
}

void Host::exec(const Op& op, const ExecCommand& command)
{
    auto* sandbox = find(command.id);
    if (sandbox == nullptr || sandbox->phase != Phase::running) {
        return fail(op,
                    {sandbox == nullptr ? ErrorCode::not_found : ErrorCode::failed_precondition,
                     "run a command in " + command.id.str() + ": it does not run here",
                     "not_running"});
    }
    if (command.exec.live || !command.exec.call.empty()) {
        return fail(op,
                    {ErrorCode::unimplemented,
                     "this host is simulated: there is nothing in its sandboxes to look at",
                     "simulated"});
    }
    if (command.exec.resumed) {
        return fail(op, {ErrorCode::timeout, "nobody knows of this command", "outcome_unknown"});
    }
    const auto span = ports_.dice.in(ways_.exec);
    later(span, [this, op, span] {
        ++counts_.execs;
        ExecOutcome outcome;
        outcome.stdout_bytes = "simulated\n";
        outcome.exit_code = ports_.dice.falls(ways_.failed_execs) ? 1 : 0;
        outcome.ended_at = ports_.clock.wall();
        outcome.started_at = outcome.ended_at - span;
        outcome.in_guest = span;
        answer(op, std::move(outcome));
    });
}

void Host::read(const Op& op, const common::SandboxId& id)
{
    const auto* sandbox = find(id);
    if (sandbox == nullptr) {
        return fail(op, {ErrorCode::not_found, "this host has no sandbox " + id.str()});
    }
    Reading reading;
    reading.running = sandbox->phase == Phase::running || sandbox->phase == Phase::paused;
    reading.memory = reading.running ? sandbox->spec.memory : common::Bytes{};
    reading.disk = common::Bytes::mib(1);
    reading.console = "simulated\n";
    answer(op, std::move(reading));
}

} // namespace hostd::simulated
