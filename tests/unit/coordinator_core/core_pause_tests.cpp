#include "tests/unit/coordinator_core/core_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;
using coordinator::PauseOnHost;

namespace {

struct PauseFixture : CoreFixture {
    /// A sandbox that was paused.
    SandboxId paused()
    {
        const auto id = running().id;
        auto asked = pause(id);
        done(expect<PauseOnHost>(), id, Phase::paused);
        BOOST_CHECK(asked.get()->phase == Phase::paused);
        return id;
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(core_pause_tests, PauseFixture)

BOOST_AUTO_TEST_CASE(a_pause_and_a_resume_are_recorded_and_may_be_repeated)
{
    run_with({"h1"});
    const auto id = paused();
    BOOST_CHECK(store.sandbox(id)->phase == Phase::paused);
    BOOST_CHECK(pause(id).get()->phase == Phase::paused);
    BOOST_TEST(link.commands.empty());
    auto resumed = resume(id);
    const auto sent = expect<StartOnHost>();
    BOOST_TEST(sent.command.generation == 3U);
    done(sent, id, Phase::running);
    BOOST_CHECK(resumed.get()->phase == Phase::running);
    BOOST_CHECK(resume(id).get()->phase == Phase::running);
    BOOST_TEST(link.commands.empty());
    const Texts rows{"sandbox.create intent",
                     "sandbox.create ok",
                     "sandbox.pause intent",
                     "sandbox.pause ok",
                     "sandbox.start intent",
                     "sandbox.start ok"};
    BOOST_TEST(store.audit_of(id.str()) == rows, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(only_what_runs_is_paused_and_only_what_is_paused_goes_on)
{
    run_with({"h1"});
    auto what = request();
    what.auto_start = false;
    const auto id = running(what).id;
    BOOST_TEST(reason_of(pause(id).get()) == "wrong_state");
    BOOST_TEST(reason_of(resume(id).get()) == "wrong_state");
    BOOST_CHECK(core->pause(other, id).error().code == ErrorCode::not_found);
    BOOST_CHECK(core->resume(other, id).error().code == ErrorCode::not_found);
    auto started = start(id);
    const auto sent = expect<StartOnHost>();
    BOOST_TEST(reason_of(pause(id).get()) == "wrong_state");
    done(sent, id, Phase::running);
    BOOST_TEST(started.get().has_value());
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(two_pauses_at_once_are_one_and_a_resume_does_not_come_between)
{
    run_with({"h1"});
    const auto id = running().id;
    auto first = pause(id);
    const auto sent = expect<PauseOnHost>();
    auto second = pause(id);
    BOOST_TEST(reason_of(resume(id).get()) == "wrong_state");
    done(sent, id, Phase::paused);
    BOOST_TEST(first.get().has_value());
    BOOST_TEST(second.get().has_value());
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(a_pause_that_its_host_refuses_is_told_and_its_word_is_asked_for)
{
    run_with({"h1"});
    const auto id = running().id;
    auto asked = pause(id);
    refuse(expect<PauseOnHost>(), ErrorCode::failed_precondition, "not_running");
    BOOST_TEST(reason_of(asked.get()) == "not_running");
    BOOST_TEST(link.syncs.take().str() == "h1");
    BOOST_CHECK(now(id).desired == Desired::running);
}

BOOST_AUTO_TEST_CASE(a_pause_that_was_not_written_was_not_asked_for)
{
    run_with({"h1"});
    const auto id = running().id;
    store.fail(ErrorCode::unavailable);
    BOOST_TEST(reason_of(pause(id).get()) == "database_unavailable");
    BOOST_TEST(link.commands.empty());
    BOOST_CHECK(now(id).phase == Phase::running);
}

BOOST_AUTO_TEST_CASE(a_command_wakes_a_paused_sandbox)
{
    run_with({"h1"});
    const auto id = paused();
    auto ran = exec(id);
    done(expect<StartOnHost>(), id, Phase::running);
    answer(expect<ExecOnHost>(), output("awake"));
    BOOST_TEST(ran.get()->stdout_text == "awake");
    BOOST_CHECK(now(id).phase == Phase::running);
}

BOOST_AUTO_TEST_CASE(a_command_that_cannot_wake_it_says_why_and_is_not_run)
{
    run_with({"h1"});
    const auto id = paused();
    auto ran = exec(id);
    refuse(expect<StartOnHost>(), ErrorCode::resource_exhausted, "disk_error");
    BOOST_TEST(reason_of(ran.get()) == "disk_error");
    BOOST_TEST(link.commands.empty());
    BOOST_TEST(store.commands().empty());
}

BOOST_AUTO_TEST_CASE(commands_in_a_paused_sandbox_are_asked_for_when_it_goes_on)
{
    run_with({"h1"});
    const auto id = running().id;
    auto ran = exec(id);
    const auto first = expect<ExecOnHost>();
    auto asked = pause(id);
    done(expect<PauseOnHost>(), id, Phase::paused);
    BOOST_TEST(asked.get().has_value());
    connect("h1", {report(id, Phase::paused, 2)}); // Its hostd was started anew.
    settle();
    BOOST_TEST(link.commands.empty());
    auto resumed = resume(id);
    done(expect<StartOnHost>(), id, Phase::running);
    const auto again = expect<ExecOnHost>();
    BOOST_TEST(again.command.operation.str() == first.command.operation.str());
    BOOST_TEST(std::get<ExecOnHost>(again.command.what).resumed);
    answer(again, output("there"));
    BOOST_TEST(ran.get()->stdout_text == "there");
    BOOST_TEST(resumed.get().has_value());
}

BOOST_AUTO_TEST_CASE(what_was_paused_is_so_after_a_restart_and_is_destroyed_like_any_other)
{
    run_with({"h1"});
    const auto id = paused();
    crash_and_restart();
    connect("h1", {report(id, Phase::paused, 2)});
    settle();
    BOOST_CHECK(now(id).phase == Phase::paused);
    auto gone = destroy(id);
    done(expect<DestroyOnHost>(), id, Phase::destroyed);
    BOOST_TEST(gone.get().has_value());
}

BOOST_AUTO_TEST_CASE(a_longer_life_is_written_with_its_audit_before_it_is_told)
{
    run_with({"h1"});
    auto what = request();
    what.ttl = std::chrono::seconds{60};
    const auto id = running(what).id;
    const auto before = clock.wall();
    const auto longer = core->extend(me, id, std::chrono::hours{2});
    BOOST_REQUIRE(longer.has_value());
    BOOST_TEST((*longer->expires_at >= before + std::chrono::hours{2}));
    BOOST_TEST((store.sandbox(id)->expires_at == longer->expires_at));
    const auto rows = store.audit_of(id.str());
    BOOST_TEST(rows.at(rows.size() - 2) == "sandbox.extend intent");
    BOOST_TEST(rows.back() == "sandbox.extend ok");
    clock.leap(std::chrono::hours{1});
    settle();
    BOOST_TEST(link.commands.empty()); // It would have expired.
    clock.leap(std::chrono::hours{2});
    static_cast<void>(expect<DestroyOnHost>());
    BOOST_TEST(reason_of(core->extend(me, id, std::chrono::hours{2})) == "wrong_state");
    BOOST_CHECK(core->extend(other, id, std::chrono::hours{2}).error().code ==
                ErrorCode::not_found);
}

BOOST_AUTO_TEST_CASE(a_longer_life_that_was_not_written_is_not_given)
{
    run_with({"h1"});
    auto what = request();
    what.ttl = std::chrono::seconds{60};
    const auto made = running(what);
    store.fail(ErrorCode::unavailable);
    const auto longer = core->extend(me, made.id, std::chrono::hours{2});
    BOOST_TEST(reason_of(longer) == "database_unavailable");
    BOOST_TEST((now(made.id).expires_at == made.expires_at));
    BOOST_TEST((*now(made.id).ttl == std::chrono::seconds{60}));
}

BOOST_AUTO_TEST_SUITE_END()
