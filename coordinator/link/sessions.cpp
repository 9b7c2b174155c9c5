#include "coordinator/link/sessions.hpp"

#include "common/log/log.hpp"
#include "coordinator/link/wire.hpp"

#include <fmt/format.h>

namespace coordinator::link {

namespace {

constexpr std::string_view not_enrolled = "not_enrolled";

} // namespace

Sessions::Sessions(Settings settings, Ways ways, Presence& presence)
    : settings_{settings},
      ways_{std::move(ways)},
      presence_{presence},
      instance_{"run-" + common::random_base32_80()}
{}

template <typename Message>
bool Sessions::say(const std::string& routing_id, const Message& message)
{
    proto::Envelope envelope;
    envelope.kind = Message::kind;
    envelope.epoch = settings_.epoch;
    envelope.body = proto::encode_body(message);
    return ways_.send(routing_id, proto::encode(envelope));
}

void Sessions::refuse(const std::string& routing_id, std::string_view reason, std::string why)
{
    // Whoever does not get it has no session all the same.
    static_cast<void>(
        say(routing_id,
            proto::Refused{
                std::string{reason}, std::move(why), proto::protocol_min, proto::protocol_max}));
}

void Sessions::lose(const common::HostName& host, std::string_view why)
{
    spdlog::warn("the session of host {} ends: {}", host.str(), why);
    presence_.remove(host);
    connections_.erase(host);
}

void Sessions::enrolled(std::shared_ptr<const EnrolledKeys> keys)
{
    if (keys == keys_) {
        return;
    }
    keys_ = std::move(keys);
    std::vector<common::HostName> dismissed;
    for (const auto& [host, connection] : connections_) {
        const auto known = keys_->find(connection.key);
        if (known == keys_->end() || known->second != host) {
            dismissed.push_back(host);
        }
    }
    for (const auto& host : dismissed) {
        const auto routing_id = connections_.at(host).routing_id;
        lose(host, "its key is not enrolled for it any more");
        refuse(routing_id,
               not_enrolled,
               "this key is not enrolled for host " + host.str() + " any more");
    }
}

void Sessions::receive(const std::string& key,
                       const std::string& routing_id,
                       std::string_view bytes)
{
    const auto enrolled = keys_->find(key);
    if (enrolled == keys_->end()) {
        return refuse(routing_id, not_enrolled, "this key is not enrolled");
    }
    const auto& host = enrolled->second;
    const auto envelope = proto::decode_envelope(bytes);
    if (!envelope) {
        spdlog::warn("ignoring a message from host {}: {}", host.str(), envelope.error().message);
        return;
    }
    if (envelope->epoch > settings_.epoch && ways_.later_epoch) {
        ways_.later_epoch(envelope->epoch);
    }
    if (envelope->kind == proto::Hello::kind) {
        return hello(host, {routing_id, {}, key}, *envelope);
    }
    const auto known = connections_.find(host);
    if (known == connections_.end() || known->second.routing_id != routing_id) {
        // It speaks over a connection that was displaced, or has missed our restart.
        return refuse(routing_id,
                      "displaced",
                      "this connection has not said hello, or another one took its place");
    }
    take(host, known->second, *envelope);
}

void Sessions::hello(const common::HostName& host,
                     const Connection& from,
                     const proto::Envelope& envelope)
{
    const auto wire = proto::decode_body<proto::Hello>(envelope.body);
    if (!wire) {
        spdlog::warn("refusing host {}: {}", host.str(), wire.error().message);
        return refuse(
            from.routing_id, "version", "the hello cannot be read: " + wire.error().message);
    }
    const auto version = proto::agree_on_version(wire->version_min, wire->version_max);
    if (!version) {
        spdlog::warn("refusing host {}: {}", host.str(), version.error().message);
        return refuse(from.routing_id, "version", version.error().message);
    }
    const auto before = connections_.find(host);
    if (before != connections_.end() && before->second.routing_id != from.routing_id) {
        refuse(
            before->second.routing_id, "displaced", "host " + host.str() + " has connected again");
        if (before->second.instance != wire->instance) {
            ways_.event(HostDisplaced{host});
        }
    }
    connections_[host] = {from.routing_id, wire->instance, from.key};
    if (!say(from.routing_id,
             proto::Welcome{*version,
                            instance_,
                            host.str(),
                            static_cast<std::uint32_t>(settings_.heartbeat.count())})) {
        return lose(host, "its welcome could not be sent");
    }
    presence_.add(host);
    auto facts = facts_of(wire->facts);
    facts.key = from.key;
    ways_.event(HostConnected{host, wire->instance, std::move(facts)});
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
            auto facts = facts_of(beat->facts);
            facts.key = connection.key;
            return ways_.event(HostBeat{host, std::move(facts), connection.instance, beat->seq});
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
        auto inventory = inventory_of(host, *wire);
        return inventory ? ways_.event(*std::move(inventory))
                         : complain("an inventory", inventory.error());
    }
    if (envelope.kind == proto::Activity::kind) {
        const auto wire = proto::decode_body<proto::Activity>(envelope.body);
        if (!wire) {
            return complain("who is in use", wire.error());
        }
        auto activity = activity_of(host, *wire);
        return activity ? ways_.event(*std::move(activity))
                        : complain("who is in use", activity.error());
    }
    if (envelope.kind == proto::ReaderNews::kind) {
        const auto wire = proto::decode_body<proto::ReaderNews>(envelope.body);
        if (!wire) {
            return complain("what a command wrote", wire.error());
        }
        auto news = reader_news_of(host, *wire);
        return news ? ways_.event(*std::move(news))
                    : complain("what a command wrote", news.error());
    }
    if (envelope.kind == proto::WantPiece::kind) {
        const auto wire = proto::decode_body<proto::WantPiece>(envelope.body);
        if (!wire) {
            return complain("a wish for a piece of a file", wire.error());
        }
        auto wish = wish_of(host, *wire);
        return wish ? ways_.event(*std::move(wish))
                    : complain("a wish for a piece of a file", wish.error());
    }
    if (envelope.kind == proto::Piece::kind) {
        auto wire = proto::decode_body<proto::Piece>(envelope.body);
        if (!wire) {
            return complain("a piece of a file", wire.error());
        }
        auto piece = piece_of(host, *std::move(wire));
        return piece ? ways_.event(*std::move(piece))
                     : complain("a piece of a file", piece.error());
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
    const auto found = connections_.find(host);
    if (found != connections_.end() &&
        !ways_.send(found->second.routing_id, proto::encode(to_wire(command, settings_.epoch)))) {
        lose(host, "a command could not be sent");
    }
}

void Sessions::acknowledge(const common::HostName& host,
                           const std::string& instance,
                           std::uint64_t seq)
{
    if (const auto found = connections_.find(host);
        found != connections_.end() && found->second.instance == instance &&
        !say(found->second.routing_id, proto::StatusAck{instance, seq})) {
        lose(host, "an acknowledgement could not be sent");
    }
}

void Sessions::request_sync(const common::HostName& host)
{
    if (const auto found = connections_.find(host);
        found != connections_.end() && !say(found->second.routing_id, proto::SyncRequest{})) {
        lose(host, "a request could not be sent");
    }
}

} // namespace coordinator::link
