#include "coordinator/standby/pair.hpp"

#include <netinet/tcp.h>
#include <utility>

namespace coordinator::standby {

namespace {

using Code = boost::system::error_code;

/// Of what a client sends after it has been refused.
constexpr std::size_t most_discarded = std::size_t{4} << 20U;

/// A side that is gone without a word is noticed, though nothing may be said for hours.
void prepare(Tcp::socket& socket)
{
    Code ignored;
    socket.non_blocking(true, ignored);
    socket.set_option(Tcp::no_delay{true}, ignored);
    socket.set_option(asio::socket_base::keep_alive{true}, ignored);
    const auto set = [&](int name, int value) {
        ::setsockopt(socket.native_handle(), IPPROTO_TCP, name, &value, sizeof value);
    };
    set(TCP_KEEPIDLE, 15);
    set(TCP_KEEPINTVL, 5);
    set(TCP_KEEPCNT, 3);
}

void close(Tcp::socket& socket, bool abruptly)
{
    Code ignored;
    if (abruptly) {
        socket.set_option(asio::socket_base::linger{true, 0}, ignored);
    }
    socket.close(ignored);
}

common::Error no_leader()
{
    return {common::ErrorCode::unavailable,
            "no coordinator leads at the moment, or the one that does cannot be reached; nothing "
            "was begun, ask again in a moment",
            "no_leader"};
}

} // namespace

Pair::Pair(Shared& shared, Tcp::socket client)
    : shared_{shared},
      client_{std::move(client)},
      leader_{shared.loop},
      timer_{shared.loop},
      up_{client_, leader_, asio::steady_timer{shared.loop}},
      down_{leader_, client_, asio::steady_timer{shared.loop}}
{
    prepare(client_);
}

void Pair::within(std::chrono::milliseconds time, void (Pair::*then)())
{
    timer_.expires_after(time);
    timer_.async_wait([self = shared_from_this(), then](const Code& code) {
        if (!code && !self->over_) {
            (self.get()->*then)();
        }
    });
}

void Pair::begin()
{
    begun_ = true;
    ++shared_.begun;
    within(shared_.options.first_byte_timeout, &Pair::cut);
    client_.async_wait(Tcp::socket::wait_read, [self = shared_from_this()](const Code& code) {
        if (self->over_) {
            return;
        }
        Code broken;
        if (code || self->client_.available(broken) == 0) {
            return self->cut(); // It has gone again.
        }
        self->connect();
    });
}

void Pair::connect()
{
    if (shared_.leader.empty()) {
        return refuse(no_leader());
    }
    const auto refusing = [self = shared_from_this()] {
        self->shared_.connecting_failed = true;
        Code ignored;
        self->leader_.close(ignored);
        self->refuse(no_leader());
    };
    stage_ = Stage::connects;
    within(shared_.options.connect_timeout, &Pair::leave_leader);
    asio::async_connect(leader_,
                        shared_.leader,
                        [self = shared_from_this(), refusing](const Code& code, const auto&) {
                            if (self->over_) {
                                return;
                            }
                            self->timer_.cancel();
                            self->stage_ = Stage::passes_on;
                            if (code || !self->leader_.is_open()) {
                                self->stage_ = Stage::waits;
                                return refusing();
                            }
                            prepare(self->leader_);
                            self->pump(self->up_);
                            self->pump(self->down_);
                        });
}

void Pair::leave_leader()
{
    if (stage_ == Stage::passes_on) {
        return cut();
    }
    Code ignored;
    leader_.close(ignored); // Ends an attempt to connect: its client is refused.
}

void Pair::refuse_when_it_speaks(common::Error why)
{
    within(shared_.options.linger_timeout, &Pair::cut);
    client_.async_wait(Tcp::socket::wait_read,
                       [self = shared_from_this(), why = std::move(why)](const Code& code) {
                           if (!self->over_) {
                               code ? self->cut() : self->refuse(why);
                           }
                       });
}

void Pair::refuse(const common::Error& why)
{
    Code code;
    const auto read = client_.read_some(asio::buffer(shared_.scratch), code);
    auto reply = shared_.options.refusal(why);
    if (std::string_view{shared_.scratch.data(), read}.starts_with("HEAD ")) {
        reply.resize(reply.find("\r\n\r\n") + 4);
    }
    // Small enough for any socket buffer: it is sent whole or the peer is not reading.
    client_.write_some(asio::buffer(reply), code);
    client_.shutdown(Tcp::socket::shutdown_send, code);
    within(shared_.options.linger_timeout, &Pair::cut);
    linger(read);
}

/// An unread byte would reset the connection and lose what was sent last.
void Pair::linger(std::size_t discarded)
{
    client_.async_wait(
        Tcp::socket::wait_read, [self = shared_from_this(), discarded](Code code) mutable {
            if (self->over_) {
                return;
            }
            if (!code) {
                discarded += self->client_.read_some(asio::buffer(self->shared_.scratch), code);
            }
            if ((code && code != asio::error::would_block) || discarded > most_discarded) {
                return self->cut();
            }
            self->linger(discarded);
        });
}

void Pair::pump(Flow& flow)
{
    flow.from.async_wait(Tcp::socket::wait_read,
                         [self = shared_from_this(), &flow](const Code& code) {
                             if (!self->over_) {
                                 code ? self->cut() : self->take(flow);
                             }
                         });
}

void Pair::take(Flow& flow)
{
    Code code;
    const auto read = flow.from.read_some(asio::buffer(shared_.scratch), code);
    if (code == asio::error::eof) {
        return end(flow);
    }
    if (code && code != asio::error::would_block) {
        return cut();
    }
    const auto sent = flow.to.write_some(asio::buffer(shared_.scratch.data(), read), code);
    if (code && code != asio::error::would_block) {
        return cut();
    }
    if (sent == read) {
        return pump(flow);
    }
    flow.unsent.assign(shared_.scratch.data() + sent, read - sent);
    flow.sent = 0;
    shared_.unsent += flow.unsent.size();
    shared_.unsent > shared_.options.max_unsent.count() ? cut() : push(flow);
}

void Pair::push(Flow& flow)
{
    // How long a leader takes for a piece is its own affair: it has deadlines for that.
    if (&flow == &down_) {
        flow.stalls.expires_after(shared_.options.write_timeout);
        flow.stalls.async_wait([self = shared_from_this()](const Code& code) {
            if (!code && !self->over_) {
                self->cut();
            }
        });
    }
    flow.to.async_wait(Tcp::socket::wait_write, [self = shared_from_this(), &flow](Code code) {
        if (self->over_) {
            return;
        }
        flow.stalls.cancel();
        if (!code) {
            flow.sent += flow.to.write_some(
                asio::buffer(flow.unsent.data() + flow.sent, flow.unsent.size() - flow.sent), code);
        }
        if (code && code != asio::error::would_block) {
            return self->cut();
        }
        if (flow.sent < flow.unsent.size()) {
            return self->push(flow);
        }
        self->forget_unsent(flow);
        self->pump(flow);
    });
}

void Pair::end(Flow& flow)
{
    flow.ended = true;
    if (up_.ended && down_.ended) {
        over_ = true;
        close(client_, false);
        close(leader_, false);
        return cut();
    }
    Code code;
    flow.to.shutdown(Tcp::socket::shutdown_send, code);
    if (&flow == &down_) {
        // The leader takes nothing more: what the client still sends is for nobody.
        within(shared_.options.linger_timeout, &Pair::cut);
    }
}

void Pair::forget_unsent(Flow& flow)
{
    shared_.unsent -= flow.unsent.size();
    std::string{}.swap(flow.unsent);
}

void Pair::cut()
{
    if (!over_) {
        over_ = true;
        const bool was_complete = down_.ended || !leader_.is_open();
        close(client_, !was_complete);
        close(leader_, true);
    }
    timer_.cancel();
    up_.stalls.cancel();
    down_.stalls.cancel();
    forget_unsent(up_);
    forget_unsent(down_);
    shared_.begun -= std::exchange(begun_, false) ? 1 : 0;
    shared_.pairs.erase(shared_from_this());
}

} // namespace coordinator::standby
