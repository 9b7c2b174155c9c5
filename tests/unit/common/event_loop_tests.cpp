#include "common/event_loop.hpp"
#include "tests/support/arrivals.hpp"

#include <boost/test/unit_test.hpp>
#include <memory>

using namespace common;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(event_loop_tests)

BOOST_AUTO_TEST_CASE(tasks_run_in_order_on_one_thread_that_is_not_the_callers)
{
    SystemClock clock;
    EventLoop loop{clock, 100};
    tests::Arrivals<std::pair<int, std::thread::id>> ran;
    loop.start();
    for (int i = 0; i < 10; ++i) {
        BOOST_REQUIRE(loop.post([&ran, i] { ran.add({i, std::this_thread::get_id()}); }));
    }
    const auto first = ran.take();
    BOOST_TEST(first.first == 0);
    BOOST_TEST((first.second != std::this_thread::get_id()));
    for (int i = 1; i < 10; ++i) {
        const auto next = ran.take();
        BOOST_TEST(next.first == i);
        BOOST_TEST((next.second == first.second));
    }
}

BOOST_AUTO_TEST_CASE(a_task_and_what_it_does_later_are_done_for_whoever_gave_it)
{
    SystemClock clock;
    EventLoop loop{clock, 100};
    tests::Arrivals<std::string> ran;
    const auto add = [&ran] {
        ran.add(WorkingOn::now() ? WorkingOn::now()->request.str() : "nobody");
    };
    loop.start();
    {
        const WorkingOn now{RequestId{"req-1"}, {}};
        BOOST_REQUIRE(loop.post([&] {
            add();
            loop.after(10ms, add);
        }));
    }
    BOOST_REQUIRE(loop.post(add));
    for (const auto* who : {"req-1", "nobody", "req-1"}) {
        BOOST_TEST(ran.take() == who);
    }
}

BOOST_AUTO_TEST_CASE(timers_run_by_their_time_not_by_their_order)
{
    SystemClock clock;
    EventLoop loop{clock, 100};
    tests::Arrivals<int> ran;
    loop.start();
    const auto began = std::chrono::steady_clock::now();
    BOOST_REQUIRE(loop.post([&] {
        loop.after(2s, [&ran] { ran.add(2); });
        loop.after(10ms, [&ran] { ran.add(1); });
    }));
    BOOST_TEST(ran.take() == 1);
    BOOST_TEST(ran.take() == 2);
    BOOST_TEST((std::chrono::steady_clock::now() - began >= 2s));
}

BOOST_AUTO_TEST_CASE(a_cancelled_timer_does_not_run_and_lets_go_of_what_it_held)
{
    SystemClock clock;
    EventLoop loop{clock, 100};
    tests::Arrivals<int> ran;
    const auto held = std::make_shared<int>(1);
    loop.start();
    BOOST_REQUIRE(loop.post([&] {
        const auto never = loop.after(1ms, [&ran, held] { ran.add(1); });
        const auto first = loop.after(5ms, [&ran] { ran.add(2); });
        loop.cancel(never);
        loop.after(10ms, [&] {
            loop.cancel(first); // It has run: nothing to do.
            ran.add(static_cast<int>(held.use_count()));
        });
    }));
    BOOST_TEST(ran.take() == 2);
    BOOST_TEST(ran.take() == 1);
}

BOOST_AUTO_TEST_CASE(a_full_or_ended_loop_refuses)
{
    SystemClock clock;
    EventLoop loop{clock, 2};
    BOOST_TEST(loop.post([] {}));
    BOOST_TEST(loop.post([] {}));
    BOOST_TEST(!loop.post([] {}));
    loop.start();
    loop.stop();
    BOOST_TEST(!loop.post([] {}));
    loop.stop();
}

BOOST_AUTO_TEST_CASE(what_tasks_hold_is_let_go_at_the_end)
{
    SystemClock clock;
    EventLoop loop{clock, 10};
    const auto held = std::make_shared<int>(1);
    BOOST_REQUIRE(loop.post([held] {}));
    loop.stop(); // Never started: the task never runs.
    BOOST_TEST(held.use_count() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
