#include "guest/live_output.hpp"

#include <algorithm>

namespace guest {

namespace {

/// Unsent at most; and of all of it, sent or not, what is kept.
constexpr std::uint64_t most_unsent = proto::initial_credit;
constexpr std::size_t most_held = 2 * most_unsent;

} // namespace

void LiveOutput::attach(std::uint64_t from)
{
    unwanted_ = false;
    sent_ = std::clamp(from, log_.begin(), log_.end());
    allowed_ = sent_ + proto::initial_credit;
}

std::size_t LiveOutput::room() const noexcept
{
    return unwanted_ ? most_unsent : most_unsent - std::min(most_unsent, log_.end() - sent_);
}

void LiveOutput::append(proto::Stdio stdio, std::string_view bytes)
{
    log_.append(stdio, bytes);
    log_.trim(most_held, unwanted_ ? log_.end() : sent_);
    sent_ = std::max(sent_, log_.begin());
}

std::optional<proto::GuestOutput> LiveOutput::next()
{
    const auto credit = allowed_ - std::min(allowed_, sent_);
    auto piece = log_.read(sent_, std::min<std::uint64_t>(credit, proto::max_chunk));
    if (!piece) {
        return std::nullopt;
    }
    sent_ = piece->position + piece->data.size();
    return proto::GuestOutput{
        std::string{to_string(piece->stdio)}, piece->position, std::move(piece->data)};
}

} // namespace guest
