#include "guest/calls/stdio.hpp"

#include "proto/guest_calls.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <poll.h>
#include <unistd.h>

namespace guest::calls {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

volatile std::sig_atomic_t told_to_stop = 0;

Error incomplete(std::string why)
{
    return {ErrorCode::unavailable,
            "the content did not come to its end: " + std::move(why),
            "body_incomplete"};
}

Error damaged()
{
    return {ErrorCode::unavailable, "the content was damaged on its way", "body_damaged"};
}

sigset_t only_term()
{
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGTERM);
    return set;
}

/// True when there is something to read. A SIGTERM is let in here and nowhere else, so that none
/// comes between looking for it and waiting.
bool wait_for_stdin()
{
    sigset_t none;
    ::sigemptyset(&none);
    pollfd in{STDIN_FILENO, POLLIN, 0};
    while (told_to_stop == 0) {
        if (::ppoll(&in, 1, nullptr, &none) > 0) {
            return told_to_stop == 0;
        }
    }
    return false;
}

} // namespace

void on_term(OnTerm what)
{
    const auto term = only_term();
    switch (what) {
    case OnTerm::dies: ::signal(SIGTERM, SIG_DFL); return;
    case OnTerm::goes_on: ::signal(SIGTERM, SIG_IGN); return;
    case OnTerm::stops:
        ::sigprocmask(SIG_BLOCK, &term, nullptr);
        ::signal(SIGTERM, [](int) { told_to_stop = 1; });
        return;
    }
}

bool put(std::string_view bytes)
{
    while (!bytes.empty()) {
        const auto count = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
        if (count >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(count));
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

Result<std::string_view> Body::take(std::size_t size)
{
    buffer_.resize(std::max(buffer_.size(), size));
    for (std::size_t had = 0; had < size;) {
        if (!wait_for_stdin()) {
            return incomplete("it is not wanted any more");
        }
        const auto count = ::read(STDIN_FILENO, buffer_.data() + had, size - had);
        if (count > 0) {
            had += static_cast<std::size_t>(count);
        } else if (count == 0 || (errno != EINTR && errno != EAGAIN)) {
            return incomplete("nothing follows");
        }
    }
    return std::string_view{buffer_.data(), size};
}

Result<std::optional<std::string_view>> Body::next()
{
    COMMON_TRY(const auto head, take(4));
    const auto size = proto::call_length_of(head);
    if (size > proto::max_call_piece) {
        return damaged();
    }
    if (size > 0) {
        COMMON_TRY(const auto piece, take(size));
        hasher_.update(piece);
        return std::optional{piece};
    }
    const auto digest = hasher_.finish();
    COMMON_TRY(const auto told, take(digest.size()));
    if (!std::ranges::equal(
            told, digest, {}, [](char c) { return static_cast<std::uint8_t>(c); })) {
        return damaged();
    }
    return std::optional<std::string_view>{};
}

} // namespace guest::calls
