#include "common/result.hpp"

#include <boost/test/unit_test.hpp>
#include <memory>
#include <string>

using namespace common;

namespace {

Result<int> half(int number)
{
    if (number % 2 != 0) {
        return Error{ErrorCode::invalid_argument, "odd"};
    }
    return number / 2;
}

Result<std::string> quarter(int number)
{
    COMMON_TRY(const auto once, half(number));
    COMMON_TRY(const auto twice, half(once));
    return std::to_string(twice);
}

Result<> even(int number)
{
    COMMON_CHECK(half(number));
    return {};
}

} // namespace

BOOST_AUTO_TEST_SUITE(result_tests)

BOOST_AUTO_TEST_CASE(a_value_or_an_error_never_both)
{
    const auto good = half(4);
    BOOST_TEST(good.has_value());
    BOOST_TEST(*good == 2);
    const auto bad = half(3);
    BOOST_TEST(!bad);
    BOOST_TEST(bad.error().message == "odd");
}

BOOST_AUTO_TEST_CASE(the_first_error_ends_a_chain)
{
    BOOST_TEST(*quarter(8) == "2");
    BOOST_TEST(quarter(6).error().message == "odd");
    BOOST_TEST(quarter(7).error().message == "odd");
    BOOST_TEST(even(2).has_value());
    BOOST_TEST(!even(1));
}

BOOST_AUTO_TEST_CASE(what_can_only_be_moved_is_moved)
{
    Result<std::unique_ptr<int>> made{std::make_unique<int>(7)};
    const auto owner = *std::move(made);
    BOOST_TEST(*owner == 7);
    BOOST_TEST(Result<std::string> { "text" } -> size() == 4U);
}

BOOST_AUTO_TEST_CASE(an_error_always_means_failure)
{
    // Even where a value could be made of one.
    const Result<std::pair<Error, int>> result{Error{ErrorCode::internal, "broken"}};
    BOOST_TEST(!result.has_value());
}

BOOST_AUTO_TEST_SUITE_END()
