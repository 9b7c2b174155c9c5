// The socket and the session of a channel; what the frames mean is in channel.cpp.
#include "hostd/guest/channel.hpp"

#include "hostd/guest/guest_words.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>

namespace hostd::guest {

namespace {

/// A connected, non-blocking stream socket, or an empty one: too early, or gone.
common::UniqueFd connect_to(const std::filesystem::path& path)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.native().size() >= sizeof address.sun_path) {
        return {};
    }
    std::memcpy(address.sun_path, path.c_str(), path.native().size());
    common::UniqueFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    // A local connect is immediate or refused: there is no state in between to wait for.
    if (!fd ||
        ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return {};
    }
    return fd;
}

} // namespace

void Channel::connect(common::SteadyTime now)
{
    fd_ = connect_to(socket_);
    if (!fd_) {
        retry_ = std::clamp(retry_ * 2, limits_.retry_first, limits_.retry_max);
        due_ = now + retry_;
        return;
    }
    ++connection_;
    session_ = proto::random_session();
    echo_.emplace(session_);
    reader_.reset();
    frameless_ = 0;
    useless_ = 0;
    becoming_ = 0;
    useless_since_ = now;
    streams_.clear();
    enter(State::syncing, limits_.echo_timeout);
    out_.assign(proto::resync_padding, '\0');
    send(0, proto::GuestReset{});
    on_writable();
}

void Channel::enter(State state, std::chrono::milliseconds limit)
{
    state_ = state;
    due_ = clock_.steady() + limit;
}

void Channel::close(std::string_view why)
{
    const bool was_ready = ready();
    if (was_ready && clock_.steady() - ready_since_ >= limits_.penalty_max) {
        penalty_ = {};
    }
    fd_.reset();
    out_.clear();
    retry_ = std::max(penalty_, limits_.retry_first);
    enter(State::waiting, retry_);
    give_up_freezing("its channel was lost");
    go_on(); // As the guest will with the next `become`.
    if (was_ready) {
        GuestEvent event;
        event.detail = why;
        emit(GuestEvent::Kind::lost, std::move(event));
    }
}

void Channel::violation(const std::string& what)
{
    close(what);
    penalty_ = std::clamp(penalty_ * 2, limits_.penalty_first, limits_.penalty_max);
    enter(State::waiting, penalty_);
    GuestEvent event;
    event.detail = what;
    emit(GuestEvent::Kind::misbehaved, std::move(event));
}

void Channel::on_readable()
{
    thread_local std::string buffer;
    buffer.resize(limits_.turn_bytes);
    const auto got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got > 0) {
        take_bytes({buffer.data(), static_cast<std::size_t>(got)});
    } else if (got == 0) {
        close("the guest's end was closed");
    } else if (errno != EAGAIN && errno != EINTR) {
        close(std::strerror(errno)); // NOLINT(concurrency-mt-unsafe): a message only
    }
}

void Channel::on_writable()
{
    while (!out_.empty()) {
        const auto sent = ::send(fd_.get(), out_.data(), out_.size(), MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                close(std::strerror(errno)); // NOLINT(concurrency-mt-unsafe): a message only
            }
            return;
        }
        out_.erase(0, static_cast<std::size_t>(sent));
    }
    // There is room again: whoever has stdin and credit goes on.
    for (auto& [operation, run] : runs_) {
        if (ready()) {
            send_stdin(run);
        }
    }
}

void Channel::take_bytes(std::string_view bytes)
{
    if (state_ == State::syncing) {
        const auto rest = echo_->feed(bytes);
        if (!rest) {
            if (echo_->discarded() > limits_.echo_discard_bytes) {
                violation("no echo of the reset in all that it sent");
            }
            return;
        }
        enter(State::greeting, limits_.hello_timeout);
        reader_.feed(*rest);
    } else {
        frameless_ += bytes.size();
        reader_.feed(bytes);
    }
    take_frames();
}

void Channel::take_frames()
{
    while (state_ == State::greeting || state_ == State::becoming || state_ == State::ready) {
        auto payload = reader_.next();
        if (!payload) {
            return violation(payload.error().message);
        }
        if (!*payload) {
            break;
        }
        frameless_ = 0;
        const auto frame = proto::decode_guest_frame(**payload);
        if (!frame) {
            return violation(frame.error().message);
        }
        if (frame->session != session_) {
            return violation("a frame of another session");
        }
        heard_ = clock_.steady();
        if (heard_ - useless_since_ >= limits_.useless_window) {
            useless_since_ = heard_;
            useless_ = 0;
        }
        if (const auto taken = take(*frame); !taken) {
            return violation(taken.error().message);
        }
        if (useless_ > limits_.useless_frames) {
            return violation("too many frames of no use");
        }
    }
    if (frameless_ > limits_.frameless_bytes) {
        return violation("bytes without end between frames");
    }
    if (!out_.empty()) {
        on_writable();
    }
}

template <typename Message>
void Channel::send(std::uint32_t stream, const Message& message)
{
    out_ += proto::guest_frame(session_, stream, message);
}

template void Channel::send(std::uint32_t, const proto::GuestReset&);
template void Channel::send(std::uint32_t, const proto::GuestExec&);
template void Channel::send(std::uint32_t, const proto::GuestStdin&);
template void Channel::send(std::uint32_t, const proto::GuestCredit&);
template void Channel::send(std::uint32_t, const proto::GuestExecAck&);
template void Channel::send(std::uint32_t, const proto::GuestShutdown&);
template void Channel::send(std::uint32_t, const proto::GuestBecome&);
template void Channel::send(std::uint32_t, const proto::GuestFreeze&);
template void Channel::send(std::uint32_t, const proto::GuestThaw&);
template void Channel::send(std::uint32_t, const proto::GuestPing&);
template void Channel::send(std::uint32_t, const proto::GuestSignal&);
template void Channel::send(std::uint32_t, const proto::GuestResize&);

} // namespace hostd::guest
