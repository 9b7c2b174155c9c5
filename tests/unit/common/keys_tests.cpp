#include "common/curve/keys.hpp"

#include "common/files/durable.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <grp.h>
#include <optional>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

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

boost::test_tools::assertion_result by_root(boost::unit_test::test_unit_id /*unused*/)
{
    return ::geteuid() == 0;
}

/// What of `secret` a process finds that is `group`'s and not root.
std::optional<ErrorCode> read_by(gid_t group, const std::filesystem::path& secret)
{
    constexpr int is_fine = 99;
    const auto child = ::fork();
    if (child == 0) {
        const bool became =
            ::setgroups(0, nullptr) == 0 && ::setgid(group) == 0 && ::setuid(65534) == 0;
        const auto pair = read_key_pair(secret);
        ::_exit(!became ? 98 : pair ? is_fine : static_cast<int>(pair.error().code));
    }
    int status = 0;
    BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
    BOOST_REQUIRE(WIFEXITED(status));
    BOOST_REQUIRE(WEXITSTATUS(status) != 98);
    return WEXITSTATUS(status) == is_fine ? std::nullopt
                                          : std::optional{ErrorCode{WEXITSTATUS(status)}};
}

BOOST_AUTO_TEST_CASE(a_secret_of_roots_may_be_lent_to_the_group_of_its_folder,
                     *boost::unit_test::precondition(by_root))
{
    constexpr gid_t daemons = 60001;
    const auto secret = path / "server.key";
    BOOST_REQUIRE(write_keys(path, "server", *generate_keys()));
    BOOST_REQUIRE(::chmod(path.c_str(), 0755) == 0);
    BOOST_REQUIRE(files::let_folders_group_read(secret));
    struct stat about {};
    BOOST_REQUIRE(::stat(secret.c_str(), &about) == 0);
    BOOST_TEST((about.st_mode & 0777U) == 0600U); // The folder is root's own.

    BOOST_REQUIRE(::chown(path.c_str(), 0, daemons) == 0);
    BOOST_REQUIRE(files::let_folders_group_read(secret));
    BOOST_REQUIRE(::stat(secret.c_str(), &about) == 0);
    BOOST_TEST((about.st_mode & 0777U) == 0640U);
    BOOST_TEST(about.st_uid == 0U);
    BOOST_TEST(about.st_gid == daemons);
    BOOST_CHECK(!read_by(daemons, secret));
    BOOST_CHECK(read_by(daemons + 1, secret) == ErrorCode::not_found);

    BOOST_REQUIRE(::chmod(secret.c_str(), 0660) == 0);
    BOOST_CHECK(read_by(daemons, secret) == ErrorCode::failed_precondition);
    BOOST_REQUIRE(::chmod(secret.c_str(), 0644) == 0);
    BOOST_CHECK(read_by(daemons, secret) == ErrorCode::failed_precondition);
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
