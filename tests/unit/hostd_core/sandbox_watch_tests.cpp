#include "tests/unit/hostd_core/service_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;
using hostd::DomainEvent;
using hostd::DomainState;

BOOST_FIXTURE_TEST_SUITE(sandbox_watch_tests, ServiceFixture)

BOOST_AUTO_TEST_CASE(a_restart_adopts_what_runs_and_keeps_its_generation)
{
    run();
    static_cast<void>(ask("op-1", create("sbx-1"), 7));
    static_cast<void>(created("sbx-2", false));
    restart();
    BOOST_REQUIRE(first_inventory.size() == 2U);
    BOOST_TEST(first_inventory[0].generation == 7U);
    BOOST_CHECK(first_inventory[0].phase == Phase::running);
    BOOST_CHECK(first_inventory[1].phase == Phase::created);
    BOOST_TEST(ask("op-2", hostd::StopCommand{id("sbx-1"), true}, 6).error->reason ==
               "stale_generation");
    BOOST_TEST(!ask("op-3", exec("sbx-1", "ls"), 7).error);
    BOOST_TEST(!ask("op-4", hostd::DestroyCommand{id("sbx-1")}, 8).error);
    BOOST_TEST(!ask("op-5", hostd::DestroyCommand{id("sbx-2")}).error);
    BOOST_TEST(world.is_empty());
}

BOOST_AUTO_TEST_CASE(a_create_sent_again_after_a_restart_is_finished)
{
    run();
    static_cast<void>(created("sbx-1", false));
    restart();
    BOOST_CHECK(phase_in(ask("op-1", create("sbx-1"))) == Phase::running);
}

BOOST_AUTO_TEST_CASE(a_folder_without_a_domain_is_a_leftover_and_removed)
{
    world.folders.insert(id("sbx-half"));
    run();
    await_step("remove");
    BOOST_TEST(!ask("op-1", hostd::ListVmsCommand{}).error);
    BOOST_TEST(world.is_empty());
}

BOOST_AUTO_TEST_CASE(the_disk_of_a_guest_that_ran_stays_when_its_domain_is_gone)
{
    run();
    static_cast<void>(created("sbx-1"));
    static_cast<void>(created("sbx-2", false));
    world.locked([&] {
        world.domains.clear();
        return 0;
    });
    restart();
    await_step("remove"); // Of sbx-2, whose overlay is as empty as it was made.
    BOOST_TEST(!ask("op-1", hostd::ListVmsCommand{}).error);
    world.locked([&] {
        BOOST_TEST(world.folders.contains(id("sbx-1")));
        BOOST_TEST(!world.folders.contains(id("sbx-2")));
        return 0;
    });
    BOOST_TEST(!ask("op-2", hostd::DestroyCommand{id("sbx-1")}).error);
    BOOST_TEST(!world.locked([&] { return world.folders.contains(id("sbx-1")); }));
}

BOOST_AUTO_TEST_CASE(a_create_sent_again_to_a_guest_that_boots_waits_for_its_hello)
{
    guests.say_hello(false);
    run();
    submit("op-1", create("sbx-1"));
    static_cast<void>(await("sbx-1", Phase::starting));
    BOOST_TEST(!ask("op-0", create("sbx-1", false)).error); // Behind the start, in its lane.
    restart();
    submit("op-1", create("sbx-1"));
    BOOST_TEST(!ask("op-2", hostd::ListVmsCommand{}).error); // Has been through the lane by now.
    guests.ready(id("sbx-1"));
    const auto answer = answer_of("op-1");
    BOOST_REQUIRE(!answer.error);
    BOOST_TEST(std::get<hostd::SandboxStatus>(answer.value).agent_ready);
}

BOOST_AUTO_TEST_CASE(a_domain_without_its_disk_is_in_error_and_can_be_destroyed)
{
    run();
    static_cast<void>(created("sbx-1", false));
    world.locked([&] { return world.folders.erase(id("sbx-1")); });
    restart();
    BOOST_CHECK(first_inventory.at(0).phase == Phase::error);
    BOOST_TEST(first_inventory.at(0).error->reason == "overlay_missing");
    BOOST_TEST(!ask("op-1", hostd::DestroyCommand{id("sbx-1")}).error);
    BOOST_TEST(world.is_empty());
}

