#include "coordinator/http/wire/poller.hpp"

#include "coordinator/http/wire/head.hpp"
#include "coordinator/http/wire/listener.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <span>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

namespace coordinator::http {

namespace {

using common::Error;
using common::ErrorCode;

/// How often deadlines are looked at, and how long accepting rests when the process
/// has no descriptors left.
constexpr std::chrono::milliseconds tick{250};
constexpr std::chrono::seconds linger_time{2};
constexpr std::size_t linger_bytes = std::size_t{4} << 20U;
constexpr std::size_t max_lingering = 256;

constexpr std::uint32_t to_read = EPOLLIN | EPOLLRDHUP;

std::string peer_of(const sockaddr_storage& address)
{
    std::array<char, INET6_ADDRSTRLEN> text{};
    const void* raw = nullptr;
    if (address.ss_family == AF_INET) {
        raw = &reinterpret_cast<const sockaddr_in*>(&address)->sin_addr;
    } else {
        raw = &reinterpret_cast<const sockaddr_in6*>(&address)->sin6_addr;
    }
    const auto* const name = ::inet_ntop(address.ss_family, raw, text.data(), text.size());
    return name != nullptr ? name : "";
}

} // namespace

Poller::Poller(const Options& options, Ready ready, Refusal refusal)
    : options_{options}, ready_{std::move(ready)}, refusal_{std::move(refusal)}
{}

Poller::~Poller()
{
    stop();
}

common::Result<> Poller::start()
{
    COMMON_TRY(auto listener, listen_on(options_.address, options_.port));
    listener_ = std::move(listener.socket);
    port_ = listener.port;
    epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
    wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!epoll_ || !wake_) {
        return Error{ErrorCode::unavailable, "no descriptors left for the HTTP listener"};
    }
    watch(wake_.get(), to_read);
    watch(listener_.get(), to_read);
    watch(news_->fd(), to_read);
    listening_ = true;
    running_ = true;
    thread_ = std::thread{[this] { run(); }};
    return {};
}

void Poller::watch(int socket, std::uint32_t events) const
{
    epoll_event event{};
    event.events = events;
    event.data.fd = socket;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket, &event);
}

void Poller::unwatch(int socket) const
{
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket, nullptr);
}

void Poller::stop_accepting()
{
    accepting_ = false;
    wake();
}

void Poller::stop()
{
    if (!thread_.joinable()) {
        return;
    }
    running_ = false;
    wake();
    thread_.join();
    listener_.reset();
    for (const auto& [socket, parked] : parked_) {
        if (parked.connection.stream) {
            parked.connection.stream->close();
        }
    }
    parked_.clear();
    {
        const std::scoped_lock lock{sending_mutex_};
        sending_ = 0;
    }
    const common::MutexLock lock{mutex_};
    inbox_.clear();
}

void Poller::wake() const
{
    if (wake_) {
        ::eventfd_write(wake_.get(), 1);
    }
}

void Poller::run()
{
    std::array<epoll_event, 64> events{};
    auto next_tick = std::chrono::steady_clock::now() + tick;
    while (running_) {
        const int n = ::epoll_wait(epoll_.get(),
                                   events.data(),
                                   static_cast<int>(events.size()),
                                   static_cast<int>(tick.count()));
        if (n < 0 && errno == EINTR) {
            continue; // Before anybody's time is over it is looked at what came.
        }
        for (const auto& event :
             std::span{events}.first(static_cast<std::size_t>(std::max(n, 0)))) {
            if (event.data.fd == wake_.get()) {
                eventfd_t count = 0;
                ::eventfd_read(wake_.get(), &count);
            } else if (event.data.fd == listener_.get()) {
                accept_some();
            } else if (event.data.fd == news_->fd()) {
                take_news();
            } else {
                on_ready(event.data.fd, event.events);
            }
        }
        take_inbox();
        const auto now = std::chrono::steady_clock::now();
        if (now >= next_tick || !accepting_) {
            expire(now);
            next_tick = now + tick;
        }
    }
}

void Poller::take_inbox()
{
    std::vector<std::pair<Connection, After>> taken;
    {
        const common::MutexLock lock{mutex_};
        taken.swap(inbox_);
    }
    for (auto& [connection, after] : taken) {
        if (connection.unsent.empty() || after == After::stream) {
            settle(std::move(connection), after);
        } else {
            hold_unsent(std::move(connection), after);
        }
    }
}

void Poller::accept_some()
{
    // Bounded, so that a flood of connections does not starve those that are held.
    for (int i = 0; i < 64; ++i) {
        sockaddr_storage address{};
        socklen_t size = sizeof address;
        const int socket = ::accept4(listener_.get(),
                                     reinterpret_cast<sockaddr*>(&address),
                                     &size,
                                     SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (socket < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                unwatch(listener_.get()); // Until the next tick: no busy loop.
                listening_ = false;
            }
            return;
        }
        const int yes = 1;
        ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        const auto open = open_.fetch_add(1) + 1;
        hold(Connection{common::UniqueFd{socket}, {}, peer_of(address)}, Wait::head);
        if (open > options_.max_connections) {
            refuse(socket,
                   Error{ErrorCode::unavailable,
                         "too many connections are open; retry in a moment",
                         "too_many_connections"});
        }
    }
}

