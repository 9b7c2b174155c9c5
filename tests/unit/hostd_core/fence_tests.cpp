#include "hostd/core/fence.hpp"

#include <boost/test/unit_test.hpp>

using namespace hostd;
using std::chrono::seconds;

namespace {

BootTime at(int second)
{
    return BootTime{seconds{second}};
}

constexpr FencePromise pause_after_60{seconds{60}, FenceAction::pause};

} // namespace

BOOST_AUTO_TEST_SUITE(fence_tests)

BOOST_AUTO_TEST_CASE(it_counts_from_when_that_was_sent_which_a_leader_heard_last)
{
    FenceLease lease{pause_after_60, std::nullopt, at(100)};
    BOOST_TEST(!lease.is_over(at(159)));
    BOOST_TEST(lease.is_over(at(160)));
    lease.heard(at(120));
    BOOST_TEST(!lease.is_over(at(179)));
    BOOST_TEST(lease.is_over(at(180)));
    lease.heard(at(110)); // An older one, acknowledged late.
    BOOST_TEST(!lease.is_over(at(179)));
    lease.heard(at(180)); // And back.
    BOOST_TEST(!lease.is_over(at(200)));
}

BOOST_AUTO_TEST_CASE(a_restart_does_not_begin_it_anew)
{
    FenceLease lease{pause_after_60, FenceStamp{at(50), pause_after_60, {}}, at(100)};
    BOOST_TEST(!lease.is_over(at(109)));
    BOOST_TEST(lease.is_over(at(110)));
    // From a time that is not yet there nothing follows.
    FenceLease odd{pause_after_60, FenceStamp{at(500), pause_after_60, {}}, at(100)};
    BOOST_TEST(odd.is_over(at(160)));
}

BOOST_AUTO_TEST_CASE(nothing_ends_without_a_time)
{
    const FenceLease lease{{seconds{0}, FenceAction::stop}, std::nullopt, at(0)};
    BOOST_TEST(!lease.is_over(at(1'000'000)));
}

BOOST_AUTO_TEST_CASE(what_was_promised_before_counts_until_a_leader_hears_the_new_promise)
{
    const FencePromise stop_after_20{seconds{20}, FenceAction::stop};
    const FencePromise keep{seconds{60}, FenceAction::keep};
    const FencePromise never{seconds{0}, FenceAction::pause};
    FenceLease shorter{stop_after_20, FenceStamp{at(0), pause_after_60, {}}, at(0)};
    BOOST_CHECK((shorter.promise() == stop_after_20));
    FenceLease longer{pause_after_60, FenceStamp{at(0), stop_after_20, {}}, at(0)};
    BOOST_CHECK((longer.promise() == FencePromise{seconds{20}, FenceAction::pause}));
    longer.heard(at(10));
    BOOST_CHECK((longer.promise() == pause_after_60));
    for (const auto& none : {keep, never}) {
        FenceLease off{none, FenceStamp{at(0), pause_after_60, {}}, at(0)};
        BOOST_CHECK((off.promise() == pause_after_60));
        off.heard(at(10));
        BOOST_CHECK((off.promise() == none));
        const FenceLease on{pause_after_60, FenceStamp{at(0), none, {}}, at(0)};
        BOOST_CHECK((on.promise() == pause_after_60));
    }
}

BOOST_AUTO_TEST_CASE(who_is_held_stays_also_when_others_may_go_on)
{
    const common::SandboxId one{"sbx-1"};
    const common::SandboxId other{"sbx-2"};
    HeldGuests guests;
    BOOST_TEST(!guests.stays(one));
    guests.close(true);
    BOOST_TEST(guests.stays(one));
    guests.hold({one});
    guests.close(false);
    BOOST_TEST(guests.stays(one));
    BOOST_TEST(!guests.stays(other));
    BOOST_TEST(guests.let_go(one));
    BOOST_TEST(!guests.let_go(one));
    BOOST_TEST(!guests.stays(one));
}

BOOST_AUTO_TEST_SUITE_END()
