#pragma once

#include "coordinator/link/enrolment.hpp"

#include <memory>

namespace zmq {
class context_t;
}

namespace coordinator::link {

/// The authenticator that libzmq asks about each new connection (ZeroMQ RFC 27): a CURVE
/// key that is enrolled gets in, and is the User-Id of every message that comes over the
/// connection: whose it is, the enrolment says then. One per context; its thread ends with the
/// object. Stands before the first socket listens.
class Zap {
public:
    Zap(zmq::context_t& context, Enrolment& enrolment);
    ~Zap();
    Zap(const Zap&) = delete;
    Zap& operator=(const Zap&) = delete;

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

} // namespace coordinator::link
