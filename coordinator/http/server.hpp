#pragma once

#include "common/clock.hpp"
#include "common/result.hpp"
#include "coordinator/core/guests.hpp"
#include "coordinator/core/records.hpp"
#include "coordinator/core/request_keys.hpp"
#include "coordinator/core/service.hpp"
#include "coordinator/http/options.hpp"

#include <chrono>
#include <cstdint>
#include <memory>

namespace coordinator::http {

/// The HTTP API over one Service, its records and its guests. Owned, started and stopped
/// by one thread; they are called from up to Options::threads threads at once.
///
/// To end cleanly: drain(), then end the service (which answers whoever still waits
/// in it), then stop(), which returns only after the last handler did.
class Server {
public:
    Server(Options options,
           Service& service,
           Records records,
           Guests guests,
           common::Clock& clock,
           RequestKeys& keys);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// Listens when it returns. `invalid_argument`: options that must not stand (no
    /// token, or no authentication off loopback). `unavailable`: the address is taken.
    common::Result<> start();
    [[nodiscard]] std::uint16_t port() const noexcept;

    /// Stops accepting, closes idle connections, lets requests under way finish.
    /// True when none is left, false when `within` has passed first.
    bool drain(std::chrono::milliseconds within);
    /// Cuts what is left. Idempotent.
    void stop();

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

} // namespace coordinator::http
