#pragma once

#include "hostd/link/link_settings.hpp"

#include <zmq.hpp>

namespace hostd::link {

/// One attempt at the coordinator: a DEALER with CURVE, the coordinator's key pinned, and what
/// ZeroMQ tells about it. Never used again once it is lost, so that nothing stale is ever sent
/// before the hello. One thread. Throws zmq::error_t.
struct Connection {
    enum class Event {
        none,
        established, ///< Both have proven their keys.
        lost,
        refused ///< This host's key is not known there, or it is another coordinator.
    };

    zmq::socket_t dealer;
    zmq::socket_t monitor;

    /// `number` tells the connections of one context apart.
    Connection(zmq::context_t& context,
               const LinkSettings& settings,
               const KeyPair& keys,
               const std::string& endpoint,
               std::uint64_t number = 0);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// What has happened to it since it was asked last; `none` when that was all.
    Event event();
    /// False: a peer that reads nothing. The ZMTP heartbeat ends it.
    bool send(const std::string& bytes);
};

} // namespace hostd::link
