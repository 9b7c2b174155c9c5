#pragma once

#include "vt/picture/font.hpp"
#include "vt/screen.hpp"

#include <cstdint>
#include <vector>

namespace vt::picture {

/// The pixels of one row of a screen, its cursor with it: glyph_height lines from the top, each
/// of three bytes (red, green, blue) for every pixel. Italics stand upright, nothing blinks.
std::vector<std::uint8_t> pixels_of_row(const Screen& screen, int row);

} // namespace vt::picture
