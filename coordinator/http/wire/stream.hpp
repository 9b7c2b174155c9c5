#pragma once

#include "common/clock.hpp"
#include "coordinator/http/wire/connection.hpp"

#include <httplib.h>
#include <optional>
#include <string>

namespace coordinator::http {

/// A connection as cpp-httplib sees it while it serves one request: first the head
/// made for it, then the body; what it writes is gathered and sent at once, so that
/// no reply is split into two segments (Nagle against delayed acknowledgements).
class RequestStream final : public httplib::Stream {
public:
    struct Limits {
        common::SteadyTime body_deadline;
        std::chrono::milliseconds write_timeout{0};
        std::size_t max_received = 0; ///< Body and chunk framing together.
    };
    enum class Trouble { none, timeout, too_much, gone };

    RequestStream(Connection& connection, std::string head, Limits limits);

    [[nodiscard]] bool is_readable() const override { return true; }
    [[nodiscard]] bool is_writable() const override { return trouble_ != Trouble::gone; }
    ssize_t read(char* to, std::size_t size) override;
    ssize_t write(const char* from, std::size_t size) override;
    using httplib::Stream::write;
    void get_remote_ip_and_port(std::string& ip, int& port) const override;
    void get_local_ip_and_port(std::string& ip, int& port) const override;
    /// Never the descriptor: the library refuses those above FD_SETSIZE, because its
    /// own streams use select().
    [[nodiscard]] socket_t socket() const override { return 0; }

    /// Sends of what was written what the peer takes at once, and leaves the rest in
    /// connection.unsent: who reads slowly holds no thread. False when the peer is gone.
    bool leave();
    /// From now on a body of any size, of which each 64 KiB may be waited for so long. Time that
    /// its taker takes does not count.
    void expect_any(std::chrono::milliseconds for_each, std::size_t framing_at_most);
    /// A piece of that body was taken: framing is counted anew.
    void took_piece() noexcept { limits_.max_received = total_ + framing_at_most_; }
    /// What was written is not sent.
    void discard() noexcept { out_.clear(); }
    [[nodiscard]] Trouble trouble() const noexcept { return trouble_; }

private:
    bool fill();
    bool await_more();
    bool flush();
    bool push();

    Connection& connection_;
    std::string head_;
    std::size_t head_used_ = 0;
    std::size_t used_ = 0; ///< Of connection_.received; erased in one go at the end.
    std::size_t total_ = 0;
    std::string out_;
    Limits limits_;
    std::optional<std::chrono::milliseconds> for_each_;
    std::chrono::steady_clock::duration patience_{}; ///< Of for_each_, what is left.
    std::size_t framing_at_most_ = 0; ///< Received without a piece of the body in it.
    std::size_t patient_to_ = 0;      ///< Of total_: then it begins anew.
    Trouble trouble_ = Trouble::none;

public:
    ~RequestStream() override;
    RequestStream(const RequestStream&) = delete;
    RequestStream& operator=(const RequestStream&) = delete;
};

} // namespace coordinator::http
