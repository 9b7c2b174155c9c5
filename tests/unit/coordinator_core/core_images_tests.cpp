#include "tests/unit/coordinator_core/image_fixture.hpp"

using namespace tests;

BOOST_FIXTURE_TEST_SUITE(core_images_tests, ImageFixture)

BOOST_AUTO_TEST_CASE(an_image_of_a_checkpoint_is_usable_at_once_and_is_on_record)
{
    begin();
    auto asked = make(by_name("web"));
    const auto sent = expect<MakeImageOnHost>();
    const auto& what = std::get<MakeImageOnHost>(sent.command.what);
    BOOST_TEST(what.id.str() == sandbox.str());
    BOOST_TEST(what.snapshot.str() == snapshot_id.str());
    BOOST_TEST(what.image.str() == "web");
    BOOST_TEST(what.tenant == "t");
    BOOST_TEST(!there(me));
    answer(sent, made(sent));
    const auto image = asked.get();
    BOOST_REQUIRE(image.has_value());
    BOOST_TEST(image->hosts.at(0).str() == "h1");
    BOOST_TEST(image->from_snapshot == snapshot_id);
    BOOST_TEST(core->image(me, ImageName{"web"})->digest == "d2");
    BOOST_TEST(core->images(me)->size() == 2U);
    BOOST_TEST(store.audit_of("web") == (Texts{"image.create intent", "image.create ok"}),
               boost::test_tools::per_element());
    BOOST_TEST(store.operations().back().status == "done");
    auto of_it = create(wants("web"));
    const auto made_of = expect<CreateOnHost>();
    BOOST_TEST(std::get<CreateOnHost>(made_of.command.what).sandbox.image_digest == "d2");
    done(made_of, id_in(made_of), Phase::running);
    BOOST_TEST(of_it.get().has_value());
}

BOOST_AUTO_TEST_CASE(a_heartbeat_from_before_does_not_take_it_away_and_one_that_has_it_says_more)
{
    begin();
    const auto web = image("web");
    beat();
    BOOST_TEST(there(me));
    beat({web});
    BOOST_TEST(core->images(me)->size() == 2U);
    beat(); // It has been seen there: now it is gone.
    BOOST_TEST(!there(me));
}

BOOST_AUTO_TEST_CASE(what_a_host_does_not_tell_of_for_long_is_not_there)
{
    settings.checkpoint_grace = std::chrono::milliseconds{0};
    begin();
    image("web");
    BOOST_TEST(there(me));
    beat();
    BOOST_TEST(!there(me));
}

BOOST_AUTO_TEST_CASE(a_coordinator_that_starts_anew_knows_it_from_its_record)
{
    begin();
    image("web");
    crash_and_restart();
    BOOST_TEST(there(me));
    BOOST_TEST(!there(other));
}

