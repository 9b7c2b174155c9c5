#include "hostd/link/coordinator_link.hpp"

#include "common/log/log.hpp"
#include "hostd/link/attempts.hpp"

namespace hostd::link {

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
    Attempts attempts{context, settings_, clock_};
    ways.send = [&attempts](const std::string& bytes) { attempts.send(bytes); };
    Session session{settings_.session, clock_, std::move(ways)};
    for (;;) {
        attempts.wait(attempts.turn(session), outbox_.wake_fd());
        const bool stop = stopping_;
        for (auto& item : outbox_.drain()) {
            session.push(std::move(item));
        }
        if (stop) {
            return;
        }
        attempts.serve(session);
        welcomed_ = session.state() == Session::State::welcomed;
        epoch_ = session.epoch();
    }
}

} // namespace hostd::link