void Poller::hold(Connection connection, Wait wait)
{
    const int socket = connection.socket.get();
    const auto now = std::chrono::steady_clock::now();
    Parked parked{std::move(connection), wait, now, 0};
    switch (wait) {
    case Wait::idle: parked.deadline += options_.idle_timeout; break;
    case Wait::head: parked.deadline += options_.head_timeout; break;
    case Wait::linger:
        parked.deadline += linger_time;
        if (++lingering_ > max_lingering) {
            parked.deadline = now;
        }
        ::shutdown(socket, SHUT_WR);
        break;
    case Wait::send:
    case Wait::stream: break; // hold_unsent() and hold_stream() set it.
    }
    parked_.insert_or_assign(socket, std::move(parked));
    watch(socket, to_read);
}

void Poller::on_ready(int socket, std::uint32_t events)
{
    const auto at = parked_.find(socket);
    if (at == parked_.end()) {
        return;
    }
    auto& parked = at->second;
    if (parked.wait == Wait::send) {
        return send_on(parked);
    }
    if (parked.wait == Wait::stream) {
        return (events & EPOLLOUT) != 0 ? stream_on(parked) : hear_on_stream(parked);
    }
    const bool was_empty = parked.connection.received.empty();
    switch (receive(parked.connection)) {
    case Received::nothing_yet: return;
    case Received::end: drop(socket); return;
    case Received::data: break;
    }
    if (parked.wait == Wait::linger) {
        discard(parked);
        return;
    }
    if (was_empty && parked.wait == Wait::idle) {
        parked.wait = Wait::head;
        parked.deadline = std::chrono::steady_clock::now() + options_.head_timeout;
    }
    on_data(parked);
}

void Poller::on_data(Parked& parked)
{
    const int socket = parked.connection.socket.get();
    auto& received = parked.connection.received;
    if (received.starts_with("\r\n")) { // RFC 9112 2.2: at least one is to be ignored.
        received.erase(0, 2);
    }
    const auto head = head_size(received);
    if (head > options_.max_head.count() ||
        (head == 0 && received.size() > options_.max_head.count())) {
        refuse(socket,
               Error{ErrorCode::too_large,
                     "the request's headers are over " + std::to_string(options_.max_head.count()) +
                         " bytes",
                     "head_too_large"});
    } else if (head > 0) {
        hand_over(socket);
    }
}

void Poller::hand_over(int socket)
{
    auto& parked = parked_.at(socket);
    unwatch(socket);
    if (ready_(parked.connection)) {
        parked_.erase(socket);
        return;
    }
    watch(socket, to_read);
    refuse(socket,
           Error{ErrorCode::unavailable,
                 "too many requests are waiting; retry in a moment",
                 "too_many_requests"});
}

void Poller::refuse(int socket, const Error& why)
{
    refused_.fetch_add(1, std::memory_order_relaxed);
    auto& parked = parked_.at(socket);
    const auto reply = refusal_(why, parked.connection);
    // Small enough for any socket buffer: it is sent whole or the peer is not reading.
    (void)!::send(socket, reply.data(), reply.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    unwatch(socket);
    auto connection = std::move(parked.connection);
    parked_.erase(socket);
    hold(std::move(connection), Wait::linger);
}

void Poller::discard(Parked& parked)
{
    parked.discarded += parked.connection.received.size();
    parked.connection.received.clear();
    if (parked.discarded > linger_bytes) {
        drop(parked.connection.socket.get());
    }
}

void Poller::expire(common::SteadyTime now)
{
    if (!accepting_ && listener_) {
        listener_.reset();
        listening_ = false;
    }
    if (accepting_ && !listening_) {
        watch(listener_.get(), to_read);
        listening_ = true;
    }
    std::vector<std::pair<int, Wait>> over;
    for (const auto& [socket, parked] : parked_) {
        const bool idle = parked.wait == Wait::idle || parked.wait == Wait::stream ||
                          (parked.wait == Wait::head && parked.connection.received.empty());
        if (now >= parked.deadline || (!accepting_ && idle)) {
            over.emplace_back(socket, idle && !accepting_ ? Wait::idle : parked.wait);
        }
    }
    for (const auto& [socket, wait] : over) {
        if (accepting_ && !is_still_over(socket, wait, now)) {
            continue;
        }
        if (wait == Wait::head) {
            refuse(socket,
                   Error{ErrorCode::timeout,
                         "the request's headers did not arrive in time",
                         "request_timeout"});
        } else if (!accepting_ && parked_.at(socket).wait == Wait::stream) {
            say_farewell(parked_.at(socket));
        } else if (wait != Wait::stream) {
            drop(socket);
        } else if (!keep_stream_alive(parked_.at(socket))) {
            cut_stream(socket);
        }
    }
}

/// Perhaps we stood still, and what was waited for is there: each gets a last look.
bool Poller::is_still_over(int socket, Wait wait, common::SteadyTime now)
{
    const auto is_over = [&] {
        const auto at = parked_.find(socket);
        return at != parked_.end() && at->second.wait == wait && now >= at->second.deadline;
    };
    if (wait == Wait::send || (wait == Wait::stream && parked_.at(socket).sending.waits)) {
        on_ready(socket, EPOLLOUT);
    } else if (wait == Wait::idle || wait == Wait::head) {
        std::size_t before = 0;
        do {
            before = parked_.at(socket).connection.received.size();
            on_ready(socket, EPOLLIN);
        } while (is_over() && parked_.at(socket).connection.received.size() > before);
    }
    return is_over();
}

void Poller::drop(int socket)
{
    const auto at = parked_.find(socket);
    if (at->second.wait == Wait::linger) {
        --lingering_;
    } else if (at->second.wait == Wait::send) {
        done_sending(at->second.connection);
    } else if (at->second.wait == Wait::stream) {
        --streams_;
        at->second.connection.stream->close();
    }
    unwatch(socket);
    parked_.erase(at);
    forget();
}

} // namespace coordinator::http
