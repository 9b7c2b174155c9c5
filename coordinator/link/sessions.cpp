#include "coordinator/link/sessions.hpp"

#include "common/log/log.hpp"
#include "coordinator/link/wire.hpp"

#include <fmt/format.h>

namespace coordinator::link {

Sessions::Sessions(Settings settings, Ways ways)
    : settings_{settings}, ways_{std::move(ways)}, instance_{"run-" + common::random_base32_80()}
{}

template <typename Message>
void Sessions::say(const std::string& routing_id, const Message& message)
{
    proto::Envelope envelope;
    envelope.kind = Message::kind;
    envelope.epoch = settings_.epoch;
    envelope.body = proto::encode_body(message);
    ways_.send(routing_id, proto::encode(envelope));
}

void Sessions::receive(const common::HostName& host,
                       const std::string& routing_id,
                       std::string_view bytes)
{
    const auto envelope = proto::decode_envelope(bytes);
    if (!envelope) {
        spdlog::warn("ignoring a message from host {}: {}", host.str(), envelope.error().message);
        return;
    }
    if (envelope->kind == proto::Hello::kind) {
        return hello(host, routing_id, *envelope);
    }
    const auto known = connections_.find(host);
    if (known == connections_.end() || known->second.routing_id != routing_id) {
        // It speaks over a connection that was displaced, or has missed our restart.
        return say(routing_id,
                   proto::Refused{"displaced",
                                  "this connection has not said hello, or another one took its "
                                  "place",
                                  proto::protocol_min,
                                  proto::protocol_max});
    }
    take(host, known->second, *envelope);
}

void Sessions::hello(const common::HostName& host,
                     const std::string& routing_id,
                     const proto::Envelope& envelope)
{
    const auto wire = proto::decode_body<proto::Hello>(envelope.body);
    if (!wire) {
        spdlog::warn("refusing host {}: {}", host.str(), wire.error().message);
        return say(routing_id,
                   proto::Refused{"version",
                                  "the hello cannot be read: " + wire.error().message,
                                  proto::protocol_min,
                                  proto::protocol_max});
    }
    const auto version = proto::agree_on_version(wire->version_min, wire->version_max);
    if (!version) {
        spdlog::warn("refusing host {}: {}", host.str(), version.error().message);
        return say(
            routing_id,
            proto::Refused{
                "version", version.error().message, proto::protocol_min, proto::protocol_max});
    }
    const auto before = connections_.find(host);
    if (before != connections_.end() && before->second.routing_id != routing_id) {
        say(before->second.routing_id,
            proto::Refused{"displaced",
                           "host " + host.str() + " has connected again",
                           proto::protocol_min,
                           proto::protocol_max});
        if (before->second.instance != wire->instance) {
            ways_.event(HostDisplaced{host});
        }
    }
    connections_[host] = {routing_id, wire->instance};
    say(routing_id,
        proto::Welcome{*version,
                       instance_,
                       host.str(),
                       static_cast<std::uint32_t>(settings_.heartbeat.count())});
    ways_.event(HostConnected{host, wire->instance, facts_of(wire->facts)});
}

void Sessions::take(const common::HostName& host,
                    const Connection& connection,
                    const proto::Envelope& envelope)
{
    const auto complain = [&host](std::string_view what, const common::Error& error) {
        spdlog::warn("ignoring {} of host {}: {}", what, host.str(), error.message);
    };
    if (envelope.kind == proto::Heartbeat::kind) {
        if (const auto beat = proto::decode_body<proto::Heartbeat>(envelope.body); beat) {
            return ways_.event(HostBeat{host, facts_of(beat->facts)});
        } else {
            return complain("a heartbeat", beat.error());
        }
    }
    if (envelope.kind == proto::Status::kind) {
        const auto wire = proto::decode_body<proto::Status>(envelope.body);
        if (!wire) {
            return complain("a status", wire.error());
        }
        auto report = report_of(wire->sandbox);
        if (!report) {
            complain("a status", report.error());
            return acknowledge(host, wire->instance, wire->seq); // It would come again for ever.
        }
        return ways_.event(HostStatus{host, wire->instance, wire->seq, *std::move(report)});
    }
    if (envelope.kind == proto::Inventory::kind) {
        const auto wire = proto::decode_body<proto::Inventory>(envelope.body);
        if (!wire) {
            return complain("an inventory", wire.error());
        }
        HostInventory inventory{host, {}};
        for (const auto& one : wire->sandboxes) {
            auto report = report_of(one);
            if (!report) {
                return complain("an inventory", report.error()); // A part of it would mislead.
            }
            inventory.sandboxes.push_back(*std::move(report));
        }
        return ways_.event(std::move(inventory));
    }
    if (envelope.kind == proto::Reply::kind) {
        const auto wire = proto::decode_body<proto::Reply>(envelope.body);
        if (!wire) {
            return complain("an answer", wire.error());
        }
        auto answer = answer_of(host, envelope, *wire);
        return answer ? ways_.event(*std::move(answer)) : complain("an answer", answer.error());
    }
    spdlog::debug("host {} ({}) says '{}', which this version does not know",
                  host.str(),
                  connection.instance,
                  envelope.kind);
}

void Sessions::send(const common::HostName& host, const HostCommand& command)
{
    if (const auto found = connections_.find(host); found != connections_.end()) {
        ways_.send(found->second.routing_id, proto::encode(to_wire(command, settings_.epoch)));
    }
}

void Sessions::acknowledge(const common::HostName& host,
                           const std::string& instance,
                           std::uint64_t seq)
{
    if (const auto found = connections_.find(host);
        found != connections_.end() && found->second.instance == instance) {
        say(found->second.routing_id, proto::StatusAck{instance, seq});
    }
}

void Sessions::request_sync(const common::HostName& host)
{
    if (const auto found = connections_.find(host); found != connections_.end()) {
        say(found->second.routing_id, proto::SyncRequest{});
    }
}

} // namespace coordinator::link
