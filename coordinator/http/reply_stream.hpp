#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace coordinator::http {

/// The body of a reply that comes about while it is sent: server-sent events, most of all. The wire
/// takes as its client does, so that what is not taken waits where it comes from. on_news() and
/// its callback may be called on any thread; everything else is the wire's own.
class ReplyStream {
public:
    virtual ~ReplyStream() = default;

    /// `news` is called whenever take() may have something, and at once if it has; it returns at
    /// once. Set once, before the first take().
    virtual void on_news(std::function<void()> news) = 0;
    /// What there is, of about `size` bytes at most; "" if nothing is there now.
    virtual std::string take(std::size_t size) = 0;
    /// Nothing will follow what was taken.
    [[nodiscard]] virtual bool ended() const = 0;
    /// What there was is not all there should have been: the client is not to take it for whole.
    [[nodiscard]] virtual bool failed() const { return false; }
    /// What is sent when there was nothing for a while, so that nobody takes the connection for
    /// dead.
    [[nodiscard]] virtual std::string sign_of_life() const = 0;
    /// What is sent last when the server ends before it: where to go on. "": the client is not to
    /// take what it has for all.
    [[nodiscard]] virtual std::string farewell() const { return {}; }
    /// Once: all was sent, or its client is gone.
    virtual void close() = 0;
};

} // namespace coordinator::http
