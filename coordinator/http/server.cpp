#include "coordinator/http/server.hpp"

#include "common/address.hpp"
#include "coordinator/http/gateway.hpp"
#include "coordinator/http/wire/listener.hpp"
#include "coordinator/http/wire/poller.hpp"
#include "coordinator/http/wire/workers.hpp"

namespace coordinator::http {

namespace {

using common::Error;
using common::ErrorCode;

common::Result<> check(const Options& options)
{
    const auto refusal = [](std::string why) {
        return Error{ErrorCode::invalid_argument, "HTTP options: " + std::move(why)};
    };
    if (options.auth == Auth::none && !common::is_loopback(options.address)) {
        return refusal("auth: none is for tests, and only on a loopback address");
    }
    if (options.auth == Auth::tokens && options.tokens.empty()) {
        return refusal("no token is configured");
    }
    if (options.threads == 0 || options.queue == 0 || options.max_connections == 0) {
        return refusal("threads, queue and max_connections must be at least 1");
    }
    return {};
}

} // namespace

struct Server::Parts {
    Parts(Options given,
          Service& service,
          Records records,
          Guests guests,
          common::Clock& clock,
          RequestKeys& keys)
        : options{std::move(given)},
          gateway{options, service, records, guests, clock, keys, [this] { return poller.open(); }},
          poller{options,
                 [this](Connection& ready) { return workers.submit(ready); },
                 [this](const Error& why, const Connection& connection) {
                     return render_closing(gateway.refuse(why, connection));
                 }},
          workers{options, gateway, poller}
    {}

    const Options options;
    Gateway gateway;
    Poller poller;
    Workers workers;
};

Server::Server(Options options,
               Service& service,
               Records records,
               Guests guests,
               common::Clock& clock,
               RequestKeys& keys)
    : parts_{std::make_unique<Parts>(std::move(options), service, records, guests, clock, keys)}
{}

Server::~Server()
{
    stop();
}

common::Result<> Server::start()
{
    COMMON_CHECK(check(parts_->options));
    COMMON_CHECK(parts_->workers.start());
    return parts_->poller.start();
}

std::uint16_t Server::port() const noexcept
{
    return parts_->poller.port();
}

bool Server::drain(std::chrono::milliseconds within)
{
    parts_->poller.stop_accepting();
    const auto deadline = std::chrono::steady_clock::now() + within;
    return parts_->workers.drain(deadline) && parts_->poller.sent(deadline);
}

void Server::stop()
{
    parts_->poller.stop_accepting();
    parts_->workers.stop(); // Gives to the poller until the end: it goes second.
    parts_->poller.stop();
}

} // namespace coordinator::http
