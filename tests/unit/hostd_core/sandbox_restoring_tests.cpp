#include "tests/unit/hostd_core/service_fixture.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace tests;
using hostd::DestroyCommand;
using hostd::DomainState;
using hostd::RestoreCommand;
using hostd::SnapshotCommand;
using hostd::StopCommand;
using hostd::SuspendCommand;

namespace data = boost::unit_test::data;

namespace {

struct RestoreFixture : ServiceFixture {
    void with_checkpoint(bool memory = true)
    {
        run();
        static_cast<void>(created("sbx-1"));
        const SnapshotCommand take{id("sbx-1"), common::SnapshotId{"snp-1"}, "one", {}, memory};
        BOOST_REQUIRE(!ask("op-take", take).error);
    }
    static RestoreCommand back() { return {id("sbx-1"), common::SnapshotId{"snp-1"}}; }
    hostd::CreateCommand clone(const std::string& name)
    {
        auto command = create(name, false);
        command.from_snapshot = common::SnapshotId{"snp-1"};
        return command;
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(sandbox_restoring_tests, RestoreFixture)

BOOST_AUTO_TEST_CASE(a_restored_sandbox_keeps_its_id_and_address_and_runs_on_from_then)
{
    with_checkpoint();
    const auto before = std::get<hostd::SandboxStatus>(ask("op-0", create("sbx-1")).value);
    const auto answer = ask("op-1", back(), 2);
    BOOST_REQUIRE(!answer.error);
    const auto& after = std::get<hostd::SandboxStatus>(answer.value);
    BOOST_CHECK(after.phase == Phase::running);
    BOOST_TEST(after.incarnation == 2U);
    BOOST_TEST(after.net.ip == before.net.ip);
    BOOST_TEST(after.net.mac == before.net.mac);
    BOOST_TEST(after.net.tap != before.net.tap);
    await_step("keep_only");
    BOOST_TEST(!ask("op-2", exec("sbx-1", "ls"), 2).error);
    BOOST_TEST(world.locked([&] { return world.loaded_from[id("sbx-1")]; }) == "/snapshots/snp-1");
    BOOST_TEST(world.locked([&] { return world.older.empty() && world.moving.empty(); }));
    BOOST_TEST(!ask("op-3", back(), 3).error);
    BOOST_TEST(!ask("op-4", DestroyCommand{id("sbx-1")}, 4).error);
    await_step("remove_checkpoint");
    BOOST_TEST(!world.overlapped);
    BOOST_TEST(world.is_empty());
}

BOOST_AUTO_TEST_CASE(a_command_that_ran_ends_and_says_that_the_sandbox_was_restored)
{
    with_checkpoint();
    guests.answer_execs(false);
    submit("op-1", exec("sbx-1", "sleep 100"));
    static_cast<void>(ask("op-0", create("sbx-1"))); // Behind it.
    submit("op-2", back(), 2);
    BOOST_TEST(answer_of("op-1").error->reason == "restored");
    BOOST_TEST(!answer_of("op-2").error);
}

/// Whatever step fails, the sandbox runs on as it was.
BOOST_DATA_TEST_CASE(a_restore_that_fails_leaves_the_sandbox_as_it_was,
                     data::make({"find_checkpoint", "overlay_on", "add_tap", "mark", "replace"}),
                     step)
{
    with_checkpoint();
    world.fail(step, {ErrorCode::failed_precondition, "not so", "state_incompatible"});
    BOOST_TEST(ask("op-1", back(), 2).error->reason == "state_incompatible");
    BOOST_TEST(!ask("op-2", exec("sbx-1", "ls"), 2).error);
    BOOST_TEST(world.locked([&] {
        return world.domains.at(id("sbx-1")).incarnation == 1 && world.older.empty() &&
               world.moving.empty();
    }));
    BOOST_TEST(!ask("op-3", back(), 3).error);
}

BOOST_AUTO_TEST_CASE(what_is_stopped_or_suspended_is_restored_too)
{
    with_checkpoint();
    static_cast<void>(ask("op-1", StopCommand{id("sbx-1"), true, {}}));
    BOOST_CHECK(phase_in(ask("op-2", back(), 2)) == Phase::running);
    BOOST_CHECK(phase_in(ask("op-3", SuspendCommand{id("sbx-1")}, 3)) == Phase::suspended);
    BOOST_CHECK(phase_in(ask("op-4", back(), 4)) == Phase::running);
    BOOST_TEST(!ask("op-5", exec("sbx-1", "ls"), 4).error);
    static_cast<void>(ask("op-6", create("sbx-1"), 4)); // Behind the end of the restore.
    BOOST_TEST(world.locked([&] { return world.suspended.empty(); }));
}

BOOST_AUTO_TEST_CASE(a_disk_alone_is_restored_by_a_boot_from_it)
{
    with_checkpoint(false);
    const auto answer = ask("op-1", back(), 2);
    BOOST_REQUIRE(!answer.error);
    BOOST_CHECK(phase_in(answer) == Phase::running);
    BOOST_TEST(world.locked([&] { return world.tops[id("sbx-1")].string(); }) ==
               "/sandboxes/sbx-1/on/layers/1");
    static_cast<void>(ask("op-2", StopCommand{id("sbx-1"), true, {}}, 2));
    BOOST_CHECK(phase_in(ask("op-3", back(), 3)) == Phase::stopped);
}

BOOST_AUTO_TEST_CASE(another_sandboxes_checkpoint_is_none_of_its_own)
{
    with_checkpoint();
    static_cast<void>(created("sbx-2"));
    const RestoreCommand other{id("sbx-2"), common::SnapshotId{"snp-1"}};
    BOOST_CHECK(ask("op-1", other, 2).error->code == ErrorCode::not_found);
    BOOST_TEST(!ask("op-2", exec("sbx-2", "ls"), 2).error);
}

/// The new domain had been loaded and did not run yet: the old one was not given up.
BOOST_AUTO_TEST_CASE(a_restore_that_was_cut_short_leaves_the_old_one_or_the_new_one)
{
    with_checkpoint();
    const auto cut_short = [this](DomainState newer) {
        world.locked([&] {
            auto& domain = world.domains.at(id("sbx-1"));
            world.older[id("sbx-1")] = domain;
            world.older[id("sbx-1")].state = DomainState::paused;
            ++domain.incarnation;
            domain.state = newer;
            world.moving.insert(id("sbx-1"));
            return 0;
        });
        restart();
        return first_inventory.at(0);
    };
    auto now = cut_short(DomainState::paused);
    BOOST_CHECK(now.phase == Phase::running);
    BOOST_TEST(now.incarnation == 1U);
    now = cut_short(DomainState::running);
    BOOST_CHECK(now.phase == Phase::running);
    BOOST_TEST(now.incarnation == 2U);
    BOOST_TEST(world.locked([&] { return world.older.empty() && world.moving.empty(); }));
}

/// The restore was answered; that the old domain could not be removed takes nothing back.
BOOST_AUTO_TEST_CASE(what_a_restore_could_not_remove_never_comes_back)
{
    settings.reconcile_interval = std::chrono::hours{1};
    with_checkpoint();
    world.fail("keep_only", {ErrorCode::unavailable, "libvirtd is away"});
    BOOST_REQUIRE(!ask("op-1", back(), 2).error);
    await_step("keep_only");
    world.locked([&] {
        world.domains.at(id("sbx-1")).state = DomainState::stopped;
        return world.older.at(id("sbx-1")).state = DomainState::paused;
    });
    restart();
    BOOST_TEST(first_inventory.at(0).incarnation == 2U);
    BOOST_TEST(world.locked([&] { return world.older.empty(); }));
}

/// libvirt may hold on to the half-loaded one for as long as it likes.
BOOST_AUTO_TEST_CASE(what_was_replaced_in_vain_goes_on_while_the_other_cannot_be_removed)
{
    with_checkpoint();
    world.fail("replace", {ErrorCode::unavailable, "libvirtd is away", hostd::left_behind});
    world.fail("keep_only", {ErrorCode::timeout, "locked"}, 1000);
    BOOST_TEST(!!ask("op-1", back(), 2).error);
    world.locked([&] {
        auto& domain = world.domains.at(id("sbx-1"));
        world.older[id("sbx-1")] = domain;
        world.older[id("sbx-1")].state = DomainState::paused;
        ++domain.incarnation;
        domain.state = DomainState::paused;
        return 0;
    });
    hypervisor.changed(id("sbx-1"), DomainState::paused);
    await_step("went_on");
    await_step("keep_only");
    BOOST_TEST(!ask("op-2", exec("sbx-1", "ls"), 3).error);
    BOOST_CHECK(world.locked([&] { return world.older.at(id("sbx-1")).state; }) ==
                DomainState::running);
    BOOST_CHECK(ask("op-3", back(), 3).error->code == ErrorCode::timeout);
}

BOOST_AUTO_TEST_CASE(a_load_that_nobody_could_take_back_is_settled_by_the_next_look)
{
    with_checkpoint();
    world.fail("replace", {ErrorCode::unavailable, "libvirtd is away", hostd::left_behind});
    BOOST_TEST(!!ask("op-1", back(), 2).error);
    // It was loaded all the same.
    world.locked([&] {
        auto& domain = world.domains.at(id("sbx-1"));
        world.older[id("sbx-1")] = domain;
        world.older[id("sbx-1")].state = DomainState::paused;
        ++domain.incarnation;
        return 0;
    });
    hypervisor.changed(id("sbx-1"), DomainState::running);
    await_step("keep_only");
    BOOST_TEST(!ask("op-2", exec("sbx-1", "ls"), 3).error);
    static_cast<void>(ask("op-3", create("sbx-1"), 3)); // Behind the look.
    BOOST_TEST(world.locked([&] { return world.older.empty() && world.moving.empty(); }));
}

/// hostd ended before the memory of a clone was loaded: booted, it would be its source.
BOOST_AUTO_TEST_CASE(half_a_clone_is_not_adopted)
{
    with_checkpoint();
    world.locked([&] {
        auto half = world.domains.at(id("sbx-1"));
        half.sandbox.id = id("sbx-2");
        half.state = DomainState::stopped;
        world.domains[id("sbx-2")] = half;
        world.folders.insert(id("sbx-2"));
        world.moving.insert(id("sbx-2"));
        return 0;
    });
    restart();
    BOOST_TEST(first_inventory.size() == 1U);
    await_step("remove");
    BOOST_TEST(!world.locked([&] { return world.domains.contains(id("sbx-2")); }));
}

BOOST_AUTO_TEST_CASE(clones_run_on_from_the_checkpoint_as_somebody_else)
{
    with_checkpoint();
    const auto answer = ask("op-1", clone("sbx-2"));
    BOOST_REQUIRE(!answer.error);
    const auto& child = std::get<hostd::SandboxStatus>(answer.value);
    BOOST_CHECK(child.phase == Phase::running);
    BOOST_TEST(world.locked([&] { return world.loaded_from[id("sbx-2")]; }) == "/snapshots/snp-1");
    const auto parent = std::get<hostd::SandboxStatus>(ask("op-0", create("sbx-1")).value);
    BOOST_TEST(child.net.mac != parent.net.mac);
    BOOST_TEST(guests.identity(id("sbx-2")).mac == child.net.mac);
    BOOST_TEST(guests.identity(id("sbx-2")).hostname == "sbx-2");
    BOOST_TEST(!ask("op-2", exec("sbx-2", "ls")).error);
    // It lives on without what it came from.
    BOOST_TEST(!ask("op-3", DestroyCommand{id("sbx-1")}).error);
    BOOST_TEST(!ask("op-4", exec("sbx-2", "ls")).error);
}

BOOST_DATA_TEST_CASE(a_clone_that_fails_leaves_nothing,
                     data::make({"find_checkpoint", "network", "folder", "overlay_on", "load"}),
                     step)
{
    with_checkpoint();
    world.fail(step, {ErrorCode::failed_precondition, "not so", "state_incompatible"});
    const auto answer = ask("op-1", clone("sbx-2"));
    BOOST_TEST(answer.error->reason == "state_incompatible");
    BOOST_TEST(answer.undone);
    BOOST_TEST(world.locked([&] {
        return world.domains.size() == 1 && world.folders.size() == 1 && world.leases.size() == 1;
    }));
    BOOST_TEST(!ask("op-2", exec("sbx-1", "ls")).error);
}

BOOST_AUTO_TEST_CASE(a_clone_is_like_its_source_and_of_a_guest_that_stood_still)
{
    with_checkpoint();
    auto larger = clone("sbx-2");
    larger.spec.memory = common::Bytes::mib(300);
    BOOST_CHECK(ask("op-1", larger).error->code == ErrorCode::invalid_argument);
    world.locked([&] { return world.checkpoints.begin()->second.frozen = false; });
    BOOST_TEST(ask("op-2", clone("sbx-3")).error->reason == "no_agent");
    BOOST_TEST(!ask("op-3", exec("sbx-1", "ls")).error);
}

BOOST_AUTO_TEST_CASE(a_clone_of_a_disk_boots_from_it)
{
    with_checkpoint(false);
    auto command = clone("sbx-2");
    command.start = true;
    BOOST_REQUIRE(!ask("op-1", command).error);
    BOOST_TEST(world.locked([&] { return world.tops[id("sbx-2")].string(); }) ==
               "/sandboxes/sbx-2/on/layers/1");
    BOOST_TEST(world.locked([&] { return world.loaded_from.empty(); }));
}

BOOST_AUTO_TEST_SUITE_END()
