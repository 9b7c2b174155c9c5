#include "coordinator/http/wire/poller.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <set>
#include <sys/epoll.h>
#include <sys/socket.h>

// Replies that come about while they are sent.
namespace coordinator::http {

namespace {

/// Taken from a stream at once: what one connection may hold.
constexpr std::size_t piece = std::size_t{64} << 10U;

std::string framed(const std::string& text, bool chunked)
{
    return !chunked || text.empty() ? text : fmt::format("{:x}\r\n{}\r\n", text.size(), text);
}

} // namespace

void Poller::hold_stream(Connection connection)
{
    const int socket = connection.socket.get();
    if (streams_ >= options_.max_streams) {
        refused_.fetch_add(1, std::memory_order_relaxed);
        connection.unsent =
            refusal_({common::ErrorCode::unavailable,
                      fmt::format("{} streams are open; http_streams bounds them", streams_),
                      "too_many_streams"},
                     connection);
        std::exchange(connection.stream, nullptr)->close();
        count_sending();
        return hold_unsent(std::move(connection), After::close);
    }
    ++streams_;
    const auto stream = connection.stream;
    auto& parked =
        parked_
            .insert_or_assign(
                socket,
                Parked{
                    std::move(connection), Wait::stream, std::chrono::steady_clock::now(), 0, {}})
            .first->second;
    watch(socket, EPOLLIN | EPOLLRDHUP);
    stream->on_news(
        [news = news_, entry = StreamNews::Entry{socket, stream.get()}] { news->tell(entry); });
    stream_on(parked);
}

void Poller::take_news()
{
    // Each once, however often it was told of.
    const auto told = news_->take();
    for (const auto& [socket, stream] : std::set(told.begin(), told.end())) {
        const auto at = parked_.find(socket);
        if (at != parked_.end() && at->second.wait == Wait::stream &&
            at->second.connection.stream.get() == stream) {
            stream_on(at->second);
        }
    }
}

/// Sends what there is, as far as the client takes it.
void Poller::stream_on(Parked& parked)
{
    auto& connection = parked.connection;
    auto& sending = parked.sending;
    const int socket = connection.socket.get();
    const auto now = std::chrono::steady_clock::now();
    bool progress = false;
    while (true) {
        if (sending.sent == connection.unsent.size()) {
            connection.unsent = framed(connection.stream->take(piece), connection.chunked);
            sending.sent = 0;
            const bool ended = connection.stream->ended();
            if (connection.unsent.empty() && ended) {
                return connection.stream->failed() ? cut_stream(socket) : end_stream(socket);
            }
            if (connection.unsent.empty()) {
                break;
            }
        }
        auto rest = std::string_view{connection.unsent}.substr(sending.sent);
        const auto before = rest.size();
        if (!send_some(socket, rest)) {
            return drop(socket);
        }
        progress = progress || rest.size() < before;
        sending.sent = connection.unsent.size() - rest.size();
        if (!rest.empty()) {
            break;
        }
    }
    const bool waits = sending.sent < connection.unsent.size();
    if (waits && (progress || !sending.waits)) {
        parked.deadline = now + options_.write_timeout;
    } else if (!waits && (progress || parked.deadline <= now)) {
        parked.deadline = now + options_.stream_silence;
    }
    if (waits != std::exchange(sending.waits, waits)) {
        unwatch(socket);
        watch(socket, EPOLLIN | EPOLLRDHUP | (waits ? EPOLLOUT : 0U));
    }
}

void Poller::end_stream(int socket)
{
    auto connection = std::move(parked_.at(socket).connection);
    unwatch(socket);
    parked_.erase(socket);
    --streams_;
    std::exchange(connection.stream, nullptr)->close();
    const auto after = connection.chunked || connection.sized ? After::keep : After::close;
    connection.sized = false;
    if (connection.chunked) {
        connection.unsent = "0\r\n\r\n";
        std::string_view rest = connection.unsent;
        if (!send_some(connection.socket.get(), rest)) {
            return forget();
        }
        connection.unsent = std::string{rest};
    }
    if (connection.unsent.empty()) {
        return settle(std::move(connection), after);
    }
    count_sending();
    hold_unsent(std::move(connection), after);
}

/// By a reset: the end of the connection may be what tells a client that it has all.
void Poller::cut_stream(int socket)
{
    const linger at_once{1, 0};
    ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    drop(socket);
}

/// Readable: its client sends the next request already, or is gone.
void Poller::hear_on_stream(Parked& parked)
{
    switch (receive(parked.connection)) {
    case Received::nothing_yet: return;
    case Received::end: return drop(parked.connection.socket.get());
    case Received::data: break;
    }
    if (parked.connection.received.size() > options_.max_head.count()) {
        drop(parked.connection.socket.get());
    }
}

/// Nothing was to be sent for a while. False: something was, and its client did not take it.
bool Poller::keep_stream_alive(Parked& parked)
{
    if (parked.sending.waits) {
        return false;
    }
    parked.connection.unsent =
        framed(parked.connection.stream->sign_of_life(), parked.connection.chunked);
    parked.sending.sent = 0;
    stream_on(parked);
    return true;
}

/// As far as it leaves at once: the server ends. Behind what waits it has no place.
void Poller::say_farewell(Parked& parked)
{
    const auto& connection = parked.connection;
    const int socket = connection.socket.get();
    const auto last = connection.stream->farewell();
    if (!last.empty() && !parked.sending.waits) {
        const auto bytes =
            framed(last, connection.chunked) + (connection.chunked ? "0\r\n\r\n" : "");
        std::string_view rest = bytes;
        static_cast<void>(send_some(socket, rest));
    }
    if (last.empty()) {
        return cut_stream(socket);
    }
    drop(socket);
}

} // namespace coordinator::http
