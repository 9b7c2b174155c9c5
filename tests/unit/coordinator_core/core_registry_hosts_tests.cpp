#include "tests/unit/coordinator_core/registry_fixture.hpp"

using namespace tests;

BOOST_FIXTURE_TEST_SUITE(core_registry_hosts_tests, RegistryFixture)

BOOST_AUTO_TEST_CASE(the_other_hosts_fetch_it_by_themselves_and_at_most_four_at_once)
{
    run_with({"h1", "h2", "h3", "h4", "h5", "h6"});
    const auto web = registered();
    BOOST_TEST(web.missing_on.size() == 5U);
    std::vector<FakeLink::Sent> fetching;
    for (int i = 0; i < 4; ++i) {
        fetching.push_back(expect<AddImageOnHost>());
    }
    BOOST_TEST(is_quiet());
    BOOST_TEST(hosts_with() == Texts{"h1"}, boost::test_tools::per_element());
    answer(fetching.back(), added(fetching.back()));
    fetching.back() = expect<AddImageOnHost>();
    std::set<std::string> asked{"h1"};
    for (const auto& sent : fetching) {
        BOOST_TEST(std::get<AddImageOnHost>(sent.command.what).image.id == web.registration);
        asked.insert(sent.host.str());
        answer(sent, added(sent));
    }
    BOOST_TEST(asked.size() == 5U);
    eventually([&] { return missing().empty(); }, "the image, everywhere");
    BOOST_TEST(hosts_with().size() == 6U);
    BOOST_TEST(is_quiet());
    const auto audit = store.audit();
    const auto fetch = std::ranges::find(audit, "image.fetch", &coordinator::AuditRow::action);
    BOOST_REQUIRE(fetch != audit.end());
    BOOST_TEST(fetch->caller.actor == "system:images");
    BOOST_TEST(fetch->caller.tenant == "t");
    BOOST_TEST(fetch->target == "web");
    eventually(
        [&] {
            return std::ranges::all_of(store.operations(),
                                       [](const auto& one) { return one.status == "done"; });
        },
        "the record");
}

BOOST_AUTO_TEST_CASE(a_host_fetches_one_at_a_time)
{
    run_with({"h1", "h2"});
    registered("web");
    const auto first = expect<AddImageOnHost>();
    BOOST_TEST(first.host.str() == "h2");
    registered("api"); // The first host looks at it.
    BOOST_TEST(is_quiet());
    answer(first, added(first));
    const auto second = expect<AddImageOnHost>();
    BOOST_TEST(second.host.str() == "h2");
    answer(second, added(second));
    eventually([&] { return missing("web").empty() && missing("api").empty(); }, "both");
}

BOOST_AUTO_TEST_CASE(a_host_that_comes_takes_nothing_new_before_it_has_all_images)
{
    run_with({"h1"});
    const auto old = running();
    registered("web");
    connect("h2");
    const auto fetch = expect<AddImageOnHost>();
    BOOST_TEST(fetch.host.str() == "h2");
    BOOST_TEST(core->host(me, HostName{"h2"})->warming);
    auto there = request();
    there.host = HostName{"h2"};
    BOOST_TEST(create(there).get().error().details ==
               "h1: another host was asked for\nh2: it is fetching images that it lacks");
    inventory("h2", {}, {}); // It says so again, and nothing changes: it is asked again, too.
    expect<AddImageOnHost>();
    BOOST_TEST(core->host(me, HostName{"h2"})->warming);
    answer(fetch, added(fetch));
    eventually([&] { return !core->host(me, HostName{"h2"})->warming; }, "its end");
    BOOST_TEST(running(there).host.str() == "h2");
    // One that is ready stays so while it fetches what is new.
    registered("api");
    const auto more = expect<AddImageOnHost>();
    BOOST_TEST(!core->host(me, more.host)->warming);
    answer(more, added(more));
    BOOST_CHECK(now(old.id).phase == Phase::running);
}

BOOST_AUTO_TEST_CASE(a_host_that_was_there_a_moment_ago_does_not_get_warm_again)
{
    run_with({"h1", "h2"});
    registered("web");
    const auto fetch = expect<AddImageOnHost>();
    connect("h2"); // Its link was gone for a moment.
    settle();
    BOOST_TEST(!core->host(me, HostName{"h2"})->warming);
    crash_and_restart();
    connect("h1");
    connect("h2");
    settle();
    BOOST_TEST(!core->host(me, HostName{"h1"})->warming);
    BOOST_TEST(!core->host(me, HostName{"h2"})->warming);
}

