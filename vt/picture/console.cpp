#include "vt/picture/console.hpp"

#include "vt/picture/drawing.hpp"
#include "vt/picture/png.hpp"

#include <algorithm>

namespace vt::picture {

namespace {

/// So many of Screen's turns, each about a millisecond at most, for one attempt.
constexpr int turns_at_most = 24;
/// What is that short is shown as far as it was read.
constexpr std::size_t always_read = std::size_t{4} << 10U;

/// Whether all of it was read.
bool read_all(Screen& screen, std::string_view said)
{
    for (int turn = 0; !said.empty(); ++turn) {
        if (turn == turns_at_most) {
            return false;
        }
        said.remove_prefix(screen.feed(said));
    }
    return true;
}

} // namespace

std::string_view from_a_beginning(std::string_view said)
{
    constexpr std::size_t near = 1024;
    const auto at = said.substr(0, near).find_first_of("\n\x1b");
    if (at == std::string_view::npos) {
        return said;
    }
    return said.substr(said[at] == '\n' ? at + 1 : at);
}

Screen terminal_after(std::string_view said, Size size)
{
    for (;;) {
        Screen screen{size, {.lines = 0, .bytes = 0}};
        if (read_all(screen, said) || said.size() <= always_read) {
            return screen;
        }
        said = from_a_beginning(said.substr(said.size() - said.size() / 4));
    }
}

common::Result<std::string> picture_of(const Screen& screen)
{
    const PixelSize size{static_cast<std::uint32_t>(screen.size().columns * glyph_width),
                         static_cast<std::uint32_t>(screen.size().rows * glyph_height)};
    return png_of(size, [&screen, row = 0]() mutable { return pixels_of_row(screen, row++); });
}

} // namespace vt::picture
