#include "hostd/link/connection.hpp"

#include "proto/envelope.hpp"

#include <cstring>

namespace hostd::link {

namespace {

int as_ms(std::chrono::milliseconds time)
{
    return static_cast<int>(time.count());
}

} // namespace

Connection::Connection(zmq::context_t& context,
                       const LinkSettings& settings,
                       const KeyPair& keys,
                       const std::string& endpoint,
                       std::uint64_t number)
    : dealer{context, zmq::socket_type::dealer}, monitor{context, zmq::socket_type::pair}
{
    dealer.set(zmq::sockopt::linger, 0);
    dealer.set(zmq::sockopt::immediate, true);
    // As much as the outbox: what is not committed is said at once after a welcome.
    dealer.set(zmq::sockopt::sndhwm, static_cast<int>(settings.outbox));
    dealer.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(proto::max_message_bytes));
    dealer.set(zmq::sockopt::curve_serverkey, settings.coordinator_key);
    dealer.set(zmq::sockopt::curve_publickey, keys.public_key);
    dealer.set(zmq::sockopt::curve_secretkey, keys.secret_key);
    dealer.set(zmq::sockopt::heartbeat_ivl, as_ms(settings.zmtp_interval));
    dealer.set(zmq::sockopt::heartbeat_timeout, as_ms(settings.zmtp_timeout));
    dealer.set(zmq::sockopt::heartbeat_ttl, as_ms(settings.zmtp_timeout));
    dealer.set(zmq::sockopt::handshake_ivl, as_ms(settings.connect_timeout));
    dealer.set(zmq::sockopt::connect_timeout, as_ms(settings.connect_timeout));
    dealer.set(zmq::sockopt::reconnect_ivl, as_ms(settings.reconnect_first));
    dealer.set(zmq::sockopt::reconnect_ivl_max, as_ms(settings.reconnect_max));
    const auto events = "inproc://paddock-link-events-" + std::to_string(number);
    if (::zmq_socket_monitor(dealer.handle(),
                             events.c_str(),
                             ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED |
                                 ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                                 ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL) != 0) {
        throw zmq::error_t{};
    }
    monitor.set(zmq::sockopt::linger, 0);
    monitor.connect(events);
    dealer.connect(endpoint);
}

Connection::~Connection()
{
    ::zmq_socket_monitor(dealer.handle(), nullptr, 0);
}

/// As zmq_socket_monitor(3) tells it.
Connection::Event Connection::event()
{
    zmq::message_t what;
    zmq::message_t where;
    if (!monitor.recv(what, zmq::recv_flags::dontwait) ||
        !monitor.recv(where, zmq::recv_flags::dontwait) || what.size() < sizeof(std::uint16_t)) {
        return Event::none;
    }
    std::uint16_t event = 0;
    std::memcpy(&event, what.data(), sizeof event);
    switch (event) {
    case 0: return Event::none;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        // Makes the socket take up the connection that the event speaks of.
        static_cast<void>(dealer.get(zmq::sockopt::events));
        return Event::established;
    case ZMQ_EVENT_DISCONNECTED: return Event::lost;
    default: return Event::refused;
    }
}

bool Connection::send(const std::string& bytes)
{
    return dealer.send(zmq::buffer(bytes), zmq::send_flags::dontwait).has_value();
}

} // namespace hostd::link
