#include "hostd/guest/channel.hpp"

#include "hostd/guest/guest_words.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace hostd::guest {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

Error outcome_unknown(std::string why)
{
    return {
        ErrorCode::timeout, "outcome of the command unknown: " + std::move(why), "outcome_unknown"};
}

} // namespace

Channel::Channel(common::SandboxId id,
                 std::filesystem::path socket,
                 GuestIdentity identity,
                 const common::Clock& clock,
                 const ChannelLimits& limits,
                 const Guests::Observer& observer,
                 const Guests::ReaderObserver& readers)
    : id_{std::move(id)},
      socket_{std::move(socket)},
      identity_{std::move(identity)},
      clock_{clock},
      limits_{limits},
      observer_{observer},
      readers_{readers},
      due_{clock.steady()}
{}

common::SteadyTime Channel::on_time(common::SteadyTime now)
{
    if (paused_) {
        return common::SteadyTime::max();
    }
    on_freeze_time(now);
    forget_ended(now);
    if (state_ == State::waiting && now >= due_) {
        connect(now);
    } else if (state_ == State::syncing && now >= due_) {
        close("no echo"); // The guest is still booting, or has no agent.
    } else if (state_ == State::greeting && now >= due_) {
        violation("an echo but no hello");
    } else if (state_ == State::becoming && now >= due_) {
        close("it did not become who it is to be");
    } else if (state_ == State::ready) {
        if (now - heard_ >= limits_.silence_limit) {
            close("no sign of life");
        } else if (now - std::max(heard_, pinged_) >= limits_.ping_interval) {
            pinged_ = now;
            send(0, proto::GuestPing{});
        }
    }
    auto next = due_;
    if (state_ == State::ready) {
        next = std::min(heard_ + limits_.silence_limit,
                        std::max(heard_, pinged_) + limits_.ping_interval);
    }
    switch (motion_) {
    case Motion::running: return std::min(next, on_run_time(now));
    case Motion::freezing: return std::min(next, freeze_due_);
    case Motion::frozen: return next; // No time passes for its commands.
    }
    return next;
}

common::SteadyTime Channel::on_run_time(common::SteadyTime now)
{
    auto next = common::SteadyTime::max();
    for (auto& [operation, run] : runs_) {
        auto* const live = run.exec.live();
        if (live != nullptr && run.deadline && ready() && live->holds_up()) {
            run.deadline = std::max(*run.deadline, now + limits_.exec_grace); // A reader is slow.
        }
        if (run.deadline && now >= *run.deadline) {
            // The agent may still know: a repeat of the operation attaches to it again.
            run.deadline.reset();
            run.exec.complete(outcome_unknown("the guest did not answer in time"));
        }
        next = std::min({next, run.deadline.value_or(next), on_live_time(now, run)});
    }
    return next;
}

void Channel::exec(ExecSpec spec, Guests::Completion done)
{
    const bool timed = spec.timeout.count() > 0;
    const auto patience = limits_.exec_grace + (timed ? spec.timeout : limits_.exec_longest);
    const auto deadline =
        spec.live && !timed ? std::nullopt : std::optional{clock_.steady() + patience};
    if (const auto known = runs_.find(spec.operation); known != runs_.end()) {
        if (known->second.outcome) {
            return done(*known->second.outcome);
        }
        if (known->second.exec.waiting() >= limits_.joined) {
            return done(Error{ErrorCode::rate_limited, "too many wait for this command"});
        }
        known->second.exec.join(std::move(done));
        known->second.deadline = deadline;
        return;
    }
    if (!ready()) {
        return done(
            Error{ErrorCode::unavailable, "the guest's agent is not connected", "agent_not_ready"});
    }
    if (spec.live && !(spec.call.empty() ? knows_live_ : knows_calls_)) {
        return done(Error{ErrorCode::failed_precondition,
                          "the guest's agent is too old for this: make its image anew",
                          "agent_too_old"});
    }
    if (running() >= limits_.execs) {
        forget_unawaited();
    }
    if (running() >= limits_.execs) {
        return done(Error{ErrorCode::rate_limited,
                          fmt::format("{} commands run in this guest already", running()),
                          "guest_busy"});
    }
    const auto operation = spec.operation;
    const auto expected_until = clock_.steady() + patience_with_readers(spec);
    const bool is_call = !spec.call.empty();
    Run run{ExecRun{std::move(spec), boot_id_}, 0, deadline, expected_until};
    run.unwanted_at = is_call ? std::optional{expected_until} : std::nullopt; // Unless it is read.
    if (proto::encode_guest_body(run.exec.request()).size() > proto::max_exec_bytes) {
        return done(Error{ErrorCode::too_large,
                          fmt::format("command, arguments and environment exceed {} bytes",
                                      proto::max_exec_bytes)});
    }
    run.exec.join(std::move(done));
    auto& added = runs_.emplace(operation, std::move(run)).first->second;
    if (motion_ == Motion::running) {
        start(added);
        on_writable();
    }
}

