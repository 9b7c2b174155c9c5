#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace cli {

enum class Tone { plain, good, warn, bad, dim };

/// How wide a terminal is, and whether it has colours; a file has neither.
struct Look {
    bool colour = false;
    std::size_t width = 0; ///< Columns; 0: no bound.
};

/// `text` in its tone, if there are colours.
std::string toned(const std::string& text, Tone tone, const Look& look);

/// Aligned columns under one heading. Cells are made safe for a terminal; the last column is cut
/// to a terminal's width.
class Table {
public:
    struct Cell {
        std::string text; ///< "" is shown as "-".
        Tone tone = Tone::plain;
    };

    explicit Table(std::vector<std::string> headings) : headings_{std::move(headings)} {}

    void add(std::vector<Cell> row);
    /// Lines with their ends; the heading stands above no rows too.
    [[nodiscard]] std::string render(const Look& look) const;

private:
    std::vector<std::string> headings_;
    std::vector<std::vector<Cell>> rows_;
};

} // namespace cli
