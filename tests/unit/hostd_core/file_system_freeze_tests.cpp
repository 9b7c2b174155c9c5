#include "tests/unit/hostd_core/service_fixture.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace tests;
using hostd::DomainState;
using hostd::SnapshotCommand;
using std::chrono::milliseconds;

namespace data = boost::unit_test::data;

namespace {

/// Guests with qemu-guest-agent.
struct FreezeFixture : ServiceFixture {
    FreezeFixture() { world.image.agent = hostd::AgentKind::qemu; }

    static SnapshotCommand take(const std::string& snapshot, bool memory = false)
    {
        return {id("sbx-1"), common::SnapshotId{snapshot}, "name-" + snapshot, {}, memory};
    }
    void forget_steps()
    {
        while (!world.steps.empty()) {
            static_cast<void>(world.steps.take());
        }
    }
    /// Of those steps that are about freezing and capturing, in their order.
    std::vector<std::string> steps_so_far()
    {
        static const std::set<std::string> wanted{
            "mark_disk", "fs_freeze", "capture_disk", "fs_thaw"};
        std::vector<std::string> seen;
        while (!world.steps.empty()) {
            if (auto step = world.steps.take(); wanted.contains(step)) {
                seen.push_back(std::move(step));
            }
        }
        return seen;
    }
    [[nodiscard]] bool is_frozen()
    {
        return world.locked([&] { return !world.frozen_disks.empty(); });
    }
    [[nodiscard]] bool is_marked()
    {
        return world.locked([&] { return !world.disk_marks.empty(); });
    }
    /// What a hostd that ended in the middle of a capture leaves.
    void leave_frozen()
    {
        world.locked([&] {
            world.frozen_disks.insert(id("sbx-1"));
            world.disk_marks.insert(id("sbx-1"));
            return 0;
        });
    }
};

using Steps = std::vector<std::string>;

} // namespace

BOOST_FIXTURE_TEST_SUITE(file_system_freeze_tests, FreezeFixture)

BOOST_AUTO_TEST_CASE(a_disk_alone_is_captured_while_the_file_systems_are_frozen)
{
    run();
    BOOST_REQUIRE(!created("sbx-1").error);
    forget_steps();
    const auto answer = ask("op-1", take("snp-1"));
    BOOST_REQUIRE(!answer.error);
    BOOST_TEST(steps_so_far() == (Steps{"mark_disk", "fs_freeze", "capture_disk", "fs_thaw"}),
               boost::test_tools::per_element());
    BOOST_TEST(!is_frozen());
    BOOST_TEST(!is_marked());
    // Its processes ran on: nothing that could be cloned with memory.
    BOOST_TEST(!std::get<hostd::Checkpoint>(answer.value).frozen);
    BOOST_TEST(!world.overlapped);
}

BOOST_AUTO_TEST_CASE(the_pause_is_all_the_time_that_writes_had_to_wait)
{
    run();
    static_cast<void>(created("sbx-1"));
    world.hold("fs_thaw");
    forget_steps();
    submit("op-1", take("snp-1"));
    await_step("fs_thaw");              // The capture is over.
    constexpr milliseconds longer{120}; // Than the engine says that the CPUs stood still.
    const auto held = clock.steady();
    while (clock.steady() - held < longer) {
        await_step("ensure");
    }
    world.let_go("fs_thaw");
    const auto answer = answer_of("op-1");
    BOOST_REQUIRE(!answer.error);
    BOOST_TEST((std::get<hostd::Checkpoint>(answer.value).paused >= longer));
}

