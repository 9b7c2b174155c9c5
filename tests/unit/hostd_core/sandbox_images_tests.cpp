#include "tests/unit/hostd_core/service_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;
using hostd::DeleteSnapshotCommand;
using hostd::DestroyCommand;
using hostd::MakeImageCommand;
using hostd::RemoveImageCommand;
using hostd::SnapshotCommand;
using hostd::StopCommand;

namespace {

/// A service with a running sandbox sbx-1 and its checkpoint snp-1.
struct ImageFixture : ServiceFixture {
    ImageFixture()
    {
        run();
        static_cast<void>(created("sbx-1"));
        const SnapshotCommand take{id("sbx-1"), snapshot, "clean", {}, true};
        BOOST_REQUIRE(!ask("op-take", take).error);
    }
    static MakeImageCommand make(const std::string& name, const std::string& sandbox = "sbx-1")
    {
        return {id(sandbox), common::SnapshotId{"snp-1"}, common::ImageName{name}, "red"};
    }
    static const hostd::Image& in(const hostd::Answer& answer)
    {
        return std::get<hostd::Image>(answer.value);
    }
    const common::SnapshotId snapshot{"snp-1"};
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(sandbox_images_tests, ImageFixture)

BOOST_AUTO_TEST_CASE(an_image_is_made_of_a_verified_checkpoint_for_its_tenant)
{
    const auto answer = ask("op-1", make("web"));
    BOOST_REQUIRE(!answer.error);
    BOOST_TEST(in(answer).name.str() == "web");
    BOOST_TEST(in(answer).digest == "of /layers/1");
    BOOST_TEST(in(answer).tenant == "red");
    BOOST_TEST(in(answer).from_snapshot == snapshot);
    world.fail("verify", {ErrorCode::failed_precondition, "layer differs", "checkpoint_damaged"});
    BOOST_TEST(ask("op-2", make("api")).error->reason == "checkpoint_damaged");
    BOOST_TEST(!world.locked([&] { return world.made.contains(common::ImageName{"api"}); }));
}

BOOST_AUTO_TEST_CASE(one_that_is_asked_for_again_is_not_made_again_even_without_its_checkpoint)
{
    BOOST_REQUIRE(!ask("op-1", make("web")).error);
    BOOST_REQUIRE(!ask("op-2", DeleteSnapshotCommand{id("sbx-1"), snapshot}).error);
    restart(); // The answers of before are forgotten.
    world.fail("make_image", {ErrorCode::internal, "made twice"});
    const auto again = ask("op-1", make("web"));
    BOOST_REQUIRE(!again.error);
    BOOST_TEST(in(again).from_snapshot == snapshot);
    auto others = make("web");
    others.tenant = "blue";
    BOOST_TEST(ask("op-3", others).error->reason == "unknown_snapshot");
}

BOOST_AUTO_TEST_CASE(an_unknown_checkpoint_and_one_of_another_sandbox_make_none)
{
    BOOST_TEST(ask("op-1", make("web", "sbx-2")).error->reason == "unknown_snapshot");
    auto unknown = make("web");
    unknown.snapshot = common::SnapshotId{"snp-2"};
    BOOST_TEST(ask("op-2", unknown).error->reason == "unknown_snapshot");
    BOOST_TEST(world.locked([&] { return world.made.empty(); }));
}

BOOST_AUTO_TEST_CASE(what_is_made_keeps_neither_its_sandbox_waiting_nor_its_layer_from_being_swept)
{
    world.hold("make_image");
    submit("op-1", make("web"));
    await_step("make_image");
    const auto sweeps = checkpoints.sweeps.load(); // None is under way by now.
    BOOST_TEST(!ask("op-2", exec("sbx-1", "ls")).error);
    BOOST_TEST(
        !ask("op-3", SnapshotCommand{id("sbx-1"), common::SnapshotId{"snp-2"}, "n", {}, true})
             .error);
    BOOST_TEST(!ask("op-4", StopCommand{id("sbx-1"), true, {}}).error);
    BOOST_TEST(!ask("op-5", DestroyCommand{id("sbx-1")}).error);
    await_step("remove_checkpoint"); // Nobody sweeps its layer away, though.
    BOOST_TEST(checkpoints.sweeps.load() == sweeps);
    world.let_go("make_image");
    BOOST_TEST(!answer_of("op-1").error);
    await_step("sweep");
    BOOST_TEST(checkpoints.sweeps.load() > sweeps);
}

BOOST_AUTO_TEST_CASE(a_making_that_fails_says_why_and_lets_the_sweep_go_on)
{
    world.fail("make_image", {ErrorCode::resource_exhausted, "no space", "disk_full"});
    const auto failed = ask("op-1", make("web"));
    BOOST_TEST(failed.error->reason == "disk_full");
    BOOST_TEST(failed.error->message == "make image web: no space");
    await_step("make_image");
    BOOST_REQUIRE(!ask("op-2", DeleteSnapshotCommand{id("sbx-1"), snapshot}).error);
    await_step("sweep");
    world.fail("make_image", {ErrorCode::internal, "not reached"});
    BOOST_TEST(ask("op-3", make("web")).error->reason == "unknown_snapshot");
}

BOOST_AUTO_TEST_CASE(an_image_is_removed_unless_something_is_in_the_way)
{
    const RemoveImageCommand remove{common::ImageName{"web"}, "red"};
    BOOST_REQUIRE(!ask("op-1", make("web")).error);
    world.fail("remove_image", {ErrorCode::failed_precondition, "an overlay", "image_in_use"});
    const auto refused = ask("op-2", remove);
    BOOST_TEST(refused.error->reason == "image_in_use");
    BOOST_TEST(refused.error->message == "remove image web: an overlay");
    BOOST_TEST(!ask("op-3", remove).error);
    BOOST_TEST(world.locked([&] { return world.made.empty(); }));
}

BOOST_AUTO_TEST_SUITE_END()
