#pragma once

#include "common/result.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace vt::picture {

struct PixelSize {
    std::uint32_t width = 0;
    std::uint32_t height = 0;
};

/// Some lines of a picture, from the top on, whole ones: three bytes for each pixel. It is asked
/// until all of them are there.
using Lines = std::function<std::vector<std::uint8_t>()>;

/// A PNG of 8 bits a channel, not interlaced; never much larger than its pixels. `internal` if
/// libpng refuses.
common::Result<std::string> png_of(const PixelSize& size, const Lines& lines);

} // namespace vt::picture
