#pragma once

#include "hostd/core/peers.hpp"
#include "hostd/peers/peer_server.hpp"

#include <memory>

namespace zmq {
class context_t;
}

namespace hostd::peers {

/// Peers over ZeroMQ: each fetch has a connection of its own, on which it asks for several pieces
/// at once. CURVE with the host's own key, and with the other one's pinned.
class ZmqPeers final : public Peers {
public:
    struct Settings {
        common::curve::KeyPair keys;
        std::uint32_t piece = 256U << 10U; ///< Bytes.
        std::size_t window = 8;            ///< Pieces that are asked for and not taken yet.
        std::chrono::milliseconds ask_again{2000};
        std::chrono::milliseconds patience{10'000}; ///< For the next piece.
    };
    /// `server`: what this host gives; it may be null.
    ZmqPeers(Settings settings, PeerServer* server);
    ~ZmqPeers() override;

    void allow(const common::ImageId& registration, const std::string& key) override;
    common::Result<> fetch(const PeerRef& peer,
                           const common::ImageId& registration,
                           const BlobRef& blob,
                           std::uint64_t from,
                           const Sink& sink) override;
    void stop() override { stopping_ = true; }

private:
    const Settings settings_;
    PeerServer* server_;
    std::unique_ptr<zmq::context_t> context_;
    std::atomic<bool> stopping_{false};
};

} // namespace hostd::peers
