#include "guest/users.hpp"

#include <boost/test/unit_test.hpp>

using namespace guest;

namespace {

constexpr std::string_view passwd = "root:x:0:0:root:/root:/bin/sh\n"
                                    "broken\n"
                                    ":x:5:5::/:/bin/sh\n"
                                    "words:x:one:two::/:/bin/sh\n"
                                    "sandbox:x:1000:1000::/home/sandbox:/bin/sh\n"
                                    "12:x:7:7::/:/bin/sh\n"
                                    "last:x:2000:2000::/home/last:/bin/bash";
constexpr std::string_view group = "root:x:0:\n"
                                   "broken\n"
                                   "disk:x:6:sandbox,root\n"
                                   "nearly:x:8:sandboxer\n"
                                   "sandbox:x:1000:sandbox\n"
                                   "wheel:x:10:last,sandbox";

std::string reason(std::string_view wanted)
{
    const auto found = find_user(passwd, group, wanted);
    return found ? "found " + found->name : found.error().reason;
}

} // namespace

BOOST_AUTO_TEST_SUITE(users_tests)

BOOST_AUTO_TEST_CASE(a_user_comes_with_all_that_a_login_gives)
{
    const auto user = *find_user(passwd, group, "sandbox");
    BOOST_TEST(user.uid == 1000U);
    BOOST_TEST(user.gid == 1000U);
    BOOST_TEST(user.home == "/home/sandbox");
    BOOST_TEST(user.shell == "/bin/sh");
    const std::vector<std::uint32_t> groups{1000, 6, 10};
    BOOST_TEST(user.groups == groups, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_number_is_an_id_that_somebody_has)
{
    BOOST_TEST(find_user(passwd, group, "2000")->name == "last");
    BOOST_TEST(find_user(passwd, group, "0")->name == "root");
    BOOST_TEST(reason("3000") == "unknown_user");
    BOOST_TEST(find_user(passwd, group, "12")->uid == 7U); // A name made of digits is a name.
}

BOOST_AUTO_TEST_CASE(nobody_becomes_a_user_by_accident)
{
    for (const auto* wanted : {"",
                               "nobody",
                               "sand",
                               "sandbox:x",
                               "sandbox\n",
                               "root ",
                               "Root",
                               "-1",
                               "4294967296",
                               "0x0",
                               "broken",
                               "words"}) {
        BOOST_TEST(reason(wanted) == "unknown_user", wanted);
    }
    BOOST_TEST(!find_user("", "", "root"));
}

BOOST_AUTO_TEST_SUITE_END()
