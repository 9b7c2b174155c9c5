#pragma once

#include "common/metrics/page.hpp"
#include "common/result.hpp"

#include <functional>
#include <memory>
#include <string>

namespace hostd::metrics {

/// Serves a page at /metrics over HTTP, and nothing else: prometheus-cpp's own server, with two
/// threads of its own. In the clear, to whoever can connect.
class Listener {
public:
    /// `address`: "127.0.0.1:9420", "[::1]:0". `make` runs on its threads. `unavailable`: the
    /// address is taken, or none of this machine's.
    static common::Result<std::unique_ptr<Listener>>
    listen(const std::string& address, std::function<common::metrics::Page()> make);
    ~Listener(); ///< `make` is not called any more.
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    [[nodiscard]] int port() const;

private:
    struct Parts;
    explicit Listener(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

} // namespace hostd::metrics
