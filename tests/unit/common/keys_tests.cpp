#include "common/curve/keys.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <sys/stat.h>

using namespace common;
using namespace common::curve;

namespace {

struct Folder {
    std::filesystem::path path;
    Folder()
    {
        auto pattern = (std::filesystem::temp_directory_path() / "keys-XXXXXX").string();
        path = ::mkdtemp(pattern.data());
    }
    ~Folder() { std::filesystem::remove_all(path); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(keys_tests, Folder)

BOOST_AUTO_TEST_CASE(a_pair_is_written_for_its_owner_alone_and_read_back)
{
    const auto keys = generate_keys();
    BOOST_REQUIRE(keys);
    BOOST_TEST(keys->public_key.size() == 40U);
    BOOST_REQUIRE(write_keys(path / "new", "host", *keys));
    struct stat about {};
    BOOST_REQUIRE(::stat((path / "new/host.key").c_str(), &about) == 0);
    BOOST_TEST((about.st_mode & 0777U) == 0600U);
    const auto pair = read_key_pair(path / "new/host.key");
    BOOST_REQUIRE(pair);
    BOOST_TEST(pair->secret_key == keys->secret_key);
    BOOST_TEST(pair->public_key == keys->public_key);
    BOOST_TEST(*read_key(path / "new/host.pub") == keys->public_key);
}

BOOST_AUTO_TEST_CASE(an_identity_is_never_overwritten)
{
    const auto keys = generate_keys();
    BOOST_REQUIRE(write_keys(path, "host", *keys));
    const auto again = write_keys(path, "host", *generate_keys());
    BOOST_REQUIRE(!again);
    BOOST_CHECK(again.error().code == ErrorCode::already_exists);
    BOOST_TEST(read_key_pair(path / "host.key")->secret_key == keys->secret_key);
}

BOOST_AUTO_TEST_CASE(a_secret_that_others_may_read_is_refused)
{
    BOOST_REQUIRE(write_keys(path, "host", *generate_keys()));
    BOOST_REQUIRE(::chmod((path / "host.key").c_str(), 0640) == 0);
    const auto pair = read_key_pair(path / "host.key");
    BOOST_REQUIRE(!pair);
    BOOST_CHECK(pair.error().code == ErrorCode::failed_precondition);
}

BOOST_AUTO_TEST_CASE(a_file_without_a_key_is_told_from_one_that_is_missing)
{
    BOOST_CHECK(read_key(path / "none").error().code == ErrorCode::not_found);
    for (const std::string_view text : {"", "# only a comment\n", "short\n"}) {
        std::ofstream{path / "bad"} << text;
        BOOST_CHECK(read_key(path / "bad").error().code == ErrorCode::invalid_argument);
    }
}

BOOST_AUTO_TEST_SUITE_END()
