#pragma once

#include "vt/size.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace vt {

/// How characters look. A colour: 0 the default, 1 and a palette's index, 2 and RGB, from the top
/// byte on.
struct Style {
    enum Attribute : std::uint8_t {
        bold = 1,
        dim = 2,
        italic = 4,
        underlined = 8,
        blinking = 16,
        reversed = 32,
        hidden = 64,
        struck = 128,
    };
    std::uint32_t foreground = 0;
    std::uint32_t background = 0;
    std::uint8_t attributes = 0;

    friend bool operator==(const Style&, const Style&) = default;
};

struct Cell {
    char32_t character = 0;          ///< 0: nothing was written here.
    std::array<char32_t, 2> marks{}; ///< That join it; further ones are dropped.
    Style style{};
    std::uint8_t width = 1; ///< 0: the second half of the one to its left.
};

/// The rows of a screen. Positions must be inside; ends are clamped.
class Grid {
public:
    explicit Grid(Size size);

    [[nodiscard]] int rows() const noexcept { return static_cast<int>(order_.size()); }
    [[nodiscard]] int columns() const noexcept { return columns_; }
    [[nodiscard]] const Cell& at(int row, int column) const { return cells_[index(row, column)]; }

    /// Writes one character of its width. Halves of wide ones that it cuts become blank.
    void put(int row, int column, char32_t character, int width, const Style& style);
    void add_mark(int row, int column, char32_t mark);
    /// Blanks the columns [from, to), in the background of `style`.
    void erase(int row, int from, int to, const Style& style);
    /// Moves what is in [column, end) of a row by `count` to the right, or the left if negative.
    void shift(int row, int column, int count, const Style& style);
    /// Moves the rows [top, bottom) by `count` up, or down if negative.
    void scroll(int top, int bottom, int count, const Style& style);
    /// Cut or filled at the right; at the bottom, after `rows_dropped` went at the top.
    void resize(Size size, int rows_dropped);

    /// UTF-8, without the blanks at the end.
    [[nodiscard]] std::string text(int row) const;

private:
    [[nodiscard]] std::size_t index(int row, int column) const
    {
        return order_[static_cast<std::size_t>(row)] * static_cast<std::size_t>(columns_) +
               static_cast<std::size_t>(column);
    }
    Cell& cell(int row, int column) { return cells_[index(row, column)]; }
    void mend(int row, int column, const Style& style);

    int columns_;
    std::vector<std::size_t> order_; ///< Where each row is: scrolling moves no cells.
    std::vector<Cell> cells_;
};

} // namespace vt
