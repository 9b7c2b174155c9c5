#include "hostd/simulated/members.hpp"

#include "tests/support/temp_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>

using namespace hostd::simulated;
using common::ErrorCode;

BOOST_AUTO_TEST_SUITE(members_tests)

BOOST_AUTO_TEST_CASE(names_are_as_long_as_the_last_one_and_four_digits_at_least)
{
    BOOST_TEST(member_names("sim-", 2).back() == "sim-0002");
    BOOST_TEST(member_names("sim-", 10000).front() == "sim-00001");
}

BOOST_AUTO_TEST_CASE(what_is_made_is_read_again_and_never_overwritten)
{
    const tests::TempFolder folder;
    const auto names = member_names("sim-", 3);
    BOOST_REQUIRE(make_members(folder.path(), names).has_value());
    const auto members = *read_members(folder.path());
    BOOST_REQUIRE_EQUAL(members.size(), 3U);
    BOOST_TEST(members[2].name == "sim-0003");
    BOOST_TEST(members[0].keys.public_key != members[1].keys.public_key);
    std::ifstream enrol{folder.path() / "hosts.enrol"};
    const std::string text{std::istreambuf_iterator<char>{enrol}, {}};
    BOOST_TEST(text.find("sim-0002 " + members[1].keys.public_key) != std::string::npos);
    BOOST_TEST(text.find(members[1].keys.secret_key) == std::string::npos);
    BOOST_CHECK(make_members(folder.path(), names).error().code == ErrorCode::already_exists);
}

BOOST_AUTO_TEST_CASE(keys_that_are_open_to_others_missing_or_damaged_are_not_used)
{
    const tests::TempFolder folder;
    BOOST_CHECK(read_members(folder.path()).error().code == ErrorCode::not_found);
    BOOST_REQUIRE(make_members(folder.path(), member_names("sim-", 1)).has_value());
    const auto file = folder.path() / "hosts.keys";
    std::filesystem::permissions(
        file, std::filesystem::perms::group_read, std::filesystem::perm_options::add);
    BOOST_CHECK(read_members(folder.path()).error().code == ErrorCode::failed_precondition);
    std::filesystem::permissions(
        file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    std::ofstream{file, std::ios::app} << "sim-2 short\n";
    BOOST_TEST(read_members(folder.path()).error().message.find("line 3") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
