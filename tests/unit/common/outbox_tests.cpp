#include "common/outbox.hpp"

#include <boost/test/unit_test.hpp>
#include <poll.h>

using common::Outbox;

namespace {

bool awake(const Outbox<int>& outbox)
{
    pollfd item{outbox.wake_fd(), POLLIN, 0};
    return ::poll(&item, 1, 0) == 1;
}

} // namespace

BOOST_AUTO_TEST_SUITE(outbox_tests)

BOOST_AUTO_TEST_CASE(a_push_wakes_the_owner_until_it_drains)
{
    Outbox<int> outbox{2};
    BOOST_TEST(!awake(outbox));
    BOOST_TEST(outbox.push(1));
    BOOST_TEST(outbox.push(2));
    BOOST_TEST(awake(outbox));
    BOOST_TEST((outbox.drain() == std::deque<int>{1, 2}));
    BOOST_TEST(!awake(outbox));
    BOOST_TEST(outbox.drain().empty());
}

BOOST_AUTO_TEST_CASE(a_full_outbox_refuses)
{
    Outbox<int> outbox{1};
    BOOST_TEST(outbox.push(1));
    BOOST_TEST(!outbox.push(2));
    BOOST_TEST((outbox.drain() == std::deque<int>{1}));
    BOOST_TEST(outbox.push(3));
}

BOOST_AUTO_TEST_CASE(the_owner_can_be_woken_without_a_message)
{
    Outbox<int> outbox{1};
    outbox.wake();
    BOOST_TEST(awake(outbox));
    BOOST_TEST(outbox.drain().empty());
    BOOST_TEST(!awake(outbox));
}

BOOST_AUTO_TEST_SUITE_END()