BOOST_AUTO_TEST_CASE(what_is_registered_meanwhile_does_not_keep_a_host_away)
{
    run_with({"h1"});
    registered("web");
    connect("h2");
    const auto fetch = expect<AddImageOnHost>();
    BOOST_TEST(core->host(me, HostName{"h2"})->warming);
    registered("api");
    answer(fetch, added(fetch));
    eventually([&] { return !core->host(me, HostName{"h2"})->warming; }, "its end");
    const auto more = expect<AddImageOnHost>();
    BOOST_TEST(more.host.str() == "h2");
    answer(more, added(more));
}

BOOST_AUTO_TEST_CASE(what_a_host_cannot_fetch_does_not_keep_it_away)
{
    run_with({"h1"});
    registered("web");
    connect("h2");
    const auto fetch = expect<AddImageOnHost>();
    BOOST_TEST(core->host(me, HostName{"h2"})->warming);
    refuse(fetch, ErrorCode::resource_exhausted, "disk_full");
    eventually([&] { return !core->host(me, HostName{"h2"})->warming; }, "its end");
    auto there = request();
    there.host = HostName{"h2"};
    BOOST_TEST(running(there).host.str() == "h2");
}

BOOST_AUTO_TEST_CASE(a_heartbeat_from_before_does_not_take_it_away)
{
    run_with({"h1"});
    const auto web = registered("web");
    const auto api = registered("api");
    beat_of("h1");
    BOOST_TEST(hosts_with("web") == Texts{"h1"}, boost::test_tools::per_element());
    BOOST_TEST(hosts_with("api") == Texts{"h1"}, boost::test_tools::per_element());
    BOOST_TEST(is_quiet());
    beat_of("h1", {web, api});
    beat_of("h1", {api}); // It has been seen there: now it is gone.
    BOOST_TEST(missing("web") == Texts{"h1: "}, boost::test_tools::per_element());
    BOOST_TEST(std::get<AddImageOnHost>(in_time<AddImageOnHost>().command.what).image.id ==
               web.registration);
}

BOOST_AUTO_TEST_CASE(a_create_of_one_that_no_host_has_is_told_where_it_is_on_its_way)
{
    run_with({"h1"});
    const auto web = registered("web");
    beat_of("h1", {web});
    beat_of("h1", {});
    const auto made = core->create(me, wants("web"));
    BOOST_REQUIRE(!made);
    BOOST_TEST(made.error().reason == "image_on_its_way");
    BOOST_TEST(made.error().details == "h1: it is on its way there");
}

BOOST_AUTO_TEST_CASE(a_host_that_fails_is_left_alone_for_longer_each_time_and_tells_why)
{
    run_with({"h1", "h2"});
    registered();
    BOOST_TEST(missing() == Texts{"h2: "}, boost::test_tools::per_element());
    refuse(expect<AddImageOnHost>(), ErrorCode::resource_exhausted, "disk_full");
    eventually([&] { return missing() == Texts{"h2: no"}; }, "the reason");
    BOOST_TEST(is_quiet());
    clock.stand_still(std::chrono::seconds{5});
    refuse(in_time<AddImageOnHost>(), ErrorCode::unavailable, "host_slow");
    settle();
    clock.stand_still(std::chrono::seconds{6});
    BOOST_TEST(is_quiet());
    BOOST_TEST(missing() == Texts{"h2: no"}, boost::test_tools::per_element());
    clock.stand_still(std::chrono::seconds{5});
    const auto third = in_time<AddImageOnHost>();
    answer(third, added(third));
    eventually([&] { return missing().empty(); }, "the image");
    eventually([&] { return store.audit_of("web").back() == "image.fetch ok"; }, "the record");
    BOOST_CHECK(row().status == Registration::ready);
}

