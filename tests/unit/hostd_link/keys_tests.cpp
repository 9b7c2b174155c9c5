#include "hostd/link/keys.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>

using namespace hostd::link;
using common::ErrorCode;

namespace {

struct Folder {
    std::filesystem::path path;
    Folder()
    {
        std::string pattern = (std::filesystem::temp_directory_path() / "keys-XXXXXX").string();
        path = ::mkdtemp(pattern.data());
    }
    ~Folder() { std::filesystem::remove_all(path); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(keys_tests, Folder)

BOOST_AUTO_TEST_CASE(what_is_written_reads_back_and_is_never_overwritten)
{
    const auto keys = generate_keys();
    BOOST_REQUIRE(keys);
    BOOST_REQUIRE(write_keys(path / "etc", *keys));
    const auto pair = read_key_pair(path / "etc/host.key");
    BOOST_REQUIRE(pair);
    BOOST_TEST(pair->public_key == keys->public_key);
    BOOST_TEST(*read_key(path / "etc/host.pub") == keys->public_key);
    const auto mode = std::filesystem::status(path / "etc/host.key").permissions();
    BOOST_CHECK((mode & std::filesystem::perms::mask) ==
                (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
    BOOST_CHECK(write_keys(path / "etc", *keys).error().code == ErrorCode::already_exists);
}

BOOST_AUTO_TEST_CASE(a_secret_key_that_others_may_read_is_not_used)
{
    BOOST_REQUIRE(write_keys(path, *generate_keys()));
    std::filesystem::permissions(path / "host.key", std::filesystem::perms{0640});
    BOOST_CHECK(read_key_pair(path / "host.key").error().code == ErrorCode::failed_precondition);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_no_key_says_what_is_expected)
{
    std::ofstream{path / "short"} << "abc\n";
    BOOST_CHECK(read_key(path / "short").error().code == ErrorCode::invalid_argument);
    BOOST_CHECK(read_key(path / "none").error().code == ErrorCode::not_found);
    const auto keys = generate_keys();
    std::ofstream{path / "commented"} << "# a comment\n\n" << keys->public_key << " \n";
    BOOST_TEST(*read_key(path / "commented") == keys->public_key);
}

BOOST_AUTO_TEST_SUITE_END()
