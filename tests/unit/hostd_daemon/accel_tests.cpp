#include "hostd/daemon/accel.hpp"

#include <boost/test/unit_test.hpp>

using namespace hostd;
using namespace hostd::daemon;
using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

AccelEvidence evidence(bool device, bool cpu_flag, bool trial)
{
    return {device, device ? "" : "there is no /dev/kvm", cpu_flag, [trial]() -> Result<> {
                return trial ? Result<>{} : Error{ErrorCode::failed_precondition, "QEMU ended"};
            }};
}

} // namespace

BOOST_AUTO_TEST_SUITE(accel_tests)

BOOST_AUTO_TEST_CASE(kvm_is_taken_when_everything_speaks_for_it)
{
    BOOST_CHECK(choose_accel(AccelChoice::automatic, evidence(true, true, true))->accel ==
                Accel::kvm);
    BOOST_CHECK(choose_accel(AccelChoice::kvm, evidence(true, true, true))->accel == Accel::kvm);
}

BOOST_AUTO_TEST_CASE(a_device_without_the_cpu_flag_or_a_trial_is_not_enough)
{
    for (const auto& each :
         {evidence(false, true, true), evidence(true, false, true), evidence(true, true, false)}) {
        const auto verdict = choose_accel(AccelChoice::automatic, each);
        BOOST_REQUIRE(verdict);
        BOOST_CHECK(verdict->accel == Accel::tcg);
        BOOST_TEST(!verdict->reason.empty());
    }
}

BOOST_AUTO_TEST_CASE(kvm_that_is_demanded_and_does_not_work_is_an_error_with_the_cause)
{
    const auto verdict = choose_accel(AccelChoice::kvm, evidence(true, true, false));
    BOOST_REQUIRE(!verdict);
    BOOST_CHECK(verdict.error().code == ErrorCode::failed_precondition);
    BOOST_TEST(verdict.error().reason == "no_kvm");
    BOOST_TEST(verdict.error().message.find("QEMU ended") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(emulation_that_is_configured_tries_nothing)
{
    auto untried = evidence(true, true, true);
    untried.trial = []() -> Result<> {
        BOOST_ERROR("tried");
        return {};
    };
    BOOST_CHECK(choose_accel(AccelChoice::tcg, untried)->accel == Accel::tcg);
}

BOOST_AUTO_TEST_CASE(a_trial_succeeds_only_with_a_guest_that_ran)
{
    constexpr auto running = R"({"return": {"status": "running", "running": true}})";
    constexpr auto stopped = R"({"return": {"status": "internal-error", "running": false}})";
    BOOST_TEST(read_trial({0, running, ""}).has_value());
    BOOST_TEST(!read_trial({0, stopped, ""}).has_value());
    const auto aborted = read_trial({134, "", "warning\nerror: failed to set MSR\n"});
    BOOST_REQUIRE(!aborted);
    BOOST_TEST(aborted.error().message == "QEMU ended with status 134: error: failed to set MSR");
}

BOOST_AUTO_TEST_SUITE_END()
