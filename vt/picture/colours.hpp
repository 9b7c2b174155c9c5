#pragma once

#include "vt/grid.hpp"

namespace vt::picture {

struct Rgb {
    std::uint8_t red = 0;
    std::uint8_t green = 0;
    std::uint8_t blue = 0;

    friend bool operator==(const Rgb&, const Rgb&) = default;
};

inline constexpr Rgb usual_foreground{0xe5, 0xe5, 0xe5};
inline constexpr Rgb usual_background{0, 0, 0};

/// What a character is drawn in, and on.
struct Colours {
    Rgb foreground;
    Rgb background;
};

/// As xterm has them: its palette, and bold in a bright one of the first eight.
Colours colours_of(const Style& style);

/// Of a cell where the cursor stands: exchanged, or both another one if they are the same.
Colours under_cursor(const Colours& colours);

} // namespace vt::picture
