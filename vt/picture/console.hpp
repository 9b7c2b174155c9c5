#pragma once

#include "common/result.hpp"
#include "vt/screen.hpp"

#include <string>
#include <string_view>

// A picture of a console: what a terminal that is attached to it would show by now.
namespace vt::picture {

/// Where a terminal can begin to read what was cut anywhere: behind a line's end or at a control
/// sequence, if one of them is near.
std::string_view from_a_beginning(std::string_view said);

/// A terminal that has read all of this, or its later part: bytes that ask for more work than
/// programs do are read from further on, until they cost what they may. Any bytes will do.
Screen terminal_after(std::string_view said, Size size);

/// It as a PNG, glyph_width by glyph_height pixels for each character.
common::Result<std::string> picture_of(const Screen& screen);

} // namespace vt::picture
