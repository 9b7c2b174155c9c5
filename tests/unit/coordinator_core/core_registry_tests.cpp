#include "tests/unit/coordinator_core/registry_fixture.hpp"

using namespace tests;

BOOST_FIXTURE_TEST_SUITE(core_registry_tests, RegistryFixture)

BOOST_AUTO_TEST_CASE(the_first_host_looks_at_it_and_then_it_is_there)
{
    run_with({"h1"});
    auto asked = add(with_kernel());
    const auto sent = expect<AddImageOnHost>();
    const auto& what = std::get<AddImageOnHost>(sent.command.what).image;
    BOOST_TEST(sent.host.str() == "h1");
    BOOST_TEST(!what.id.empty());
    BOOST_TEST(what.name.str() == "web");
    BOOST_TEST(what.tenant == "t");
    BOOST_CHECK((what.disk == coordinator::Blob{disk, Bytes{10}}));
    BOOST_CHECK((what.kernel == coordinator::Blob{kernel, Bytes{6}}));
    BOOST_CHECK((what.initrd == coordinator::Blob{initrd, Bytes{6}}));
    BOOST_TEST(what.cmdline == "quiet");
    BOOST_TEST(what.boot == "kernel");
    BOOST_TEST(what.agent == "paddock");
    BOOST_TEST(what.vcpus == 2U);
    BOOST_CHECK(what.memory == Bytes::mib(100));
    BOOST_CHECK(row() == what);
    BOOST_CHECK(row().status == Registration::registering);
    BOOST_TEST(!there(me));
    BOOST_TEST(core->images(me)->size() == 1U);
    answer(sent, added(sent));
    const auto image = asked.get();
    BOOST_REQUIRE(image.has_value());
    BOOST_TEST(image->registration == what.id);
    BOOST_TEST(image->digest == disk);
    BOOST_TEST(image->hosts.at(0).str() == "h1");
    BOOST_TEST(image->missing_on.empty());
    BOOST_CHECK(row().status == Registration::ready);
    BOOST_TEST(store.audit_of("web") == (Texts{"image.register intent", "image.register ok"}),
               boost::test_tools::per_element());
    BOOST_TEST(store.operations().back().kind == "register_image");
    BOOST_TEST(store.operations().back().status == "done");
    BOOST_TEST(core->images(me)->size() == 2U);
    BOOST_TEST(!there(other));
    BOOST_TEST(core->images(other)->size() == 1U);
    auto of_it = create(wants("web"));
    const auto made_of = expect<CreateOnHost>();
    BOOST_TEST(std::get<CreateOnHost>(made_of.command.what).sandbox.image_digest == disk);
    done(made_of, id_in(made_of), Phase::running);
    BOOST_TEST(of_it.get().has_value());
}

BOOST_AUTO_TEST_CASE(the_one_with_most_room_is_asked_and_a_cordoned_one_only_if_there_is_no_other)
{
    run();
    for (const auto& [host, room] : std::map<std::string, int>{{"h1", 3}, {"h2", 9}, {"h3", 5}}) {
        auto has = facts(host);
        has.disk_free = Bytes::mib(static_cast<std::uint64_t>(room));
        link.say(coordinator::HostConnected{HostName{host}, "run-" + host, has});
        inventory(host, {}, {});
    }
    settle();
    BOOST_REQUIRE(core->change_host(me, HostName{"h2"}, {.cordoned = true}).has_value());
    auto asked = add(files());
    for (const auto* host : {"h3", "h1", "h2"}) {
        const auto sent = expect<AddImageOnHost>();
        BOOST_TEST(sent.host.str() == host);
        refuse(sent, ErrorCode::resource_exhausted, "disk_full");
    }
    BOOST_TEST(reason_of(asked.get()) == "host_failed");
}

BOOST_AUTO_TEST_CASE(one_that_is_unusable_is_the_callers_error_and_leaves_nothing)
{
    run_with({"h1", "h2"});
    auto asked = add(files());
    refuse(expect<AddImageOnHost>(), ErrorCode::invalid_argument, "image_unusable");
    const auto refused = asked.get();
    BOOST_TEST(reason_of(refused) == "image_unusable");
    BOOST_CHECK(refused.error().code == ErrorCode::invalid_argument);
    BOOST_CHECK(row().status == Registration::deleted);
    BOOST_TEST(row().deleted_at.has_value());
    BOOST_TEST(store.audit_of("web").back() == "image.register image_unusable");
    BOOST_TEST(store.operations().back().status == "failed");
    BOOST_TEST(!there(me));
    BOOST_TEST(is_quiet());
    registered(); // The name is free.
}

