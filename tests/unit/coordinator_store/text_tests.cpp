#include "coordinator/store/text.hpp"

#include <boost/test/unit_test.hpp>
#include <random>

using namespace coordinator::store;
using namespace std::string_literals;

BOOST_AUTO_TEST_SUITE(text_tests)

BOOST_AUTO_TEST_CASE(good_text_stays_as_it_is)
{
    BOOST_TEST(to_column("") == "");
    BOOST_TEST(to_column("echo 'hi' \"there\"\n\x01\x7f") == "echo 'hi' \"there\"\n\x01\x7f");
    BOOST_TEST(to_column("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x90\x8e") ==
               "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x90\x8e");
}

BOOST_AUTO_TEST_CASE(what_postgresql_refuses_becomes_hex)
{
    BOOST_TEST(to_column("a\0b"s) == "a\\x00b");
    BOOST_TEST(to_column("\\") == "\\\\");
    BOOST_TEST(to_column("\xff") == "\\xff");
    BOOST_TEST(to_column("\xc0\xaf") == "\\xc0\\xaf");                   // Overlong.
    BOOST_TEST(to_column("\xed\xa0\x80") == "\\xed\\xa0\\x80");          // A surrogate.
    BOOST_TEST(to_column("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80"); // Past U+10FFFF.
    BOOST_TEST(to_column("\xe2\x82") == "\\xe2\\x82");                   // Cut off.
    BOOST_TEST(to_column("\xe2(x") == "\\xe2(x");
}

BOOST_AUTO_TEST_CASE(any_bytes_come_back)
{
    std::mt19937 random{20261123};
    for (int round = 0; round < 2000; ++round) {
        std::string bytes(random() % 40, '\0');
        for (auto& byte : bytes) {
            // Often the characters that the encoding itself uses.
            byte = random() % 3 == 0 ? "\\x0"[random() % 3] : static_cast<char>(random());
        }
        BOOST_REQUIRE(from_column(to_column(bytes)) == bytes);
    }
}

BOOST_AUTO_TEST_CASE(text_that_was_written_by_hand_is_read_as_it_stands)
{
    BOOST_TEST(from_column("a\\") == "a\\");
    BOOST_TEST(from_column("\\xZZ \\x4") == "\\xZZ \\x4");
}

BOOST_AUTO_TEST_CASE(arrays_quote_each_element)
{
    BOOST_TEST(text_array({}) == "{}");
    BOOST_TEST(text_array({"", "NULL", "a,b", "\"", "\\"}) == R"({"","NULL","a,b","\"","\\\\"})");
    BOOST_TEST(pairs_array(std::map<std::string, std::uint64_t>{{"a", 1}, {"b", 2}}) ==
               R"({"a","1","b","2"})");
    BOOST_TEST(bytea_text("\x01\xff") == "\\x01ff");
}

BOOST_AUTO_TEST_CASE(arrays_are_read_as_postgresql_writes_them)
{
    using Items = std::vector<std::string>;
    const auto check = [](const std::string& array, const Items& items) {
        BOOST_TEST(array_items(array) == items, boost::test_tools::per_element());
    };
    check("{}", {});
    check("{a}", {"a"});
    check("{A,',it's,''}", {"A", "'", "it's", "''"}); // As they are: quotes are double ones.
    check(R"({"",a,"b,c","{}"})", {"", "a", "b,c", "{}"});
    check(R"({"NULL",NULL,null,x})", {"NULL", "null", "x"});
    check(R"({"\"","\\x41","\\\\"})", {"\"", "A", "\\"});
    for (const char* cut_off : {"", "{", "{\"a", "{\"a\\", "{\"a\"", "{a,"}) {
        BOOST_TEST(array_items(cut_off).size() <= 2U);
    }
}

BOOST_AUTO_TEST_CASE(any_list_comes_back)
{
    std::mt19937 random{20261130};
    for (int round = 0; round < 1000; ++round) {
        std::vector<std::string> list(random() % 5);
        for (auto& text : list) {
            text.resize(random() % 8);
            for (auto& byte : text) {
                byte = random() % 2 == 0 ? "\\x\"'{},"[random() % 7] : static_cast<char>(random());
            }
        }
        BOOST_REQUIRE((array_items(text_array(list)) == list));
    }
}

BOOST_AUTO_TEST_SUITE_END()