BOOST_AUTO_TEST_CASE(while_libvirt_is_away_at_the_start_commands_are_told_to_wait)
{
    world.hold("list");
    service.emplace(ports(), settings);
    service->start();
    BOOST_TEST(ask("op-1", create("sbx-1")).error->reason == "host_starting");
    world.fail("list", {ErrorCode::unavailable, "no libvirtd"}, 3);
    world.let_go("list");
    static_cast<void>(uplink.inventories.take());
    BOOST_TEST(!ask("op-1", create("sbx-1")).error);
}

BOOST_AUTO_TEST_CASE(a_guest_that_powers_itself_off_is_stopped_and_one_that_crashes_in_error)
{
    run();
    static_cast<void>(created("sbx-1"));
    hypervisor.changed(id("sbx-1"), DomainState::stopped);
    BOOST_TEST(!await("sbx-1", Phase::stopped).agent_ready);
    BOOST_TEST(!guests.attached(id("sbx-1")));
    static_cast<void>(ask("op-1", hostd::StartCommand{id("sbx-1")}));
    hypervisor.changed(id("sbx-1"), DomainState::crashed);
    BOOST_TEST(await("sbx-1", Phase::error).error->reason == "guest_crashed");
}

BOOST_AUTO_TEST_CASE(a_pause_by_somebody_else_is_seen)
{
    run();
    static_cast<void>(created("sbx-1"));
    hypervisor.changed(id("sbx-1"), DomainState::paused);
    static_cast<void>(await("sbx-1", Phase::paused));
    hypervisor.changed(id("sbx-1"), DomainState::running);
    static_cast<void>(await("sbx-1", Phase::running));
}

BOOST_AUTO_TEST_CASE(a_guest_paused_because_its_disk_is_full_says_so_and_goes_on_when_started)
{
    run();
    static_cast<void>(created("sbx-1"));
    hypervisor.changed(id("sbx-1"), DomainState::paused_by_disk_error);
    BOOST_TEST(await("sbx-1", Phase::paused).error->reason == "disk_error");
    BOOST_TEST(ask("op-1", exec("sbx-1", "ls")).error->reason == "not_running");
    world.fail("go_on", {ErrorCode::internal, "still full"});
    BOOST_TEST(ask("op-2", hostd::StartCommand{id("sbx-1")}).error->message.find("still full") !=
               std::string::npos);
    // Let go on, it is paused again at once: nobody has made room.
    world.locked([&] { return world.disk_full = true; });
    BOOST_TEST(ask("op-3", hostd::StartCommand{id("sbx-1")}).error->reason == "not_running");
    world.locked([&] { return world.disk_full = false; });
    BOOST_CHECK(phase_in(ask("op-4", hostd::StartCommand{id("sbx-1")})) == Phase::running);
    BOOST_TEST(!await("sbx-1", Phase::running).error);
    BOOST_TEST(!ask("op-4", exec("sbx-1", "ls")).error);
}

BOOST_AUTO_TEST_CASE(a_domain_that_somebody_undefined_is_in_error)
{
    run();
    static_cast<void>(created("sbx-1"));
    world.locked([&] { return world.domains.erase(id("sbx-1")); });
    hypervisor.say({DomainEvent::Kind::domain_changed, id("sbx-1")});
    BOOST_TEST(await("sbx-1", Phase::error).error->reason == "domain_missing");
    BOOST_TEST(!ask("op-1", hostd::DestroyCommand{id("sbx-1")}).error);
    BOOST_TEST(world.is_empty());
}

BOOST_AUTO_TEST_CASE(what_was_missed_while_the_connection_was_lost_is_found)
{
    settings.reconcile_interval = std::chrono::hours{1};
    run();
    static_cast<void>(created("sbx-1"));
    hypervisor.say({DomainEvent::Kind::connection_lost, {}});
    world.locked([&] { return world.domains.at(id("sbx-1")).state = DomainState::stopped; });
    hypervisor.say({DomainEvent::Kind::connection_restored, {}});
    static_cast<void>(await("sbx-1", Phase::stopped));
}

BOOST_AUTO_TEST_CASE(the_network_is_never_made_to_fit_a_table_that_was_not_read_yet)
{
    run();
    static_cast<void>(created("sbx-1", false));
    service.reset();
    world.hold("list");
    network.ensured = 77;
    service.emplace(ports(), settings);
    service->start();
    hypervisor.say({DomainEvent::Kind::connection_restored, {}});
    BOOST_TEST(ask("op-1", hostd::ListVmsCommand{}).error->reason == "host_starting");
    BOOST_TEST(network.ensured == 77U);
    world.let_go("list");
    static_cast<void>(uplink.inventories.take());
    while (network.ensured == 77U) {
        await_step("ensure");
        BOOST_TEST(!ask("op-2", hostd::ListVmsCommand{}).error);
    }
    BOOST_TEST(network.ensured == 1U);
}