BOOST_AUTO_TEST_CASE(when_a_host_is_full_the_next_is_asked)
{
    run_with({"h1", "h2"});
    auto asked = add(files());
    const auto first = expect<AddImageOnHost>();
    refuse(first, ErrorCode::resource_exhausted, "disk_full");
    const auto second = expect<AddImageOnHost>();
    BOOST_TEST(first.host.str() == "h1");
    BOOST_TEST(second.host.str() == "h2");
    BOOST_TEST(std::get<AddImageOnHost>(second.command.what).image.id ==
               std::get<AddImageOnHost>(first.command.what).image.id);
    BOOST_CHECK(row().status == Registration::registering);
    answer(second, added(second));
    const auto image = asked.get();
    BOOST_REQUIRE(image.has_value());
    BOOST_TEST(image->hosts.at(0).str() == "h2");
    BOOST_TEST(image->missing_on.contains(HostName{"h1"}));
    BOOST_TEST(store.audit_of("web").size() >= 4U);
    BOOST_TEST(store.audit_of("web").at(1) == "image.register disk_full");
    BOOST_TEST(expect<AddImageOnHost>().host.str() == "h1"); // Which is to have it all the same.
}

BOOST_AUTO_TEST_CASE(when_no_host_can_take_it_the_caller_hears_what_each_said)
{
    run_with({"h1", "h2"});
    auto asked = add(files());
    refuse(expect<AddImageOnHost>(), ErrorCode::unavailable, "coordinator_silent");
    refuse(expect<AddImageOnHost>(), ErrorCode::unimplemented);
    const auto refused = asked.get();
    BOOST_TEST(reason_of(refused) == "host_failed");
    BOOST_CHECK(refused.error().code == ErrorCode::unavailable);
    BOOST_TEST(refused.error().message.find("h1: no; h2: no") != std::string::npos);
    BOOST_CHECK(row().status == Registration::deleted);
    BOOST_TEST(store.audit_of("web").back() == "image.register host_failed");
    registered();
}

BOOST_AUTO_TEST_CASE(without_a_ready_host_nothing_is_written)
{
    run();
    appear("h1");
    const auto refused = core->register_image(me, files());
    BOOST_TEST(reason_of(refused) == "no_hosts");
    BOOST_CHECK(refused.error().code == ErrorCode::unavailable);
    BOOST_TEST(store.registered_images().empty());
    BOOST_TEST(store.audit_of("web").empty());
    BOOST_TEST(link.commands.empty());
    come("h1");
    registered();
}

