#include "tests/unit/hostd_core/service_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;
using hostd::CheckpointOffer;
using hostd::CreateCommand;
using hostd::DeleteSnapshotCommand;
using hostd::DestroyCommand;
using hostd::FetchSnapshotCommand;
using hostd::GivePieceCommand;
using hostd::OfferSnapshotCommand;
using hostd::Piece;
using hostd::PieceCommand;
using hostd::PieceWish;
using hostd::RestoreCommand;
using hostd::SnapshotCommand;
using hostd::StopCommand;

namespace {

/// A service with a stopped sandbox sbx-1 and its checkpoint snp-1; sbx-9 and snp-9 are another
/// host's.
struct MovingFixture : ServiceFixture {
    MovingFixture()
    {
        settings.downloads.piece = 4;
        settings.downloads.window = 2;
        run();
        static_cast<void>(created("sbx-1"));
        static_cast<void>(ask("op-stop", StopCommand{id("sbx-1"), true, {}}));
        BOOST_REQUIRE(
            !ask("op-take", SnapshotCommand{id("sbx-1"), snp("snp-1"), "n", {}, false}).error);
    }
    static common::SnapshotId snp(const std::string& text) { return common::SnapshotId{text}; }
    /// Of a file of ten bytes.
    static FetchSnapshotCommand fetch()
    {
        return {id("sbx-9"), snp("snp-9"), {"{}", {{"ram", "d1", common::Bytes{10}}}}};
    }
    void send(const PieceWish& wish)
    {
        submit("op-piece-" + std::to_string(++pieces_),
               PieceCommand{
                   {wish.operation, wish.digest, wish.offset, std::string(wish.size, 'x'), {}}});
    }
    void send_all_of_it()
    {
        for (int i = 0; i < 3; ++i) {
            send(uplink.wishes.take());
        }
    }
    /// That checkpoint is here.
    void fetched()
    {
        submit("op-fetch", fetch());
        send_all_of_it();
        BOOST_REQUIRE(!answer_of("op-fetch").error);
    }
    /// The sandbox that it was taken of, out of it, and not started.
    static CreateCommand arrival()
    {
        auto command = create("sbx-9", false);
        command.from_snapshot = snp("snp-9");
        return command;
    }
    /// It holds a disk of that sandbox.
    void let_it_be_its_disk()
    {
        world.locked([&] {
            auto& checkpoint = world.checkpoints.at(snp("snp-9"));
            checkpoint.spec = spec("sbx-9");
            checkpoint.layer = "/layers/9";
            return 0;
        });
    }
    void ask_for_piece(const std::string& snapshot, std::uint64_t offset, std::uint32_t size = 4)
    {
        submit("op-give",
               GivePieceCommand{snp(snapshot), {common::OperationId{"op-9"}, "d1", offset, size}});
    }
    Piece piece_of(const std::string& snapshot, std::uint64_t offset, std::uint32_t size = 4)
    {
        ask_for_piece(snapshot, offset, size);
        return uplink.given.take();
    }
    void forget_steps()
    {
        while (!world.steps.empty()) {
            static_cast<void>(world.steps.take());
        }
    }
    bool is_here(const std::string& snapshot)
    {
        return world.locked([&] { return world.checkpoints.contains(snp(snapshot)); });
    }

private:
    int pieces_ = 0;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(sandbox_moving_tests, MovingFixture)

BOOST_AUTO_TEST_CASE(a_checkpoint_is_offered_as_the_store_has_it)
{
    world.offered = "memory";
    const auto answer = ask("op-1", OfferSnapshotCommand{id("sbx-1"), snp("snp-1")});
    BOOST_REQUIRE(!answer.error);
    const auto& offer = std::get<CheckpointOffer>(answer.value);
    BOOST_TEST(offer.manifest == "snp-1");
    BOOST_REQUIRE(offer.files.size() == 1U);
    BOOST_TEST(offer.files[0].size.count() == 6U);
    world.fail("offer", {ErrorCode::failed_precondition, "short", "checkpoint_damaged"});
    const auto damaged = ask("op-2", OfferSnapshotCommand{id("sbx-1"), snp("snp-1")});
    BOOST_TEST(damaged.error->reason == "checkpoint_damaged");
    BOOST_TEST(damaged.error->message == "offer snp-1: short");
}

BOOST_AUTO_TEST_CASE(an_unknown_checkpoint_and_one_of_another_sandbox_are_not_offered)
{
    BOOST_TEST(ask("op-1", OfferSnapshotCommand{id("sbx-2"), snp("snp-1")}).error->reason ==
               "unknown_snapshot");
    BOOST_TEST(ask("op-2", OfferSnapshotCommand{id("sbx-1"), snp("snp-2")}).error->reason ==
               "unknown_snapshot");
}

BOOST_AUTO_TEST_CASE(a_piece_is_given_as_data_or_as_zeros)
{
    world.offered = std::string("data\0\0\0\0\0\0", 10);
    const auto data = piece_of("snp-1", 0);
    BOOST_TEST(data.operation.str() == "op-9");
    BOOST_TEST(data.digest == "d1");
    BOOST_TEST(data.offset == 0U);
    BOOST_TEST(data.data == "data");
    BOOST_TEST(data.zeros == 0U);
    BOOST_TEST(!data.error.has_value());
    const auto zeros = piece_of("snp-1", 4);
    BOOST_TEST(zeros.offset == 4U);
    BOOST_TEST(zeros.data.empty());
    BOOST_TEST(zeros.zeros == 4U);
    BOOST_TEST(piece_of("snp-1", 8).zeros == 2U); // The end of it.
    BOOST_CHECK(piece_of("snp-1", 10).error->code == ErrorCode::not_found);
}

BOOST_AUTO_TEST_CASE(nothing_is_given_of_a_checkpoint_that_is_not_here)
{
    BOOST_TEST(piece_of("snp-2", 0).error->reason == "unknown_snapshot");
    world.fail("read_piece", {ErrorCode::internal, "read: I/O error"});
    BOOST_TEST(piece_of("snp-1", 0).error->message == "read: I/O error");
}

BOOST_AUTO_TEST_CASE(so_many_pieces_are_read_at_once_and_more_are_to_be_asked_for_again)
{
    world.offered = "data";
    world.hold("read_piece");
    for (int i = 0; i < 65; ++i) {
        ask_for_piece("snp-1", 0);
    }
    BOOST_TEST(uplink.given.take().error->reason == hostd::piece_busy);
    world.let_go("read_piece");
    for (int i = 0; i < 64; ++i) {
        BOOST_TEST(uplink.given.take().data == "data");
    }
    BOOST_TEST(piece_of("snp-1", 0).data == "data");
}

BOOST_AUTO_TEST_CASE(a_checkpoint_of_another_host_is_fetched_once_however_often_it_is_asked_for)
{
    submit("op-1", fetch());
    const auto wish = uplink.wishes.take();
    BOOST_TEST(wish.operation.str() == "op-1");
    BOOST_TEST(wish.digest == "d1");
    submit("op-1", fetch()); // Its sender heard nothing.
    submit("op-2", fetch()); // Or began anew.
    send(wish);
    send(uplink.wishes.take());
    send(uplink.wishes.take());
    const auto answer = answer_of("op-1");
    BOOST_REQUIRE(!answer.error);
    const auto& checkpoint = std::get<hostd::Checkpoint>(answer.value);
    BOOST_TEST(checkpoint.id.str() == "snp-9");
    BOOST_TEST(checkpoint.name == std::string(10, 'x'));
    BOOST_TEST(!answer_of("op-1").error);
    const auto found = answer_of("op-2");
    BOOST_REQUIRE(!found.error);
    BOOST_TEST(std::get<hostd::Checkpoint>(found.value).id.str() == "snp-9");
    BOOST_TEST(!world.overlapped);
}

BOOST_AUTO_TEST_CASE(a_fetch_keeps_neither_a_sweep_waiting_nor_another_sandbox)
{
    submit("op-1", fetch());
    const auto wish = uplink.wishes.take();
    const auto sweeps = checkpoints.sweeps.load();
    BOOST_TEST(!ask("op-2", DeleteSnapshotCommand{id("sbx-1"), snp("snp-1")}).error);
    while (checkpoints.sweeps.load() == sweeps) {
        await_step("sweep");
    }
    send(wish);
    send(uplink.wishes.take());
    send(uplink.wishes.take());
    BOOST_TEST(!answer_of("op-1").error);
}

BOOST_AUTO_TEST_CASE(a_fetch_that_fails_says_why_and_may_be_repeated)
{
    world.fail("fetch", {ErrorCode::resource_exhausted, "no space", "disk_full"});
    submit("op-1", fetch());
    send_all_of_it();
    const auto failed = answer_of("op-1");
    BOOST_TEST(failed.error->reason == "disk_full");
    BOOST_TEST(failed.error->message == "fetch snp-9: no space");
    submit("op-1", fetch());
    send_all_of_it();
    BOOST_TEST(!answer_of("op-1").error);
}

BOOST_AUTO_TEST_CASE(a_fetch_under_way_ends_with_its_host)
{
    submit("op-1", fetch());
    static_cast<void>(uplink.wishes.take());
    restart(); // Does not wait for pieces that never come.
    BOOST_TEST(!is_here("snp-9"));
}

BOOST_AUTO_TEST_CASE(a_checkpoint_without_its_sandbox_outlives_restarts_and_looks)
{
    fetched();
    restart();
    BOOST_TEST(uplink.checkpoints().size() == 2U);
    forget_steps();
    BOOST_TEST(!ask("op-0", DeleteSnapshotCommand{id("sbx-9"), snp("snp-none")}).error);
    await_step("sweep");
    await_step("ensure"); // A reconcile.
    BOOST_TEST(is_here("snp-9"));
    BOOST_TEST(!ask("op-1", OfferSnapshotCommand{id("sbx-9"), snp("snp-9")}).error);
}

BOOST_AUTO_TEST_CASE(it_goes_when_it_is_deleted_or_its_sandbox_destroyed)
{
    fetched();
    BOOST_TEST(!ask("op-1", DeleteSnapshotCommand{id("sbx-9"), snp("snp-9")}).error);
    BOOST_TEST(!is_here("snp-9"));
    submit("op-2", fetch());
    send_all_of_it();
    BOOST_REQUIRE(!answer_of("op-2").error);
    forget_steps();
    BOOST_TEST(!ask("op-3", DestroyCommand{id("sbx-9")}).error);
    await_step("remove_checkpoint");
    BOOST_TEST(!is_here("snp-9"));
    BOOST_TEST(is_here("snp-1"));
}

BOOST_AUTO_TEST_CASE(what_is_to_take_it_away_waits_until_it_is_here)
{
    submit("op-1", fetch());
    const auto wish = uplink.wishes.take();
    submit("op-2", DeleteSnapshotCommand{id("sbx-9"), snp("snp-9")});
    send(wish);
    send(uplink.wishes.take());
    send(uplink.wishes.take());
    BOOST_TEST(!answer_of("op-1").error);
    BOOST_TEST(!answer_of("op-2").error);
    BOOST_TEST(!is_here("snp-9"));
}

BOOST_AUTO_TEST_CASE(a_sandbox_made_of_a_disk_that_came_is_stopped_and_stays_so)
{
    fetched();
    let_it_be_its_disk();
    const auto answer = ask("op-1", arrival());
    BOOST_REQUIRE(!answer.error);
    BOOST_CHECK(phase_in(answer) == Phase::stopped);
    BOOST_CHECK(phase_in(ask("op-2", arrival())) == Phase::stopped);
    restart();
    const auto found = std::ranges::find_if(
        first_inventory, [](const auto& status) { return status.spec.id.str() == "sbx-9"; });
    BOOST_REQUIRE(found != first_inventory.end());
    BOOST_CHECK(found->phase == Phase::stopped);
    // As any that has run.
    BOOST_TEST(!ask("op-3", RestoreCommand{id("sbx-9"), snp("snp-9")}).error);
    BOOST_TEST(!ask("op-4", DestroyCommand{id("sbx-9")}).error);
}

BOOST_AUTO_TEST_CASE(a_create_that_fails_leaves_what_it_was_to_be_made_of)
{
    fetched();
    let_it_be_its_disk();
    for (const auto* step : {"find_checkpoint", "folder", "define", "mark_run"}) {
        world.fail(step, {ErrorCode::resource_exhausted, "no space", "disk_full"});
        const auto failed = ask(std::string{"op-"} + step, arrival());
        BOOST_TEST(failed.error->reason == "disk_full");
        BOOST_TEST(failed.undone);
        BOOST_TEST(is_here("snp-9"));
    }
    BOOST_TEST(!ask("op-1", arrival()).error);
}

BOOST_AUTO_TEST_CASE(one_that_was_never_started_has_a_disk_and_no_memory)
{
    BOOST_CHECK(phase_in(created("sbx-2", false)) == Phase::created);
    const SnapshotCommand with{id("sbx-2"), snp("snp-2"), "n", {}, true};
    BOOST_TEST(ask("op-1", with).error->reason == "not_running");
    const SnapshotCommand without{id("sbx-2"), snp("snp-2"), "n", {}, false};
    const auto answer = ask("op-2", without);
    BOOST_REQUIRE(!answer.error);
    BOOST_TEST(!std::get<hostd::Checkpoint>(answer.value).has_memory);
}

BOOST_AUTO_TEST_SUITE_END()
