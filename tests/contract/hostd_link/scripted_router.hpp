#pragma once

#include "hostd/link/keys.hpp"
#include "proto/envelope.hpp"
#include "proto/wire_messages.hpp"

#include <stdexcept>
#include <zmq.hpp>

namespace tests {

/// The coordinator's end, driven line by line by a test: a ROUTER with CURVE on
/// loopback, at a port that the system picks.
class ScriptedRouter {
public:
    explicit ScriptedRouter(const hostd::link::KeyPair& keys,
                            const std::string& endpoint = "tcp://127.0.0.1:*")
        : socket_{context_, zmq::socket_type::router}
    {
        socket_.set(zmq::sockopt::linger, 0);
        socket_.set(zmq::sockopt::curve_server, true);
        socket_.set(zmq::sockopt::curve_secretkey, keys.secret_key);
        socket_.set(zmq::sockopt::rcvtimeo, 20000);
        socket_.bind(endpoint);
    }
    [[nodiscard]] std::string endpoint() const { return socket_.get(zmq::sockopt::last_endpoint); }

    /// The next message, which must be of this kind; heartbeats are skipped.
    proto::Envelope expect(std::string_view kind)
    {
        for (;;) {
            auto envelope = next();
            if (envelope.kind == kind) {
                return envelope;
            }
            if (envelope.kind != proto::Heartbeat::kind) {
                throw std::runtime_error{"expected " + std::string{kind} + ", got " +
                                         envelope.kind};
            }
        }
    }
    proto::Envelope next()
    {
        zmq::message_t body;
        if (!socket_.recv(peer_) || !socket_.recv(body)) {
            throw std::runtime_error{"the host said nothing in time"};
        }
        return *proto::decode_envelope(body.to_string_view());
    }
    template <typename Message>
    void send(const Message& message, const std::string& operation = {}, std::uint64_t epoch = 1)
    {
        proto::Envelope envelope;
        envelope.kind = Message::kind;
        envelope.operation_id = operation;
        envelope.request_id = "req-1";
        envelope.generation = 1;
        envelope.epoch = epoch;
        envelope.body = proto::encode_body(message);
        zmq::message_t to;
        to.copy(peer_);
        socket_.send(to, zmq::send_flags::sndmore);
        socket_.send(zmq::buffer(proto::encode(envelope)), zmq::send_flags::none);
    }
    /// Takes the hello and welcomes the host.
    proto::Hello welcome(std::uint64_t epoch = 1)
    {
        const auto hello = proto::decode_body<proto::Hello>(expect(proto::Hello::kind).body);
        proto::Welcome message;
        message.version = proto::protocol_max;
        message.coordinator = "test";
        message.host_name = "h1";
        message.heartbeat_interval_ms = 100;
        send(message, {}, epoch);
        return *hello;
    }
    /// Takes what a host asks that is connected elsewhere, and refuses it as a coordinator does.
    void refuse_question(std::uint64_t epoch)
    {
        if (const auto asked = next(); asked.kind != proto::Heartbeat::kind) {
            throw std::runtime_error{"expected a question, got " + asked.kind};
        }
        send(proto::Refused{"displaced", "no hello", 1, 1}, {}, epoch);
    }

private:
    zmq::context_t context_{1};
    zmq::socket_t socket_;
    zmq::message_t peer_;
};

} // namespace tests