BOOST_AUTO_TEST_CASE(a_file_that_the_tenant_has_not_uploaded_is_not_found)
{
    run_with({"h1"});
    const std::string unknown(64, 'f');
    for (const auto part :
         {&RegisteredImage::disk, &RegisteredImage::kernel, &RegisteredImage::initrd}) {
        auto what = with_kernel();
        (what.*part).digest = unknown;
        const auto refused = core->register_image(me, what);
        BOOST_TEST(reason_of(refused) == "unknown_blob");
        BOOST_CHECK(refused.error().code == ErrorCode::not_found);
    }
    BOOST_TEST(reason_of(core->register_image(other, files())) == "unknown_blob");
    BOOST_TEST(store.registered_images().empty());
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(a_name_is_taken_by_every_image_that_is_there_or_is_to_be)
{
    begin();
    BOOST_TEST(why_no(files("tiny")) == "image_exists");
    auto asked = make(by_id("api")); // Of a checkpoint.
    const auto making = expect<MakeImageOnHost>();
    BOOST_TEST(why_no(files("api")) == "image_exists");
    answer(making, made(making));
    BOOST_REQUIRE(asked.get().has_value());
    BOOST_TEST(why_no(files("api")) == "image_exists");

    auto registering = add(files());
    const auto sent = expect<AddImageOnHost>();
    BOOST_TEST(why_no(files()) == "image_exists");
    BOOST_TEST(why_not(by_id("web")) == "image_exists");
    answer(sent, added(sent));
    BOOST_REQUIRE(registering.get().has_value());
    BOOST_TEST(why_no(files()) == "image_exists");
    BOOST_TEST(why_not(by_id("web")) == "image_exists");
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(a_host_that_has_one_of_that_name_knows_better)
{
    run_with({"h1"});
    auto asked = add(files());
    refuse(expect<AddImageOnHost>(), ErrorCode::already_exists, "name_taken");
    BOOST_TEST(reason_of(asked.get()) == "image_exists");
    BOOST_CHECK(row().status == Registration::deleted);
    registered(); // And lets go of the name.
}

BOOST_AUTO_TEST_CASE(there_are_only_so_many)
{
    settings.max_images_per_host = 1;
    run();
    auto has = facts("h1");
    has.images.clear();
    link.say(coordinator::HostConnected{HostName{"h1"}, "run-h1", has});
    inventory("h1", {}, {});
    settle();
    registered();
    BOOST_TEST(why_no(files("api")) == "too_many_images");
    BOOST_TEST(store.registered_images().size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_host_that_has_as_many_as_it_can_tell_of_is_not_asked)
{
    settings.max_images_per_host = 1;
    run_with({"h1"}); // With "tiny".
    BOOST_TEST(why_no(files()) == "no_hosts");
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(an_answer_about_another_image_is_not_believed)
{
    run_with({"h1"});
    for (const auto& spoil : std::vector<std::function<void(Image&)>>{
             [](Image& image) { image.name = ImageName{"api"}; },
             [](Image& image) { image.tenant = "u"; },
             [](Image& image) { image.digest = "d1"; },
             [](Image& image) { image.registration = {}; }}) {
        auto asked = add(files());
        const auto sent = expect<AddImageOnHost>();
        auto image = added(sent);
        spoil(image);
        answer(sent, image);
        BOOST_TEST(reason_of(asked.get()) == "host_failed");
        BOOST_TEST(core->images(me)->size() == 1U);
    }
    auto asked = add(files());
    answer(expect<AddImageOnHost>(), std::monostate{});
    BOOST_TEST(reason_of(asked.get()) == "host_failed");
    for (const auto& image : store.registered_images()) {
        BOOST_CHECK(image.status == Registration::deleted);
    }
}

BOOST_AUTO_TEST_CASE(nobody_waits_for_ever_for_a_host_to_look_and_the_work_goes_on)
{
    settings.snapshot_timeout = std::chrono::seconds{2};
    run_with({"h1"});
    auto asked = add(files());
    const auto sent = expect<AddImageOnHost>();
    const auto late = asked.get();
    BOOST_TEST(reason_of(late) == "outcome_unknown");
    BOOST_TEST(late.error().message.find("GET /v1/images/web") != std::string::npos);
    BOOST_TEST(why_no(files()) == "image_exists");
    answer(sent, added(sent));
    eventually([&] { return there(me); }, "the image");
}

BOOST_AUTO_TEST_CASE(a_coordinator_that_ends_meanwhile_takes_it_back_when_it_starts)
{
    run_with({"h1"});
    auto asked = add(files());
    const auto sent = expect<AddImageOnHost>();
    crash_and_restart();
    BOOST_TEST(!asked.get().has_value());
    await_deleted();
    BOOST_TEST(!there(me));
    come("h1", {added(sent)}); // It had gone on, alone.
    BOOST_TEST(!there(me));
    const auto gone = in_time<RemoveImageOnHost>();
    const auto& what = std::get<RemoveImageOnHost>(gone.command.what);
    BOOST_TEST(what.image.str() == "web");
    BOOST_TEST(what.tenant == "t");
    BOOST_TEST(what.registration == row().id);
    answer(gone, std::monostate{});
    BOOST_TEST(is_quiet());
    registered();
}

BOOST_AUTO_TEST_CASE(after_a_restart_one_that_was_ready_is_there)
{
    run_with({"h1"});
    const auto web = registered();
    crash_and_restart();
    BOOST_TEST(there(me));
    BOOST_TEST(!there(other));
    BOOST_TEST(look()->registration == web.registration);
    BOOST_TEST(hosts_with() == Texts{"h1"}, boost::test_tools::per_element());
    come("h1", {web});
    BOOST_TEST(why_no(files()) == "image_exists");
    BOOST_TEST(is_quiet());
    beat_of("h1"); // It has lost it: it is to have it again.
    BOOST_TEST(there(me));
    BOOST_TEST(missing() == Texts{"h1: "}, boost::test_tools::per_element());
    const auto again = in_time<AddImageOnHost>();
    answer(again, added(again));
    eventually([&] { return missing().empty(); }, "the image");
}

BOOST_AUTO_TEST_SUITE_END()
