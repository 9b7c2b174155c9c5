#include "cli/table.hpp"

#include "cli/text.hpp"

#include <algorithm>

namespace cli {

namespace {

constexpr std::size_t gap = 2;

const char* escape_of(Tone tone)
{
    switch (tone) {
    case Tone::plain: return "";
    case Tone::good: return "\033[32m";
    case Tone::warn: return "\033[33m";
    case Tone::bad: return "\033[31m";
    case Tone::dim: return "\033[2m";
    }
    return "";
}

/// What is left of the terminal for the last column; 0: no bound.
std::size_t room(const std::vector<std::size_t>& widths, const Look& look)
{
    std::size_t before = 0;
    for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
        before += widths[i] + gap;
    }
    constexpr std::size_t least = 10; // Narrower, the terminal may as well break the line.
    return look.width > before + least ? look.width - before : 0;
}

} // namespace

std::string toned(const std::string& text, Tone tone, const Look& look)
{
    return look.colour && tone != Tone::plain ? escape_of(tone) + text + "\033[0m" : text;
}

void Table::add(std::vector<Cell> row)
{
    row.resize(headings_.size());
    for (auto& cell : row) {
        cell.text = cell.text.empty() ? "-" : printable(cell.text);
    }
    rows_.push_back(std::move(row));
}

std::string Table::render(const Look& look) const
{
    std::vector<std::size_t> widths;
    for (std::size_t i = 0; i < headings_.size(); ++i) {
        auto width = width_of(headings_[i]);
        for (const auto& row : rows_) {
            width = std::max(width, width_of(row[i].text));
        }
        widths.push_back(width);
    }
    const auto last = room(widths, look);
    const auto line_of = [&](const std::vector<Cell>& row) {
        std::string line;
        for (std::size_t i = 0; i + 1 < row.size(); ++i) {
            line += toned(row[i].text, row[i].tone, look);
            line.append(widths[i] - width_of(row[i].text) + gap, ' ');
        }
        const auto& end = row.back();
        return line + toned(last > 0 ? cut(end.text, last) : end.text, end.tone, look) + "\n";
    };
    std::vector<Cell> heading;
    for (const auto& text : headings_) {
        heading.push_back({text, Tone::dim});
    }
    auto result = line_of(heading);
    for (const auto& row : rows_) {
        result += line_of(row);
    }
    return result;
}

} // namespace cli