void Channel::start(Run& run)
{
    run.started = false;
    run.stream = ++last_stream_;
    streams_[run.stream] = run.exec.spec().operation;
    send(run.stream, run.exec.begin(clock_.steady(), clock_.wall()));
    send_stdin(run);
}

void Channel::send_stdin(Run& run)
{
    while (out_.size() < limits_.write_bytes) {
        const auto piece = run.exec.next_stdin();
        if (!piece) {
            break;
        }
        send(run.stream, *piece);
    }
    serve_input(run);
}

void Channel::acknowledge(const common::OperationId& operation)
{
    if (const auto known = runs_.find(operation); known != runs_.end()) {
        known->second.acknowledged = known->second.outcome.has_value();
    }
    if (ready()) {
        send(0, proto::GuestExecAck{operation.str()});
        on_writable();
    }
}

void Channel::request_shutdown()
{
    if (ready()) {
        send(0, proto::GuestShutdown{});
        on_writable();
    }
}

void Channel::pause()
{
    give_up_freezing("it was paused");
    paused_ = paused_.value_or(clock_.steady());
}

void Channel::resume()
{
    if (!paused_) {
        return;
    }
    const auto away = clock_.steady() - *std::exchange(paused_, std::nullopt);
    for (auto* time : {&due_, &heard_, &pinged_}) {
        *time += away;
    }
    if (motion_ == Motion::running) {
        shift_runs(away); // Else go_on() does.
    }
    if (ready() || state_ == State::becoming) {
        send_identity(); // Its clock stood still.
        go_on();
        on_writable();
    }
}

void Channel::shift_runs(std::chrono::steady_clock::duration time)
{
    for (auto& [operation, run] : runs_) {
        if (run.deadline) {
            *run.deadline += time;
        }
    }
}

void Channel::abandon(std::optional<Error> why)
{
    close("detached");
    const auto error = why.value_or(outcome_unknown("the virtual machine is gone"));
    for (auto& [operation, run] : std::exchange(runs_, {})) {
        run.exec.complete(error);
        give_up_live(operation, run);
    }
}

Result<> Channel::take(const proto::GuestFrame& frame)
{
    if (state_ == State::greeting) {
        if (frame.kind != proto::GuestHello::kind || frame.stream != 0) {
            return Error{ErrorCode::invalid_argument, "another frame before the hello"};
        }
        COMMON_TRY(const auto hello, proto::decode_guest_body<proto::GuestHello>(frame.body));
        return take_hello(hello);
    }
    if (frame.stream == 0) {
        return take_of_channel(frame);
    }
    const auto stream = streams_.find(frame.stream);
    const auto run = stream == streams_.end() ? runs_.end() : runs_.find(stream->second);
    if (run == runs_.end()) {
        ++useless_;
        return {};
    }
    return take_of_run(frame, run);
}

Result<> Channel::take_of_channel(const proto::GuestFrame& frame)
{
    if (frame.kind == proto::GuestHello::kind) {
        return Error{ErrorCode::invalid_argument, "a second hello in one session"};
    }
    if (frame.kind == proto::GuestNet::kind) {
        COMMON_TRY(const auto net, proto::decode_guest_body<proto::GuestNet>(frame.body));
        return take_net(net);
    }
    if (frame.kind == proto::GuestBecame::kind) {
        COMMON_TRY(const auto became, proto::decode_guest_body<proto::GuestBecame>(frame.body));
        return take_became(became);
    }
    if (frame.kind == proto::GuestFrozen::kind) {
        COMMON_TRY(const auto frozen, proto::decode_guest_body<proto::GuestFrozen>(frame.body));
        take_frozen(frozen);
        return {};
    }
    ++useless_; // A pong says all it has to say by coming.
    return {};
}

