#include "tests/unit/coordinator_core/checkpoint_fixture.hpp"

using namespace tests;
using coordinator::HostActivity;
using std::chrono::milliseconds;
using std::chrono::seconds;

BOOST_FIXTURE_TEST_SUITE(core_idle_tests, CheckpointFixture)

BOOST_AUTO_TEST_CASE(who_is_not_used_is_paused_and_then_suspended_and_wakes_for_a_command)
{
    settings.idle_pause_after = milliseconds{30};
    settings.idle_suspend_after = seconds{2};
    run_with({"h1"});
    const auto id = running().id;
    done(expect<PauseOnHost>(), id, Phase::paused);
    done(expect<SuspendOnHost>(), id, Phase::suspended);
    await(id, Phase::suspended);
    bool by_policy = false;
    for (const auto& row : store.audit()) {
        by_policy =
            by_policy || (row.action == "sandbox.suspend" && row.caller.actor == "system:idle");
    }
    BOOST_TEST(by_policy);
    auto ran = exec(id);
    done(expect<StartOnHost>(), id, Phase::running);
    answer(expect<ExecOnHost>(), output("awake"));
    BOOST_TEST(ran.get()->stdout_text == "awake");
}

BOOST_AUTO_TEST_CASE(one_on_an_ephemeral_disk_is_only_paused)
{
    settings.idle_pause_after = milliseconds{30};
    settings.idle_suspend_after = seconds{2};
    run_with({"h1"});
    auto what = request();
    what.disk = coordinator::DiskKind::ephemeral;
    const auto first = running(what).id;
    done(expect<PauseOnHost>(), first, Phase::paused);
    // Another is put to sleep after it, and would not be if that were next.
    const auto second = running().id;
    done(expect<PauseOnHost>(), second, Phase::paused);
    const auto sent = expect<SuspendOnHost>();
    BOOST_TEST(std::get<SuspendOnHost>(sent.command.what).id.str() == second.str());
    done(sent, second, Phase::suspended);
    BOOST_CHECK(now(first).phase == Phase::paused);
}

BOOST_AUTO_TEST_CASE(a_command_under_way_keeps_it_awake)
{
    settings.idle_pause_after = seconds{2};
    run_with({"h1"});
    const auto id = running().id;
    auto ran = exec(id);
    const auto sent = expect<ExecOnHost>();
    const auto begun = clock.steady();
    eventually([&] { return clock.steady() - begun > milliseconds{2500}; }, "time");
    BOOST_TEST(link.commands.empty());
    const auto ended = clock.steady();
    answer(sent, output("done"));
    BOOST_TEST(ran.get().has_value());
    static_cast<void>(expect<coordinator::AckExecOnHost>());
    const auto pause = expect<PauseOnHost>();
    // Counted from the last tick that saw the command.
    BOOST_TEST((clock.steady() - ended >= milliseconds{1800}));
    done(pause, id, Phase::paused);
    await(id, Phase::paused);
}

BOOST_AUTO_TEST_CASE(reading_and_what_its_host_says_do_not_count_as_use)
{
    settings.idle_pause_after = milliseconds{50};
    run_with({"h1"});
    const auto id = running().id;
    std::uint64_t seq = 0;
    eventually(
        [&] {
            status("h1", report(id, Phase::running), ++seq);
            static_cast<void>(core->get(me, id));
            static_cast<void>(core->list(me, {}));
            return !link.commands.empty();
        },
        "the pause");
    done(expect<PauseOnHost>(), id, Phase::paused);
    await(id, Phase::paused);
}

BOOST_AUTO_TEST_CASE(traffic_keeps_it_awake_until_it_ends_and_leaves_no_trace)
{
    settings.idle_pause_after = seconds{2};
    run_with({"h1"});
    const auto id = running().id;
    const auto rows = store.audit().size();
    const auto begun = clock.steady();
    eventually(
        [&] {
            link.say(HostActivity{HostName{"h1"}, {SandboxId{"sbx-unknown"}, id}});
            return clock.steady() - begun > milliseconds{2500};
        },
        "time");
    BOOST_TEST(link.commands.empty());
    BOOST_TEST(store.audit().size() == rows);
    done(expect<PauseOnHost>(), id, Phase::paused);
    await(id, Phase::paused);
}

BOOST_AUTO_TEST_CASE(a_host_keeps_no_sandbox_of_another_awake)
{
    settings.idle_pause_after = milliseconds{50};
    run_with({"h1", "h2"});
    const auto sandbox = running();
    const HostName elsewhere{sandbox.host.str() == "h1" ? "h2" : "h1"};
    eventually(
        [&] {
            link.say(HostActivity{elsewhere, {sandbox.id}});
            return !link.commands.empty();
        },
        "the pause");
    static_cast<void>(expect<PauseOnHost>());
}

BOOST_AUTO_TEST_CASE(requests_that_change_something_keep_it_awake)
{
    settings.idle_pause_after = seconds{2};
    run_with({"h1"});
    const auto id = running().id;
    const auto begun = clock.steady();
    eventually(
        [&] {
            static_cast<void>(core->extend(me, id, std::chrono::hours{1}));
            return clock.steady() - begun > milliseconds{2500};
        },
        "time");
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(another_tenant_keeps_nobody_awake)
{
    settings.idle_pause_after = milliseconds{50};
    run_with({"h1"});
    const auto id = running().id;
    eventually(
        [&] {
            BOOST_TEST(reason_of(core->extend(other, id, std::chrono::hours{1})) == "not_found");
            return !link.commands.empty();
        },
        "the pause");
    static_cast<void>(expect<PauseOnHost>());
}

BOOST_AUTO_TEST_CASE(a_host_that_refuses_is_not_asked_at_every_tick)
{
    settings.idle_pause_after = milliseconds{100};
    run_with({"h1"});
    running();
    const auto first = expect<PauseOnHost>();
    const auto refused = clock.steady();
    refuse(first, ErrorCode::failed_precondition, "busy_guest");
    static_cast<void>(expect<PauseOnHost>());
    BOOST_TEST((clock.steady() - refused >= milliseconds{95}));
}

BOOST_AUTO_TEST_CASE(without_a_policy_nobody_is_put_to_sleep)
{
    run_with({"h1"});
    running();
    const auto begun = clock.steady();
    eventually([&] { return clock.steady() - begun > milliseconds{100}; }, "time");
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_SUITE_END()
