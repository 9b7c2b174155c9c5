#include "hostd/storage/content_digest.hpp"

#include "common/digest/digest.hpp"
#include "tests/unit/hostd_storage/checkpoints.hpp"

using namespace hostd::storage;

namespace {

struct Folder : tests::TempFolder {
    [[nodiscard]] std::string digest(const std::string& content) const
    {
        write(path() / "file", content);
        return *content_digest(path() / "file");
    }
    [[nodiscard]] fs::path with_hole(const std::string& before, std::uint64_t size) const
    {
        write(path() / "sparse", before);
        fs::resize_file(path() / "sparse", size);
        return path() / "sparse";
    }
};

constexpr std::size_t block = 65536;

} // namespace

BOOST_FIXTURE_TEST_SUITE(content_digest_tests, Folder)

BOOST_AUTO_TEST_CASE(it_is_over_offset_and_bytes_of_each_block_and_the_size)
{
    const std::string content = std::string(block, '\0') + "abc";
    std::string hashed(8, '\0');
    hashed[2] = 1; // 65536, little endian.
    hashed += "abc";
    hashed += std::string{"\x03\0\x01\0\0\0\0\0", 8};
    BOOST_TEST(digest(content) == common::digest::to_hex(common::digest::of(hashed)));
}

BOOST_AUTO_TEST_CASE(holes_and_written_zeros_are_equal)
{
    const auto size = std::size_t{3} << 20U;
    auto content = std::string(5, 'x');
    content.resize(size, '\0');
    BOOST_TEST(digest(content) == *content_digest(with_hole("xxxxx", size)));
    BOOST_TEST(digest(std::string(size, '\0')) == *content_digest(with_hole("", size)));
}

BOOST_AUTO_TEST_CASE(every_byte_place_and_size_counts)
{
    std::set<std::string> seen;
    seen.insert(digest(""));
    seen.insert(digest(std::string(1, '\0')));
    seen.insert(digest(std::string(2, '\0')));
    seen.insert(digest("x"));
    seen.insert(digest("y"));
    seen.insert(digest(std::string(block, '\0') + "x"));
    seen.insert(digest(std::string(2 * block, '\0') + "x"));
    seen.insert(digest(std::string(17 * block, 'x'))); // More than one read.
    seen.insert(digest(std::string(17 * block - 1, 'x') + "y"));
    seen.insert(*content_digest(with_hole("x", block)));
    BOOST_TEST(seen.size() == 10U);
}

BOOST_AUTO_TEST_CASE(a_missing_file_is_named)
{
    const auto none = content_digest(path() / "none");
    BOOST_REQUIRE(!none);
    BOOST_TEST(none.error().message.find("none") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
