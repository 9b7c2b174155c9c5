#include "guest/terminals/watch_queue.hpp"

#include <algorithm>

namespace guest::terminals {

namespace {

constexpr std::size_t piece_at_most = std::size_t{16} << 10U;
constexpr std::size_t piece_cost = sizeof(WatchPiece); ///< On top of its bytes.

} // namespace

void WatchQueue::screen(std::string bytes, TerminalSize size)
{
    pieces_.clear();
    missed_ = false;
    held_ = bytes.size() + piece_cost;
    pieces_.push_back({WatchPiece::Kind::screen, std::move(bytes), size});
}

bool WatchQueue::room_for(std::size_t bytes)
{
    if (!missed_ && held_ + bytes > bytes_at_most_) {
        pieces_.clear();
        held_ = 0;
        missed_ = true;
    }
    return !missed_;
}

void WatchQueue::output(std::string_view bytes)
{
    if (end_ || bytes.empty() || !room_for(bytes.size() + piece_cost)) {
        return;
    }
    auto* const last = pieces_.empty() ? nullptr : &pieces_.back();
    if (last != nullptr && last->kind == WatchPiece::Kind::output &&
        last->bytes.size() + bytes.size() <= piece_at_most) {
        last->bytes += bytes;
        held_ += bytes.size();
    } else {
        pieces_.push_back({WatchPiece::Kind::output, std::string{bytes}});
        held_ += bytes.size() + piece_cost;
    }
}

void WatchQueue::size(TerminalSize size)
{
    if (!end_ && room_for(piece_cost)) {
        pieces_.push_back({WatchPiece::Kind::size, {}, size});
        held_ += piece_cost;
    }
}

void WatchQueue::end(WatchPiece ended)
{
    if (!end_) {
        ended.kind = WatchPiece::Kind::ended;
        end_ = std::move(ended);
    }
}

std::optional<WatchPiece> WatchQueue::next(std::size_t bytes_at_most)
{
    if (pieces_.empty()) {
        return end_;
    }
    auto& front = pieces_.front();
    bytes_at_most = std::max<std::size_t>(bytes_at_most, 1);
    if (front.kind == WatchPiece::Kind::output && front.bytes.size() > bytes_at_most) {
        WatchPiece part{WatchPiece::Kind::output, front.bytes.substr(0, bytes_at_most)};
        front.bytes.erase(0, bytes_at_most);
        held_ -= bytes_at_most;
        return part;
    }
    auto piece = std::move(front);
    pieces_.pop_front();
    held_ -= piece.bytes.size() + piece_cost;
    return piece;
}

} // namespace guest::terminals
