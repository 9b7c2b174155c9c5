#pragma once

#include <cstdint>

namespace vt {

/// Of a terminal, in characters.
struct Size {
    std::uint16_t rows = 0;
    std::uint16_t columns = 0;
};

} // namespace vt