BOOST_AUTO_TEST_CASE(a_host_that_answers_with_another_image_has_none)
{
    run_with({"h1", "h2"});
    registered();
    const auto sent = expect<AddImageOnHost>();
    auto image = added(sent);
    image.digest = "d9";
    answer(sent, image);
    eventually([&] { return missing() != Texts{"h2: "}; }, "the reason");
    BOOST_TEST(missing().at(0) == "h2: host h2 answered with another image");
    BOOST_TEST(hosts_with() == Texts{"h1"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(lost_hosts_are_told_of_as_such_and_keep_no_other_from_fetching)
{
    settings.lost_after = std::chrono::seconds{2};
    run_with({"h1", "h2", "h3", "h4", "h5"});
    const auto web = registered();
    const Texts away{"h2", "h3", "h4", "h5"};
    for (std::size_t i = 0; i < away.size(); ++i) {
        expect<AddImageOnHost>();
    }
    for (const auto& host : away) {
        eventually(
            [&] {
                beat_of("h1", {web});
                return core->host(me, HostName{host})->health == HostHealth::lost;
            },
            "the loss");
    }
    BOOST_TEST(missing() == (Texts{"h2: it is not connected",
                                   "h3: it is not connected",
                                   "h4: it is not connected",
                                   "h5: it is not connected"}),
               boost::test_tools::per_element());
    come("h6");
    BOOST_TEST(in_time<AddImageOnHost>().host.str() == "h6");
}

BOOST_AUTO_TEST_CASE(a_deleted_one_is_gone_at_once_and_then_from_its_hosts)
{
    run_with({"h1", "h2"});
    const auto web = registered();
    const auto fetch = expect<AddImageOnHost>();
    answer(fetch, added(fetch));
    eventually([&] { return missing().empty(); }, "the image");
    const auto gone = core->delete_image(me, ImageName{"web"});
    BOOST_REQUIRE(gone.has_value());
    BOOST_TEST(gone->registration == web.registration);
    BOOST_TEST(gone->hosts.size() == 2U);
    BOOST_TEST(!there(me));
    BOOST_TEST(core->images(me)->size() == 1U);
    BOOST_TEST(core->host(me, HostName{"h1"})->facts.images.size() == 1U);
    BOOST_TEST(reason_of(core->create(me, wants("web"))) == "unknown_image");
    BOOST_CHECK(row().status == Registration::deleted);
    BOOST_TEST(row().deleted_at.has_value());
    std::set<std::string> hosts;
    for (int i = 0; i < 2; ++i) {
        const auto sent = expect<RemoveImageOnHost>();
        const auto& what = std::get<RemoveImageOnHost>(sent.command.what);
        BOOST_TEST(what.image.str() == "web");
        BOOST_TEST(what.tenant == "t");
        BOOST_TEST(what.registration == web.registration);
        hosts.insert(sent.host.str());
        answer(sent, std::monostate{});
    }
    BOOST_TEST(hosts.size() == 2U);
    BOOST_TEST(is_quiet());
    beat_of("h1", {web}); // From before: it is asked again, and has nothing.
    BOOST_TEST(!there(me));
    refuse(in_time<RemoveImageOnHost>(), ErrorCode::not_found);
    beat_of("h1");
    BOOST_TEST(is_quiet());
    eventually([&] { return store.audit_of("web").back() == "image.drop ok"; }, "the record");
    BOOST_TEST(std::ranges::count(store.audit_of("web"), "image.delete ok") == 1);
    BOOST_CHECK(core->delete_image(me, ImageName{"web"}).error().code == ErrorCode::not_found);
    BOOST_TEST(registered().registration != web.registration);
}

BOOST_AUTO_TEST_CASE(a_host_that_was_away_is_rid_of_it_when_it_is_back)
{
    run_with({"h1"});
    const auto web = registered();
    appear("h2", {web});
    BOOST_REQUIRE(core->delete_image(me, ImageName{"web"}).has_value());
    const auto first = expect<RemoveImageOnHost>();
    BOOST_TEST(first.host.str() == "h1");
    answer(first, std::monostate{});
    BOOST_TEST(is_quiet());
    crash_and_restart();
    come("h2", {web});
    BOOST_TEST(!there(me));
    const auto second = in_time<RemoveImageOnHost>();
    BOOST_TEST(second.host.str() == "h2");
    BOOST_TEST(std::get<RemoveImageOnHost>(second.command.what).registration == web.registration);
    refuse(second, ErrorCode::failed_precondition, "image_in_use"); // By what is no sandbox.
    BOOST_TEST(is_quiet());
    clock.stand_still(std::chrono::seconds{6});
    answer(in_time<RemoveImageOnHost>(), std::monostate{});
    BOOST_TEST(is_quiet());
}

BOOST_AUTO_TEST_CASE(one_that_is_in_use_or_another_tenants_is_not_deleted)
{
    run_with({"h1"});
    registered(with_kernel());
    BOOST_CHECK(core->delete_image(other, ImageName{"web"}).error().code == ErrorCode::not_found);
    const auto on_it = running(wants("web")).id;
    BOOST_TEST(why_stays("web") == "image_in_use");
    auto gone = destroy(on_it);
    done(expect<DestroyOnHost>(), on_it, Phase::destroyed);
    BOOST_REQUIRE(gone.get().has_value());
    coordinator::PoolRequest pool;
    pool.name = "warm";
    pool.image = ImageName{"web"};
    pool.min = 0;
    BOOST_REQUIRE(core->create_pool(me, pool).has_value());
    BOOST_TEST(why_stays("web") == "image_in_use");
    BOOST_REQUIRE(core->delete_pool(me, "warm").has_value());
    BOOST_TEST(there(me));
    BOOST_CHECK(row().status == Registration::ready);
    BOOST_TEST(why_stays("web") == "ok");
    BOOST_TEST(!there(me));
}

BOOST_AUTO_TEST_CASE(one_may_be_deleted_before_a_host_has_it)
{
    run_with({"h1"});
    auto asked = add(files());
    const auto sent = expect<AddImageOnHost>();
    const auto gone = core->delete_image(me, ImageName{"web"});
    BOOST_REQUIRE(gone.has_value());
    BOOST_TEST(gone->digest == disk);
    BOOST_TEST(gone->hosts.empty());
    BOOST_CHECK(row().status == Registration::deleted);
    answer(sent, added(sent));
    BOOST_TEST(reason_of(asked.get()) == "wrong_state");
    BOOST_TEST(!there(me));
    BOOST_TEST(is_quiet());
    beat_of("h1", {added(sent)});
    BOOST_TEST(!there(me));
    const auto removing = in_time<RemoveImageOnHost>();
    BOOST_TEST(std::get<RemoveImageOnHost>(removing.command.what).registration ==
               gone->registration);
    answer(removing, std::monostate{});
}

BOOST_AUTO_TEST_CASE(one_that_is_deleted_while_a_host_fetches_it_goes_from_there_too)
{
    run_with({"h1", "h2"});
    registered();
    const auto fetch = expect<AddImageOnHost>();
    BOOST_REQUIRE(core->delete_image(me, ImageName{"web"}).has_value());
    answer(expect<RemoveImageOnHost>(), std::monostate{});
    answer(fetch, added(fetch));
    beat_of("h2", {added(fetch)});
    BOOST_TEST(!there(me));
    BOOST_TEST(in_time<RemoveImageOnHost>().host.str() == "h2");
}

BOOST_AUTO_TEST_CASE(a_host_is_given_pieces_of_what_it_is_to_fetch_and_of_nothing_else)
{
    run_with({"h1", "h2"});
    auto asked = add(with_kernel());
    const auto sent = expect<AddImageOnHost>();
    BOOST_TEST(*piece(sent, disk, 0, 4, "h1").data == "0123");
    BOOST_TEST(*piece(sent, disk, 4, 4, "h1").data == "4567");
    BOOST_TEST(*piece(sent, disk, 8, 4, "h1").data == "89"); // There is no more.
    BOOST_TEST(*piece(sent, kernel, 0, 100, "h1").data == "kernel");
    BOOST_TEST(*piece(sent, initrd, 1, 2, "h1").data == "ni");
    const std::string unknown(64, 'f');
    blobs.put("t", unknown, "another file");
    BOOST_TEST(reason_of(piece(sent, disk, 10, 4, "h1").data) == "unknown_blob");
    BOOST_TEST(reason_of(piece(sent, disk, ~std::uint64_t{0}, 4, "h1").data) == "unknown_blob");
    BOOST_TEST(reason_of(piece(sent, unknown, 0, 4, "h1").data) == "unknown_blob");
    BOOST_TEST(reason_of(piece(sent, "", 0, 4, "h1").data) == "unknown_blob");
    BOOST_TEST(reason_of(piece(sent, disk, 0, 4, "h2").data) == "unknown_blob");
    answer(sent, added(sent));
    BOOST_REQUIRE(asked.get().has_value());
    const auto fetch = expect<AddImageOnHost>();
    BOOST_TEST(reason_of(piece(sent, disk, 0, 4, "h1").data) == "unknown_blob"); // It has ended.
    BOOST_TEST(*piece(fetch, disk, 0, 4, "h2").data == "0123");
}

BOOST_AUTO_TEST_CASE(an_operation_that_fetches_nothing_gives_no_piece)
{
    run_with({"h1"});
    auto asked = create();
    const auto sent = expect<CreateOnHost>();
    BOOST_TEST(reason_of(piece(sent, disk, 0, 4, "h1").data) == "unknown_blob");
    done(sent, id_in(sent), Phase::running);
    BOOST_TEST(asked.get().has_value());
}

BOOST_AUTO_TEST_CASE(only_files_that_living_images_are_made_of_are_kept)
{
    const std::string second(64, 'd');
    blobs.put("t", second, "another disk");
    run_with({"h1"});
    registered(with_kernel("web"));
    auto api = files("api");
    api.disk.digest = second;
    registered(api);
    using Keys = std::set<coordinator::Blobs::Key>;
    clock.stand_still(std::chrono::hours{2});
    eventually(
        [&] {
            return blobs.swept_but() ==
                   Keys{{"t", disk}, {"t", kernel}, {"t", initrd}, {"t", second}};
        },
        "the sweep");
    BOOST_REQUIRE(core->delete_image(me, ImageName{"web"}).has_value());
    clock.stand_still(std::chrono::hours{2});
    eventually([&] { return blobs.swept_but() == Keys{{"t", second}}; }, "the next sweep");
}

BOOST_AUTO_TEST_SUITE_END()
