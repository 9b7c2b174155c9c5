#pragma once

#include <cstddef>
#include <string_view>

namespace common {

/// How many bytes the UTF-8 sequence at the front of `text` has; 0 if there is none
/// (Unicode 15, table 3-7: nothing overlong, no surrogates). NUL is one of a single byte.
std::size_t utf8_sequence(std::string_view text) noexcept;

/// Its first `most` bytes, or up to three fewer: no sequence is cut in two.
std::string_view utf8_front(std::string_view text, std::size_t most) noexcept;

/// All of it is well-formed: no stray, missing or overlong bytes.
bool is_utf8(std::string_view text) noexcept;

} // namespace common
