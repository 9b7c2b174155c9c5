#pragma once

#include "guest/terminals/views.hpp"

#include <deque>
#include <string_view>

namespace guest::terminals {

/// What one watcher has still to see. Who is slow misses output, and needs the screen anew.
class WatchQueue {
public:
    explicit WatchQueue(std::size_t bytes_at_most) : bytes_at_most_{bytes_at_most} {}

    /// Begins anew: what waited is in it.
    void screen(std::string bytes, TerminalSize size);
    void output(std::string_view bytes);
    void size(TerminalSize size);
    /// After what waits; once.
    void end(WatchPiece ended);

    /// From now on all but screen() and end() is dropped.
    [[nodiscard]] bool missed() const noexcept { return missed_; }
    [[nodiscard]] bool has_end() const noexcept { return end_.has_value(); }
    /// See Terminals::next.
    std::optional<WatchPiece> next(std::size_t bytes_at_most);

private:
    bool room_for(std::size_t bytes);

    std::size_t bytes_at_most_;
    std::deque<WatchPiece> pieces_;
    std::size_t held_ = 0;
    bool missed_ = false;
    std::optional<WatchPiece> end_;
};

} // namespace guest::terminals
