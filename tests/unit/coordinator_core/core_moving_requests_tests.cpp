#include "tests/unit/coordinator_core/moving_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;

namespace {

struct AskingFixture : MovingFixture {
    ~AskingFixture()
    {
        if (core) {
            core->stop(); // Whoever still asks is told so.
        }
    }
    AskingFixture() = default;
    AskingFixture(const AskingFixture&) = delete;
    AskingFixture& operator=(const AskingFixture&) = delete;

    /// Somebody who asks something, whatever it answers; its stable reason, or "ok".
    using Asked = std::future<std::string>;
    template <typename Ask>
    Asked ask(Ask what)
    {
        return std::async(std::launch::async, [this, what] { return reason_of(what(*core)); });
    }
    Asked ask_to_run(const SandboxId& id)
    {
        return ask([this, id](auto& it) { return it.run(me, id, line()); });
    }
    static coordinator::RunRequest line(std::chrono::milliseconds timeout = std::chrono::seconds{
                                            15})
    {
        coordinator::RunRequest what;
        what.command = "ls";
        what.timeout = timeout;
        return what;
    }
    static coordinator::LiveRequest live()
    {
        coordinator::LiveRequest what;
        what.argv = {"ls"};
        what.is_read = false;
        return what;
    }
    /// A move during which `what` is asked, while it stands still; then the first command about it.
    template <typename Ask>
    Sent carried_out_after(Ask what)
    {
        run_two();
        box = runs();
        kept = taken(box, "kept").id;
        drain();
        BOOST_TEST(copied() == kept);
        const auto pausing = expect_on<PauseOnHost>("h1");
        asked = ask(what);
        await_waiting_for_move(1);
        nothing_is_asked();
        done(pausing, box, Phase::paused);
        answer(captured(), offer());
        const auto fetch = expect_on<FetchSnapshotOnHost>("h2");
        answer(fetch, copy(fetch));
        const auto create = expect_on<CreateOnHost>("h2");
        nothing_is_asked();
        await_waiting_for_move(1);
        arrived(create, box);
        for (;;) {
            auto sent = next();
            if (!is_clean_up(sent)) {
                return sent;
            }
            answer(sent, std::monostate{});
        }
    }
    bool is_clean_up(const Sent& sent) const
    {
        const auto* deletes = std::get_if<DeleteSnapshotOnHost>(&sent.command.what);
        return sent.host.str() == "h1" || (deletes != nullptr && deletes->snapshot != kept);
    }

