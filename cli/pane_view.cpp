#include "cli/pane_view.hpp"

#include "cli/stream_events.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace cli {

namespace {

constexpr std::int64_t most_columns = 500; ///< As the API has it; the size is the guest's word.
constexpr std::int64_t most_rows = 200;

vt::Size size_in(const Json& data)
{
    return {
        static_cast<std::uint16_t>(std::clamp<std::int64_t>(number_of(data, "rows"), 1, most_rows)),
        static_cast<std::uint16_t>(
            std::clamp<std::int64_t>(number_of(data, "cols"), 1, most_columns))};
}

/// The first of `shown` places out of `all` so that `at` is among them.
int first_shown(int at, int all, int shown)
{
    return std::clamp(at - shown + 1, 0, std::max(0, all - shown));
}

} // namespace

void PaneView::feed(const Json& data)
{
    const auto bytes = bytes_in(data).value_or("");
    for (std::size_t taken = 0; taken < bytes.size();) {
        taken += screen_.feed(std::string_view{bytes}.substr(taken));
    }
    static_cast<void>(screen_.take_replies()); // It is not answered: it has a terminal of its own.
}

bool PaneView::take(const client::ServerEvent& event)
{
    const auto data = Json::parse(event.data, nullptr, false);
    if (!data.is_object()) {
        return true;
    }
    if (event.name == "screen") {
        screen_ = vt::Screen{size_in(data), {0, 0}};
        feed(data);
    } else if (event.name == "size") {
        screen_.resize(size_in(data));
    } else if (event.name == "output") {
        feed(data);
    } else if (event.name == "ended") {
        ended_ = data;
    }
    return !ended_;
}

std::string PaneView::draw(const TerminalSize& size, const std::string& status)
{
    const int rows = std::max(1, size.rows - 1);
    const vt::Size all = screen_.size();
    const int top = first_shown(screen_.row(), all.rows, rows);
    const int left = first_shown(screen_.column(), all.columns, size.columns);
    std::vector<std::string> wanted;
    for (int row = 0; row < rows; ++row) {
        wanted.push_back(top + row < all.rows ? screen_.part_of_row(top + row, left, size.columns)
                                              : std::string{});
    }
    if (size.rows > 1) {
        wanted.push_back(status);
    }
    std::string text = "\x1b[?25l";
    if (drawn_size_ != size || drawn_.size() != wanted.size()) {
        text += "\x1b[0m\x1b[2J";
        drawn_.assign(wanted.size(), "");
    }
    for (std::size_t row = 0; row < wanted.size(); ++row) {
        if (wanted[row] != drawn_[row]) {
            text += fmt::format("\x1b[{};1H\x1b[0m\x1b[2K{}", row + 1, wanted[row]);
        }
    }
    drawn_ = std::move(wanted);
    drawn_size_ = size;
    return text + fmt::format("\x1b[{};{}H{}",
                              screen_.row() - top + 1,
                              screen_.column() - left + 1,
                              screen_.cursor_shown() ? "\x1b[?25h" : "");
}

} // namespace cli
