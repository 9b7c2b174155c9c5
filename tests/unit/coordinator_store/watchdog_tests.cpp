#include "coordinator/store/watchdog.hpp"

#include "common/unique_fd.hpp"

#include <boost/test/unit_test.hpp>
#include <sys/socket.h>

using coordinator::store::Watchdog;

namespace {

struct Pair {
    common::UniqueFd near, far;
    Pair()
    {
        int fds[2];
        BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
        near.reset(fds[0]);
        far.reset(fds[1]);
        // Only so that a broken watchdog fails the test instead of hanging it.
        const timeval limit{20, 0};
        ::setsockopt(near.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    }
};

} // namespace

BOOST_AUTO_TEST_SUITE(watchdog_tests)

BOOST_AUTO_TEST_CASE(a_read_that_nobody_answers_ends_at_its_deadline)
{
    Watchdog watchdog;
    for (int i = 0; i < 3; ++i) {
        const Pair pair;
        const Watchdog::Guard later{watchdog, pair.far.get(), std::chrono::hours{1}};
        const Watchdog::Guard guard{watchdog, pair.near.get(), std::chrono::milliseconds{20}};
        char byte = 0;
        BOOST_TEST(::recv(pair.near.get(), &byte, 1, 0) == 0);
    }
}

BOOST_AUTO_TEST_CASE(a_guard_that_is_gone_shuts_nothing_down)
{
    Watchdog watchdog;
    const Pair kept;
    const Pair cut;
    {
        const Watchdog::Guard guard{watchdog, kept.near.get(), std::chrono::milliseconds{1000}};
    }
    const Watchdog::Guard guard{watchdog, cut.near.get(), std::chrono::milliseconds{1010}};
    char byte = 0;
    BOOST_TEST(::recv(cut.near.get(), &byte, 1, 0) == 0);
    BOOST_TEST(::send(kept.near.get(), "x", 1, MSG_NOSIGNAL) == 1);
}

BOOST_AUTO_TEST_SUITE_END()
