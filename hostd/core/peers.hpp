#pragma once

#include "common/result.hpp"
#include "hostd/core/blob.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace hostd {

/// Another host that gives the files of its images.
struct PeerRef {
    std::string endpoint; ///< tcp://ADDRESS:PORT
    std::string key;      ///< Its public key, Z85: nobody else is spoken to.

    friend bool operator==(const PeerRef&, const PeerRef&) = default;
};

/// What hosts give each other, with no coordinator in between: the files of registered images.
/// Any thread.
class Peers {
public:
    /// Takes the file from where it was asked for. Its error ends the fetch.
    using Sink = std::function<common::Result<>(std::string_view)>;

    virtual ~Peers() = default;

    /// Whoever has this key (Z85) may fetch the files of that image, until it has not asked for an
    /// hour. Returns at once.
    virtual void allow(const common::ImageId& registration, const std::string& key) = 0;

    /// Blocks until the sink has all of the file from byte `from` on. What it holds then is not
    /// looked at. The sink's error, or `unavailable` (peer_silent, peer_refused, host_ending).
    virtual common::Result<> fetch(const PeerRef& peer,
                                   const common::ImageId& registration,
                                   const BlobRef& blob,
                                   std::uint64_t from,
                                   const Sink& sink) = 0;

    /// Ends what is under way, and what would begin.
    virtual void stop() = 0;
};

} // namespace hostd
