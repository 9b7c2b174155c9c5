#pragma once

#include <string>
#include <string_view>

namespace vt {

/// Columns that a character takes on a terminal: 0 for what joins the one before it, 2 for most of
/// East Asia's and emoji; -1 for controls and what is no character. Not wcwidth(3): a static
/// program has no locales.
int width_of(char32_t character) noexcept;

void append_utf8(std::string& text, char32_t character);

/// What VT100's set for drawing lines has in the place of one of ASCII's, if anything else.
char32_t drawn_as(char32_t character) noexcept;

/// With U+FFFD for every byte that is not UTF-8.
std::string as_utf8(std::string_view bytes);

} // namespace vt
