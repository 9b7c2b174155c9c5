#include "cli/waiting.hpp"

#include <boost/test/unit_test.hpp>
#include <future>
#include <memory>

namespace cli {

BOOST_AUTO_TEST_SUITE(waiting_tests)

BOOST_AUTO_TEST_CASE(what_the_call_says_is_the_result)
{
    const auto done = wait_for({}, {.what = "trying"}, [] { return std::string{"done"}; });
    BOOST_REQUIRE(done.has_value());
    BOOST_TEST(**done == "done");
    const auto failed = wait_for({}, {.what = "trying"}, []() -> common::Result<std::string> {
        return common::Error{common::ErrorCode::not_found, "none"};
    });
    BOOST_REQUIRE(failed.has_value());
    BOOST_TEST(failed->error().message == "none");
}

BOOST_AUTO_TEST_CASE(what_is_enough_ends_the_waiting_and_not_the_call)
{
    struct Held {
        std::promise<void> go;
        std::promise<void> gone;
    };
    auto held = std::make_shared<Held>();
    const Waiting waiting{.what = "trying", .enough = [] { return true; }};
    const auto left = wait_for({}, waiting, [held] {
        held->go.get_future().wait();
        held->gone.set_value();
        return std::string{"too late"};
    });
    BOOST_TEST(!left.has_value());
    held->go.set_value();
    held->gone.get_future().wait();
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cli
