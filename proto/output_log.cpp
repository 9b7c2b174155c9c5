#include "proto/output_log.hpp"

#include <algorithm>
#include <utility>

namespace proto {

std::string_view to_string(Stdio stdio) noexcept
{
    return stdio == Stdio::out ? "stdout" : "stderr";
}

std::optional<Stdio> stdio_from(std::string_view text) noexcept
{
    for (const auto stdio : {Stdio::out, Stdio::err}) {
        if (text == to_string(stdio)) {
            return stdio;
        }
    }
    return std::nullopt;
}

void OutputLog::append(Stdio stdio, std::string_view bytes)
{
    if (bytes.empty()) {
        return;
    }
    if (runs_.empty() || runs_.back().stdio != stdio) {
        runs_.push_back({end(), stdio});
    }
    bytes_ += bytes;
}

void OutputLog::trim(std::size_t most, std::uint64_t needed)
{
    while (cost() > most && begin_ < std::min(needed, end())) {
        const auto run_end = runs_.size() > 1 ? runs_[1].position : end();
        const auto to = std::min({run_end, needed, begin_ + (cost() - most)});
        dead_ += to - begin_;
        begin_ = to;
        if (to == run_end) {
            runs_.pop_front();
        } else {
            runs_.front().position = to;
        }
    }
    if (dead_ > bytes_.size() / 2) {
        bytes_.erase(0, std::exchange(dead_, 0));
    }
}

void OutputLog::restart_at(std::uint64_t position)
{
    begin_ = position;
    bytes_.clear();
    dead_ = 0;
    runs_.clear();
}

std::optional<OutputLog::Piece> OutputLog::read(std::uint64_t position, std::uint64_t size) const
{
    const auto from = std::max(position, begin_);
    if (from >= end() || size == 0) {
        return std::nullopt;
    }
    const auto next = std::ranges::upper_bound(runs_, from, {}, &Run::position);
    const auto run_end = next == runs_.end() ? end() : next->position;
    return Piece{std::prev(next)->stdio,
                 from,
                 bytes_.substr(dead_ + (from - begin_), std::min(size, run_end - from))};
}

std::size_t OutputLog::cost() const noexcept
{
    return bytes_.size() - dead_ + runs_.size() * sizeof(Run);
}

} // namespace proto
