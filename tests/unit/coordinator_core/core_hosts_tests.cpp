#include "tests/unit/coordinator_core/core_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;

BOOST_FIXTURE_TEST_SUITE(core_hosts_tests, CoreFixture)

BOOST_AUTO_TEST_CASE(a_host_takes_sandboxes_once_it_has_said_what_it_has)
{
    run();
    link.say(coordinator::HostConnected{HostName{"h1"}, "run-1", facts("h1")});
    BOOST_CHECK(core->host(me, HostName{"h1"})->health == HostHealth::joining);
    BOOST_TEST(create().get().error().details == "h1: it has not said yet what it has");
    link.say(coordinator::HostBeat{HostName{"h1"}, facts("h1")});
    BOOST_CHECK(core->host(me, HostName{"h1"})->health == HostHealth::joining);
    link.say(coordinator::HostInventory{HostName{"h1"}, {}, {}});
    BOOST_CHECK(core->host(me, HostName{"h1"})->health == HostHealth::ready);
    BOOST_TEST(running().host.str() == "h1");
    BOOST_TEST(store.audit_of("h1") == Texts{"host.connect ok"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_inventory_of_a_host_that_never_connected_is_ignored)
{
    run();
    link.say(coordinator::HostInventory{HostName{"h1"}, {}, {}});
    settle();
    BOOST_TEST(core->hosts(me)->empty());
    BOOST_CHECK(core->host(me, HostName{"h1"}).error().code == ErrorCode::not_found);
}

BOOST_AUTO_TEST_CASE(a_new_image_is_known_with_the_next_heartbeat)
{
    run_with({"h1"});
    auto more = facts("h1");
    more.images.push_back(more.images.front());
    more.images.back().name = common::ImageName{"other"};
    BOOST_TEST(!core->image(me, common::ImageName{"other"}).has_value());
    link.say(coordinator::HostBeat{HostName{"h1"}, more});
    BOOST_TEST(core->image(me, common::ImageName{"other"})->hosts.at(0).str() == "h1");
    BOOST_TEST(core->images(me)->size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_sandbox_that_its_host_misses_is_lost_and_is_back_when_it_reappears)
{
    run_with({"h1"});
    const auto id = running().id;
    link.say(coordinator::HostInventory{HostName{"h1"}, {}, {}});
    await_stored(id, Phase::lost);
    BOOST_TEST(now(id).error == "host h1 does not have it any more");
    BOOST_TEST(core->host(me, HostName{"h1"})->sandboxes == 1U);
    BOOST_TEST(reason_of(exec(id).get()) == "not_running");
    link.say(coordinator::HostInventory{HostName{"h1"}, {report(id, Phase::running)}, {}});
    await_stored(id, Phase::running);
    BOOST_TEST(now(id).error == "");
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(a_lost_sandbox_can_be_destroyed)
{
    run_with({"h1"});
    const auto id = running().id;
    link.say(coordinator::HostInventory{HostName{"h1"}, {}, {}});
    await(id, Phase::lost);
    auto gone = destroy(id);
    refuse(expect<DestroyOnHost>(), ErrorCode::not_found);
    BOOST_TEST(gone.get().has_value());
}

BOOST_AUTO_TEST_CASE(what_has_no_record_is_left_alone_and_what_was_destroyed_is_destroyed_again)
{
    run_with({"h1"});
    const auto id = running().id;
    auto gone = destroy(id);
    done(expect<DestroyOnHost>(), id, Phase::destroyed);
    BOOST_TEST(gone.get().has_value());
    link.say(coordinator::HostInventory{
        HostName{"h1"},
        {report(SandboxId{"sbx-stranger"}, Phase::running), report(id, Phase::running)},
        {}});
    const auto sent = expect<DestroyOnHost>();
    BOOST_TEST(std::get<DestroyOnHost>(sent.command.what).id.str() == id.str());
    settle();
    BOOST_TEST(link.commands.empty());
    const auto warnings = core->host(me, HostName{"h1"})->facts.warnings;
    BOOST_REQUIRE(warnings.size() == 1U);
    BOOST_TEST(warnings[0].find("sbx-stranger") != std::string::npos);
    BOOST_CHECK(now(id).phase == Phase::destroyed);
    done(sent, id, Phase::destroyed); // Of nobody's operation: ignored.
    settle();
}

BOOST_AUTO_TEST_CASE(a_status_about_another_hosts_sandbox_is_ignored_and_acknowledged)
{
    run_with({"h1", "h2"});
    const auto id = running().id; // On h1.
    status("h2", report(id, Phase::stopped), 7);
    const auto ack = link.acknowledged.take();
    BOOST_TEST(ack.host.str() == "h2");
    BOOST_TEST(ack.seq == 7U);
    BOOST_CHECK(now(id).phase == Phase::running);
    link.say(coordinator::HostInventory{HostName{"h2"}, {report(id, Phase::stopped)}, {}});
    settle();
    BOOST_CHECK(now(id).phase == Phase::running);
    BOOST_TEST(core->host(me, HostName{"h2"})->facts.warnings.size() == 1U);
}

BOOST_AUTO_TEST_CASE(an_answer_of_another_host_is_ignored)
{
    run_with({"h1", "h2"});
    auto made = create();
    auto sent = expect<CreateOnHost>();
    auto forged = sent;
    forged.host = HostName{"h2"};
    refuse(forged, ErrorCode::refused);
    settle();
    BOOST_TEST(!made.ready());
    done(sent, id_in(sent), Phase::running);
    BOOST_TEST(made.get().has_value());
}

BOOST_AUTO_TEST_CASE(a_status_is_acknowledged_only_after_it_is_committed)
{
    run_with({"h1"});
    const auto id = running().id;
    store.hold();
    status("h1", report(id, Phase::stopped), 5);
    eventually([&] { return store.held() == 1; }, "the write");
    settle();
    BOOST_TEST(link.acknowledged.empty());
    BOOST_CHECK(now(id).phase == Phase::stopped);
    store.let_go();
    const auto ack = link.acknowledged.take();
    BOOST_TEST(ack.seq == 5U);
    BOOST_TEST(ack.instance == "run-h1");
    BOOST_CHECK(store.sandbox(id)->phase == Phase::stopped);
    BOOST_CHECK(now(id).desired == Desired::stopped);
}

BOOST_AUTO_TEST_CASE(a_status_that_could_not_be_written_is_written_later)
{
    run_with({"h1"});
    const auto id = running().id;
    store.fail(ErrorCode::unavailable);
    status("h1", report(id, Phase::stopped), 5);
    BOOST_TEST(link.acknowledged.take().seq == 5U); // Kept here now.
    BOOST_CHECK(store.sandbox(id)->phase == Phase::running);
    store.recover();
    await_stored(id, Phase::stopped);
}

BOOST_AUTO_TEST_CASE(a_status_from_before_the_last_command_does_not_count)
{
    run_with({"h1"});
    const auto id = running().id;
    auto stopped = stop(id);
    const auto sent = expect<StopOnHost>();
    status("h1", report(id, Phase::running, 1));
    BOOST_TEST(link.acknowledged.take().seq == 1U);
    BOOST_CHECK(now(id).phase == Phase::stopping);
    done(sent, id, Phase::stopped);
    BOOST_CHECK(stopped.get()->phase == Phase::stopped);
}

BOOST_AUTO_TEST_CASE(an_address_belongs_to_a_sandbox_that_runs)
{
    run_with({"h1"});
    const auto id = running().id;
    auto with_ip = report(id, Phase::running);
    with_ip.ip = "10.0.0.7";
    Later<std::string> found{[&] { return core->ip(me, id); }};
    await_waiting();
    status("h1", with_ip, 1);
    BOOST_TEST(*found.get() == "10.0.0.7");
    with_ip.phase = Phase::stopped;
    status("h1", with_ip, 2);
    await(id, Phase::stopped);
    BOOST_TEST(now(id).ip == "");
    BOOST_TEST(reason_of(core->ip(me, id)) == "wrong_state");
}

BOOST_AUTO_TEST_CASE(a_sandbox_that_vanished_by_itself_is_lost_and_not_destroyed)
{
    run_with({"h1"});
    const auto id = running().id;
    status("h1", report(id, Phase::destroyed));
    await_stored(id, Phase::lost);
}

BOOST_AUTO_TEST_CASE(a_create_that_is_under_way_is_sent_again_to_a_host_that_connects_again)
{
    run_with({"h1"});
    auto made = create();
    const auto first = expect<CreateOnHost>();
    connect("h1");
    const auto again = expect<CreateOnHost>();
    BOOST_TEST(first.command.operation.str() == again.command.operation.str());
    BOOST_CHECK(now(id_in(first)).phase == Phase::starting); // Not lost.
    done(again, id_in(again), Phase::running);
    BOOST_TEST(made.get().has_value());
}

BOOST_AUTO_TEST_CASE(what_is_under_way_is_sent_again_in_the_order_it_was_asked_for)
{
    run_with({"h1"});
    auto made = create();
    const auto creating = expect<CreateOnHost>();
    const auto id = id_in(creating);
    auto gone = destroy(id);
    static_cast<void>(expect<DestroyOnHost>());
    connect("h1", {report(id, Phase::starting)});
    static_cast<void>(expect<CreateOnHost>());
    done(expect<DestroyOnHost>(), id, Phase::destroyed);
    BOOST_TEST(gone.get().has_value());
}

BOOST_AUTO_TEST_CASE(a_destroy_whose_host_has_it_no_more_is_sent_again_for_files_may_be_left)
{
    run_with({"h1"});
    const auto id = running().id;
    auto gone = destroy(id);
    const auto first = expect<DestroyOnHost>();
    connect("h1");
    const auto again = expect<DestroyOnHost>();
    BOOST_TEST(first.command.operation.str() == again.command.operation.str());
    BOOST_CHECK(now(id).phase != Phase::destroyed);
    done(again, id, Phase::destroyed);
    BOOST_CHECK(gone.get()->phase == Phase::destroyed);
    BOOST_TEST(store.audit_of(id.str()).back() == "sandbox.destroy ok");
}

BOOST_AUTO_TEST_CASE(a_second_connection_with_the_same_key_is_audited)
{
    run_with({"h1"});
    link.say(coordinator::HostDisplaced{HostName{"h1"}});
    const Texts rows{"host.connect ok", "host.displace ok"};
    eventually([&] { return store.audit_of("h1") == rows; }, "the rows");
}

BOOST_AUTO_TEST_CASE(a_host_that_connects_over_and_over_does_not_fill_the_audit)
{
    run();
    for (int i = 0; i < 50; ++i) {
        connect("h1");
        link.say(coordinator::HostDisplaced{HostName{"h1"}});
    }
    settle();
    eventually([&] { return store.audit_of("h1").size() >= 2; }, "a row of each");
    BOOST_TEST(store.audit_of("h1").size() < 20U); // Two for each ten seconds.
}

BOOST_AUTO_TEST_CASE(a_host_that_is_silent_is_suspect_then_lost_and_ready_when_it_is_back)
{
    settings.suspect_after = std::chrono::milliseconds{30};
    settings.lost_after = std::chrono::seconds{3};
    run_with({"h1"});
    await_health("h1", HostHealth::suspect);
    BOOST_TEST(create().get().error().details == "h1: it has not been heard for some seconds");
    await_health("h1", HostHealth::lost);
    BOOST_TEST(create().get().error().details == "h1: it is not connected");
    BOOST_TEST(core->vms(me)->host_errors.at(0).error == "it is not connected");
    connect("h1");
    eventually(
        [&] {
            link.say(coordinator::HostBeat{HostName{"h1"}, facts("h1")});
            return core->host(me, HostName{"h1"})->health == HostHealth::ready;
        },
        "the host");
}

BOOST_AUTO_TEST_CASE(a_coordinator_that_stood_still_does_not_take_it_for_silence_of_its_hosts)
{
    run_with({"h1"});
    auto what = request();
    what.ttl = std::chrono::hours{1};
    const auto id = running(what).id;
    BOOST_REQUIRE(settings.lost_after < std::chrono::hours{2});
    clock.stand_still(std::chrono::hours{2});
    // The tick that ends it has looked at the hosts before.
    eventually([&] { return now(id).desired == coordinator::Desired::destroyed; }, "the tick");
    BOOST_CHECK(core->host(me, HostName{"h1"})->health == HostHealth::ready);
    done(expect<DestroyOnHost>(), id, Phase::destroyed);
    BOOST_TEST(running().host.str() == "h1");
}

BOOST_AUTO_TEST_CASE(what_becomes_of_a_sandbox_by_itself_is_in_the_audit)
{
    run_with({"h1"});
    const auto id = running().id;
    status("h1", report(id, Phase::stopped));
    await(id, Phase::stopped);
    status("h1", report(id, Phase::stopped), 2); // Nothing new.
    inventory("h1", {}, {});
    await(id, Phase::lost);
    inventory("h1", {report(id, Phase::stopped)}, {});
    await(id, Phase::stopped);
    const Texts rows{"sandbox.create intent",
                     "sandbox.create ok",
                     "sandbox.report ok",
                     "sandbox.lost lost",
                     "sandbox.found ok"};
    eventually([&] { return store.audit_of(id.str()).size() >= rows.size(); }, "the rows");
    BOOST_TEST(store.audit_of(id.str()) == rows, boost::test_tools::per_element());
    for (const auto& row : store.audit()) {
        if (row.action == "sandbox.report") {
            BOOST_TEST(row.detail == R"({"was":"running","phase":"stopped"})");
            BOOST_TEST(row.caller.actor == "host:h1");
        }
    }
    // What was asked for is told by its own rows alone.
    auto started = start(id);
    const auto sent = expect<StartOnHost>();
    status("h1", report(id, Phase::starting, sent.command.generation), 3);
    done(sent, id, Phase::running);
    BOOST_TEST(started.get().has_value());
    BOOST_TEST(store.audit_of(id.str()).size() == rows.size() + 2);
}

BOOST_AUTO_TEST_SUITE_END()
