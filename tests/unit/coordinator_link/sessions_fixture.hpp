#pragma once

#include "coordinator/link/sessions.hpp"

#include <boost/test/unit_test.hpp>
#include <set>

namespace coordinator::link {

using common::HostName;
using Texts = std::vector<std::string>;

inline const std::string sandbox = "sbx-aaaaaaaaaaaaaaaa";
inline const std::string operation = "op-aaaaaaaaaaaaaaaa";

/// The protocol with hosts that are played by the test: what it sends and reports.
struct SessionsFixture {
    struct Sent {
        std::string to;
        proto::Envelope envelope;
    };
    SessionsFixture()
        : sessions{{3, std::chrono::milliseconds{700}},
                   {[this](const std::string& to, const std::string& bytes) {
                        if (deaf.contains(to)) {
                            return false;
                        }
                        sent.push_back({to, *proto::decode_envelope(bytes)});
                        return true;
                    },
                    [this](HostEvent event) {
                        if (const auto* connected = std::get_if<HostConnected>(&event)) {
                            BOOST_TEST(presence.has(connected->host)); // It may be sent to now.
                        }
                        events.push_back(std::move(event));
                    },
                    [this](std::uint64_t later) { later_epochs.push_back(later); }},
                   presence}
    {
        enrol({"h1", "h2"});
    }
    static std::string key_of(const std::string& host) { return "the key of " + host; }
    void enrol(const Texts& hosts)
    {
        EnrolledKeys keys;
        for (const auto& host : hosts) {
            keys[key_of(host)] = HostName{host};
        }
        sessions.enrolled(std::make_shared<EnrolledKeys>(std::move(keys)));
    }
    [[nodiscard]] bool present(const std::string& host) const
    {
        return presence.has(HostName{host});
    }
    static HostCommand destroy()
    {
        HostCommand command;
        command.operation = common::OperationId{operation};
        command.request = common::RequestId{"req-1"};
        command.generation = 4;
        command.what = DestroyOnHost{common::SandboxId{sandbox}};
        return command;
    }
    template <typename Message>
    void receive(const std::string& host,
                 const std::string& from,
                 const Message& message,
                 const std::string& about = {},
                 std::uint64_t epoch = 0)
    {
        proto::Envelope envelope;
        envelope.epoch = epoch;
        envelope.kind = Message::kind;
        envelope.operation_id = about;
        envelope.body = proto::encode_body(message);
        sessions.receive(key_of(host), from, proto::encode(envelope));
    }
    void receive_body(std::string_view kind, const std::string& body)
    {
        proto::Envelope envelope;
        envelope.kind = kind;
        envelope.operation_id = operation;
        envelope.body = body;
        sessions.receive(key_of("h1"), "r1", proto::encode(envelope));
    }
    static proto::Hello hello(const std::string& instance = "i1")
    {
        proto::Hello message;
        message.version_min = proto::protocol_min;
        message.version_max = proto::protocol_max;
        message.instance = instance;
        message.facts.hostname = "what it says";
        message.facts.capacity_vcpus = 4;
        return message;
    }
    void welcome(const std::string& host = "h1",
                 const std::string& from = "r1",
                 const std::string& instance = "i1")
    {
        receive(host, from, hello(instance));
        BOOST_REQUIRE(!sent.empty());
        BOOST_REQUIRE(sent.back().envelope.kind == proto::Welcome::kind);
    }
    template <typename Event>
    Event event()
    {
        BOOST_REQUIRE(!events.empty());
        BOOST_REQUIRE(std::holds_alternative<Event>(events.back()));
        return std::get<Event>(events.back());
    }
    [[nodiscard]] std::string last_refusal() const
    {
        const auto& last = sent.back().envelope;
        return last.kind == proto::Refused::kind
                   ? proto::decode_body<proto::Refused>(last.body)->reason
                   : last.kind;
    }
    static proto::SandboxReport report(const std::string& id = sandbox,
                                       const std::string& phase = "running")
    {
        proto::SandboxReport one;
        one.id = id;
        one.phase = phase;
        return one;
    }

    std::vector<Sent> sent;
    std::vector<HostEvent> events;
    std::vector<std::uint64_t> later_epochs;
    std::set<std::string> deaf; ///< Connections that nothing reaches.
    Presence presence;
    Sessions sessions;
};

} // namespace coordinator::link
