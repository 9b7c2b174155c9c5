#include "cli/detach_keys.hpp"

#include <boost/test/unit_test.hpp>
#include <vector>

namespace cli {

namespace {

DetachKeys keys_of(const std::string& text)
{
    auto keys = DetachKeys::parse(text);
    BOOST_REQUIRE(keys.has_value());
    return *std::move(keys);
}

/// What is given on, with "!" where it was left.
std::string given(DetachKeys& keys, const std::vector<std::string>& typed)
{
    std::string all;
    for (const auto& piece : typed) {
        const auto taken = keys.take(piece);
        all += taken.bytes + (taken.leaves ? "!" : "");
    }
    return all;
}

} // namespace

BOOST_AUTO_TEST_SUITE(detach_keys_tests)

BOOST_AUTO_TEST_CASE(both_keys_leave_at_once_or_one_by_one)
{
    auto keys = keys_of("ctrl-p,ctrl-q");
    BOOST_TEST(given(keys, {"ab\x10\x11ignored"}) == "ab!");
    BOOST_TEST(given(keys, {"ab\x10", "\x11"}) == "ab!");
    BOOST_TEST(!keys.holds());
}

BOOST_AUTO_TEST_CASE(nothing_that_was_typed_is_lost_when_it_was_no_beginning)
{
    auto keys = keys_of("ctrl-p,ctrl-q");
    BOOST_TEST(given(keys, {"a\x10", "b\x10\x10", "c\x11"}) == "a\x10"
                                                               "b\x10\x10"
                                                               "c\x11");
    BOOST_TEST(given(keys, {"\x10\x10\x11"}) == "\x10!");
    BOOST_TEST(given(keys, {"x\x10"}) == "x");
    BOOST_TEST(keys.holds());
    BOOST_TEST(keys.release() == "\x10");
    BOOST_TEST(!keys.holds());
    BOOST_TEST(keys.release().empty());
}

BOOST_AUTO_TEST_CASE(other_keys_and_none)
{
    auto one = keys_of("ctrl-]");
    BOOST_TEST(given(one, {"a\x1d"}) == "a!");
    auto three = keys_of("a,b,ctrl-@");
    const std::string zero(1, '\0');
    BOOST_TEST(given(three, {"ab", "x" + zero + "ab" + zero}) == "abx" + zero + "!");
    auto none = keys_of("none");
    BOOST_TEST(given(none, {"\x10\x11"}) == "\x10\x11");
    for (const auto* wrong : {"", "ctrl-", "ctrl-P", "ctrl-p,", ",a", "ctrl-p ctrl-q", "ctrl-1"}) {
        BOOST_TEST(!DetachKeys::parse(wrong).has_value(), wrong);
    }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cli
