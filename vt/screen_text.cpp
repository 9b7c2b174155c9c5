#include "vt/screen.hpp"

#include "vt/characters.hpp"

#include <algorithm>

namespace vt {

namespace {

std::string colour(std::uint32_t value, unsigned first)
{
    const auto number = [](std::uint32_t part) { return std::to_string(part & 0xffU); };
    const auto kind = value >> 24U;
    if (kind == 1) {
        return ";" + std::to_string(first + 8) + ";5;" + number(value);
    }
    if (kind == 2) {
        return ";" + std::to_string(first + 8) + ";2;" + number(value >> 16U) + ";" +
               number(value >> 8U) + ";" + number(value);
    }
    return "";
}

std::string look(const Style& style)
{
    constexpr std::array<std::string_view, 8> numbers{
        ";1", ";2", ";3", ";4", ";5", ";7", ";8", ";9"};
    std::string text = "\x1b[0";
    for (std::size_t bit = 0; bit < numbers.size(); ++bit) {
        if ((style.attributes >> bit & 1U) != 0) {
            text += numbers[bit];
        }
    }
    return text + colour(style.foreground, 30) + colour(style.background, 40) + "m";
}

std::string position(int row, int column)
{
    return "\x1b[" + std::to_string(row + 1) + ";" + std::to_string(column + 1) + "H";
}

bool is_plain(const Cell& cell)
{
    return cell.character == 0 && cell.width == 1 && cell.style == Style{};
}

/// A row's cells from the first to the last that is not plain; the pen's look is carried over.
void draw_row(std::string& text, const Grid& grid, int row, Style& pen)
{
    int end = grid.columns();
    while (end > 0 && is_plain(grid.at(row, end - 1))) {
        --end;
    }
    if (end == 0) {
        return;
    }
    text += position(row, 0);
    for (int column = 0; column < end; ++column) {
        const auto& cell = grid.at(row, column);
        if (cell.width == 0) {
            continue;
        }
        if (cell.style != pen) {
            pen = cell.style;
            text += look(pen);
        }
        append_utf8(text, cell.character == 0 ? U' ' : cell.character);
        for (const char32_t mark : cell.marks) {
            if (mark != 0) {
                append_utf8(text, mark);
            }
        }
    }
}

} // namespace

Text Screen::text(std::uint32_t last_lines, std::size_t most_bytes) const
{
    int used = rows();
    std::vector<std::string> shown;
    for (int row = 0; row < rows(); ++row) {
        shown.push_back(grid().text(row));
    }
    while (used > 0 && shown[static_cast<std::size_t>(used - 1)].empty()) {
        --used;
    }
    shown.resize(static_cast<std::size_t>(used));

    const auto& kept = scrollback_.lines();
    std::vector<const std::string*> lines; // The last one first.
    std::size_t bytes = 0;
    Text text;
    const auto wanted = last_lines == 0 ? shown.size() : std::size_t{last_lines};
    const auto add = [&](const std::string& line) {
        if (lines.size() == wanted) {
            return false;
        }
        text.truncated = bytes + line.size() + 1 > most_bytes;
        if (text.truncated) {
            return false;
        }
        bytes += line.size() + 1;
        lines.push_back(&line);
        return true;
    };
    bool more = true;
    for (auto line = shown.rbegin(); more && line != shown.rend(); ++line) {
        more = add(*line);
    }
    for (auto line = kept.rbegin(); more && last_lines > 0 && line != kept.rend(); ++line) {
        more = add(*line);
    }
    text.content.reserve(bytes);
    for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
        text.content.append(**line).append("\n");
    }
    text.lines = static_cast<std::uint32_t>(lines.size());
    return text;
}

std::string Screen::part_of_row(int row, int column, int columns) const
{
    std::string text;
    Style pen;
    const int end = std::min(column + columns, grid().columns());
    for (int at = column; at < end; ++at) {
        const auto& cell = grid().at(row, at);
        const bool halved = cell.width == 2 && at + 1 == end;
        if (cell.width == 0 && at > column) {
            continue; // Its first half is drawn.
        }
        if (cell.style != pen) {
            pen = cell.style;
            text += look(pen);
        }
        const bool blank = cell.character == 0 || cell.width == 0 || halved;
        append_utf8(text, blank ? U' ' : cell.character);
        for (const char32_t mark : cell.marks) {
            if (mark != 0 && !blank) {
                append_utf8(text, mark);
            }
        }
    }
    return pen == Style{} ? text : text + look({});
}

std::string Screen::redraw() const
{
    // From the beginning: whoever looks on may have seen anything before.
    std::string text = "\x1b[?1049l\x1b[!p\x1b[0m\x1b[H\x1b[2J";
    Style pen;
    const auto draw = [&](const Grid& drawn) {
        for (int row = 0; row < drawn.rows(); ++row) {
            draw_row(text, drawn, row, pen);
        }
    };
    draw(main_);
    if (alternate_) {
        text += position(saved_of_main_ ? saved_of_main_->row : 0,
                         saved_of_main_ ? saved_of_main_->column : 0);
        text += "\x1b[?1049h\x1b[0m\x1b[H\x1b[2J";
        pen = {};
        draw(*alternate_);
    }
    if (top_ != 0 || bottom_ != rows()) {
        text += "\x1b[" + std::to_string(top_ + 1) + ";" + std::to_string(bottom_) + "r";
    }
    text += position(cursor_.row, cursor_.column) + look(cursor_.style);
    if (!cursor_shown_) {
        text += "\x1b[?25l";
    }
    if (!wrapping_) {
        text += "\x1b[?7l";
    }
    return text;
}

} // namespace vt
