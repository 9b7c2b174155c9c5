#include "guest/terminals/tmux_control.hpp"

#include <algorithm>
#include <utility>

namespace guest::terminals {

namespace {

constexpr std::size_t line_at_most = std::size_t{1} << 20U;
constexpr std::size_t reply_at_most = std::size_t{4} << 20U;

} // namespace

std::string without_octal(std::string_view text)
{
    const auto digit = [&](std::size_t at) {
        return at < text.size() && text[at] >= '0' && text[at] <= '7';
    };
    const auto value = [&](std::size_t at) { return static_cast<unsigned>(text[at] - '0'); };
    std::string bytes;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '\\' && digit(at + 1) && digit(at + 2) && digit(at + 3)) {
            bytes += static_cast<char>(value(at + 1) << 6U | value(at + 2) << 3U | value(at + 3));
            at += 3;
        } else {
            bytes += text[at];
        }
    }
    return bytes;
}

bool TmuxControl::feed(std::string_view bytes)
{
    while (!bytes.empty()) {
        const auto end = bytes.find('\n');
        const auto part = bytes.substr(0, end);
        if (line_.size() + part.size() > line_at_most || lines_.size() > reply_at_most) {
            return false;
        }
        line_ += part;
        if (end == std::string_view::npos) {
            return true;
        }
        bytes.remove_prefix(end + 1);
        const auto line = std::exchange(line_, {});
        take(line);
    }
    return true;
}

/// A reply is between "%begin" and "%end" (or "%error") with the same numbers. A program that
/// writes such a line on its screen, and guesses them, cuts short what is shown of itself.
void TmuxControl::take(std::string_view line)
{
    const auto word = line.substr(0, line.find(' '));
    const auto rest = line.substr(std::min(word.size() + 1, line.size()));
    if (guard_) {
        if ((word == "%end" || word == "%error") && rest == *guard_) {
            // Of the three numbers the last one says it: the first reply is that of attaching.
            const Reply reply{word == "%end", guard_->ends_with(" 1"), std::exchange(lines_, {})};
            guard_.reset();
            handlers_.reply(reply);
        } else {
            lines_.append(line).append("\n");
        }
    } else if (word == "%begin") {
        guard_ = rest;
    } else if (word == "%output") {
        const auto pane = rest.substr(0, rest.find(' '));
        handlers_.output(pane, without_octal(rest.substr(std::min(pane.size() + 1, rest.size()))));
    } else if (word == "%exit") {
        handlers_.exit();
    }
}

} // namespace guest::terminals
