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

PaneView::Piece PaneView::piece_of(const client::ServerEvent& event)
{
    Piece piece;
    auto data = Json::parse(event.data, nullptr, false);
    if (!data.is_object()) {
        return piece;
    }
    if (event.name == "screen" || event.name == "size") {
        piece.what = event.name == "size" ? Piece::What::size : Piece::What::screen;
        piece.size = size_in(data);
    } else if (event.name == "output") {
        piece.what = Piece::What::output;
    } else if (event.name == "ended") {
        piece.what = Piece::What::ended;
    }
    piece.bytes = bytes_in(data).value_or("");
    piece.end = std::move(data);
    return piece;
}

void PaneView::take(Piece piece)
{
    switch (piece.what) {
    case Piece::What::nothing: return;
    case Piece::What::size: return screen_.resize(piece.size);
    case Piece::What::ended: ended_ = std::move(piece.end); return;
    case Piece::What::screen:
        screen_ = vt::Screen{piece.size, {0, 0}};
        unfed_.clear();
        fed_ = 0;
        break;
    case Piece::What::output: break;
    }
    unfed_ += piece.bytes;
}

bool PaneView::feed_some()
{
    fed_ += screen_.feed(std::string_view{unfed_}.substr(fed_));
    static_cast<void>(screen_.take_replies()); // It is not answered: it has a terminal of its own.
    if (fed_ == unfed_.size()) {
        unfed_.clear();
        fed_ = 0;
    }
    return fed_ > 0;
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
