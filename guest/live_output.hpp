#pragma once

#include "proto/guest_messages.hpp"
#include "proto/output_log.hpp"

#include <optional>

namespace guest {

/// The output of one live exec: what is still to be sent, and the newest of what was, for
/// whoever attaches next. See GuestExec::live.
class LiveOutput {
public:
    /// Somebody new wants what comes at `from`, and later.
    void attach(std::uint64_t from);
    /// Nobody will come for it: the command goes on, and the oldest of what it writes is dropped.
    void let_go() noexcept { unwanted_ = true; }
    void take_credit(std::uint32_t bytes) noexcept { allowed_ += bytes; }

    /// How much may be read from the command now; at 0 it waits.
    [[nodiscard]] std::size_t room() const noexcept;
    void append(proto::Stdio stdio, std::string_view bytes);
    /// Within credit.
    std::optional<proto::GuestOutput> next();

    [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }
    [[nodiscard]] bool all_sent() const noexcept { return sent_ == log_.end(); }
    [[nodiscard]] std::size_t kept_bytes() const noexcept { return log_.cost(); }

private:
    proto::OutputLog log_;
    std::uint64_t sent_ = 0;
    bool unwanted_ = false;
    std::uint64_t allowed_ = proto::initial_credit;
};

} // namespace guest
