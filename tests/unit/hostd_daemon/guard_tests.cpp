#include "hostd/daemon/file_lock.hpp"
#include "hostd/daemon/guard.hpp"
#include "tests/support/temp_folder.hpp"

#include <boost/test/unit_test.hpp>

using namespace hostd;
using hostd::daemon::guard_is_due;
using std::chrono::seconds;

namespace {

BootTime at(int second)
{
    return BootTime{seconds{second}};
}

FenceStamp promising(FenceAction action, int after)
{
    return {at(100), {seconds{after}, action}, {}};
}

} // namespace

BOOST_AUTO_TEST_SUITE(guard_tests)

BOOST_AUTO_TEST_CASE(it_acts_after_hostd_would_have_and_before_who_relies_on_it_does)
{
    for (const auto action : {FenceAction::pause, FenceAction::stop}) {
        const auto stamp = promising(action, 60);
        // What hostd heard may be two seconds newer.
        BOOST_TEST(!guard_is_due(stamp, at(162)));
        BOOST_TEST(guard_is_due(stamp, at(163)));
    }
}

BOOST_AUTO_TEST_CASE(it_keeps_nothing_that_was_not_promised)
{
    BOOST_TEST(!guard_is_due(promising(FenceAction::keep, 60), at(10'000)));
    BOOST_TEST(!guard_is_due(promising(FenceAction::pause, 0), at(10'000)));
}

BOOST_AUTO_TEST_CASE(one_that_runs_is_seen_by_its_lock)
{
    const tests::TempFolder folder;
    BOOST_TEST(!daemon::guard_runs(folder.path()));
    BOOST_TEST(!daemon::guard_runs(folder.path() / "nowhere"));
    const auto lock =
        daemon::FileLock::take(folder.path() / "guard.lock", daemon::FileLock::IfHeld::fail);
    BOOST_TEST(daemon::guard_runs(folder.path()));
}

BOOST_AUTO_TEST_SUITE_END()
