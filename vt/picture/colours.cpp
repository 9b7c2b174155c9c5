#include "vt/picture/colours.hpp"

#include <utility>

namespace vt::picture {

namespace {

constexpr std::uint32_t of_palette = 1; ///< A colour's top byte, as Style has it.
constexpr std::uint32_t of_rgb = 2;

constexpr std::array<Rgb, 16> first_colours{{{0x00, 0x00, 0x00},
                                             {0xcd, 0x00, 0x00},
                                             {0x00, 0xcd, 0x00},
                                             {0xcd, 0xcd, 0x00},
                                             {0x00, 0x00, 0xee},
                                             {0xcd, 0x00, 0xcd},
                                             {0x00, 0xcd, 0xcd},
                                             {0xe5, 0xe5, 0xe5},
                                             {0x7f, 0x7f, 0x7f},
                                             {0xff, 0x00, 0x00},
                                             {0x00, 0xff, 0x00},
                                             {0xff, 0xff, 0x00},
                                             {0x5c, 0x5c, 0xff},
                                             {0xff, 0x00, 0xff},
                                             {0x00, 0xff, 0xff},
                                             {0xff, 0xff, 0xff}}};

std::uint8_t byte(std::uint32_t value)
{
    return static_cast<std::uint8_t>(value & 0xffU);
}

/// 16 colours, a cube of 6 by 6 by 6, and 24 greys.
Rgb palette_colour(std::uint32_t index)
{
    if (index < first_colours.size()) {
        return first_colours[index];
    }
    if (index >= 232) {
        const auto grey = byte(8 + 10 * (index - 232));
        return {grey, grey, grey};
    }
    const auto level = [](std::uint32_t step) { return byte(step == 0 ? 0 : 55 + 40 * step); };
    const auto place = index - 16;
    return {level(place / 36), level(place / 6 % 6), level(place % 6)};
}

Rgb colour_of(std::uint32_t value, const Rgb& otherwise)
{
    const auto kind = value >> 24U;
    if (kind == of_palette) {
        return palette_colour(value & 0xffU);
    }
    if (kind == of_rgb) {
        return {byte(value >> 16U), byte(value >> 8U), byte(value)};
    }
    return otherwise;
}

Rgb between(const Rgb& one, const Rgb& other)
{
    const auto mean = [](std::uint8_t a, std::uint8_t b) {
        return byte((static_cast<std::uint32_t>(a) + b) / 2);
    };
    return {mean(one.red, other.red), mean(one.green, other.green), mean(one.blue, other.blue)};
}

} // namespace

Colours colours_of(const Style& style)
{
    auto foreground = style.foreground;
    if ((style.attributes & Style::bold) != 0 && foreground >> 24U == of_palette &&
        (foreground & 0xffU) < 8) {
        foreground += 8;
    }
    Colours colours{colour_of(foreground, usual_foreground),
                    colour_of(style.background, usual_background)};
    if ((style.attributes & Style::dim) != 0) {
        colours.foreground = between(colours.foreground, colours.background);
    }
    if ((style.attributes & Style::reversed) != 0) {
        std::swap(colours.foreground, colours.background);
    }
    if ((style.attributes & Style::hidden) != 0) {
        colours.foreground = colours.background;
    }
    return colours;
}

Colours under_cursor(const Colours& colours)
{
    if (colours.foreground != colours.background) {
        return {colours.background, colours.foreground};
    }
    // What cannot be read stays so.
    const auto& seen = colours.background == usual_foreground ? usual_background : usual_foreground;
    return {seen, seen};
}

} // namespace vt::picture
