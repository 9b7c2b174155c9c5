#include "coordinator/store/conninfo.hpp"

#include <boost/test/unit_test.hpp>

using coordinator::store::ConnInfo;

BOOST_AUTO_TEST_SUITE(conninfo_tests)

BOOST_AUTO_TEST_CASE(both_forms_are_read_and_described_without_the_password)
{
    for (const auto* url : {"host=db port=5433 dbname=paddock user=paddock password=hunter2",
                            "postgresql://paddock:hunter2@db:5433/paddock"}) {
        const auto info = ConnInfo::parse(url, "database_url");
        BOOST_REQUIRE(info.has_value());
        BOOST_TEST(info->describe() == "host=db port=5433 dbname=paddock user=paddock");
    }
}

BOOST_AUTO_TEST_CASE(a_string_that_cannot_be_read_is_not_repeated)
{
    for (const auto* url : {"host=db password='hunter2",
                            "password = x hunter2",
                            "hunter2 =",
                            "postgresql://paddock:hunter2@[db/paddock"}) {
        const auto info = ConnInfo::parse(url, "database_owner_url");
        BOOST_REQUIRE(!info.has_value());
        BOOST_TEST((info.error().code == common::ErrorCode::invalid_argument));
        BOOST_TEST(info.error().message.find("hunter2") == std::string::npos);
        BOOST_TEST(info.error().message.starts_with("database_owner_url "));
    }
}

BOOST_AUTO_TEST_CASE(defaults_fill_only_what_is_left_open)
{
    const auto info = ConnInfo::parse("host=db connect_timeout=3", "database_url");
    BOOST_REQUIRE(info.has_value());
    BOOST_TEST(info->with({{"connect_timeout", "5"}, {"options", "-c a=b"}}) ==
               "connect_timeout='3' host='db' options='-c a=b'");
}

BOOST_AUTO_TEST_CASE(values_are_quoted_for_libpq)
{
    const auto info = ConnInfo::parse(R"(user='it\'s' password='a\\b c')", "database_url");
    BOOST_REQUIRE(info.has_value());
    BOOST_TEST(info->with({}) == R"(password='a\\b c' user='it\'s')");
    const auto again = ConnInfo::parse(info->with({}), "database_url");
    BOOST_REQUIRE(again.has_value());
    BOOST_TEST(again->with({}) == info->with({}));
}

BOOST_AUTO_TEST_CASE(passwords_are_blotted_out_of_messages)
{
    const auto info = ConnInfo::parse("password=hunter2 sslpassword=swordfish", "database_url");
    BOOST_REQUIRE(info.has_value());
    BOOST_TEST(info->redact("hunter2 and swordfish, hunter2") == "*** and ***, ***");
    const auto star = ConnInfo::parse("password=*", "database_url");
    BOOST_REQUIRE(star.has_value());
    BOOST_TEST(star->redact("a*b") == "a***b");
}

BOOST_AUTO_TEST_CASE(a_child_is_given_no_password_on_its_command_line)
{
    const auto info = ConnInfo::parse("host=db user=me password='se cret'", "database_url");
    BOOST_REQUIRE(info);
    BOOST_TEST(*info->without_password() == "host='db' user='me'");
    BOOST_TEST(info->password() == "se cret");
    const auto key = ConnInfo::parse("host=db sslpassword=x", "database_url");
    BOOST_REQUIRE(!key->without_password());
    BOOST_TEST(key->password().empty());
}

BOOST_AUTO_TEST_SUITE_END()
