#include "hostd/link/session.hpp"

#include "common/log/log.hpp"
#include "hostd/link/wire.hpp"
#include "hostd/link/wire_images.hpp"
#include "hostd/link/wire_moves.hpp"
#include "hostd/link/wire_reading.hpp"
#include "proto/wire_fencing.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace hostd::link {

using common::Error;
using common::ErrorCode;

namespace {

/// Who reads the log follows a request by what changes a sandbox's life. What is done in one is
/// too much for it: the coordinator's audit has that.
spdlog::level::level_enum level_of(std::string_view kind)
{
    constexpr std::array lives{proto::CreateSandbox::kind,
                               proto::ClaimSandbox::kind,
                               proto::StartSandbox::kind,
                               proto::StopSandbox::kind,
                               proto::PauseSandbox::kind,
                               proto::SuspendSandbox::kind,
                               proto::TakeSnapshot::kind,
                               proto::RestoreSnapshot::kind,
                               proto::DeleteSnapshot::kind,
                               proto::OfferSnapshot::kind,
                               proto::FetchSnapshot::kind,
                               proto::MakeImage::kind,
                               proto::AddImage::kind,
                               proto::ImportVm::kind,
                               proto::RemoveImage::kind,
                               proto::DestroySandbox::kind};
    const bool is_of_life = std::ranges::find(lives, kind) != lives.end();
    return is_of_life ? spdlog::level::info : spdlog::level::debug;
}

/// ": sbx-…", if it is about one.
std::string of_sandbox(const Command& command)
{
    return std::visit(
        [](const auto& what) -> std::string {
            if constexpr (requires { common::SandboxId{what.id}; }) {
                return ": " + what.id.str();
            } else if constexpr (requires { what.spec.id.str(); }) {
                return ": " + what.spec.id.str();
            } else {
                return "";
            }
        },
        command.what);
}

} // namespace

Session::Session(SessionSettings settings, const common::Clock& clock, Ways ways)
    : settings_{settings},
      clock_{clock},
      ways_{std::move(ways)},
      instance_{"run-" + common::random_base32_80()},
      heartbeat_{settings.heartbeat},
      statuses_{settings.statuses_kept}
{}

template <typename Message>
void Session::send(const Message& message, const std::string& operation, const std::string& request)
{
    proto::Envelope envelope;
    envelope.kind = Message::kind;
    envelope.operation_id = operation;
    envelope.request_id = request;
    envelope.epoch = highest_epoch_;
    envelope.body = proto::encode_body(message);
    ways_.send(proto::encode(envelope));
}

std::string Session::question() const
{
    proto::Envelope envelope;
    envelope.kind = proto::Heartbeat::kind;
    envelope.epoch = highest_epoch_;
    envelope.body = proto::encode_body(proto::Heartbeat{beats_, to_wire(ways_.report())});
    return proto::encode(envelope);
}

void Session::connected()
{
    end_readers(); // Of a connection that was refused.
    state_ = State::greeting;
    beats_sent_.clear();
    given_up_ = false;
    due_ = clock_.steady() + settings_.hello_timeout;
    proto::Hello hello;
    hello.version_min = proto::protocol_min;
    hello.version_max = proto::protocol_max;
    hello.instance = instance_;
    hello.facts = to_wire(ways_.report());
    send(hello);
}

void Session::disconnected()
{
    if (state_ == State::welcomed) {
        spdlog::warn("the coordinator's connection is lost; sandboxes run on");
    }
    state_ = State::disconnected;
    given_up_ = false;
    end_readers();
}

/// Nobody is to wait for a reader whose connection is gone.
void Session::end_readers()
{
    if (std::exchange(may_have_readers_, false)) {
        ways_.command({{}, {}, 0, CloseReadersCommand{}});
    }
}

void Session::give_up(const std::string& why)
{
    if (why != last_refusal_) {
        spdlog::warn("{}; trying again", why);
        last_refusal_ = why;
    }
    state_ = State::disconnected;
    given_up_ = true;
}

common::SteadyTime Session::on_time(common::SteadyTime now)
{
    if (state_ == State::disconnected) {
        return now + settings_.hello_timeout;
    }
    if (now < due_) {
        return due_;
    }
    if (state_ == State::greeting) {
        give_up("the coordinator did not answer this host's hello");
        return now;
    }
    beat();
    return due_ = now + heartbeat_;
}

void Session::beat()
{
    constexpr std::size_t most = 64; // A leader that acknowledges none has lost its database.
    beats_sent_.emplace(++beats_, ways_.time());
    if (beats_sent_.size() > most) {
        beats_sent_.erase(beats_sent_.begin());
    }
    send(proto::Heartbeat{beats_, to_wire(ways_.report())});
}

/// And with it all before it.
void Session::beat_heard(std::uint64_t seq)
{
    const auto found = beats_sent_.find(seq);
    if (found == beats_sent_.end()) {
        return;
    }
    const auto sent = found->second;
    beats_sent_.erase(beats_sent_.begin(), std::next(found));
    ways_.command({{}, {}, 0, HeardCommand{sent}});
}

