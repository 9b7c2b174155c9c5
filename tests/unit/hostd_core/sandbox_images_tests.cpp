#include "tests/unit/hostd_core/service_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;
using hostd::AddImageCommand;
using hostd::DeleteSnapshotCommand;
using hostd::DestroyCommand;
using hostd::MakeImageCommand;
using hostd::PieceCommand;
using hostd::PieceWish;
using hostd::RemoveImageCommand;
using hostd::SnapshotCommand;
using hostd::StopCommand;

namespace {

/// A service with a running sandbox sbx-1 and its checkpoint snp-1.
struct ImageFixture : ServiceFixture {
    ImageFixture()
    {
        settings.downloads.piece = 4;
        settings.downloads.window = 2;
        run();
        static_cast<void>(created("sbx-1"));
        const SnapshotCommand take{id("sbx-1"), snapshot, "clean", {}, true};
        BOOST_REQUIRE(!ask("op-take", take).error);
    }
    static MakeImageCommand make(const std::string& name, const std::string& sandbox = "sbx-1")
    {
        return {id(sandbox), common::SnapshotId{"snp-1"}, common::ImageName{name}, "red"};
    }
    /// Of a disk of ten bytes.
    static AddImageCommand add(const std::string& name)
    {
        AddImageCommand command;
        command.recipe.registration = common::ImageId{"img-1"};
        command.recipe.name = common::ImageName{name};
        command.recipe.tenant = "red";
        command.recipe.disk = {"d1", common::Bytes{10}};
        return command;
    }
    /// As the coordinator does it: each piece under an operation of its own.
    void send(const PieceWish& wish, std::optional<common::Error> error = {})
    {
        const auto data = error ? std::string{} : std::string(wish.size, 'x');
        submit("op-piece-" + std::to_string(++pieces),
               PieceCommand{{wish.operation, wish.digest, wish.offset, data, std::move(error)}});
    }
    void send_all_of_it()
    {
        for (int i = 0; i < 3; ++i) {
            send(uplink.wishes.take());
        }
    }
    bool has(const std::string& name)
    {
        return world.locked([&] { return world.made.contains(common::ImageName{name}); });
    }
    static const hostd::Image& in(const hostd::Answer& answer)
    {
        return std::get<hostd::Image>(answer.value);
    }
    const common::SnapshotId snapshot{"snp-1"};
    int pieces = 0;
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

BOOST_AUTO_TEST_CASE(an_image_is_added_of_the_pieces_that_are_asked_for_by_its_operation)
{
    submit("op-1", add("web"));
    const auto first = uplink.wishes.take();
    BOOST_TEST(first.operation.str() == "op-1");
    BOOST_TEST(first.digest == "d1");
    BOOST_TEST(first.offset == 0U);
    BOOST_TEST(first.size == 4U);
    const auto second = uplink.wishes.take();
    BOOST_TEST(second.offset == 4U);
    send(second);
    send(first);
    const auto last = uplink.wishes.take();
    BOOST_TEST(last.offset == 8U);
    BOOST_TEST(last.size == 2U);
    send(last);
    const auto answer = uplink.answers.take(); // None of a piece.
    BOOST_TEST(answer.operation.str() == "op-1");
    BOOST_REQUIRE(!answer.error);
    BOOST_TEST(in(answer).name.str() == "web");
    BOOST_TEST(in(answer).tenant == "red");
    BOOST_TEST(in(answer).registration.str() == "img-1");
    BOOST_TEST(in(answer).size.count() == 10U);
    BOOST_TEST(has("web"));
}

BOOST_AUTO_TEST_CASE(what_is_fetched_keeps_no_sandbox_waiting_and_is_not_begun_twice)
{
    submit("op-1", add("web"));
    submit("op-1", add("web")); // As a coordinator that has lost its connection does.
    BOOST_TEST(!ask("op-2", exec("sbx-1", "ls")).error);
    BOOST_TEST(!ask("op-3", StopCommand{id("sbx-1"), true, {}}).error);
    BOOST_TEST(!has("web"));
    send_all_of_it();
    BOOST_TEST(!answer_of("op-1").error);
    BOOST_TEST(uplink.wishes.empty());
    BOOST_TEST(!ask("op-1", add("web")).error); // The answer is known.
    BOOST_TEST(uplink.wishes.empty());
}

BOOST_AUTO_TEST_CASE(why_an_image_is_not_added_is_told)
{
    submit("op-1", add("web"));
    send(uplink.wishes.take(),
         common::Error{ErrorCode::unavailable, "no such file", "unknown_blob"});
    const auto unknown = answer_of("op-1");
    BOOST_TEST(unknown.error->reason == "unknown_blob");
    BOOST_TEST(unknown.error->message == "add image web: no such file");
    static_cast<void>(uplink.wishes.take()); // What had been asked for beside it.
    world.fail("add_image", {ErrorCode::already_exists, "an operator's", "name_taken"});
    submit("op-2", add("web"));
    send_all_of_it();
    BOOST_TEST(answer_of("op-2").error->reason == "name_taken");
    BOOST_TEST(!has("web"));
}

BOOST_AUTO_TEST_CASE(a_coordinator_that_says_nothing_is_not_waited_for_for_ever)
{
    settings.downloads.ask_again = std::chrono::milliseconds{2};
    settings.downloads.patience = std::chrono::milliseconds{10};
    restart();
    const auto answer = ask("op-1", add("web"));
    BOOST_CHECK(answer.error->code == ErrorCode::unavailable);
    BOOST_TEST(answer.error->reason == "coordinator_silent");
}

BOOST_AUTO_TEST_CASE(a_host_that_ends_in_the_middle_does_not_wait_for_pieces_and_begins_anew)
{
    submit("op-1", add("web"));
    send(uplink.wishes.take());
    submit("op-2", add("api")); // Behind it, and not begun.
    service.reset();
    BOOST_TEST(!has("web"));
    BOOST_TEST(!has("api"));
    while (!uplink.wishes.empty()) {
        BOOST_TEST(uplink.wishes.take().operation.str() == "op-1");
    }
    run();
    submit("op-1", add("web"));
    send_all_of_it();
    BOOST_TEST(!answer_of("op-1").error);
    BOOST_TEST(has("web"));
}

BOOST_AUTO_TEST_CASE(an_image_of_a_vm_is_made_where_its_operator_has_opened_it)
{
    using Import = hostd::ImportVmCommand;
    settings.importable_vms = {"go?d", "busy*"};
    restart();
    Import gold{"gold", common::ImageName{"web"}, "red"};
    const auto made = ask("op-vm-1", gold);
    BOOST_REQUIRE(!made.error);
    BOOST_TEST(in(made).from_vm == "gold");
    BOOST_TEST(in(made).tenant == "red");
    Import closed{"theirs", common::ImageName{"api"}, "red"};
    const auto refused = ask("op-vm-2", closed);
    BOOST_CHECK(refused.error->code == ErrorCode::permission_denied);
    BOOST_TEST(refused.error->reason == "vm_not_importable");
    Import busy{"busy", common::ImageName{"api"}, "red"};
    BOOST_TEST(ask("op-vm-3", busy).error->reason == "vm_running");
    busy.running = Import::Running::taken;
    BOOST_REQUIRE(!ask("op-vm-4", busy).error);
    world.fail("back_up", {ErrorCode::resource_exhausted, "full", "disk_full"});
    busy.image = common::ImageName{"more"};
    BOOST_TEST(ask("op-vm-5", busy).error->reason == "disk_full");
    Import gone{"busy-no-more", common::ImageName{"gone"}, "red"};
    BOOST_TEST(ask("op-vm-6", gone).error->reason == "unknown_vm");
}

BOOST_AUTO_TEST_SUITE_END()
