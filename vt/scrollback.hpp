#pragma once

#include <deque>
#include <string>

namespace vt {

/// The lines that left a screen at its top, the newest within two bounds.
class Scrollback {
public:
    Scrollback(std::size_t lines_at_most, std::size_t bytes_at_most)
        : lines_at_most_{lines_at_most}, bytes_at_most_{bytes_at_most}
    {}

    void push(std::string line)
    {
        bytes_ += cost(line);
        lines_.push_back(std::move(line));
        while (!lines_.empty() && (lines_.size() > lines_at_most_ || bytes_ > bytes_at_most_)) {
            bytes_ -= cost(lines_.front());
            lines_.pop_front();
        }
    }
    void clear()
    {
        lines_.clear();
        bytes_ = 0;
    }
    [[nodiscard]] const std::deque<std::string>& lines() const noexcept { return lines_; }
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

private:
    static std::size_t cost(const std::string& line) { return line.size() + sizeof line; }

    std::size_t lines_at_most_;
    std::size_t bytes_at_most_;
    std::deque<std::string> lines_;
    std::size_t bytes_ = 0;
};

} // namespace vt
