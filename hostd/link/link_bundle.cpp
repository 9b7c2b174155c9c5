#include "hostd/link/link_bundle.hpp"

#include "common/log/log.hpp"
#include "common/unique_fd.hpp"
#include "hostd/link/connection.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <system_error>

namespace hostd::link {

using common::SteadyTime;

struct LinkBundle::One {
    Member number = 0;
    KeyPair keys;
    Ways ways;
    std::optional<Session> session;
    std::unique_ptr<Connection> connection;
    bool wanted = false;
    bool hangs = false;
    bool has_news = false;
    std::size_t turn = 0; ///< Which endpoint is next.
    std::chrono::milliseconds retry{};
    SteadyTime connect_by{};
    SteadyTime due = SteadyTime::max();
};

/// What all of them wait for. A ZeroMQ socket's descriptor only says that there may be news, and
/// says it once: whoever has touched a socket looks at it again before he waits.
struct LinkBundle::Poller {
    static constexpr std::uint64_t woken = ~std::uint64_t{0};

    zmq::context_t context{1};
    const common::UniqueFd epoll{::epoll_create1(EPOLL_CLOEXEC)};
    const common::UniqueFd wake{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    std::vector<Member> news;
    std::set<std::pair<SteadyTime, Member>> due;
    std::uint64_t connections = 0;

    Poller()
    {
        if (!epoll || !wake) {
            throw std::system_error{errno, std::generic_category(), "epoll"};
        }
        control(EPOLL_CTL_ADD, wake.get(), woken);
    }

    void control(int what, int fd, std::uint64_t whose) const
    {
        ::epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = whose;
        if (::epoll_ctl(epoll.get(), what, fd, &event) != 0) {
            throw std::system_error{errno, std::generic_category(), "epoll"};
        }
    }
    void control(int what, Connection& connection, Member whose) const
    {
        control(what, connection.dealer.get(zmq::sockopt::fd), whose);
        control(what, connection.monitor.get(zmq::sockopt::fd), whose);
    }
    void note(One& one)
    {
        if (!std::exchange(one.has_news, true)) {
            news.push_back(one.number);
        }
    }
};

LinkBundle::LinkBundle(LinkSettings shared, const common::Clock& clock, std::size_t members)
    : settings_{std::move(shared)}, clock_{clock}, poller_{std::make_unique<Poller>()}
{
    constexpr std::size_t sockets_each = 6;
    poller_->context.set(zmq::ctxopt::max_sockets, static_cast<int>(sockets_each * members + 64));
    members_.reserve(members);
}

LinkBundle::~LinkBundle()
{
    for (auto& one : members_) {
        close(*one);
    }
}

LinkBundle::Member LinkBundle::add(KeyPair keys, Ways ways)
{
    auto& one = *members_.emplace_back(std::make_unique<One>());
    one.number = members_.size() - 1;
    one.keys = std::move(keys);
    one.ways = std::move(ways);
    one.retry = settings_.retry_first;
    restart(one.number);
    return one.number;
}

void LinkBundle::connect(Member member, std::chrono::milliseconds delay)
{
    auto& one = *members_.at(member);
    one.wanted = true;
    if (!one.connection) {
        schedule(one, clock_.steady() + delay);
    }
}

void LinkBundle::cut(Member member)
{
    auto& one = *members_.at(member);
    one.wanted = false;
    close(one);
    one.session->disconnected();
    one.retry = settings_.retry_first;
    schedule(one, SteadyTime::max());
}

void LinkBundle::restart(Member member)
{
    auto& one = *members_.at(member);
    if (one.session) {
        cut(member);
    }
    auto send = [&one](const std::string& bytes) {
        if (one.connection && !one.connection->send(bytes)) {
            spdlog::warn("dropping a message: the coordinator reads nothing");
        }
    };
    one.session.emplace(
        settings_.session, clock_, Session::Ways{send, one.ways.command, one.ways.report});
}

void LinkBundle::hang(Member member)
{
    auto& one = *members_.at(member);
    one.hangs = true;
    if (one.connection) {
        poller_->control(EPOLL_CTL_DEL, *one.connection, member);
    }
    schedule(one, SteadyTime::max());
}

void LinkBundle::go_on(Member member)
{
    auto& one = *members_.at(member);
    if (!std::exchange(one.hangs, false)) {
        return;
    }
    if (one.connection) {
        poller_->control(EPOLL_CTL_ADD, *one.connection, member);
        poller_->note(one);
    }
    if (one.wanted) {
        schedule(one, clock_.steady());
    }
}

void LinkBundle::push(Member member, Outgoing item)
{
    auto& one = *members_.at(member);
    one.session->push(std::move(item));
    poller_->note(one);
}

std::size_t LinkBundle::welcomed() const
{
    return static_cast<std::size_t>(std::ranges::count_if(
        members_, [this](const auto& one) { return is_welcomed(one->number); }));
}

bool LinkBundle::is_welcomed(Member member) const
{
    return members_.at(member)->session->state() == Session::State::welcomed;
}

void LinkBundle::turn(SteadyTime until)
{
    using std::chrono::milliseconds;
    auto& poller = *poller_;
    const auto now = clock_.steady();
    if (!poller.due.empty()) {
        until = std::min(until, poller.due.begin()->first);
    }
    // What was touched is looked at before anybody waits. What came of that may be due before
    // `until`: its caller is asked again first.
    const auto touched = std::exchange(poller.news, {});
    for (const auto number : touched) {
        members_[number]->has_news = false;
        serve(*members_[number]);
    }
    const auto left = touched.empty() ? std::clamp(std::chrono::ceil<milliseconds>(until - now),
                                                   milliseconds{0},
                                                   milliseconds{1000})
                                      : milliseconds{0};
    std::array<::epoll_event, 256> events{};
    const auto count = ::epoll_wait(
        poller.epoll.get(), events.data(), events.size(), static_cast<int>(left.count()));
    for (int i = 0; i < count; ++i) {
        const auto whose = events.at(static_cast<std::size_t>(i)).data.u64;
        if (whose == Poller::woken) {
            eventfd_t ignored = 0;
            static_cast<void>(::eventfd_read(poller.wake.get(), &ignored));
        } else {
            serve(*members_[whose]);
        }
    }
    const auto later = clock_.steady();
    while (!poller.due.empty() && poller.due.begin()->first <= later) {
        auto& one = *members_[poller.due.begin()->second];
        schedule(one, SteadyTime::max());
        on_time(one, later);
    }
}

void LinkBundle::wake() noexcept
{
    static_cast<void>(::eventfd_write(poller_->wake.get(), 1));
}

void LinkBundle::schedule(One& one, SteadyTime due)
{
    poller_->due.erase({one.due, one.number});
    one.due = due;
    if (due != SteadyTime::max()) {
        poller_->due.emplace(due, one.number);
    }
}

void LinkBundle::on_time(One& one, SteadyTime now)
{
    if (!one.wanted || one.hangs) {
        return;
    }
    if (!one.connection) {
        return open(one);
    }
    auto next = one.session->on_time(now);
    poller_->note(one); // It may have said something.
    if (one.session->state() == Session::State::disconnected) {
        if (one.session->given_up() || now >= one.connect_by) {
            return lost(one);
        }
        next = std::min(next, one.connect_by);
    }
    schedule(one, next);
}

void LinkBundle::open(One& one)
{
    const auto& endpoint = settings_.endpoints[one.turn % settings_.endpoints.size()];
    try {
        one.connection = std::make_unique<Connection>(
            poller_->context, settings_, one.keys, endpoint, ++poller_->connections);
        poller_->control(EPOLL_CTL_ADD, *one.connection, one.number);
    } catch (const zmq::error_t& error) {
        spdlog::error("connection to {}: {}; trying again", endpoint, error.what());
        one.connection.reset();
        return schedule(one, clock_.steady() + one.retry);
    }
    one.connect_by = clock_.steady() + settings_.connect_timeout;
    poller_->note(one);
    schedule(one, one.connect_by);
}

void LinkBundle::close(One& one)
{
    if (one.connection) {
        if (!one.hangs) {
            poller_->control(EPOLL_CTL_DEL, *one.connection, one.number);
        }
        one.connection.reset();
    }
}

/// A good connection that broke is tried again where it was.
void LinkBundle::lost(One& one)
{
    const bool was_welcomed = one.session->state() == Session::State::welcomed;
    close(one);
    one.session->disconnected();
    one.turn += was_welcomed ? 0 : 1;
    one.retry = was_welcomed ? settings_.retry_first : std::min(one.retry * 2, settings_.retry_max);
    schedule(one, clock_.steady() + one.retry);
}

void LinkBundle::serve(One& one)
{
    if (!one.connection || one.hangs) {
        return;
    }
    for (auto event = one.connection->event(); event != Connection::Event::none;
         event = one.connection->event()) {
        if (event != Connection::Event::established) {
            return lost(one);
        }
        one.session->connected();
        schedule(one, one.session->on_time(clock_.steady()));
    }
    serve_messages(one);
}

void LinkBundle::serve_messages(One& one)
{
    // A bounded number each turn, so that nobody's heartbeat is late.
    constexpr int messages_per_turn = 64;
    zmq::message_t message;
    for (int i = 0; i < messages_per_turn; ++i) {
        if (!one.connection->dealer.recv(message, zmq::recv_flags::dontwait)) {
            return; // Empty, and its descriptor tells of the next.
        }
        const auto before = one.session->state();
        if (before != Session::State::disconnected) {
            one.session->receive(message.to_string_view());
        }
        if (!one.connection || one.hangs) {
            return; // What it was told has ended that.
        }
        if (one.session->given_up()) {
            return lost(one);
        }
        if (before != one.session->state()) {
            schedule(one, one.session->on_time(clock_.steady())); // Its heart beats from now on.
        }
    }
    poller_->note(one);
}

} // namespace hostd::link
