#include "vt/screen.hpp"

#include "vt/characters.hpp"

#include <algorithm>

namespace vt {

namespace {

constexpr int tab_width = 8;
constexpr std::size_t work_at_most = 200'000; ///< Cells: about a millisecond.

} // namespace

Screen::Screen(Size size, const Kept& kept)
    : size_{size}, main_{size}, scrollback_{kept.lines, kept.bytes}, bottom_{size.rows}
{
    reset_tabs();
}

std::size_t Screen::feed(std::string_view bytes)
{
    work_ = 0;
    std::size_t taken = 0;
    while (taken < bytes.size() && work_ < work_at_most) {
        parser_.feed(bytes[taken++], *this);
    }
    return taken;
}

void Screen::reset_tabs()
{
    tabs_.assign(size_.columns, false);
    for (std::size_t column = tab_width; column < tabs_.size(); column += tab_width) {
        tabs_[column] = true;
    }
}

void Screen::reset()
{
    use_alternate(false);
    soft_reset();
    cursor_ = {};
    reset_tabs();
    title_.clear();
    erase_display(2);
}

void Screen::soft_reset()
{
    top_ = 0;
    bottom_ = rows();
    wrapping_ = true;
    inserting_ = newline_ = false;
    cursor_shown_ = true;
    cursor_keys_ = CursorKeys::normal;
    cursor_.style = {};
    cursor_.origin = false;
    cursor_.charsets = {};
    cursor_.charset = 0;
    saved_ = {};
}

void Screen::resize(Size size)
{
    // Rows that have no place go at the top, where they are kept, so that the cursor stays.
    const int dropped = std::max(0, cursor_.row + 1 - size.rows);
    if (!alternate_) {
        for (int row = 0; row < dropped; ++row) {
            scrollback_.push(main_.text(row));
        }
    }
    main_.resize(size, alternate_ ? 0 : dropped);
    if (alternate_) {
        alternate_->resize(size, dropped);
    }
    size_ = size;
    top_ = 0;
    bottom_ = rows();
    const auto fit = [this](Cursor& cursor, int rows_dropped) {
        cursor.row = std::clamp(cursor.row - rows_dropped, 0, rows() - 1);
        cursor.column = std::min(cursor.column, columns() - 1);
        cursor.wraps = false;
    };
    fit(cursor_, dropped);
    fit(saved_, 0);
    if (saved_of_main_) {
        fit(*saved_of_main_, 0);
    }
    reset_tabs();
}

void Screen::print(char32_t character)
{
    if (cursor_.charsets[cursor_.charset] == Charset::drawing) {
        character = drawn_as(character);
    }
    int width = width_of(character);
    if (width < 0) {
        return;
    }
    if (width == 0) {
        const int column = cursor_.wraps ? cursor_.column : cursor_.column - 1;
        if (column >= 0) {
            grid().add_mark(cursor_.row, column, character);
        }
        return;
    }
    if (width > columns()) {
        character = U'\ufffd';
        width = 1;
    }
    if (cursor_.wraps || (cursor_.column + width > columns() && wrapping_)) {
        cursor_.column = 0;
        line_feed();
    }
    const int column = std::min(cursor_.column, columns() - width);
    if (inserting_) {
        grid().shift(cursor_.row, column, width, cursor_.style);
        spend(1, columns());
    }
    spend(1, 1);
    grid().put(cursor_.row, column, character, width, cursor_.style);
    last_ = character;
    cursor_.column = std::min(column + width, columns() - 1);
    cursor_.wraps = wrapping_ && column + width == columns();
}

void Screen::repeat(int count)
{
    // More than a screen of the same is the same again; where each moves what is on its right, that
    // may be more than a turn's work.
    count = std::min(count, rows() * columns());
    for (const auto before = work_; count > 0 && last_ != 0 && work_ - before < work_at_most;
         --count) {
        const auto charsets = std::exchange(cursor_.charsets, {}); // It was translated once.
        print(last_);
        cursor_.charsets = charsets;
    }
}

void Screen::control(char byte)
{
    switch (byte) {
    case '\b':
        cursor_.column = std::max(0, cursor_.column - 1);
        cursor_.wraps = false;
        break;
    case '\t': tab(1); break;
    case '\n':
    case '\v':
    case '\f':
        if (newline_) {
            cursor_.column = 0;
        }
        line_feed();
        break;
    case '\r':
        cursor_.column = 0;
        cursor_.wraps = false;
        break;
    case 0x0e: cursor_.charset = 1; break;
    case 0x0f: cursor_.charset = 0; break;
    default: break; // The bell, and what nobody uses.
    }
}

void Screen::escape(char intermediate, char final)
{
    if (intermediate == '(' || intermediate == ')') {
        cursor_.charsets[intermediate == '(' ? 0 : 1] =
            final == '0' ? Charset::drawing : Charset::ascii;
        return;
    }
    if (intermediate == '#' && final == '8') {
        spend(rows(), columns());
        for (int row = 0; row < rows(); ++row) {
            for (int column = 0; column < columns(); ++column) {
                grid().put(row, column, U'E', 1, {});
            }
        }
        return;
    }
    if (intermediate != 0) {
        return;
    }
    switch (final) {
    case '7': saved_ = cursor_; break;
    case '8': cursor_ = saved_; break;
    case 'D': line_feed(); break;
    case 'E':
        cursor_.column = 0;
        line_feed();
        break;
    case 'H': tabs_[static_cast<std::size_t>(cursor_.column)] = true; break;
    case 'M': reverse_line_feed(); break;
    case 'Z': reply("\x1b[?1;2c"); break;
    case 'c': reset(); break;
    default: break;
    }
}

void Screen::command(int number, std::string_view text)
{
    if (number == 0 || number == 2) {
        title_ = text;
    }
}

void Screen::line_feed()
{
    cursor_.wraps = false;
    if (cursor_.row == bottom_ - 1) {
        scroll_up(1);
    } else if (cursor_.row < rows() - 1) {
        ++cursor_.row;
    }
}

void Screen::reverse_line_feed()
{
    cursor_.wraps = false;
    if (cursor_.row == top_) {
        grid().scroll(top_, bottom_, -1, cursor_.style);
        spend(1, columns());
    } else if (cursor_.row > 0) {
        --cursor_.row;
    }
}

/// What leaves at the very top is kept, unless it is the alternate screen's.
void Screen::scroll_up(int count)
{
    count = std::min(count, bottom_ - top_);
    if (top_ == 0 && !alternate_) {
        for (int row = 0; row < count; ++row) {
            scrollback_.push(main_.text(row));
        }
    }
    grid().scroll(top_, bottom_, count, cursor_.style);
    spend(2 * count, columns());
}

void Screen::go_to(int row, int column)
{
    const int first = cursor_.origin ? top_ : 0;
    const int last = cursor_.origin ? bottom_ - 1 : rows() - 1;
    cursor_.row = std::clamp(first + row, first, last);
    cursor_.column = std::clamp(column, 0, columns() - 1);
    cursor_.wraps = false;
}

void Screen::use_alternate(bool on)
{
    if (on && !alternate_) {
        alternate_.emplace(size_);
        spend(rows(), columns());
    } else if (!on) {
        alternate_.reset();
    }
}

void Screen::tab(int count)
{
    cursor_.wraps = false;
    for (; count > 0 && cursor_.column < columns() - 1; --count) {
        do {
            ++cursor_.column;
        } while (cursor_.column < columns() - 1 &&
                 !tabs_[static_cast<std::size_t>(cursor_.column)]);
    }
    for (; count < 0 && cursor_.column > 0; ++count) {
        do {
            --cursor_.column;
        } while (cursor_.column > 0 && !tabs_[static_cast<std::size_t>(cursor_.column)]);
    }
}

void Screen::reply(std::string_view bytes)
{
    constexpr std::size_t replies_at_most = 1024; // Of a program that asks and never reads.
    if (replies_.size() + bytes.size() <= replies_at_most) {
        replies_ += bytes;
    }
}

} // namespace vt
