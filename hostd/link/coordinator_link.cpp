#include "hostd/link/coordinator_link.hpp"

#include "common/log/log.hpp"
#include "hostd/link/connection.hpp"

#include <algorithm>
#include <array>
#include <poll.h>

namespace hostd::link {

namespace {

int ms(std::chrono::milliseconds time)
{
    return static_cast<int>(time.count());
}

} // namespace

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
        if (current != nullptr && !current->send(bytes)) {
            spdlog::warn("dropping a message: the coordinator reads nothing");
        }
    };
    Session session{settings_.session, clock_, std::move(ways)};
    auto retry = settings_.retry_first;
    for (std::size_t turn = 0; !stopping_; ++turn) {
        const auto& endpoint = settings_.endpoints[turn % settings_.endpoints.size()];
        bool was_welcomed = false;
        try {
            Connection connection{context, settings_, settings_.keys, endpoint};
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
        for (auto event = connection.event(); event != Connection::Event::none;
             event = connection.event()) {
            if (event == Connection::Event::established) {
                session.connected();
            } else if (event == Connection::Event::lost) {
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