BOOST_AUTO_TEST_CASE(another_tenant_neither_sees_it_nor_makes_anything_of_it)
{
    begin();
    image("web");
    BOOST_TEST(!there(other));
    BOOST_TEST(there(other, "tiny"));
    BOOST_TEST(core->images(other)->size() == 1U);
    BOOST_TEST(core->hosts(other)->at(0).facts.images.size() == 1U);
    BOOST_TEST(core->host(other, HostName{"h1"})->facts.images.size() == 1U);
    BOOST_TEST(core->host(me, HostName{"h1"})->facts.images.size() == 2U);
    BOOST_TEST(reason_of(core->create(other, wants("web"))) == "unknown_image");
    BOOST_CHECK(core->delete_image(other, ImageName{"web"}).error().code == ErrorCode::not_found);
    coordinator::PoolRequest pool;
    pool.name = "warm";
    pool.image = ImageName{"web"};
    pool.min = 0;
    BOOST_TEST(reason_of(core->create_pool(other, pool)) == "unknown_image");
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(a_pool_of_it_is_its_tenants_alone_and_keeps_it)
{
    begin();
    image("web");
    coordinator::PoolRequest pool;
    pool.name = "warm";
    pool.image = ImageName{"web"};
    pool.min = 0;
    BOOST_REQUIRE(core->create_pool(me, pool).has_value());
    BOOST_TEST(core->pools(me)->size() == 1U);
    BOOST_TEST(core->pools(other)->empty());
    BOOST_TEST(reason_of(core->pool(other, "warm")) == "unknown_pool");
    BOOST_TEST(reason_of(core->change_pool(other, "warm", {1, {}, {}})) == "unknown_pool");
    BOOST_TEST(reason_of(core->delete_pool(other, "warm")) == "unknown_pool");
    BOOST_TEST(why_stays("web") == "image_in_use");
    BOOST_TEST(core->change_pool(me, "warm", {0, 2, {}}).has_value());
    crash_and_restart();
    BOOST_TEST(core->pools(other)->empty());
    BOOST_TEST(core->delete_pool(me, "warm").has_value());
}

BOOST_AUTO_TEST_CASE(what_is_no_checkpoint_of_the_caller_is_not_found)
{
    begin();
    const auto theirs = by_name("web");
    auto unknown = theirs;
    unknown.from_snapshot = "none";
    BOOST_TEST(why_not(unknown) == "unknown_snapshot");
    unknown = by_id("web");
    unknown.from_snapshot = "snp-aaaaaaaaaaaaaaaa";
    BOOST_TEST(why_not(unknown) == "unknown_snapshot");
    BOOST_TEST(reason_of(core->create_image(other, by_id("web"))) == "unknown_snapshot");
    BOOST_CHECK(core->create_image(other, theirs).error().code == ErrorCode::not_found);
    unknown = theirs;
    unknown.sandbox = SandboxId{"sbx-aaaaaaaaaaaaaaaa"};
    BOOST_CHECK(core->create_image(me, unknown).error().code == ErrorCode::not_found);
    const auto second = running().id;
    unknown.sandbox = second;
    BOOST_TEST(why_not(unknown) == "unknown_snapshot");
    unknown.from_snapshot = snapshot_id.str(); // Of the first one.
    BOOST_TEST(why_not(unknown) == "unknown_snapshot");
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(a_name_is_taken_by_any_image_and_by_one_that_is_being_made)
{
    begin();
    BOOST_TEST(why_not(by_id("tiny")) == "image_exists");
    auto first = make(by_id("web"));
    const auto sent = expect<MakeImageOnHost>();
    BOOST_TEST(why_not(by_id("web")) == "image_exists");
    answer(sent, made(sent));
    BOOST_TEST(first.get().has_value());
    BOOST_TEST(why_not(by_id("web")) == "image_exists");
    auto again = make(by_id("api")); // Its host knows better.
    refuse(expect<MakeImageOnHost>(), ErrorCode::already_exists, "name_taken");
    BOOST_TEST(reason_of(again.get()) == "image_exists");
    image("api"); // And lets go of the name.
}

BOOST_AUTO_TEST_CASE(meanwhile_its_checkpoint_is_not_deleted)
{
    begin();
    auto asked = make(by_id("web"));
    const auto sent = expect<MakeImageOnHost>();
    BOOST_TEST(reason_of(forget(sandbox, "clean").get()) == "snapshot_in_use");
    answer(sent, made(sent));
    BOOST_TEST(asked.get().has_value());
    auto gone = forget(sandbox, "clean");
    answer(expect<DeleteSnapshotOnHost>(), std::monostate{});
    BOOST_TEST(gone.get().has_value());
    BOOST_TEST(why_not(by_id("api")) == "unknown_snapshot");
    BOOST_TEST(there(me));
}

BOOST_AUTO_TEST_CASE(one_that_is_not_ready_makes_no_image)
{
    begin();
    auto asked = snapshot(sandbox, "late");
    const auto taking = expect<SnapshotOnHost>();
    ImageRequest of_it{ImageName{"web"}, "late", sandbox};
    BOOST_TEST(why_not(of_it) == "wrong_state");
    answer(taking, CheckpointFixture::made(taking));
    BOOST_TEST(asked.get().has_value());
}

BOOST_AUTO_TEST_CASE(its_sandbox_may_be_destroyed_meanwhile)
{
    begin();
    auto asked = make(by_id("web"));
    const auto sent = expect<MakeImageOnHost>();
    auto gone = destroy(sandbox);
    done(expect<DestroyOnHost>(), sandbox, Phase::destroyed);
    BOOST_TEST(gone.get().has_value());
    BOOST_TEST(!asked.ready());
    answer(sent, made(sent));
    BOOST_TEST(asked.get().has_value());
    BOOST_TEST(there(me));
}

BOOST_AUTO_TEST_CASE(a_damaged_checkpoint_and_a_full_disk_are_told_as_they_are)
{
    begin();
    auto asked = make(by_id("web"));
    refuse(expect<MakeImageOnHost>(), ErrorCode::failed_precondition, "checkpoint_damaged");
    BOOST_TEST(reason_of(asked.get()) == "checkpoint_damaged");
    BOOST_TEST(core->snapshot(me, sandbox, "clean")->error == "no");
    asked = make(by_id("web"));
    refuse(expect<MakeImageOnHost>(), ErrorCode::resource_exhausted, "disk_full");
    BOOST_TEST(reason_of(asked.get()) == "disk_full");
    BOOST_TEST(store.audit_of("web").back() == "image.create disk_full");
    BOOST_TEST(!there(me));
}

BOOST_AUTO_TEST_CASE(an_answer_about_another_image_proves_nothing)
{
    begin();
    for (const auto& spoil : std::vector<std::function<void(Image&)>>{
             [](Image& image) { image.name = ImageName{"api"}; },
             [](Image& image) { image.tenant.clear(); },
             [](Image& image) { image.from_snapshot = {}; }}) {
        auto asked = make(by_id("web"));
        const auto sent = expect<MakeImageOnHost>();
        auto image = made(sent);
        spoil(image);
        answer(sent, image);
        BOOST_TEST(reason_of(asked.get()) == "outcome_unknown");
        BOOST_TEST(core->images(me)->size() == 1U);
    }
    auto asked = make(by_id("web"));
    answer(expect<MakeImageOnHost>(), std::monostate{});
    BOOST_TEST(reason_of(asked.get()) == "outcome_unknown");
}

BOOST_AUTO_TEST_CASE(nobody_waits_for_ever_and_the_work_goes_on)
{
    settings.snapshot_timeout = std::chrono::seconds{2};
    begin();
    auto asked = make(by_id("web"));
    const auto sent = expect<MakeImageOnHost>();
    const auto late = asked.get();
    BOOST_TEST(reason_of(late) == "outcome_unknown");
    BOOST_TEST(late.error().message.find("GET /v1/images/web") != std::string::npos);
    BOOST_TEST(why_not(by_id("web")) == "image_exists");
    answer(sent, made(sent));
    eventually([&] { return there(me); }, "the image");
}

BOOST_AUTO_TEST_CASE(a_host_that_comes_back_is_asked_again)
{
    begin();
    auto asked = make(by_id("web"));
    const auto sent = expect<MakeImageOnHost>();
    connect("h1", {report(sandbox, Phase::running)}, {made(sandbox, snapshot_id)});
    const auto again = expect<MakeImageOnHost>();
    BOOST_TEST(again.command.operation == sent.command.operation);
    answer(again, made(again));
    BOOST_TEST(asked.get().has_value());
}

BOOST_AUTO_TEST_CASE(what_is_not_recorded_is_not_begun)
{
    begin();
    store.fail(ErrorCode::unavailable);
    BOOST_TEST(why_not(by_id("web")) == "database_unavailable");
    BOOST_TEST(link.commands.empty());
    store.recover();
    image("web");
    store.fail(ErrorCode::unavailable);
    BOOST_TEST(why_stays("web") == "database_unavailable");
    BOOST_TEST(link.commands.empty());
    BOOST_TEST(there(me));
    store.recover();
}

BOOST_AUTO_TEST_CASE(a_host_that_is_away_or_has_as_many_as_it_can_tell_of_is_asked_for_none)
{
    settings.lost_after = std::chrono::seconds{3};
    settings.max_images_per_host = 2;
    begin();
    image("web");
    BOOST_TEST(why_not(by_id("api")) == "too_many_images");
    await_health("h1", HostHealth::lost);
    BOOST_TEST(why_stays("web") == "host_unreachable");
    BOOST_TEST(why_not(by_id("api")) == "host_unreachable");
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_SUITE_END()
