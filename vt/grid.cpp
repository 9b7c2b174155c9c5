#include "vt/grid.hpp"

#include "vt/characters.hpp"

#include <algorithm>
#include <numeric>

namespace vt {

namespace {

Cell blank(const Style& style)
{
    Cell cell;
    cell.style.background = style.background;
    return cell;
}

} // namespace

Grid::Grid(Size size)
    : columns_{size.columns},
      order_(size.rows),
      cells_(static_cast<std::size_t>(size.rows) * size.columns)
{
    std::iota(order_.begin(), order_.end(), std::size_t{0});
}

/// Before the cut at `column`, left of it: a wide character that it goes through becomes blank.
void Grid::mend(int row, int column, const Style& style)
{
    if (column > 0 && column < columns_ && cell(row, column).width == 0) {
        cell(row, column - 1) = blank(style);
        cell(row, column) = blank(style);
    }
}

void Grid::put(int row, int column, char32_t character, int width, const Style& style)
{
    mend(row, column, style);
    mend(row, column + width, style);
    Cell written;
    written.character = character;
    written.style = style;
    written.width = static_cast<std::uint8_t>(width);
    cell(row, column) = written;
    if (width == 2) {
        written.character = 0;
        written.width = 0;
        cell(row, column + 1) = written;
    }
}

void Grid::add_mark(int row, int column, char32_t mark)
{
    if (cell(row, column).width == 0 && column > 0) {
        --column;
    }
    auto& joined = cell(row, column);
    const auto free = std::ranges::find(joined.marks, U'\0');
    if (joined.character != 0 && free != joined.marks.end()) {
        *free = mark;
    }
}

void Grid::erase(int row, int from, int to, const Style& style)
{
    to = std::min(to, columns_);
    if (from >= to) {
        return;
    }
    mend(row, from, style);
    mend(row, to, style);
    std::fill(&cell(row, from), &cell(row, from) + (to - from), blank(style));
}

void Grid::shift(int row, int column, int count, const Style& style)
{
    const int room = columns_ - column;
    count = std::clamp(count, -room, room);
    mend(row, column, style);
    Cell* const first = &cell(row, column);
    Cell* const end = first + room;
    if (count > 0) {
        mend(row, columns_ - count, style); // What is cut at the right.
        std::move_backward(first, end - count, end);
        std::fill(first, first + count, blank(style));
    } else if (count < 0) {
        mend(row, column - count, style);
        std::move(first - count, end, first);
        std::fill(end + count, end, blank(style));
    }
}

void Grid::scroll(int top, int bottom, int count, const Style& style)
{
    const int height = bottom - top;
    count = std::clamp(count, -height, height);
    const auto first = order_.begin() + top;
    const auto end = order_.begin() + bottom;
    if (count > 0) {
        std::rotate(first, first + count, end);
        for (int row = bottom - count; row < bottom; ++row) {
            erase(row, 0, columns_, style);
        }
    } else if (count < 0) {
        std::rotate(first, end + count, end);
        for (int row = top; row < top - count; ++row) {
            erase(row, 0, columns_, style);
        }
    }
}

void Grid::resize(Size size, int rows_dropped)
{
    Grid other{size};
    const int kept_rows = std::min(rows() - rows_dropped, other.rows());
    const int kept_columns = std::min(columns_, other.columns_);
    for (int row = 0; row < kept_rows; ++row) {
        mend(row + rows_dropped, kept_columns, {});
        const Cell* const from = &cell(row + rows_dropped, 0);
        std::copy(from, from + kept_columns, &other.cell(row, 0));
    }
    *this = std::move(other);
}

std::string Grid::text(int row) const
{
    std::string text;
    std::size_t used = 0;
    for (int column = 0; column < columns_; ++column) {
        const auto& each = at(row, column);
        if (each.width == 0) {
            continue;
        }
        if (each.character == 0 || each.character == U' ') {
            text += ' ';
        } else {
            append_utf8(text, each.character);
            used = text.size();
        }
        for (const char32_t mark : each.marks) {
            if (mark != 0) {
                append_utf8(text, mark);
                used = text.size();
            }
        }
    }
    text.resize(used);
    return text;
}

} // namespace vt
