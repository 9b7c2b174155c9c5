#include "coordinator/standby/proxy.hpp"

#include "common/log/log.hpp"
#include "coordinator/standby/pair.hpp"

#include <charconv>
#include <thread>
#include <utility>

namespace coordinator::standby {

using common::Error;
using common::ErrorCode;

struct Proxy::Parts {
    explicit Parts(ProxyOptions given) : shared{std::move(given)} {}

    void accept();
    void take(Tcp::socket client);
    void follow(const std::string& address);
    void look_up(const std::string& address);
    void found(std::vector<Tcp::endpoint> endpoints);
    [[nodiscard]] bool is_ourselves(const Tcp::endpoint& endpoint) const;

    Shared shared;
    Tcp::acceptor acceptor{shared.loop};
    Tcp::resolver resolver{shared.loop};
    asio::steady_timer rest{shared.loop};
    std::string address; ///< Of the leader, as it was said last.
    bool looking_up = false;
    bool warned = false; ///< That this address is ours.
    std::uint16_t port = 0;
    std::thread thread;
};

Proxy::Proxy(ProxyOptions options) : parts_{std::make_unique<Parts>(std::move(options))} {}

Proxy::~Proxy()
{
    stop();
}

common::Result<> Proxy::start()
{
    auto& acceptor = parts_->acceptor;
    const auto& options = parts_->shared.options;
    boost::system::error_code code;
    const auto address = asio::ip::make_address(options.address, code);
    const Tcp::endpoint endpoint{address, options.port};
    const auto step = [&code](auto&& what) {
        if (!code) {
            what();
        }
    };
    step([&] { acceptor.open(endpoint.protocol(), code); });
    step([&] { acceptor.set_option(Tcp::acceptor::reuse_address{true}, code); });
    step([&] { acceptor.bind(endpoint, code); });
    step([&] { acceptor.listen(asio::socket_base::max_listen_connections, code); });
    step([&] { parts_->port = acceptor.local_endpoint(code).port(); });
    if (code) {
        return Error{ErrorCode::unavailable,
                     "listen on " + options.address + " port " + std::to_string(options.port) +
                         " for the leader: " + code.message()};
    }
    parts_->accept();
    parts_->thread = std::thread{[this] { parts_->shared.loop.run(); }};
    return {};
}

std::uint16_t Proxy::port() const noexcept
{
    return parts_->port;
}

void Proxy::lead_to(const std::string& address)
{
    asio::post(parts_->shared.loop, [this, address] { parts_->follow(address); });
}

void Proxy::probe(std::function<void()> heard)
{
    asio::post(parts_->shared.loop, std::move(heard));
}

void Proxy::stop()
{
    if (!parts_->thread.joinable()) {
        return;
    }
    asio::post(parts_->shared.loop, [this] {
        boost::system::error_code ignored;
        parts_->acceptor.close(ignored);
        const auto pairs = parts_->shared.pairs;
        for (const auto& pair : pairs) {
            pair->cut();
        }
        parts_->shared.loop.stop();
    });
    parts_->thread.join();
    // What was accepted and not taken yet would stand open as long as this is there, with a client
    // that waits for an answer: it is closed by whoever was to take it.
    parts_->shared.loop.restart();
    parts_->shared.loop.poll();
}

void Proxy::Parts::accept()
{
    acceptor.async_accept([this](const auto& code, Tcp::socket client) {
        if (!acceptor.is_open()) {
            return;
        }
        if (!code) {
            take(std::move(client));
            return accept();
        }
        // No descriptors are left: no busy loop.
        rest.expires_after(std::chrono::milliseconds{250});
        rest.async_wait([this](const auto&) { accept(); });
    });
}

void Proxy::Parts::take(Tcp::socket client)
{
    constexpr std::size_t most_refused = 256; // At a time; beyond that they are cut.
    const auto pair = std::make_shared<Pair>(shared, std::move(client));
    const auto most = shared.options.max_connections;
    if (shared.pairs.size() >= shared.begun + most_refused) {
        return pair->cut();
    }
    const bool is_one_too_many = shared.begun >= most;
    shared.pairs.insert(pair);
    if (is_one_too_many) {
        return pair->refuse_when_it_speaks({ErrorCode::unavailable,
                                            "too many connections are open; retry in a moment",
                                            "too_many_connections"});
    }
    pair->begin();
}

void Proxy::Parts::follow(const std::string& to)
{
    if (to == address) {
        if (!to.empty() && (shared.connecting_failed || shared.leader.empty())) {
            look_up(to);
        }
        return;
    }
    address = to;
    warned = false;
    shared.leader.clear();
    const auto pairs = shared.pairs;
    for (const auto& pair : pairs) {
        pair->leave_leader();
    }
    if (!to.empty()) {
        look_up(to);
    }
}

void Proxy::Parts::look_up(const std::string& to)
{
    if (looking_up) {
        return;
    }
    const auto colon = to.rfind(':');
    auto host = to.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
    }
    const auto port_text = colon == std::string::npos ? std::string{} : to.substr(colon + 1);
    shared.connecting_failed = false;
    boost::system::error_code code;
    const auto literal = asio::ip::make_address(host, code);
    std::uint16_t number = 0;
    if (!code &&
        std::from_chars(port_text.data(), port_text.data() + port_text.size(), number).ec ==
            std::errc{}) {
        return found({Tcp::endpoint{literal, number}});
    }
    looking_up = true;
    resolver.async_resolve(
        host,
        port_text,
        [this, to](const auto& failed, const Tcp::resolver::results_type& results) {
            looking_up = false;
            if (to != address) {
                return address.empty() ? void() : look_up(address);
            }
            if (!failed) {
                found({results.begin(), results.end()});
            }
        });
}

void Proxy::Parts::found(std::vector<Tcp::endpoint> endpoints)
{
    std::erase_if(endpoints, [this](const auto& one) { return is_ourselves(one); });
    if (endpoints.empty() && !std::exchange(warned, true)) {
        spdlog::warn("the leader says that its API is at {}, which is here: set http_advertise "
                     "there to what it is reached by",
                     address);
    }
    shared.leader = std::move(endpoints);
}

/// To pass on to oneself would go on for ever.
bool Proxy::Parts::is_ourselves(const Tcp::endpoint& endpoint) const
{
    if (endpoint.port() != port) {
        return false;
    }
    boost::system::error_code code;
    const auto ours = acceptor.local_endpoint(code).address();
    return endpoint.address() == ours || endpoint.address().is_unspecified() ||
           (endpoint.address().is_loopback() && (ours.is_unspecified() || ours.is_loopback()));
}

} // namespace coordinator::standby