BOOST_AUTO_TEST_CASE(with_memory_or_while_no_cpu_runs_nothing_is_frozen)
{
    run();
    static_cast<void>(created("sbx-1"));
    forget_steps();
    BOOST_TEST(!ask("op-1", take("snp-1", true)).error);
    static_cast<void>(ask("op-2", hostd::PauseCommand{id("sbx-1")}));
    BOOST_TEST(!ask("op-3", take("snp-2")).error);
    static_cast<void>(ask("op-4", hostd::StopCommand{id("sbx-1"), true, {}}));
    BOOST_TEST(!ask("op-5", take("snp-3")).error);
    BOOST_TEST(steps_so_far() == (Steps{"capture_disk", "capture_disk", "capture_disk"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(our_own_agent_needs_no_other)
{
    world.image.agent = hostd::AgentKind::paddock;
    run();
    static_cast<void>(created("sbx-1"));
    forget_steps();
    const auto answer = ask("op-1", take("snp-1"));
    BOOST_REQUIRE(!answer.error);
    BOOST_TEST(std::get<hostd::Checkpoint>(answer.value).frozen);
    BOOST_TEST(steps_so_far() == Steps{"capture_disk"}, boost::test_tools::per_element());
}

BOOST_DATA_TEST_CASE(an_agent_that_does_not_freeze_gives_no_checkpoint_and_stays_thawed,
                     data::make({"qemu_ping", "fs_freeze"}),
                     step)
{
    run();
    static_cast<void>(created("sbx-1"));
    forget_steps();
    world.fail(step, {ErrorCode::internal, "no answer"});
    BOOST_TEST(ask("op-1", take("snp-1")).error->reason == "guest_not_frozen");
    const auto seen = steps_so_far();
    const bool asked = step == std::string{"fs_freeze"};
    BOOST_TEST(seen == (asked ? Steps{"mark_disk", "fs_freeze", "fs_thaw"} : Steps{}),
               boost::test_tools::per_element());
    BOOST_TEST(!is_marked());
    BOOST_TEST(world.locked([&] { return world.drafts.empty() && world.checkpoints.empty(); }));
    BOOST_TEST(checkpoints.branches == 0);
    BOOST_TEST(!ask("op-2", take("snp-1")).error);
}

BOOST_DATA_TEST_CASE(
    whatever_fails_the_file_systems_are_thawed,
    data::make({"mark_disk", "mark", "capture_disk", "capture", "settle", "commit"}),
    step)
{
    run();
    static_cast<void>(created("sbx-1"));
    world.fail(step, {ErrorCode::resource_exhausted, "no space", "disk_full"});
    BOOST_TEST(ask("op-1", take("snp-1")).error->reason == "disk_full");
    BOOST_TEST(!is_frozen());
    BOOST_TEST(!is_marked());
    BOOST_TEST(!ask("op-2", take("snp-1")).error);
}

BOOST_AUTO_TEST_CASE(a_thaw_that_fails_is_tried_again_until_it_is_done)
{
    run();
    static_cast<void>(created("sbx-1"));
    forget_steps();
    world.fail("fs_thaw", {ErrorCode::internal, "no answer"}, 3);
    BOOST_TEST(!ask("op-1", take("snp-1")).error);
    for (int tries = 0; tries < 4; ++tries) {
        await_step("fs_thaw");
    }
    BOOST_TEST(!ask("op-2", take("snp-2")).error); // Behind the last try, in its lane.
    BOOST_TEST(!is_frozen());
    BOOST_TEST(!is_marked());
}

BOOST_AUTO_TEST_CASE(nothing_is_captured_or_put_away_of_a_guest_that_stays_frozen)
{
    run();
    static_cast<void>(created("sbx-1"));
    leave_frozen();
    world.fail("fs_thaw", {ErrorCode::internal, "no answer"}, 1000);
    BOOST_TEST(ask("op-1", take("snp-1", true)).error->reason == "agent_not_ready");
    BOOST_TEST(ask("op-2", hostd::SuspendCommand{id("sbx-1")}).error->reason == "agent_not_ready");
    BOOST_TEST(world.locked([&] { return world.drafts.empty() && world.checkpoints.empty(); }));
}

BOOST_AUTO_TEST_CASE(what_a_hostd_that_ended_left_frozen_is_thawed)
{
    run();
    static_cast<void>(created("sbx-1"));
    service.reset();
    leave_frozen();
    run();
    await_step("fs_thaw");
    BOOST_TEST(!ask("op-1", take("snp-1", true)).error); // Behind it, in its lane.
    BOOST_TEST(!is_frozen());
    BOOST_TEST(!is_marked());
}

BOOST_AUTO_TEST_CASE(a_paused_guest_is_thawed_once_it_runs_and_a_stopped_one_needs_it_not)
{
    run();
    static_cast<void>(created("sbx-1"));
    static_cast<void>(ask("op-1", hostd::PauseCommand{id("sbx-1")}));
    leave_frozen();
    forget_steps();
    BOOST_TEST(!ask("op-2", take("snp-1")).error);
    BOOST_TEST(is_marked());
    BOOST_TEST(!ask("op-3", hostd::StartCommand{id("sbx-1")}).error);
    await_step("fs_thaw");
    static_cast<void>(ask("op-4", hostd::StopCommand{id("sbx-1"), true, {}}));
    BOOST_TEST(!is_marked());
    leave_frozen();
    forget_steps();
    BOOST_TEST(!ask("op-5", take("snp-2")).error);
    BOOST_TEST(!is_marked());
    BOOST_TEST(steps_so_far() == Steps{"capture_disk"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
