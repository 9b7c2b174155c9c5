#include "common/digest/digest.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <unistd.h>

using namespace common;
using namespace common::digest;

namespace {

constexpr auto of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr auto of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr auto of_million_a = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

} // namespace

BOOST_AUTO_TEST_SUITE(digest_tests)

BOOST_AUTO_TEST_CASE(the_vectors_of_fips_180_hold)
{
    BOOST_TEST(to_hex(of("")) == of_nothing);
    BOOST_TEST(to_hex(of("abc")) == of_abc);
    BOOST_TEST(to_hex(of(std::string(1'000'000, 'a'))) == of_million_a);
}

BOOST_AUTO_TEST_CASE(a_stream_in_pieces_digests_as_the_whole)
{
    Hasher hasher;
    hasher.update("a");
    hasher.update("");
    Hasher moved = std::move(hasher);
    moved.update("bc");
    BOOST_TEST(to_hex(moved.finish()) == of_abc);
}

BOOST_AUTO_TEST_CASE(a_file_digests_as_its_content)
{
    const auto file =
        std::filesystem::temp_directory_path() / ("digest-" + std::to_string(::getpid()));
    // Past one piece of a MiB, and not a multiple of it.
    const std::string content((1U << 20U) + 17, 'x');
    std::ofstream{file, std::ios::binary} << content;
    const auto digest = of_file(file);
    std::filesystem::remove(file);
    BOOST_REQUIRE(digest);
    BOOST_TEST(to_hex(*digest) == to_hex(of(content)));

    const auto gone = of_file(file);
    BOOST_REQUIRE(!gone);
    BOOST_TEST(gone.error().message.find(file.string()) != std::string::npos);
    BOOST_TEST(!of_file(std::filesystem::temp_directory_path()));
}

BOOST_AUTO_TEST_CASE(hex_is_64_lower_case_digits_and_nothing_else)
{
    BOOST_TEST(to_hex(*sha256_from_hex(of_abc)) == of_abc);
    std::string upper = of_abc;
    upper[0] = 'B';
    for (const auto& text : {std::string{},
                             std::string(63, 'a'),
                             std::string(65, 'a'),
                             std::string(63, 'a') + "g",
                             upper}) {
        BOOST_TEST(!sha256_from_hex(text));
    }
}

BOOST_AUTO_TEST_CASE(equality_is_of_every_byte_and_of_the_length)
{
    BOOST_TEST(equal_constant_time("", ""));
    BOOST_TEST(equal_constant_time("secret", "secret"));
    BOOST_TEST(!equal_constant_time("secret", "secreT"));
    BOOST_TEST(!equal_constant_time("secret", "secre"));
    BOOST_TEST(!equal_constant_time("", "s"));
}

BOOST_AUTO_TEST_SUITE_END()
