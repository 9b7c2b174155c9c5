#pragma once

#include "vt/grid.hpp"
#include "vt/parser.hpp"
#include "vt/scrollback.hpp"

#include <optional>
#include <utility>

namespace vt {

/// What is kept of the lines that leave a screen at its top.
struct Kept {
    std::size_t lines = 2000;
    std::size_t bytes = std::size_t{512} << 10U;
};

struct Text {
    std::string content; ///< UTF-8 without colours or controls; each line ends with '\n'.
    std::uint32_t lines = 0;
    bool truncated = false; ///< Older lines did not fit.
};

/// What the program has asked of the keys with arrows.
enum class CursorKeys { normal, application };

/// What a person would see of what a program has written: the part of an xterm that programs use
/// under TERM=xterm-256color. Any bytes will do; memory is bounded by the size, and so is the work
/// of one feed(), whatever a few bytes ask for. Lines are not wrapped anew at another width.
class Screen final : private Actions {
public:
    Screen(Size size, const Kept& kept);

    /// Takes bytes until they are all taken, or have cost some thousand lines' work; how many.
    std::size_t feed(std::string_view bytes);
    void resize(Size size);

    [[nodiscard]] Size size() const noexcept { return size_; }
    [[nodiscard]] const std::string& title() const noexcept { return title_; }
    [[nodiscard]] CursorKeys cursor_keys() const noexcept { return cursor_keys_; }
    [[nodiscard]] int row() const noexcept { return cursor_.row; }
    [[nodiscard]] int column() const noexcept { return cursor_.column; }
    [[nodiscard]] bool cursor_shown() const noexcept { return cursor_shown_; }
    [[nodiscard]] const Scrollback& scrollback() const noexcept { return scrollback_; }
    /// The cells that are shown, of the main screen or the alternate one.
    [[nodiscard]] const Grid& shown() const noexcept { return grid(); }

    /// The last lines of the scrollback and the screen, without the empty ones at its end; 0: the
    /// screen alone. The newest that fit into so many bytes.
    [[nodiscard]] Text text(std::uint32_t last_lines,
                            std::size_t most_bytes = std::size_t{1} << 20U) const;
    /// A part of a row, at most `columns` from `column` on, for a terminal that stands where it is
    /// to be drawn: characters and looks, and nothing else that a terminal would act on.
    [[nodiscard]] std::string part_of_row(int row, int column, int columns) const;
    /// What makes a terminal of the same size, just reset, show the same.
    [[nodiscard]] std::string redraw() const;
    /// What the program has asked the terminal, and is to read as if it were typed.
    std::string take_replies() { return std::exchange(replies_, {}); }

private:
    enum class Charset : std::uint8_t { ascii, drawing };
    struct Cursor {
        int row = 0;
        int column = 0;
        bool wraps = false;  ///< The next character goes to the next line.
        bool origin = false; ///< Rows count from the top margin.
        Style style{};
        std::array<Charset, 2> charsets{};
        std::size_t charset = 0;
    };

    void print(char32_t character) override;
    void control(char byte) override;
    void escape(char intermediate, char final) override;
    void sequence(const ControlSequence& sequence) override;
    void command(int number, std::string_view text) override;

    bool move(const ControlSequence& sequence);
    bool edit(const ControlSequence& sequence);
    void erase_display(int what);
    void erase_line(int what);
    void set_modes(const ControlSequence& sequence, bool on);
    void set_private_mode(int mode, bool on);
    void set_style(const ControlSequence& sequence);
    void set_margins(const ControlSequence& sequence);
    void clear_tabs(int what);
    void tab(int count);
    void repeat(int count);
    void answer(const ControlSequence& sequence);
    void reply(std::string_view bytes);

    void line_feed();
    void reverse_line_feed();
    void scroll_up(int count);
    void go_to(int row, int column);
    void use_alternate(bool on);
    void reset();
    void soft_reset();
    void reset_tabs();
    [[nodiscard]] Grid& grid() noexcept { return alternate_ ? *alternate_ : main_; }
    [[nodiscard]] const Grid& grid() const noexcept { return alternate_ ? *alternate_ : main_; }
    [[nodiscard]] int rows() const noexcept { return size_.rows; }
    [[nodiscard]] int columns() const noexcept { return size_.columns; }

    /// Cells that were written or blanked, for feed() to count.
    void spend(int rows, int columns) noexcept
    {
        work_ += static_cast<std::size_t>(rows * columns);
    }

    Size size_;
    std::size_t work_ = 0;
    Parser parser_;
    Grid main_;
    std::optional<Grid> alternate_; ///< While a program uses it.
    Scrollback scrollback_;
    Cursor cursor_;
    Cursor saved_;
    std::optional<Cursor> saved_of_main_;
    int top_ = 0;    ///< The margins: what scrolls, …
    int bottom_ = 0; ///< … without this row.
    bool wrapping_ = true;
    bool inserting_ = false;
    bool newline_ = false;
    bool cursor_shown_ = true;
    CursorKeys cursor_keys_ = CursorKeys::normal;
    std::vector<bool> tabs_;
    char32_t last_ = 0; ///< To be repeated.
    std::string title_;
    std::string replies_;
};

} // namespace vt