BOOST_AUTO_TEST_CASE(dhcp_is_told_of_leases_that_come_and_go)
{
    settings.dhcp_interval = settings.dhcp_pause = std::chrono::milliseconds{2};
    run();
    static_cast<void>(created("sbx-1"));
    await_step("tell_dhcp");
    static_cast<void>(ask("op-1", hostd::DestroyCommand{id("sbx-1")}));
    await_step("tell_dhcp");
}

BOOST_AUTO_TEST_CASE(dhcp_is_not_told_of_each_lease_for_itself)
{
    settings.dhcp_interval = std::chrono::hours{1};
    run();
    for (const auto* each : {"sbx-1", "sbx-2", "sbx-3"}) {
        static_cast<void>(created(each));
    }
    static_cast<void>(ask("op-1", hostd::DestroyCommand{id("sbx-2")}));
    BOOST_TEST(network.told == 0U);
}

BOOST_AUTO_TEST_CASE(every_reconcile_repairs_the_network_for_the_leases_in_use)
{
    run();
    static_cast<void>(created("sbx-1", false));
    for (std::size_t seen = 0; seen != 1;) {
        await_step("ensure");
        seen = network.ensured;
    }
    restart();
    for (std::size_t seen = 0; seen != 1;) {
        await_step("ensure");
        seen = network.ensured;
    }
}

BOOST_AUTO_TEST_CASE(an_address_appears_when_the_guest_has_taken_it)
{
    run();
    const auto answer = created("sbx-1");
    const auto& net = std::get<hostd::SandboxStatus>(answer.value).net;
    world.locked([&] { return world.ips[net.mac] = "10.0.0.77"; });
    const auto status = uplink.statuses.take_until([](const auto& one) { return !one.ip.empty(); });
    BOOST_TEST(status.ip == "10.0.0.77");
}

BOOST_AUTO_TEST_CASE(the_agents_word_about_an_address_counts_only_if_it_is_the_leases)
{
    run();
    const auto answer = created("sbx-1");
    const auto lease = std::get<hostd::SandboxStatus>(answer.value).net.ip;
    guests.addresses(id("sbx-1"), {"10.9.9.9"});
    guests.addresses(id("sbx-1"), {"10.9.9.8", lease});
    const auto status = uplink.statuses.take_until([](const auto& one) { return !one.ip.empty(); });
    BOOST_TEST(status.ip == lease);
}

BOOST_AUTO_TEST_CASE(who_sends_over_its_network_is_told_of_also_after_libvirt_was_away)
{
    const auto sent = [this](std::uint64_t packets) {
        world.locked([&] {
            world.traffic = {{id("sbx-1"), 1, packets, common::Bytes::kib(packets)},
                             {id("sbx-2"), 1, 7, common::Bytes::kib(7)}};
            return 0;
        });
        while (!world.steps.empty()) {
            static_cast<void>(world.steps.take());
        }
        await_step("traffic");
        await_step("traffic"); // What the one before has seen is known now.
    };
    run();
    sent(100);
    BOOST_TEST(uplink.activities.empty());
    sent(1000);
    BOOST_TEST((uplink.activities.take() == std::vector{id("sbx-1")}));
    BOOST_TEST(uplink.activities.empty());
    world.fail("traffic", {ErrorCode::unavailable, "no libvirtd"}, 3);
    sent(2000);
    BOOST_TEST((uplink.activities.take() == std::vector{id("sbx-1")}));
}

BOOST_AUTO_TEST_CASE(guests_are_looked_at_once_at_a_time)
{
    run();
    world.hold("traffic");
    await_step("ensure");
    await_step("ensure"); // Some intervals later.
    await_step("ensure");
    BOOST_TEST(!world.overlapped);
    world.let_go("traffic");
}

BOOST_AUTO_TEST_CASE(a_sync_sends_everything)
{
    run();
    static_cast<void>(created("sbx-1"));
    submit("", hostd::SyncCommand{});
    BOOST_TEST(uplink.inventories.take().size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
