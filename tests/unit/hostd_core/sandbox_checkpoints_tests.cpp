#include "tests/unit/hostd_core/service_fixture.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace tests;
using hostd::DeleteSnapshotCommand;
using hostd::DestroyCommand;
using hostd::DomainState;
using hostd::PauseCommand;
using hostd::SnapshotCommand;
using hostd::StopCommand;
using hostd::VerifySnapshotCommand;

namespace data = boost::unit_test::data;

namespace {

struct CheckpointFixture : ServiceFixture {
    static SnapshotCommand
    take(const std::string& sandbox, const std::string& snapshot, bool memory = true)
    {
        return {id(sandbox), common::SnapshotId{snapshot}, "name-" + snapshot, {}, memory};
    }
    static const hostd::Checkpoint& in(const hostd::Answer& answer)
    {
        return std::get<hostd::Checkpoint>(answer.value);
    }
    static common::SnapshotId snp(const std::string& text) { return common::SnapshotId{text}; }
    /// And for the beginning of one, of this or one before. Each has an operation of its own: what
    /// was answered is only answered again, and the one that it began may have begun unseen.
    void ask_for_a_sweep()
    {
        const auto operation = "sweep-" + std::to_string(++asked_);
        static_cast<void>(ask(operation, DeleteSnapshotCommand{id("sbx-1"), snp("snp-none")}));
        await_step("sweep");
    }

private:
    unsigned asked_ = 0;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(sandbox_checkpoints_tests, CheckpointFixture)

BOOST_AUTO_TEST_CASE(a_checkpoint_holds_what_a_still_guest_was_and_the_guest_goes_on)
{
    run();
    static_cast<void>(created("sbx-1"));
    const auto answer = ask("op-1", take("sbx-1", "snp-1"));
    BOOST_REQUIRE(!answer.error);
    BOOST_TEST(in(answer).has_memory);
    BOOST_TEST(in(answer).frozen);
    BOOST_TEST(in(answer).name == "name-snp-1");
    BOOST_TEST(in(answer).spec.id.str() == "sbx-1");
    BOOST_TEST(in(answer).hypervisor.qemu_version == "7.2.0");
    BOOST_TEST(in(answer).layer.string() == "/layers/1");
    BOOST_TEST(!guests.frozen(id("sbx-1")));
    BOOST_TEST(!ask("op-2", exec("sbx-1", "ls")).error);
    BOOST_TEST(world.locked([&] { return world.tops[id("sbx-1")].string(); }) ==
               "/sandboxes/sbx-1/top1");
    BOOST_TEST(world.locked([&] { return world.drafts.empty() && world.moving.empty(); }));
}

BOOST_AUTO_TEST_CASE(a_checkpoint_that_is_asked_for_again_is_not_taken_again)
{
    run();
    static_cast<void>(created("sbx-1"));
    static_cast<void>(ask("op-1", take("sbx-1", "snp-1")));
    restart(); // The answers of before are forgotten.
    BOOST_TEST(!ask("op-1", take("sbx-1", "snp-1")).error);
    BOOST_TEST(checkpoints.branches == 1);
    BOOST_TEST(uplink.checkpoints().size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_stopped_sandbox_has_a_disk_and_no_memory)
{
    run();
    static_cast<void>(created("sbx-1"));
    static_cast<void>(ask("op-1", StopCommand{id("sbx-1"), true, {}}));
    BOOST_TEST(ask("op-2", take("sbx-1", "snp-1")).error->reason == "not_running");
    const auto answer = ask("op-3", take("sbx-1", "snp-2", false));
    BOOST_REQUIRE(!answer.error);
    BOOST_TEST(!in(answer).has_memory);
}

BOOST_AUTO_TEST_CASE(a_paused_guest_stays_paused_and_counts_as_still)
{
    run();
    static_cast<void>(created("sbx-1"));
    static_cast<void>(ask("op-1", PauseCommand{id("sbx-1")}));
    const auto answer = ask("op-2", take("sbx-1", "snp-1"));
    BOOST_REQUIRE(!answer.error);
    BOOST_TEST(in(answer).frozen);
    BOOST_TEST(guests.paused(id("sbx-1")));
    BOOST_TEST(guests.frozen(id("sbx-1")));
}

/// Whatever step fails, the guest runs on and nothing is left but perhaps a layer under its disk.
BOOST_DATA_TEST_CASE(
    a_checkpoint_that_fails_leaves_the_guest_running,
    data::make(
        {"begin", "top_of", "branch", "mark", "capture_disk", "capture", "settle", "commit"}),
    step)
{
    run();
    static_cast<void>(created("sbx-1"));
    static_cast<void>(ask("op-0", exec("sbx-1", "ls")));
    await_step("sweep"); // The one of the start, which asks for tops too.
    world.fail(step, {ErrorCode::resource_exhausted, "no space", "disk_full"});
    BOOST_TEST(ask("op-1", take("sbx-1", "snp-1")).error->reason == "disk_full");
    BOOST_TEST(!guests.frozen(id("sbx-1")));
    BOOST_TEST(!ask("op-2", exec("sbx-1", "ls")).error);
    BOOST_TEST(world.locked(
        [&] { return world.checkpoints.empty() && world.drafts.empty() && world.moving.empty(); }));
    BOOST_TEST(!ask("op-3", take("sbx-1", "snp-1")).error);
    BOOST_TEST(!world.overlapped);
}

BOOST_AUTO_TEST_CASE(a_guest_that_does_not_hold_still_gives_no_checkpoint)
{
    run();
    static_cast<void>(created("sbx-1"));
    guests.freezes(false);
    BOOST_TEST(ask("op-1", take("sbx-1", "snp-1")).error->reason == "guest_not_frozen");
    BOOST_TEST(world.locked([&] { return world.drafts.empty() && world.checkpoints.empty(); }));
    BOOST_TEST(checkpoints.branches == 0);
}

BOOST_AUTO_TEST_CASE(a_checkpoint_is_deleted_verified_and_goes_with_its_sandbox)
{
    run();
    static_cast<void>(created("sbx-1"));
    static_cast<void>(created("sbx-2"));
    for (const auto* name : {"snp-1", "snp-2"}) {
        static_cast<void>(ask(std::string{"op-"} + name, take("sbx-1", name)));
    }
    BOOST_TEST(!ask("op-1", VerifySnapshotCommand{id("sbx-1"), snp("snp-1")}).error);
    world.fail("verify", {ErrorCode::failed_precondition, "ram differs", "checkpoint_damaged"});
    BOOST_TEST(ask("op-2", VerifySnapshotCommand{id("sbx-1"), snp("snp-1")}).error->reason ==
               "checkpoint_damaged");
    BOOST_CHECK(ask("op-3", VerifySnapshotCommand{id("sbx-2"), snp("snp-1")}).error->code ==
                ErrorCode::not_found);
    BOOST_CHECK(ask("op-4", DeleteSnapshotCommand{id("sbx-2"), snp("snp-1")}).error->code ==
                ErrorCode::not_found);
    BOOST_TEST(!ask("op-5", DeleteSnapshotCommand{id("sbx-1"), snp("snp-1")}).error);
    BOOST_TEST(!ask("op-6", DeleteSnapshotCommand{id("sbx-1"), snp("snp-1")}).error);
    BOOST_TEST(!ask("op-7", DestroyCommand{id("sbx-1")}).error);
    BOOST_TEST(!ask("op-8", DestroyCommand{id("sbx-2")}).error);
    await_step("remove_checkpoint");
    await_step("remove_checkpoint");
    await_step("remove_checkpoint");
    await_step("sweep");
    BOOST_TEST(world.is_empty());
}

BOOST_AUTO_TEST_CASE(a_sandbox_is_destroyed_when_its_checkpoints_are)
{
    run();
    static_cast<void>(created("sbx-1"));
    for (const auto* name : {"snp-1", "snp-2"}) {
        static_cast<void>(ask(std::string{"op-"} + name, take("sbx-1", name)));
    }
    world.fail("remove_checkpoint", {ErrorCode::internal, "an error of the disk"});
    BOOST_CHECK(ask("op-1", DestroyCommand{id("sbx-1")}).error->code == ErrorCode::internal);
    BOOST_TEST(!ask("op-2", DestroyCommand{id("sbx-1")}).error); // It is asked for again.
    await_step("sweep");
    BOOST_TEST(world.is_empty());
}

BOOST_AUTO_TEST_CASE(what_could_not_be_swept_is_swept_later)
{
    world.unremovable = 2;
    run();
    for (int sweeps = 0; sweeps < 3; ++sweeps) {
        await_step("sweep");
    }
    BOOST_TEST(world.locked([&] { return world.unremovable; }) == 0U);
}

BOOST_AUTO_TEST_CASE(nothing_is_swept_while_a_checkpoint_is_taken)
{
    run();
    static_cast<void>(created("sbx-1"));
    static_cast<void>(created("sbx-2"));
    await_step("sweep");
    world.hold("capture");
    submit("op-1", take("sbx-1", "snp-1"));
    await_step("capture");
    static_cast<void>(ask("op-2", DestroyCommand{id("sbx-2")}));
    // The destroy asked for a sweep, which waits for the checkpoint.
    static_cast<void>(ask("op-3", create("sbx-3")));
    const unsigned before = checkpoints.sweeps;
    BOOST_TEST(before == 1U);
    world.let_go("capture");
    BOOST_TEST(!answer_of("op-1").error);
    await_step("sweep");
}

BOOST_AUTO_TEST_CASE(nothing_is_swept_until_disks_are_in_step_after_an_absence_of_libvirtd)
{
    settings.reconcile_interval = std::chrono::hours{1};
    run();
    static_cast<void>(created("sbx-1"));
    await_step("sweep");
    world.hold("bring_into_step");
    hypervisor.say({hostd::DomainEvent::Kind::connection_lost, {}});
    hypervisor.say({hostd::DomainEvent::Kind::connection_restored, {}});
    await_step("bring_into_step");
    const unsigned before = checkpoints.sweeps;
    static_cast<void>(created("sbx-2"));
    static_cast<void>(created("sbx-3"));
    BOOST_TEST(!ask("op-2", DestroyCommand{id("sbx-3")}).error); // It asks for a sweep.
    static_cast<void>(ask("op-3", create("sbx-4")));
    BOOST_TEST(checkpoints.sweeps == before);
    world.fail("bring_into_step",
               {common::ErrorCode::failed_precondition, "not now", "disk_out_of_step"});
    world.let_go("bring_into_step");
    do {
        await_step("sweep"); // One of before may not have been waited for.
    } while (checkpoints.sweeps == before);
    BOOST_TEST(checkpoints.swept_tops == 2U); // Of those that were made since.
    hypervisor.say({hostd::DomainEvent::Kind::connection_restored, {}});
    while (checkpoints.swept_tops != 3U) {
        ask_for_a_sweep();
    }
}

/// It may have two domains, and the latest may not be the one that lives.
BOOST_AUTO_TEST_CASE(what_was_cut_short_is_not_swept)
{
    run();
    static_cast<void>(created("sbx-1"));
    static_cast<void>(created("sbx-2"));
    world.locked([&] { return world.moving.insert(id("sbx-1")); });
    checkpoints.swept_tops = 77;
    for (int i = 0; i < 20 && checkpoints.swept_tops != 1U; ++i) {
        ask_for_a_sweep();
    }
    BOOST_TEST(checkpoints.swept_tops == 1U);
}

BOOST_AUTO_TEST_CASE(a_disk_that_is_not_in_step_is_not_captured)
{
    run();
    static_cast<void>(created("sbx-1"));
    world.fail("bring_into_step",
               {common::ErrorCode::failed_precondition, "not now", "disk_out_of_step"});
    BOOST_TEST(ask("op-1", take("sbx-1", "snp-1")).error->reason == "disk_out_of_step");
    BOOST_TEST(world.locked([&] { return world.drafts.empty(); }));
    BOOST_TEST(!ask("op-2", take("sbx-1", "snp-1")).error);
}

BOOST_AUTO_TEST_CASE(a_branch_that_nobody_knows_of_is_left_to_be_found_out)
{
    run();
    static_cast<void>(created("sbx-1"));
    world.fail("capture_disk", {common::ErrorCode::unavailable, "libvirtd is away"});
    BOOST_TEST(ask("op-1", take("sbx-1", "snp-1")).error.has_value());
    BOOST_TEST(checkpoints.branches == 1);
    await_step("leave");
    await_step("bring_into_step");
    BOOST_TEST(world.locked([&] { return world.drafts.empty(); }));
}

BOOST_AUTO_TEST_CASE(a_disk_that_lies_on_too_many_files_is_made_to_lie_on_its_image)
{
    settings.deepest_chain = 3;
    run();
    static_cast<void>(created("sbx-1"));
    world.locked([&] { return world.depth = 3; });
    BOOST_TEST(!ask("op-1", take("sbx-1", "snp-1")).error);
    BOOST_CHECK(phase_in(ask("op-2", create("sbx-1"))) == Phase::running); // Behind it in its lane.
    BOOST_TEST(world.locked([&] { return world.depth; }) == 3U);
    world.locked([&] { return world.depth = 4; });
    BOOST_TEST(!ask("op-3", take("sbx-1", "snp-2")).error);
    BOOST_CHECK(phase_in(ask("op-4", create("sbx-1"))) == Phase::running);
    BOOST_TEST(world.locked([&] { return world.depth; }) == 1U);
}

BOOST_DATA_TEST_CASE(a_chain_that_stays_deep_is_in_nobodys_way,
                     data::make({"chain_below", "has_room", "pull"}),
                     step)
{
    settings.deepest_chain = 3;
    run();
    static_cast<void>(created("sbx-1"));
    world.locked([&] { return world.depth = 9; });
    world.fail(step, {ErrorCode::resource_exhausted, "no space", "disk_full"});
    BOOST_TEST(!ask("op-1", take("sbx-1", "snp-1")).error);
    BOOST_TEST(!ask("op-2", exec("sbx-1", "ls")).error);
    BOOST_TEST(!ask("op-3", take("sbx-1", "snp-2")).error);
    BOOST_CHECK(phase_in(ask("op-4", create("sbx-1"))) == Phase::running);
    BOOST_TEST(world.locked([&] { return world.depth; }) == 1U); // The next time.
}

BOOST_AUTO_TEST_SUITE_END()