void Session::receive(std::string_view bytes)
{
    const auto envelope = proto::decode_envelope(bytes);
    if (!envelope) {
        spdlog::warn("ignoring a message from the coordinator: {}", envelope.error().message);
        return;
    }
    const auto& kind = envelope->kind;
    if (kind == proto::Refused::kind) {
        return refuse(*envelope);
    }
    if (envelope->epoch < highest_epoch_) {
        const auto why = fmt::format(
            "a coordinator of epoch {} speaks, epoch {} is known", envelope->epoch, highest_epoch_);
        if (kind == proto::Welcome::kind) {
            return give_up(why);
        }
        spdlog::warn("refusing '{}': {}", kind, why);
        if (!envelope->operation_id.empty()) {
            send_answer({common::OperationId{envelope->operation_id},
                         common::RequestId{envelope->request_id},
                         {},
                         Error{ErrorCode::failed_precondition, why, "stale_epoch"},
                         {}});
        }
        return;
    }
    highest_epoch_ = envelope->epoch;
    if (kind == proto::Welcome::kind) {
        return welcome(*envelope);
    }
    if (kind == proto::StatusAck::kind) {
        const auto ack = proto::decode_body<proto::StatusAck>(envelope->body);
        if (ack && ack->instance == instance_) {
            statuses_.acknowledge(ack->seq);
        }
        return;
    }
    if (kind == proto::HeartbeatAck::kind) {
        const auto ack = proto::decode_body<proto::HeartbeatAck>(envelope->body);
        return ack && ack->instance == instance_ ? beat_heard(ack->seq) : void();
    }
    take_command(*envelope);
}

void Session::welcome(const proto::Envelope& envelope)
{
    const auto wire = proto::decode_body<proto::Welcome>(envelope.body);
    if (!wire) {
        return give_up("the coordinator's welcome is damaged: " + wire.error().message);
    }
    if (wire->version < proto::protocol_min || wire->version > proto::protocol_max) {
        return give_up(fmt::format("the coordinator chose protocol {}, this host speaks {} to {}",
                                   wire->version,
                                   proto::protocol_min,
                                   proto::protocol_max));
    }
    constexpr std::uint32_t shortest_ms = 100;
    constexpr std::uint32_t longest_ms = 60000;
    if (wire->heartbeat_interval_ms != 0) {
        heartbeat_ = std::chrono::milliseconds{
            std::clamp(wire->heartbeat_interval_ms, shortest_ms, longest_ms)};
    }
    spdlog::info("welcomed by coordinator {} as host {}", wire->coordinator, wire->host_name);
    state_ = State::welcomed;
    may_have_readers_ = true;
    last_refusal_.clear();
    due_ = clock_.steady() + heartbeat_;
    // First what happened, in its order; then the inventory, which is later than all of it.
    for (const auto& entry : statuses_.unacknowledged()) {
        send(proto::Status{instance_, entry.seq, to_wire(entry.status)});
    }
    for (const auto& answer : std::exchange(answers_, {})) {
        send_answer(answer);
    }
    ways_.command({{}, {}, 0, SyncCommand{}});
}

void Session::refuse(const proto::Envelope& envelope)
{
    const auto wire = proto::decode_body<proto::Refused>(envelope.body);
    if (wire) {
        give_up(
            fmt::format("the coordinator refuses this host ({}): {}", wire->reason, wire->message));
    } else {
        give_up("the coordinator refuses this host");
    }
}

void Session::take_command(const proto::Envelope& envelope)
{
    auto command = command_of(envelope);
    if (command) {
        spdlog::log(level_of(envelope.kind),
                    "'{}' for request {}, as {}{}",
                    envelope.kind,
                    envelope.request_id,
                    envelope.operation_id,
                    of_sandbox(*command));
        return ways_.command(*std::move(command));
    }
    spdlog::warn("refusing '{}': {}", envelope.kind, command.error().message);
    if (!envelope.operation_id.empty()) {
        send_answer({common::OperationId{envelope.operation_id},
                     common::RequestId{envelope.request_id},
                     {},
                     std::move(command).error(),
                     {}});
    }
}

void Session::push(Outgoing item)
{
    if (auto* status = std::get_if<SandboxStatus>(&item); status != nullptr) {
        const auto& entry = statuses_.add(std::move(*status));
        if (state_ == State::welcomed) {
            send(proto::Status{instance_, entry.seq, to_wire(entry.status)});
        }
    } else if (auto* answer = std::get_if<Answer>(&item); answer != nullptr) {
        if (state_ == State::welcomed) {
            return send_answer(*answer);
        }
        answers_.push_back(std::move(*answer));
        if (answers_.size() > settings_.answers_kept) {
            answers_.pop_front(); // Its command is sent again: the core or the agent knows.
        }
    } else if (state_ != State::welcomed) {
        return; // An inventory follows the welcome, and who goes on being used is told of again.
    } else if (const auto* all = std::get_if<Everything>(&item); all != nullptr) {
        send_inventory(*all);
    } else if (const auto* news = std::get_if<ReaderNews>(&item); news != nullptr) {
        send(to_wire(*news));
    } else if (const auto* wish = std::get_if<PieceWish>(&item); wish != nullptr) {
        send(to_wire(*wish));
    } else if (auto* piece = std::get_if<Piece>(&item); piece != nullptr) {
        send(to_wire(std::move(*piece)));
    } else {
        send(to_wire(std::get<Active>(item).sandboxes));
    }
}

void Session::send_inventory(const Everything& all)
{
    proto::Inventory inventory{instance_, {}, {}};
    for (const auto& one : all.sandboxes) {
        inventory.sandboxes.push_back(to_wire(one));
    }
    for (const auto& one : all.checkpoints) {
        inventory.checkpoints.push_back(to_wire(one));
    }
    send(inventory);
}

void Session::send_answer(const Answer& answer)
{
    send(to_wire(answer), answer.operation.str(), answer.request.str());
}

} // namespace hostd::link
