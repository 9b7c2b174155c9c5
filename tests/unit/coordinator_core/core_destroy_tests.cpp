#include "tests/unit/coordinator_core/core_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;

namespace {

/// h1 is known from before and not heard of any more; it had sbx-1 running.
struct LostHostFixture : CoreFixture {
    LostHostFixture()
    {
        settings.suspect_after = std::chrono::milliseconds{1};
        settings.lost_after = std::chrono::milliseconds{1};
        store.snapshot.hosts = {recorded_host("h1")};
        store.snapshot.sandboxes = {recorded("sbx-1", Phase::running)};
        run();
        await_health("h1", HostHealth::lost);
    }
    const SandboxId id{"sbx-1"};
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(core_destroy_tests, CoreFixture)

BOOST_AUTO_TEST_CASE(a_destroy_frees_name_and_place_and_the_record_stays_for_a_day)
{
    run_with({"h1"});
    const auto id = running(request("box")).id;
    auto gone = destroy(id);
    const auto sent = expect<DestroyOnHost>();
    BOOST_TEST(core->host(me, HostName{"h1"})->sandboxes == 1U);
    BOOST_CHECK(store.sandbox(id)->desired == Desired::destroyed);
    done(sent, id, Phase::destroyed);
    BOOST_CHECK(gone.get()->phase == Phase::destroyed);
    BOOST_TEST(core->host(me, HostName{"h1"})->sandboxes == 0U);
    BOOST_TEST(store.sandbox(id)->deleted_at.has_value());
    BOOST_TEST(now(id).deleted_at.has_value());
    clock.leap(std::chrono::hours{25});
    eventually([&] { return !core->get(me, id); }, "the end of the record in memory");
}

BOOST_AUTO_TEST_CASE(a_destroy_supersedes_the_create_that_is_under_way)
{
    run_with({"h1"});
    auto made = create();
    const auto creating = expect<CreateOnHost>();
    const auto id = id_in(creating);
    auto gone = destroy(id);
    const auto ending = expect<DestroyOnHost>();
    BOOST_TEST(ending.command.generation == 2U);
    done(ending, id, Phase::destroyed);
    BOOST_TEST(gone.get().has_value());
    BOOST_TEST(reason_of(made.get()) == "wrong_state");
    done(creating, id, Phase::running); // Too late.
    settle();
    BOOST_CHECK(now(id).phase == Phase::destroyed);
    const Texts rows{"sandbox.create intent",
                     "sandbox.destroy intent",
                     "sandbox.create wrong_state",
                     "sandbox.destroy ok"};
    BOOST_TEST(store.audit_of(id.str()) == rows, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_create_whose_intent_is_not_durable_yet_is_never_sent_once_it_is_destroyed)
{
    run_with({"h1"});
    store.hold();
    auto made = create();
    eventually([&] { return store.held() == 1; }, "the intent");
    const auto id = core->list(me, {})->sandboxes.at(0).id;
    auto gone = destroy(id);
    eventually([&] { return store.held() == 2; }, "the other intent");
    store.let_go();
    refuse(expect<DestroyOnHost>(), ErrorCode::not_found); // It never had it.
    BOOST_TEST(gone.get().has_value());
    BOOST_TEST(reason_of(made.get()) == "wrong_state");
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(a_create_that_ends_while_it_is_being_destroyed_changes_nothing)
{
    run_with({"h1"});
    auto made = create();
    const auto creating = expect<CreateOnHost>();
    const auto id = id_in(creating);
    auto gone = destroy(id);
    const auto ending = expect<DestroyOnHost>();
    done(creating, id, Phase::running);
    BOOST_TEST(made.get().has_value());
    BOOST_CHECK(now(id).desired == Desired::destroyed);
    done(ending, id, Phase::destroyed);
    BOOST_TEST(gone.get().has_value());
    BOOST_CHECK(now(id).phase == Phase::destroyed);
}

BOOST_AUTO_TEST_CASE(a_create_that_fails_while_it_is_being_destroyed_is_not_moved)
{
    run_with({"h1", "h2"});
    auto made = create();
    const auto creating = expect<CreateOnHost>();
    const auto id = id_in(creating);
    auto gone = destroy(id);
    const auto ending = expect<DestroyOnHost>();
    refuse(creating, ErrorCode::resource_exhausted);
    BOOST_CHECK(made.get().error().code == ErrorCode::resource_exhausted);
    done(ending, id, Phase::destroyed);
    BOOST_TEST(gone.get().has_value());
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(a_destroy_that_its_host_cannot_finish_is_tried_again)
{
    run_with({"h1"});
    const auto id = running().id;
    auto gone = destroy(id);
    refuse(expect<DestroyOnHost>(), ErrorCode::internal);
    BOOST_TEST(reason_of(gone.get()) == "outcome_unknown");
    BOOST_CHECK(now(id).desired == Desired::destroyed);
    BOOST_TEST(core->host(me, HostName{"h1"})->sandboxes == 1U); // Its place is still held.
    const auto again = expect<DestroyOnHost>();
    BOOST_TEST(again.command.generation == 3U);
    done(again, id, Phase::destroyed);
    await_stored(id, Phase::destroyed);
}

BOOST_AUTO_TEST_CASE(a_stop_whose_sandbox_is_destroyed_meanwhile_ends)
{
    run_with({"h1"});
    const auto id = running().id;
    auto stopped = stop(id);
    static_cast<void>(expect<StopOnHost>());
    auto gone = destroy(id);
    done(expect<DestroyOnHost>(), id, Phase::destroyed);
    BOOST_TEST(gone.get().has_value());
    BOOST_TEST(reason_of(stopped.get()) == "wrong_state");
}

BOOST_AUTO_TEST_CASE(a_host_that_is_still_starting_is_asked_again_when_it_says_what_it_has)
{
    run_with({"h1"});
    const auto id = running().id;
    auto stopped = stop(id);
    const auto first = expect<StopOnHost>();
    refuse(first, ErrorCode::unavailable, "host_starting");
    settle();
    BOOST_TEST(!stopped.ready());
    link.say(coordinator::HostInventory{HostName{"h1"}, {report(id, Phase::running)}, {}});
    const auto again = expect<StopOnHost>();
    BOOST_TEST(again.command.operation.str() == first.command.operation.str());
    done(again, id, Phase::stopped);
    BOOST_TEST(stopped.get().has_value());
}

BOOST_AUTO_TEST_CASE(a_silent_host_makes_a_timeout_and_the_work_goes_on)
{
    settings.destroy_timeout = std::chrono::milliseconds{20};
    settings.stop_timeout = std::chrono::milliseconds{20};
    settings.grace = std::chrono::milliseconds{500};
    settings.make_timeout = std::chrono::seconds{20};
    run();
    connect("h1", {});
    settle();
    const auto id = running().id;
    auto stopped = stop(id);
    const auto stopping = expect<StopOnHost>();
    BOOST_TEST(reason_of(stopped.get()) == "outcome_unknown");
    done(stopping, id, Phase::stopped);
    await_stored(id, Phase::stopped);
    auto gone = destroy(id);
    const auto ending = expect<DestroyOnHost>();
    BOOST_TEST(reason_of(gone.get()) == "outcome_unknown");
    done(ending, id, Phase::destroyed);
    await_stored(id, Phase::destroyed);
    BOOST_TEST(store.audit_of(id.str()).back() == "sandbox.destroy ok");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(core_destroy_lost_host_tests, LostHostFixture)

BOOST_AUTO_TEST_CASE(a_destroy_on_a_lost_host_is_kept_and_finished_when_it_comes_back_without_it)
{
    const auto gone = destroy(id).get();
    BOOST_CHECK(gone.error().code == ErrorCode::timeout);
    BOOST_TEST(reason_of(gone) == "outcome_unknown");
    BOOST_CHECK(store.sandbox(id)->desired == Desired::destroyed);
    BOOST_TEST(core->host(me, HostName{"h1"})->used_memory.mib() == 250U);
    BOOST_TEST(reason_of(destroy(id).get()) == "outcome_unknown");
    static_cast<void>(expect<DestroyOnHost>());
    connect("h1");
    done(expect<DestroyOnHost>(), id, Phase::destroyed);
    await_stored(id, Phase::destroyed);
    BOOST_TEST(store.audit_of(id.str()).back() == "sandbox.destroy ok");
    BOOST_TEST(core->host(me, HostName{"h1"})->used_memory.mib() == 0U);
}

BOOST_AUTO_TEST_CASE(a_destroy_on_a_lost_host_is_sent_again_when_it_comes_back_with_it)
{
    BOOST_TEST(reason_of(destroy(id).get()) == "outcome_unknown");
    const auto first = expect<DestroyOnHost>();
    connect("h1", {report(id, Phase::running)});
    const auto again = expect<DestroyOnHost>();
    BOOST_TEST(first.command.operation.str() == again.command.operation.str());
    done(again, id, Phase::destroyed);
    await_stored(id, Phase::destroyed);
}

BOOST_AUTO_TEST_CASE(a_destroy_that_is_not_written_is_not_kept_for_a_lost_host_either)
{
    store.fail(ErrorCode::unavailable);
    BOOST_TEST(reason_of(destroy(id).get()) == "database_unavailable");
    BOOST_CHECK(now(id).desired == Desired::running);
}

BOOST_AUTO_TEST_CASE(nothing_else_can_be_done_on_a_lost_host)
{
    for (const auto& result : {stop(id).get(), create().get()}) {
        BOOST_TEST(!result.has_value());
    }
    BOOST_TEST(reason_of(stop(id).get()) == "host_unreachable");
    BOOST_TEST(reason_of(exec(id).get()) == "host_unreachable");
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_SUITE_END()