Result<> Channel::take_hello(const proto::GuestHello& hello)
{
    if (hello.protocol != proto::guest_protocol) {
        return Error{ErrorCode::invalid_argument,
                     fmt::format("agent protocol {}, this host speaks {}",
                                 hello.protocol,
                                 proto::guest_protocol)};
    }
    boot_id_ = hello.boot_id;
    knows_live_ = hello.live;
    knows_calls_ = hello.calls;
    send_identity();
    const bool copy = !hello.identity.empty() && hello.identity != id_.str();
    if (copy || hello.frozen) {
        enter(State::becoming, limits_.become_timeout);
        on_writable();
    } else {
        be_ready();
    }
    return {};
}

void Channel::be_ready()
{
    const auto now = clock_.steady();
    enter(State::ready, limits_.silence_limit);
    ready_since_ = now;
    pinged_ = now;
    GuestEvent event;
    event.boot_id = printable(boot_id_, 64);
    emit(GuestEvent::Kind::ready, std::move(event));
    forget_unawaited();
    for (auto run = runs_.begin(); run != runs_.end();) {
        const auto current = run++;
        if (current->second.outcome) {
            continue;
        }
        if (current->second.exec.boot_id() != boot_id_) {
            finish(current, outcome_unknown("the guest rebooted while it ran"));
        } else {
            start(current->second); // Attaches: the agent knows the operation.
        }
    }
    on_writable();
}

Result<> Channel::take_net(const proto::GuestNet& net)
{
    auto addresses = ipv4_of(net);
    const auto now = clock_.steady();
    // While becoming it may still be those of the guest that it is a copy of.
    if (state_ == State::becoming || addresses == addresses_ ||
        now - addresses_at_ < limits_.addresses_interval) {
        ++useless_;
        return {};
    }
    addresses_ = addresses;
    addresses_at_ = now;
    GuestEvent event;
    event.addresses = std::move(addresses);
    emit(GuestEvent::Kind::addresses, std::move(event));
    return {};
}

Result<> Channel::take_of_run(const proto::GuestFrame& frame, Runs::iterator run)
{
    auto& exec = run->second.exec;
    if (frame.kind == proto::GuestOutput::kind) {
        COMMON_TRY(auto output, proto::decode_guest_body<proto::GuestOutput>(frame.body));
        if (output.data.empty()) {
            ++useless_;
        }
        const auto channel = exec.live() != nullptr ? std::string{"output"} : output.channel;
        COMMON_TRY(const auto grant, exec.take(std::move(output)));
        if (grant > 0) {
            send(frame.stream, proto::GuestCredit{channel, grant});
        }
        tell_readers(run->second);
    } else if (frame.kind == proto::GuestCredit::kind) {
        COMMON_TRY(const auto credit, proto::decode_guest_body<proto::GuestCredit>(frame.body));
        useless_ += credit.channel == "stdin" && credit.bytes > 0 ? 0 : 1;
        exec.grant_stdin(credit.channel == "stdin" ? credit.bytes : 0);
        send_stdin(run->second);
    } else if (frame.kind == proto::GuestExit::kind) {
        COMMON_TRY(const auto exit, proto::decode_guest_body<proto::GuestExit>(frame.body));
        COMMON_TRY(const auto outcome, exec.finish(exit, clock_.steady(), clock_.wall()));
        finish(run, outcome);
    } else if (frame.kind == proto::GuestExecError::kind) {
        COMMON_TRY(const auto error, proto::decode_guest_body<proto::GuestExecError>(frame.body));
        finish(run, error_of(error));
    } else if (frame.kind == proto::GuestStarted::kind && !run->second.started) {
        COMMON_TRY(const auto started, proto::decode_guest_body<proto::GuestStarted>(frame.body));
        return take_started(started, run->second);
    } else {
        ++useless_;
    }
    return {};
}

void Channel::finish(Runs::iterator run, const Result<ExecOutcome>& outcome)
{
    streams_.erase(run->second.stream);
    auto* live = run->second.exec.live();
    if (live == nullptr) {
        run->second.exec.complete(outcome);
        runs_.erase(run);
        return;
    }
    run->second.outcome = outcome;
    run->second.ended_at = clock_.steady();
    run->second.deadline.reset();
    live->set_ended();
    serve_input(run->second);
    tell_readers(run->second); // What it wrote, before how it ended.
    run->second.exec.complete(outcome);
}

void Channel::emit(GuestEvent::Kind kind, GuestEvent event)
{
    event.kind = kind;
    event.sandbox = id_;
    if (observer_) {
        observer_(event);
    }
}

} // namespace hostd::guest
