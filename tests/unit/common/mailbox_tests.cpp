#include "common/mailbox.hpp"

#include <boost/test/unit_test.hpp>
#include <thread>

using common::Mailbox;
using namespace std::chrono_literals;

namespace {

auto in(std::chrono::milliseconds delay)
{
    return std::chrono::steady_clock::now() + delay;
}

} // namespace

BOOST_AUTO_TEST_SUITE(mailbox_tests)

BOOST_AUTO_TEST_CASE(what_is_pushed_is_drained_in_order)
{
    Mailbox<int> mailbox{3};
    BOOST_TEST(mailbox.push(1));
    BOOST_TEST(mailbox.push(2));
    BOOST_TEST((mailbox.drain_until(in(0ms)) == std::deque<int>{1, 2}));
    BOOST_TEST(mailbox.drain_until(in(0ms)).empty());
}

BOOST_AUTO_TEST_CASE(a_full_mailbox_refuses_and_takes_again_once_drained)
{
    Mailbox<int> mailbox{2};
    BOOST_TEST(mailbox.push(1));
    BOOST_TEST(mailbox.push(2));
    BOOST_TEST(!mailbox.push(3));
    BOOST_TEST(*mailbox.pop() == 1);
    BOOST_TEST(mailbox.push(4));
    BOOST_TEST((mailbox.drain_until(in(0ms)) == std::deque<int>{2, 4}));
}

BOOST_AUTO_TEST_CASE(a_wait_ends_at_its_deadline_at_a_push_and_at_the_close)
{
    Mailbox<int> mailbox{2};
    const auto until = in(20ms);
    BOOST_TEST(mailbox.drain_until(until).empty());
    BOOST_TEST((std::chrono::steady_clock::now() >= until));

    std::thread other{[&mailbox] { static_cast<void>(mailbox.push(5)); }};
    BOOST_TEST((mailbox.drain_until(in(20s)) == std::deque<int>{5}));
    other.join();

    other = std::thread{[&mailbox] { mailbox.close(); }};
    BOOST_TEST(!mailbox.pop().has_value());
    other.join();
}

BOOST_AUTO_TEST_CASE(a_closed_mailbox_takes_nothing_and_gives_what_it_has)
{
    Mailbox<int> mailbox{2};
    BOOST_TEST(mailbox.push(1));
    mailbox.close();
    BOOST_TEST(!mailbox.push(2));
    BOOST_TEST(!mailbox.closed());
    BOOST_TEST(*mailbox.pop() == 1);
    BOOST_TEST(mailbox.closed());
    BOOST_TEST(!mailbox.pop().has_value());
}

BOOST_AUTO_TEST_CASE(nothing_is_lost_between_many_writers_and_one_reader)
{
    constexpr int writers = 4;
    constexpr int each = 2000;
    Mailbox<int> mailbox{64};
    std::vector<std::thread> threads;
    for (int writer = 0; writer < writers; ++writer) {
        threads.emplace_back([&mailbox] {
            for (int i = 0; i < each;) {
                if (mailbox.push(1)) {
                    ++i;
                } else {
                    std::this_thread::yield();
                }
            }
        });
    }
    int total = 0;
    while (total < writers * each) {
        const auto drained = mailbox.drain_until(in(20s));
        BOOST_REQUIRE(!drained.empty());
        total += static_cast<int>(drained.size());
    }
    for (auto& thread : threads) {
        thread.join();
    }
    BOOST_TEST(total == writers * each);
}

BOOST_AUTO_TEST_SUITE_END()
