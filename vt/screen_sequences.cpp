#include "vt/screen.hpp"

#include <algorithm>

namespace vt {

namespace {

constexpr std::uint32_t palette = 1U << 24U;
constexpr std::uint32_t rgb = 2U << 24U;

/// The colour that follows a 38 or 48 at `index`, which moves behind it.
std::optional<std::uint32_t> colour_after(const ControlSequence& sequence, std::size_t& index)
{
    const auto joined = [&](std::size_t at) { return (sequence.joined >> at & 1U) != 0; };
    const auto value = [&](std::size_t at) -> std::uint32_t {
        return at < sequence.count ? sequence.parameters[at] & 0xffU : 0;
    };
    const auto kind = value(++index);
    if (kind == 5) {
        return palette | value(++index);
    }
    if (kind != 2) {
        return std::nullopt;
    }
    // With colons there is a place for a colour space in between.
    std::size_t parts = 0;
    while (index + parts + 1 < sequence.count && joined(index + parts + 1)) {
        ++parts;
    }
    index += parts >= 4 ? 1 : 0;
    const auto colour = rgb | value(index + 1) << 16U | value(index + 2) << 8U | value(index + 3);
    index += 3;
    return colour;
}

/// What a number turns on or off; both 0 if it is about a colour.
struct AttributeChange {
    std::uint8_t set = 0;
    std::uint8_t cleared = 0;
};

AttributeChange attribute_change(int number)
{
    switch (number) {
    case 1: return {Style::bold, 0};
    case 2: return {Style::dim, 0};
    case 3: return {Style::italic, 0};
    case 4:
    case 21: return {Style::underlined, 0};
    case 5: return {Style::blinking, 0};
    case 7: return {Style::reversed, 0};
    case 8: return {Style::hidden, 0};
    case 9: return {Style::struck, 0};
    case 22: return {0, Style::bold | Style::dim};
    case 23: return {0, Style::italic};
    case 24: return {0, Style::underlined};
    case 25: return {0, Style::blinking};
    case 27: return {0, Style::reversed};
    case 28: return {0, Style::hidden};
    case 29: return {0, Style::struck};
    default: return {};
    }
}

} // namespace

void Screen::set_style(const ControlSequence& sequence)
{
    auto& style = cursor_.style;
    for (std::size_t index = 0; index < std::max<std::size_t>(sequence.count, 1); ++index) {
        const std::uint32_t number = index < sequence.count ? sequence.parameters[index] : 0;
        if (number == 0) {
            style = {};
        } else if (number >= 30 && number <= 37) {
            style.foreground = palette | (number - 30);
        } else if (number >= 90 && number <= 97) {
            style.foreground = palette | (number - 90 + 8);
        } else if (number >= 40 && number <= 47) {
            style.background = palette | (number - 40);
        } else if (number >= 100 && number <= 107) {
            style.background = palette | (number - 100 + 8);
        } else if (number == 39) {
            style.foreground = 0;
        } else if (number == 49) {
            style.background = 0;
        } else if (number == 38) {
            style.foreground = colour_after(sequence, index).value_or(style.foreground);
        } else if (number == 48) {
            style.background = colour_after(sequence, index).value_or(style.background);
        } else {
            const auto change = attribute_change(static_cast<int>(number));
            style.attributes =
                static_cast<std::uint8_t>((style.attributes | change.set) & ~change.cleared);
        }
        while (index + 1 < sequence.count && (sequence.joined >> (index + 1) & 1U) != 0) {
            ++index; // What is left of a number with parts.
        }
    }
}

void Screen::sequence(const ControlSequence& sequence)
{
    if (sequence.intermediate != 0) {
        if (sequence.intermediate == '!' && sequence.final == 'p') {
            soft_reset();
        }
        return;
    }
    if (sequence.marker == '?' && (sequence.final == 'h' || sequence.final == 'l')) {
        return set_modes(sequence, sequence.final == 'h');
    }
    if (sequence.final == 'n' || sequence.final == 'c') {
        return answer(sequence);
    }
    const bool selective =
        sequence.marker == '?' && (sequence.final == 'J' || sequence.final == 'K');
    if (sequence.marker != 0 && !selective) {
        return;
    }
    if (!move(sequence)) {
        edit(sequence);
    }
}

bool Screen::move(const ControlSequence& sequence)
{
    const int count = sequence.at(0, 1);
    const int row = cursor_.row;
    // Up and down end at the margins, if they begin within them.
    const int highest = row >= top_ ? top_ : 0;
    const int lowest = row < bottom_ ? bottom_ - 1 : rows() - 1;
    const auto to_row = [this](int wanted) {
        cursor_.row = wanted;
        cursor_.wraps = false;
    };
    const auto to_column = [this](int wanted) {
        cursor_.column = std::clamp(wanted, 0, columns() - 1);
        cursor_.wraps = false;
    };
    switch (sequence.final) {
    case 'A': to_row(std::max(row - count, highest)); return true;
    case 'B':
    case 'e': to_row(std::min(row + count, lowest)); return true;
    case 'C':
    case 'a': to_column(cursor_.column + count); return true;
    case 'D': to_column(cursor_.column - count); return true;
    case 'E':
        to_row(std::min(row + count, lowest));
        to_column(0);
        return true;
    case 'F':
        to_row(std::max(row - count, highest));
        to_column(0);
        return true;
    case 'G':
    case '`': to_column(count - 1); return true;
    case 'H':
    case 'f': go_to(count - 1, sequence.at(1, 1) - 1); return true;
    case 'I': tab(count); return true;
    case 'Z': tab(-count); return true;
    case 'd': go_to(count - 1, cursor_.column); return true;
    case 's': saved_ = cursor_; return true;
    case 'u': cursor_ = saved_; return true;
    default: return false;
    }
}

bool Screen::edit(const ControlSequence& sequence)
{
    const int count = sequence.at(0, 1);
    const auto& style = cursor_.style;
    const bool within = cursor_.row >= top_ && cursor_.row < bottom_;
    switch (sequence.final) {
    case '@':
    case 'P':
        grid().shift(cursor_.row, cursor_.column, sequence.final == '@' ? count : -count, style);
        spend(1, columns());
        return true;
    case 'X':
        grid().erase(cursor_.row, cursor_.column, cursor_.column + count, style);
        spend(1, columns());
        return true;
    case 'L':
    case 'M':
        if (within) {
            grid().scroll(cursor_.row, bottom_, sequence.final == 'L' ? -count : count, style);
            spend(std::min(count, rows()), columns());
        }
        return true;
    case 'S': scroll_up(count); return true;
    case 'T':
        grid().scroll(top_, bottom_, -count, style);
        spend(std::min(count, rows()), columns());
        return true;
    case 'J': erase_display(sequence.at(0, 0)); return true;
    case 'K': erase_line(sequence.at(0, 0)); return true;
    case 'b': repeat(count); return true;
    case 'g': clear_tabs(sequence.at(0, 0)); return true;
    case 'h':
    case 'l': set_modes(sequence, sequence.final == 'h'); return true;
    case 'm': set_style(sequence); return true;
    case 'r': set_margins(sequence); return true;
    default: return false;
    }
}

void Screen::erase_line(int what)
{
    const int from = what == 0 ? cursor_.column : 0;
    const int to = what == 1 ? cursor_.column + 1 : columns();
    if (what <= 2) {
        grid().erase(cursor_.row, from, to, cursor_.style);
        spend(1, columns());
    }
}

void Screen::erase_display(int what)
{
    if (what == 3) {
        scrollback_.clear();
        return;
    }
    if (what > 2) {
        return;
    }
    const int from = what == 0 ? cursor_.row + 1 : 0;
    const int to = what == 1 ? cursor_.row : rows();
    for (int row = from; row < to; ++row) {
        grid().erase(row, 0, columns(), cursor_.style);
    }
    spend(std::max(to - from, 0), columns());
    if (what != 2) {
        erase_line(what);
    }
}

void Screen::clear_tabs(int what)
{
    if (what == 0) {
        tabs_[static_cast<std::size_t>(cursor_.column)] = false;
    } else if (what == 3) {
        tabs_.assign(tabs_.size(), false);
    }
}

void Screen::set_margins(const ControlSequence& sequence)
{
    const int top = sequence.at(0, 1) - 1;
    const int bottom = std::min<int>(sequence.at(1, size_.rows), rows());
    if (top + 1 < bottom) {
        top_ = top;
        bottom_ = bottom;
        go_to(0, 0);
    }
}

void Screen::set_modes(const ControlSequence& sequence, bool on)
{
    for (std::size_t index = 0; index < sequence.count; ++index) {
        const int mode = sequence.parameters[index];
        if (sequence.marker == '?') {
            set_private_mode(mode, on);
        } else if (mode == 4) {
            inserting_ = on;
        } else if (mode == 20) {
            newline_ = on;
        }
    }
}

void Screen::set_private_mode(int mode, bool on)
{
    switch (mode) {
    case 1: cursor_keys_ = on ? CursorKeys::application : CursorKeys::normal; break;
    case 6:
        cursor_.origin = on;
        go_to(0, 0);
        break;
    case 7:
        wrapping_ = on;
        cursor_.wraps = false;
        break;
    case 25: cursor_shown_ = on; break;
    case 47:
    case 1047: use_alternate(on); break;
    case 1048: (on ? saved_ : cursor_) = on ? cursor_ : saved_; break;
    case 1049:
        if (on && !alternate_) {
            saved_of_main_ = cursor_;
            use_alternate(true);
        } else if (!on) {
            use_alternate(false);
            if (saved_of_main_) {
                cursor_ = *saved_of_main_;
                saved_of_main_.reset();
            }
        }
        break;
    default: break; // The mouse, pasting, focus: nobody reports those here.
    }
}

void Screen::answer(const ControlSequence& sequence)
{
    const int what = sequence.at(0, 0);
    if (sequence.final == 'c' && what == 0) {
        if (sequence.marker == 0) {
            reply("\x1b[?1;2c"); // A VT100 with advanced video.
        } else if (sequence.marker == '>') {
            reply("\x1b[>0;10;0c");
        }
    } else if (sequence.final == 'n' && what == 5 && sequence.marker == 0) {
        reply("\x1b[0n");
    } else if (sequence.final == 'n' && what == 6 &&
               (sequence.marker == 0 || sequence.marker == '?')) {
        const int row = cursor_.row - (cursor_.origin ? top_ : 0);
        reply((sequence.marker == '?' ? "\x1b[?" : "\x1b[") + std::to_string(row + 1) + ";" +
              std::to_string(cursor_.column + 1) + "R");
    }
}

} // namespace vt
