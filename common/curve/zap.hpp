#pragma once

#include <functional>
#include <memory>
#include <string>

namespace zmq {
class context_t;
}

namespace common::curve {

/// The authenticator that libzmq asks about each new connection (ZeroMQ RFC 27): a CURVE
/// key that is admitted gets in, and is the User-Id of every message that comes over the
/// connection. One per context; its thread ends with the object. Stands before the first socket
/// listens.
class Zap {
public:
    /// Of a public key (Z85). On the authenticator's thread; must return soon.
    using Admits = std::function<bool(const std::string& key)>;

    Zap(zmq::context_t& context, Admits admits);
    ~Zap();
    Zap(const Zap&) = delete;
    Zap& operator=(const Zap&) = delete;

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

} // namespace common::curve
