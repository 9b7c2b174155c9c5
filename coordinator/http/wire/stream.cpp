#include "coordinator/http/wire/stream.hpp"

#include <algorithm>
#include <poll.h>
#include <utility>

namespace coordinator::http {

namespace {

/// Of a longer reply what was gathered begins to leave before the rest is written.
constexpr std::size_t gather_limit = std::size_t{256} << 10U;
/// Of a body without a bound: who sends less in the time that there is for it is too slow.
constexpr std::size_t progress = std::size_t{64} << 10U;

} // namespace

RequestStream::RequestStream(Connection& connection, std::string head, Limits limits)
    : connection_{connection}, head_{std::move(head)}, limits_{limits}
{}

RequestStream::~RequestStream()
{
    connection_.received.erase(0, used_);
}

ssize_t RequestStream::read(char* to, std::size_t size)
{
    if (head_used_ < head_.size()) {
        const auto n = std::min(size, head_.size() - head_used_);
        std::copy_n(head_.data() + head_used_, n, to);
        head_used_ += n;
        return static_cast<ssize_t>(n);
    }
    if (total_ >= limits_.max_received) {
        trouble_ = Trouble::too_much;
        return -1;
    }
    if (used_ == connection_.received.size() && !fill()) {
        return -1;
    }
    const auto n = std::min(size, connection_.received.size() - used_);
    std::copy_n(connection_.received.data() + used_, n, to);
    used_ += n;
    total_ += n;
    return static_cast<ssize_t>(n);
}

void RequestStream::expect_any(std::chrono::milliseconds for_each, std::size_t framing_at_most)
{
    for_each_ = for_each;
    patience_ = for_each;
    patient_to_ = total_ + progress;
    framing_at_most_ = framing_at_most;
    took_piece();
}

bool RequestStream::await_more()
{
    const int socket = connection_.socket.get();
    if (!for_each_) {
        return wait_for(socket, POLLIN, limits_.body_deadline);
    }
    if (total_ >= patient_to_) {
        patience_ = *for_each_;
        patient_to_ = total_ + progress;
    }
    const auto begun = std::chrono::steady_clock::now();
    const bool came = wait_for(socket, POLLIN, begun + patience_);
    patience_ -= std::chrono::steady_clock::now() - begun;
    return came;
}

bool RequestStream::fill()
{
    connection_.received.clear();
    used_ = 0;
    if (!flush()) { // "100 Continue" must reach the peer before it sends on.
        return false;
    }
    while (true) {
        switch (receive(connection_)) {
        case Received::data: return true;
        case Received::end: trouble_ = Trouble::gone; return false;
        case Received::nothing_yet:
            if (!await_more()) {
                trouble_ = Trouble::timeout;
                return false;
            }
        }
    }
}

ssize_t RequestStream::write(const char* from, std::size_t size)
{
    out_.append(from, size);
    if (out_.size() >= gather_limit && !push()) {
        return -1;
    }
    return static_cast<ssize_t>(size);
}

bool RequestStream::flush()
{
    const bool sent =
        out_.empty() || send_all(connection_.socket.get(), out_, limits_.write_timeout);
    out_.clear();
    if (!sent) {
        trouble_ = Trouble::gone;
    }
    return sent;
}

bool RequestStream::push()
{
    std::string_view rest = out_;
    const bool sent = send_some(connection_.socket.get(), rest);
    out_.erase(0, out_.size() - rest.size());
    if (!sent) {
        trouble_ = Trouble::gone;
    }
    return sent;
}

bool RequestStream::leave()
{
    const bool sent = push();
    if (sent) {
        connection_.unsent = std::exchange(out_, {});
    }
    return sent;
}

void RequestStream::get_remote_ip_and_port(std::string& ip, int& port) const
{
    ip = connection_.peer;
    port = 0;
}

void RequestStream::get_local_ip_and_port(std::string& ip, int& port) const
{
    ip.clear();
    port = 0;
}

} // namespace coordinator::http