    SandboxId box;
    SnapshotId kept;
    Asked asked;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(core_moving_requests_tests, AskingFixture)

BOOST_AUTO_TEST_CASE(a_command_waits_and_runs_where_it_is_then)
{
    const auto sent = carried_out_after([this](auto& it) { return it.run(me, box, line()); });
    BOOST_TEST(sent.host.str() == "h2");
    BOOST_TEST(std::get<ExecOnHost>(sent.command.what).shell == "ls");
    answer(sent, output("x"));
    BOOST_TEST(asked.get() == "ok");
}

BOOST_AUTO_TEST_CASE(a_live_command_waits_and_runs_where_it_is_then)
{
    const auto sent =
        carried_out_after([this](auto& it) { return it.live_execs().begin(me, box, live()); });
    BOOST_TEST(sent.host.str() == "h2");
    BOOST_CHECK(std::get<ExecOnHost>(sent.command.what).live.has_value());
    answer(sent, output("x"));
    BOOST_TEST(asked.get() == "ok");
}

BOOST_AUTO_TEST_CASE(a_stop_waits)
{
    const auto sent = carried_out_after([this](auto& it) { return it.stop(me, box, {}); });
    BOOST_CHECK(std::holds_alternative<StopOnHost>(sent.command.what));
    done(sent, box, Phase::stopped);
    BOOST_TEST(asked.get() == "ok");
    await_stored(box, Phase::stopped);
}

BOOST_AUTO_TEST_CASE(a_pause_waits)
{
    const auto sent = carried_out_after([this](auto& it) { return it.pause(me, box); });
    BOOST_CHECK(std::holds_alternative<PauseOnHost>(sent.command.what));
    done(sent, box, Phase::paused);
    BOOST_TEST(asked.get() == "ok");
    BOOST_CHECK(now(box).phase == Phase::paused); // And stays so.
}

BOOST_AUTO_TEST_CASE(a_resume_waits_and_has_nothing_to_do)
{
    const auto sent = carried_out_after([this](auto& it) {
        const auto resumed = it.resume(me, box);
        return resumed ? it.pause(me, box) : resumed;
    });
    BOOST_CHECK(std::holds_alternative<PauseOnHost>(sent.command.what));
    done(sent, box, Phase::paused);
    BOOST_TEST(asked.get() == "ok");
}

BOOST_AUTO_TEST_CASE(a_suspend_waits)
{
    const auto sent = carried_out_after([this](auto& it) { return it.suspend(me, box); });
    BOOST_CHECK(std::holds_alternative<SuspendOnHost>(sent.command.what));
    done(sent, box, Phase::suspended);
    BOOST_TEST(asked.get() == "ok");
}

BOOST_AUTO_TEST_CASE(a_restart_waits)
{
    const auto sent = carried_out_after([this](auto& it) { return it.restart(me, box, {}); });
    BOOST_CHECK(std::holds_alternative<StopOnHost>(sent.command.what));
}

BOOST_AUTO_TEST_CASE(a_snapshot_waits)
{
    const auto sent = carried_out_after([this](auto& it) {
        return it.take_snapshot(me, box, {"next", true});
    });
    answer(sent, made(sent));
    BOOST_TEST(asked.get() == "ok");
    BOOST_TEST(stored(snapshot_in(sent)).host.str() == "h2");
}

BOOST_AUTO_TEST_CASE(a_fork_waits_and_is_made_where_it_is_then)
{
    const auto sent = carried_out_after([this](auto& it) {
        ForkRequest what;
        what.count = 1;
        return it.fork(me, box, what);
    });
    BOOST_CHECK(std::holds_alternative<SnapshotOnHost>(sent.command.what));
    BOOST_TEST(sent.host.str() == "h2");
}

BOOST_AUTO_TEST_CASE(a_restore_waits)
{
    const auto sent =
        carried_out_after([this](auto& it) { return it.restore_snapshot(me, box, "kept"); });
    BOOST_CHECK(std::holds_alternative<RestoreOnHost>(sent.command.what));
    BOOST_TEST(sent.host.str() == "h2");
}

BOOST_AUTO_TEST_CASE(the_deletion_of_a_snapshot_waits)
{
    const auto sent =
        carried_out_after([this](auto& it) { return it.delete_snapshot(me, box, "kept"); });
    BOOST_CHECK(std::get<DeleteSnapshotOnHost>(sent.command.what).snapshot == kept);
    answer(sent, std::monostate{});
    BOOST_TEST(asked.get() == "ok");
}

BOOST_AUTO_TEST_CASE(a_check_of_a_snapshot_waits)
{
    const auto sent =
        carried_out_after([this](auto& it) { return it.verify_snapshot(me, box, "kept"); });
    BOOST_TEST(sent.host.str() == "h2");
    answer(sent, made(box, kept, "kept"));
    BOOST_TEST(asked.get() == "ok");
}

BOOST_AUTO_TEST_CASE(who_was_told_that_it_took_too_long_has_nothing_run_afterwards)
{
    settings.grace = std::chrono::milliseconds{1};
    settings.command_timeout = std::chrono::milliseconds{1};
    settings.boot_timeout = std::chrono::milliseconds{1};
    settings.snapshot_timeout = std::chrono::milliseconds{1};
    run_two();
    auto made_it = std::async(std::launch::async, [this] { return core->create(me, on_h1()); });
    const auto creating = expect<CreateOnHost>();
    const auto id = id_in(creating);
    done(creating, id, Phase::running);
    static_cast<void>(made_it.get());
    await(id, Phase::running);
    drain();
    const auto pausing = expect_on<PauseOnHost>("h1");
    const auto late = core->run(me, id, line(std::chrono::milliseconds{1}));
    BOOST_TEST(reason_of(late) == "still_moving");
    BOOST_TEST(reason_of(core->live_execs().begin(me, id, live())) == "still_moving");
    ForkRequest what;
    what.count = 1;
    BOOST_TEST(reason_of(core->fork(me, id, what)) == "outcome_unknown");
    await_waiting_for_move(3);
    done(pausing, id, Phase::paused);
    answer(captured(), offer());
    const auto fetch = expect_on<FetchSnapshotOnHost>("h2");
    answer(fetch, copy(fetch));
    arrived(expect_on<CreateOnHost>("h2"), id);
    cleaned_up();
    await_left(id);
    nothing_is_asked();
    BOOST_TEST(store.commands().empty());
}

BOOST_AUTO_TEST_CASE(another_tenant_gets_his_answer_at_once)
{
    run_two();
    const auto id = runs();
    drain();
    expect_on<PauseOnHost>("h1");
    BOOST_CHECK(core->run(other, id, line()).error().code == ErrorCode::not_found);
    BOOST_CHECK(core->stop(other, id, {}).error().code == ErrorCode::not_found);
    BOOST_CHECK(core->destroy(other, id).error().code == ErrorCode::not_found);
    BOOST_CHECK(core->restore_snapshot(other, id, "x").error().code == ErrorCode::not_found);
    BOOST_CHECK(core->live_execs().begin(other, id, live()).error().code == ErrorCode::not_found);
    await_waiting_for_move(0);
}

BOOST_AUTO_TEST_CASE(what_only_reads_does_not_wait)
{
    run_two();
    const auto id = runs();
    const auto one = taken(id, "one").id;
    drain();
    copied();
    expect_on<PauseOnHost>("h1");
    BOOST_CHECK(core->get(me, id).has_value());
    BOOST_TEST(core->snapshot(me, id, "one")->id == one);
    BOOST_TEST(core->snapshots(me, id, {})->total == 1U); // Not the one of the move.
    BOOST_CHECK(core->extend(me, id, seconds{600}).has_value());
}

BOOST_AUTO_TEST_CASE(who_waits_when_the_coordinator_ends_is_told_so)
{
    run_two();
    const auto id = runs();
    drain();
    expect_on<PauseOnHost>("h1");
    auto waits = ask_to_run(id);
    await_waiting_for_move(1);
    core->stop();
    BOOST_CHECK(waits.wait_for(seconds{5}) == std::future_status::ready);
    BOOST_TEST(waits.get() == "coordinator_ending");
}

BOOST_AUTO_TEST_CASE(a_command_under_way_is_waited_for_and_others_wait_behind_it)
{
    run_two();
    const auto id = runs();
    const auto one = taken(id, "one").id;
    drain();
    const auto fetch = offered();
    auto first = exec(id);
    const auto running_on = expect_on<ExecOnHost>("h1");
    answer(fetch, copy(fetch));
    settle();
    auto second = exec(id, "later");
    await_waiting_for_move(1);
    nothing_is_asked();
    answer(running_on, output("x"));
    BOOST_TEST(first.get().has_value());
    expect_on<coordinator::AckExecOnHost>("h1");
    arrived(arriving(id), id);
    for (int i = 0; i < 3; ++i) {
        const auto sent = next();
        if (std::holds_alternative<ExecOnHost>(sent.command.what)) {
            BOOST_TEST(sent.host.str() == "h2");
            answer(sent, output("y"));
        } else {
            answer(sent, std::monostate{});
        }
    }
    BOOST_TEST(second.get()->stdout_text == "y");
    BOOST_TEST(stored(one).host.str() == "h2");
}

BOOST_AUTO_TEST_CASE(a_command_that_does_not_end_keeps_it_where_it_is)
{
    run_two();
    const auto id = runs();
    taken(id, "one");
    drain();
    const auto fetch = offered();
    auto endless = exec(id);
    const auto first = expect_on<ExecOnHost>("h1");
    answer(fetch, copy(fetch));
    settle();
    auto waits = exec(id, "later");
    await_waiting_for_move(1);
    clock.stand_still(seconds{11});
    // It is given up, and what waited runs beside it.
    const auto a = next();
    const auto b = next();
    const bool exec_first = std::holds_alternative<ExecOnHost>(a.command.what);
    const auto& later = exec_first ? a : b;
    BOOST_TEST(later.host.str() == "h1");
    const auto& dropped = exec_first ? b : a;
    BOOST_TEST(dropped.host.str() == "h2");
    BOOST_CHECK(std::holds_alternative<DeleteSnapshotOnHost>(dropped.command.what));
    answer(later, output("y"));
    BOOST_TEST(waits.get().has_value());
    await_trouble(id, "busy");
    BOOST_CHECK(now(id).phase == Phase::running);
    clock.stand_still(seconds{3}); // While something runs it does not even begin.
    settle();
    await_trouble(id, "busy");
    answer(first, output("x"));
    static_cast<void>(endless.get());
    const auto rows = store.audit_of(id.str());
    BOOST_TEST(std::ranges::count(rows, "sandbox.move busy") == 1);
    clock.stand_still(seconds{3});
    const auto again = next_until([](const auto& sent) {
        return !std::holds_alternative<coordinator::AckExecOnHost>(sent.command.what);
    });
    BOOST_CHECK(std::holds_alternative<OfferSnapshotOnHost>(again.command.what));
}

BOOST_AUTO_TEST_SUITE_END()
