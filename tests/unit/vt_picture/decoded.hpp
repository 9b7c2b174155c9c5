#pragma once

#include "vt/picture/colours.hpp"
#include "vt/picture/console.hpp"
#include "vt/picture/font.hpp"

#include <boost/test/unit_test.hpp>
#include <png.h>
#include <string>
#include <string_view>
#include <vector>

namespace vt::picture {

/// A PNG, as libpng reads it again.
struct Decoded {
    explicit Decoded(const std::string& bytes)
    {
        png_image image{};
        image.version = PNG_IMAGE_VERSION;
        BOOST_REQUIRE(png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()) != 0);
        BOOST_TEST(image.format == std::uint32_t{PNG_FORMAT_RGB});
        image.format = PNG_FORMAT_RGB;
        width = static_cast<int>(image.width);
        height = static_cast<int>(image.height);
        pixels.resize(PNG_IMAGE_SIZE(image));
        BOOST_REQUIRE(png_image_finish_read(&image, nullptr, pixels.data(), 0, nullptr) != 0);
    }

    [[nodiscard]] Rgb at(int x, int y) const
    {
        const auto* pixel = pixels.data() + static_cast<std::size_t>(3 * (y * width + x));
        return {pixel[0], pixel[1], pixel[2]};
    }

    /// Whether the character there is this one, in these colours.
    [[nodiscard]] bool shows(int row, int column, const Glyph& glyph, const Colours& colours) const
    {
        for (int y = 0; y < glyph_height; ++y) {
            for (int x = 0; x < glyph_width; ++x) {
                const bool is_set = (glyph[static_cast<std::size_t>(y)] >> (7 - x) & 1) != 0;
                const auto& wanted = is_set ? colours.foreground : colours.background;
                if (at(column * glyph_width + x, row * glyph_height + y) != wanted) {
                    return false;
                }
            }
        }
        return true;
    }

    int width = 0;
    int height = 0;
    std::vector<std::uint8_t> pixels;
};

inline constexpr Colours usual{usual_foreground, usual_background};
inline constexpr Colours exchanged{usual_background, usual_foreground};
inline constexpr Glyph blank{};

inline Glyph glyph(char32_t character)
{
    return glyph_of(character).value();
}

/// What a console of this size shows after this.
inline Decoded picture(std::string_view said, Size size = {5, 20})
{
    const auto png = picture_of(terminal_after(said, size));
    BOOST_REQUIRE(png);
    return Decoded{*png};
}

} // namespace vt::picture
