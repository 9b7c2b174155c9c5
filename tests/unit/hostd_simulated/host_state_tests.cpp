#include "tests/unit/hostd_simulated/host_fixture.hpp"

using namespace hostd;
using namespace hostd::simulated;

BOOST_FIXTURE_TEST_SUITE(host_state_tests, HostFixture)

BOOST_AUTO_TEST_CASE(a_sandbox_goes_through_its_phases)
{
    ask(boots('a'));
    BOOST_TEST(phase_answered() == Phase::running);
    ask(PauseCommand{id('a')}, 1s, 2);
    BOOST_TEST(phase_answered() == Phase::paused);
    ask(StartCommand{id('a')}, 1s, 3);
    BOOST_TEST(phase_answered() == Phase::running);
    ask(SuspendCommand{id('a')}, 1s, 4);
    BOOST_TEST(phase_answered() == Phase::suspended);
    ask(StartCommand{id('a')}, 1s, 5);
    BOOST_TEST(phase_answered() == Phase::running);
    ask(StopCommand{id('a')}, 1s, 6);
    BOOST_TEST(phase_answered() == Phase::stopped);
    ask(DestroyCommand{id('a')}, 1s, 7);
    BOOST_TEST(!answer().error.has_value());
    BOOST_TEST(host->sandboxes() == 0U);
}

BOOST_AUTO_TEST_CASE(a_suspended_sandbox_gives_its_share_back_and_is_admitted_anew)
{
    auto large = boots('a');
    large.spec.memory = common::Bytes::gib(3);
    ask(large);
    ask(SuspendCommand{id('a')});
    said.answers.clear();
    BOOST_TEST(host->committed().vcpus == 0U);
    large.spec.id = id('b');
    ask(large);
    BOOST_TEST(phase_answered() == Phase::running);
    ask(StartCommand{id('a')});
    BOOST_TEST(reason_answered() == "no_memory");
    BOOST_TEST(phase_of(id('a')) == Phase::suspended);
}

BOOST_AUTO_TEST_CASE(a_warm_sandbox_is_claimed_under_another_name)
{
    auto warm = boots('a');
    warm.warm = true;
    ask(warm);
    BOOST_TEST(phase_answered() == Phase::paused);
    ask(ClaimCommand{id('a'), "other", "mine"}, 1s, 2);
    const auto claimed = answer();
    const auto& status = std::get<SandboxStatus>(claimed.value);
    BOOST_TEST(status.phase == Phase::running);
    BOOST_TEST(status.spec.tenant == "other");
    BOOST_TEST(status.spec_digest == digest_of(status.spec));
}

BOOST_AUTO_TEST_CASE(a_checkpoint_is_offered_fetched_by_another_host_and_cloned_there)
{
    ask(boots('a'));
    ask(SnapshotCommand{id('a'), snapshot('a'), "clean", {}, true});
    said.answers.clear();
    ask(OfferSnapshotCommand{id('a'), snapshot('a')});
    const auto offer = std::get<CheckpointOffer>(answer().value);
    ask(DestroyCommand{id('a')}, 1s, 2);
    BOOST_TEST(!answer().error.has_value());

    start_host(); // Another one.
    ask(FetchSnapshotCommand{id('a'), snapshot('a'), offer});
    const auto fetched = std::get<Checkpoint>(answer().value);
    BOOST_TEST(fetched.has_memory);
    BOOST_TEST(fetched.spec.memory.mib() == 256U);
    auto clone = boots('a');
    clone.from_snapshot = snapshot('a');
    ask(clone);
    BOOST_TEST(phase_answered() == Phase::running);
    ask(FetchSnapshotCommand{id('b'), snapshot('b'), {"{}", {}}});
    BOOST_TEST(reason_answered() == "offer_refused");
}

BOOST_AUTO_TEST_CASE(a_clone_whose_checkpoint_goes_while_it_is_made_is_undone)
{
    ask(boots('a'));
    ask(SnapshotCommand{id('a'), snapshot('a'), "clean", {}, true});
    said.answers.clear();
    auto clone = boots('b');
    clone.from_snapshot = snapshot('a');
    ask(clone, 1ms);
    BOOST_TEST(said.answers.empty());
    ask(DeleteSnapshotCommand{id('a'), snapshot('a')}, 0ms);
    said.answers.clear();
    pass(1s);
    const auto undone = answer();
    BOOST_REQUIRE(undone.error.has_value());
    BOOST_TEST(undone.error->stable_reason() == "unknown_snapshot");
    BOOST_TEST(undone.undone);
    BOOST_TEST(host->sandboxes() == 1U);
}

BOOST_AUTO_TEST_CASE(images_are_made_added_and_removed)
{
    ask(boots('a'));
    ask(SnapshotCommand{id('a'), snapshot('a'), "clean", {}, true});
    said.answers.clear();
    ask(MakeImageCommand{id('a'), snapshot('a'), common::ImageName{"made"}, "default"});
    BOOST_TEST(std::get<Image>(answer().value).from_snapshot == snapshot('a'));
    ImageRecipe recipe;
    recipe.name = common::ImageName{"added"};
    recipe.tenant = "default";
    recipe.disk = {std::string(64, 'a'), common::Bytes::mib(1)};
    ask(AddImageCommand{recipe});
    BOOST_TEST(std::get<Image>(answer().value).digest == recipe.disk.digest);
    BOOST_TEST(host->report().images.size() == 3U);
    ask(RemoveImageCommand{common::ImageName{"added"}, "default"});
    BOOST_TEST(!answer().error.has_value());
    ask(RemoveImageCommand{common::ImageName{"tiny"}, "default"}); // It is an operator's.
    BOOST_TEST(reason_answered() == "unknown_image");
    BOOST_TEST(host->report().images.size() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
