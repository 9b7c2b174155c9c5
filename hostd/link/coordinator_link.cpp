#include "hostd/link/coordinator_link.hpp"

#include "common/log/log.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <poll.h>
#include <zmq.hpp>

namespace hostd::link {

namespace {

int ms(std::chrono::milliseconds time)
{
    return static_cast<int>(time.count());
}

} // namespace

struct CoordinatorLink::Connection {
    zmq::socket_t dealer;
    zmq::socket_t monitor;

    Connection(zmq::context_t& context, const LinkSettings& settings, const std::string& endpoint)
        : dealer{context, zmq::socket_type::dealer}, monitor{context, zmq::socket_type::pair}
    {
        dealer.set(zmq::sockopt::linger, 0);
        dealer.set(zmq::sockopt::immediate, true);
        // As much as the outbox: what is not committed is said at once after a welcome.
        dealer.set(zmq::sockopt::sndhwm, static_cast<int>(settings.outbox));
        dealer.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(proto::max_message_bytes));
        dealer.set(zmq::sockopt::curve_serverkey, settings.coordinator_key);
        dealer.set(zmq::sockopt::curve_publickey, settings.keys.public_key);
        dealer.set(zmq::sockopt::curve_secretkey, settings.keys.secret_key);
        dealer.set(zmq::sockopt::heartbeat_ivl, ms(settings.zmtp_interval));
        dealer.set(zmq::sockopt::heartbeat_timeout, ms(settings.zmtp_timeout));
        dealer.set(zmq::sockopt::heartbeat_ttl, ms(settings.zmtp_timeout));
        dealer.set(zmq::sockopt::handshake_ivl, ms(settings.connect_timeout));
        const char* events = "inproc://paddock-link-events";
        if (::zmq_socket_monitor(dealer.handle(),
                                 events,
                                 ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED |
                                     ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                                     ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL) != 0) {
            throw zmq::error_t{};
        }
        monitor.set(zmq::sockopt::linger, 0);
        monitor.connect(events);
        dealer.connect(endpoint);
    }
    ~Connection() { ::zmq_socket_monitor(dealer.handle(), nullptr, 0); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// The event that the monitor tells next (zmq_socket_monitor(3)), 0 if none.
    std::uint16_t event()
    {
        zmq::message_t what;
        zmq::message_t where;
        if (!monitor.recv(what, zmq::recv_flags::dontwait) ||
            !monitor.recv(where, zmq::recv_flags::dontwait) ||
            what.size() < sizeof(std::uint16_t)) {
            return 0;
        }
        std::uint16_t event = 0;
        std::memcpy(&event, what.data(), sizeof event);
        return event;
    }
};

CoordinatorLink::CoordinatorLink(LinkSettings settings, const common::Clock& clock)
    : settings_{std::move(settings)}, clock_{clock}, outbox_{settings_.outbox}
{}

CoordinatorLink::~CoordinatorLink()
{
    stop();
}

void CoordinatorLink::push(Outgoing item, const char* what)
{
    if (!outbox_.push(std::move(item))) {
        spdlog::error("dropping {}: the coordinator takes nothing and the outbox is full", what);
    }
}

void CoordinatorLink::answer(Answer answer)
{
    push(std::move(answer), "an answer");
}

void CoordinatorLink::status(SandboxStatus status)
{
    push(std::move(status), "a status");
}

void CoordinatorLink::inventory(std::vector<SandboxStatus> all, std::vector<Checkpoint> checkpoints)
{
    push(Everything{std::move(all), std::move(checkpoints)}, "an inventory");
}

void CoordinatorLink::activity(std::vector<common::SandboxId> active)
{
    push(Active{std::move(active)}, "who is in use");
}

void CoordinatorLink::reader_news(ReaderNews news)
{
    push(std::move(news), "output of a command");
}

void CoordinatorLink::want_piece(PieceWish wish)
{
    push(std::move(wish), "a wish for a piece of a file");
}

void CoordinatorLink::give_piece(Piece piece)
{
    push(std::move(piece), "a piece of a file");
}

void CoordinatorLink::start(std::function<void(Command)> on_command,
                            std::function<HostReport()> report)
{
    thread_ = std::thread{
        [this, ways = Session::Ways{{}, std::move(on_command), std::move(report)}] { run(ways); }};
}

void CoordinatorLink::stop()
{
    stopping_ = true;
    outbox_.wake();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void CoordinatorLink::run(Session::Ways ways)
{
    zmq::context_t context{1};
    Connection* current = nullptr;
    ways.send = [&current](std::string bytes) {
        // A full pipe means a peer that reads nothing: the ZMTP heartbeat ends it.
        if (current != nullptr &&
            !current->dealer.send(zmq::buffer(bytes), zmq::send_flags::dontwait)) {
            spdlog::warn("dropping a message: the coordinator reads nothing");
        }
    };
    Session session{settings_.session, clock_, std::move(ways)};
    auto retry = settings_.retry_first;
    for (std::size_t turn = 0; !stopping_; ++turn) {
        const auto& endpoint = settings_.endpoints[turn % settings_.endpoints.size()];
        bool was_welcomed = false;
        try {
            Connection connection{context, settings_, endpoint};
            current = &connection;
            serve(session, connection);
            was_welcomed = session.state() == Session::State::welcomed;
            current = nullptr;
            if (!stopping_) {
                session.disconnected();
            }
        } catch (const zmq::error_t& error) {
            current = nullptr;
            session.disconnected();
            spdlog::error("connection to {}: {}; trying again", endpoint, error.what());
        }
        // A good connection that broke is tried again where it was.
        if (was_welcomed) {
            --turn;
            retry = settings_.retry_first;
        } else {
            retry = std::min(retry * 2, settings_.retry_max);
        }
        wait(retry);
    }
}

void CoordinatorLink::wait(std::chrono::milliseconds time)
{
    // The outbox keeps what comes meanwhile; only stop() ends the wait early.
    const auto until = clock_.steady() + time;
    while (!stopping_ && clock_.steady() < until) {
        constexpr std::chrono::milliseconds slice{50};
        ::poll(nullptr, 0, ms(std::min(slice, time)));
    }
}

void CoordinatorLink::serve(Session& session, Connection& connection)
{
    const auto connect_by = clock_.steady() + settings_.connect_timeout;
    for (;;) {
        const auto now = clock_.steady();
        auto next = session.on_time(now);
        if (session.state() == Session::State::disconnected) {
            if (session.given_up() || now >= connect_by) {
                return;
            }
            next = std::min(next, connect_by);
        }
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - now);
        std::array<zmq::pollitem_t, 3> items{{{connection.dealer.handle(), 0, ZMQ_POLLIN, 0},
                                              {connection.monitor.handle(), 0, ZMQ_POLLIN, 0},
                                              {nullptr, outbox_.wake_fd(), ZMQ_POLLIN, 0}}};
        zmq::poll(items.data(), items.size(), std::max(left, std::chrono::milliseconds{0}));
        const bool stop = stopping_;
        for (auto& item : outbox_.drain()) {
            session.push(std::move(item));
        }
        if (stop) {
            return;
        }
        while (const auto event = connection.event()) {
            if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
                // Makes the socket take up the connection that the event speaks of.
                static_cast<void>(connection.dealer.get(zmq::sockopt::events));
                session.connected();
            } else if (event == ZMQ_EVENT_DISCONNECTED) {
                return;
            } else {
                spdlog::warn("the coordinator does not know this host's key, or is not the one "
                             "whose key is pinned; trying again");
                return;
            }
        }
        // A bounded number each turn, so that the heartbeat is never late.
        constexpr int messages_per_turn = 256;
        zmq::message_t message;
        for (int i = 0;
             i < messages_per_turn && connection.dealer.recv(message, zmq::recv_flags::dontwait);
             ++i) {
            if (session.state() != Session::State::disconnected) {
                session.receive(message.to_string_view());
            }
        }
    }
}

} // namespace hostd::link
