#include "coordinator/store/write_queue.hpp"

#include <boost/test/unit_test.hpp>
#include <thread>

using namespace coordinator::store;
using common::ErrorCode;
using std::chrono::steady_clock;

namespace {

/// A call that notes the code it was answered with.
Call noted(std::vector<ErrorCode>& answers, common::SteadyTime deadline = {})
{
    return {{coordinator::Operation{}},
            [&answers](common::Result<> result) { answers.push_back(result.error().code); },
            deadline};
}

} // namespace

BOOST_AUTO_TEST_SUITE(write_queue_tests)

BOOST_AUTO_TEST_CASE(calls_come_out_in_order_and_no_more_than_a_batch)
{
    WriteQueue queue{{10, 1 << 20, 3}};
    for (int i = 0; i < 4; ++i) {
        queue.put({{}, nullptr, common::SteadyTime{std::chrono::seconds{i}}});
    }
    const auto batch = queue.take({});
    BOOST_REQUIRE(batch.size() == 3);
    BOOST_TEST((batch[0].deadline < batch[1].deadline && batch[1].deadline < batch[2].deadline));
    BOOST_TEST(queue.take({}).size() == 1U);
    BOOST_TEST(queue.take({}).empty());
}

BOOST_AUTO_TEST_CASE(over_the_bound_of_calls_the_answer_is_rate_limited)
{
    WriteQueue queue{{1, 1 << 20, 8}};
    std::vector<ErrorCode> answers;
    BOOST_TEST(queue.put(noted(answers)));
    BOOST_TEST(!queue.put(noted(answers)));
    BOOST_TEST((answers == std::vector{ErrorCode::rate_limited}));
}

BOOST_AUTO_TEST_CASE(large_outputs_count_but_one_alone_always_fits)
{
    WriteQueue queue{{100, 10000, 8}};
    std::vector<ErrorCode> answers;
    auto large = [&] {
        coordinator::Command command;
        command.stdout_text.assign(20000, 'x');
        auto call = noted(answers);
        call.changes = {std::move(command)};
        return call;
    };
    BOOST_TEST(queue.put(large()));
    BOOST_TEST(!queue.put(large()));
    BOOST_TEST((answers == std::vector{ErrorCode::rate_limited}));
    BOOST_TEST(queue.take({}).size() == 1U);
    BOOST_TEST(queue.put(large()));
}

BOOST_AUTO_TEST_CASE(a_closed_queue_refuses_and_can_be_emptied)
{
    WriteQueue queue{{10, 1 << 20, 8}};
    std::vector<ErrorCode> answers;
    queue.put(noted(answers));
    queue.close();
    BOOST_TEST(!queue.put(noted(answers)));
    BOOST_TEST((answers == std::vector{ErrorCode::unavailable}));
    BOOST_TEST(!queue.finished());
    BOOST_TEST(queue.take(steady_clock::now() + std::chrono::hours{1}).size() == 1U);
    BOOST_TEST(queue.finished());
}

BOOST_AUTO_TEST_CASE(only_the_late_are_taken_as_late)
{
    WriteQueue queue{{10, 1 << 20, 8}};
    std::vector<ErrorCode> answers;
    const auto now = steady_clock::now();
    queue.put(noted(answers, now - std::chrono::seconds{1}));
    queue.put(noted(answers, now + std::chrono::seconds{1}));
    BOOST_TEST(queue.take_late(now).size() == 1U);
    BOOST_TEST(queue.take_late(now).empty());
    BOOST_TEST(queue.take({}).size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_waiting_taker_wakes_when_something_comes)
{
    WriteQueue queue{{10, 1 << 20, 8}};
    std::vector<ErrorCode> answers;
    std::thread putter{[&] { queue.put(noted(answers)); }};
    BOOST_TEST(queue.take(steady_clock::now() + std::chrono::seconds{20}).size() == 1U);
    putter.join();
}

BOOST_AUTO_TEST_SUITE_END()
