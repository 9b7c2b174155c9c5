#include "decoded.hpp"

#include "vt/picture/png.hpp"

#include <random>

namespace vt::picture {

BOOST_AUTO_TEST_SUITE(vt_picture_png_tests)

BOOST_AUTO_TEST_CASE(pixels_come_back_as_they_were)
{
    const std::vector<std::uint8_t> lines{1, 2, 3, 4, 5, 6, 255, 254, 253, 0, 0, 0};
    const auto png = png_of({2, 2}, [&] { return lines; });
    BOOST_REQUIRE(png);
    BOOST_TEST(Decoded{*png}.pixels == lines);
    // More than was asked for is left out.
    const auto first = png_of({2, 1}, [&] { return lines; });
    BOOST_REQUIRE(first);
    BOOST_TEST(Decoded{*first}.height == 1);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_compressed_is_not_much_larger)
{
    std::mt19937 chance{1};
    constexpr std::uint32_t side = 500;
    const auto png = png_of({side, side}, [&] {
        std::vector<std::uint8_t> line(3 * side);
        for (auto& byte : line) {
            byte = static_cast<std::uint8_t>(chance());
        }
        return line;
    });
    BOOST_REQUIRE(png);
    BOOST_TEST(png->size() < 3 * side * side * 65 / 64 + 4096);
}

BOOST_AUTO_TEST_CASE(what_libpng_refuses_is_told)
{
    for (const auto& size : {PixelSize{0, 1}, {1, 0}, {0x80000000, 1}}) {
        const auto png = png_of(size, [] { return std::vector<std::uint8_t>(3); });
        BOOST_REQUIRE(!png);
        BOOST_TEST((png.error().code == common::ErrorCode::internal));
        BOOST_TEST(png.error().message.size() > std::string_view{"draw a picture: "}.size());
    }
    BOOST_TEST(!png_of({2, 2}, [] { return std::vector<std::uint8_t>(3); }));
    BOOST_TEST(!png_of({2, 2}, [] { return std::vector<std::uint8_t>{}; }));
}

BOOST_AUTO_TEST_CASE(what_a_source_throws_comes_through)
{
    int calls = 0;
    const auto fails = [&calls] {
        if (++calls == 2) {
            throw std::bad_alloc{};
        }
        return std::vector<std::uint8_t>(3);
    };
    BOOST_CHECK_THROW(static_cast<void>(png_of({1, 2}, fails)), std::bad_alloc);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace vt::picture
