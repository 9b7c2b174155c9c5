#include "coordinator/link/host_router.hpp"

#include "common/curve/zap.hpp"
#include "common/log/log.hpp"

#include <array>
#include <zmq.hpp>

namespace coordinator::link {

using common::Error;
using common::ErrorCode;
using common::Result;

struct HostRouter::Sockets {
    Sockets(const RouterSettings& settings, Enrolment& enrolment)
        : zap{context,
              [&enrolment](const std::string& key) { return enrolment.host_of(key).has_value(); }},
          router{context, zmq::socket_type::router}
    {
        const auto timeout = static_cast<int>(settings.zmtp_timeout.count());
        router.set(zmq::sockopt::linger, 0);
        // After a restart of ours all hosts come back at once.
        router.set(zmq::sockopt::backlog, 4096);
        router.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(proto::max_message_bytes));
        router.set(zmq::sockopt::sndhwm, settings.queue_per_host);
        router.set(zmq::sockopt::rcvhwm, settings.queue_per_host);
        router.set(zmq::sockopt::curve_server, true);
        router.set(zmq::sockopt::curve_secretkey, settings.keys.secret_key);
        router.set(zmq::sockopt::zap_domain, "paddock");
        router.set(zmq::sockopt::heartbeat_ivl, timeout / 3);
        router.set(zmq::sockopt::heartbeat_timeout, timeout);
        router.set(zmq::sockopt::heartbeat_ttl, timeout);
        router.set(zmq::sockopt::handshake_ivl, timeout);
        // A host that is gone is an error to be seen, not a silent drop.
        router.set(zmq::sockopt::router_mandatory, true);
        router.bind(settings.address);
    }

    bool send(const std::string& routing_id, const std::string& bytes)
    {
        try {
            // Both frames or none: the first one decides.
            if (router.send(zmq::buffer(routing_id),
                            zmq::send_flags::sndmore | zmq::send_flags::dontwait)) {
                static_cast<void>(router.send(zmq::buffer(bytes), zmq::send_flags::dontwait));
                return true;
            }
            spdlog::warn("a host reads nothing: a message to it is dropped");
        } catch (const zmq::error_t& error) {
            spdlog::debug("a host went away before a message reached it: {}", error.what());
        }
        return false;
    }

    zmq::context_t context{1};
    common::curve::Zap zap;
    zmq::socket_t router;
};

HostRouter::HostRouter(RouterSettings settings, Enrolment& enrolment)
    : settings_{std::move(settings)}, enrolment_{enrolment}, outbox_{settings_.outbox}
{}

HostRouter::~HostRouter()
{
    stop();
}

Result<> HostRouter::start(std::uint64_t epoch)
{
    try {
        sockets_ = std::make_unique<Sockets>(settings_, enrolment_);
    } catch (const zmq::error_t& error) {
        return Error{ErrorCode::unavailable,
                     "listen for hosts on " + settings_.address + ": " + error.what() +
                         " (set link_address to another port, or end what uses this one)"};
    }
    thread_ = std::thread{[this, epoch] { run(*sockets_, epoch); }};
    return {};
}

void HostRouter::stop()
{
    stopping_ = true;
    outbox_.wake();
    if (thread_.joinable()) {
        thread_.join();
    }
    presence_.clear();
    sockets_.reset();
}

Result<> HostRouter::send(const common::HostName& host, HostCommand command)
{
    if (!presence_.has(host)) {
        return Error{
            ErrorCode::unavailable, "host " + host.str() + " is not connected", "host_unreachable"};
    }
    if (!outbox_.push(Send{host, std::move(command)})) {
        return Error{ErrorCode::unavailable, "too much waits to be sent to hosts", "link_busy"};
    }
    return {};
}

void HostRouter::acknowledge(const common::HostName& host,
                             const std::string& instance,
                             std::uint64_t seq)
{
    // Lost if the outbox is full: then the host says it again after its next hello.
    static_cast<void>(outbox_.push(Acknowledge{host, instance, seq}));
}

void HostRouter::request_sync(const common::HostName& host)
{
    static_cast<void>(outbox_.push(Sync{host}));
}

void HostRouter::run(Sockets& sockets, std::uint64_t epoch)
{
    Sessions sessions{{epoch, settings_.heartbeat},
                      {[&sockets](const std::string& routing_id, const std::string& bytes) {
                           return sockets.send(routing_id, bytes);
                       },
                       observer_,
                       [this](std::uint64_t later) { later_epoch_ = later; }},
                      presence_};
    struct Deliver {
        Sessions& sessions;
        void operator()(const Send& it) const { sessions.send(it.host, it.command); }
        void operator()(const Acknowledge& it) const
        {
            sessions.acknowledge(it.host, it.instance, it.seq);
        }
        void operator()(const Sync& it) const { sessions.request_sync(it.host); }
    };
    constexpr std::chrono::seconds idle{1}; // How soon the enrolment is looked at again.
    while (!stopping_) {
        std::array<zmq::pollitem_t, 2> items{{{sockets.router.handle(), 0, ZMQ_POLLIN, 0},
                                              {nullptr, outbox_.wake_fd(), ZMQ_POLLIN, 0}}};
        zmq::poll(items.data(), items.size(), idle);
        sessions.enrolled(enrolment_.keys());
        for (const auto& item : outbox_.drain()) {
            std::visit(Deliver{sessions}, item);
        }
        // A bounded number each turn, so that what goes out is never kept waiting.
        constexpr int messages_per_turn = 256;
        for (int i = 0; i < messages_per_turn; ++i) {
            zmq::message_t from;
            zmq::message_t body;
            if (!sockets.router.recv(from, zmq::recv_flags::dontwait)) {
                break;
            }
            bool more = from.more();
            if (more) {
                static_cast<void>(sockets.router.recv(body, zmq::recv_flags::none));
                more = body.more();
            }
            // Authenticated, or libzmq would not have let it in.
            const std::string key = body.size() > 0 ? body.gets("User-Id") : "";
            for (zmq::message_t rest; more; more = rest.more()) {
                static_cast<void>(sockets.router.recv(rest, zmq::recv_flags::none));
            }
            if (!key.empty()) {
                sessions.enrolled(enrolment_.keys()); // By now, and not when it connected.
                sessions.receive(key, from.to_string(), body.to_string_view());
            }
        }
    }
    for (const auto& item : outbox_.drain()) {
        std::visit(Deliver{sessions}, item);
    }
}

} // namespace coordinator::link
