#include "tests/unit/coordinator_core/registry_fixture.hpp"

using namespace tests;

namespace {

/// A deletion, or what has come of a registration.
bool is_of_image(const FakeStore::Changes& changes)
{
    return std::holds_alternative<RegisteredImage>(changes.front());
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(core_registry_recording_tests, RegistryFixture)

BOOST_AUTO_TEST_CASE(a_registration_that_the_database_refuses_was_never_begun)
{
    run_with({"h1"});
    store.fail(ErrorCode::unavailable);
    BOOST_TEST(why_no(files()) == "database_unavailable");
    BOOST_TEST(link.commands.empty());
    store.recover();
    BOOST_TEST(store.registered_images().empty());
    registered();
    BOOST_TEST(there(me));
}

BOOST_AUTO_TEST_CASE(what_the_database_does_not_let_a_second_host_be_asked_for_is_given_up)
{
    run_with({"h1", "h2"});
    auto asked = add(files());
    const auto first = expect<AddImageOnHost>();
    store.fail(ErrorCode::unavailable);
    refuse(first, ErrorCode::resource_exhausted, "disk_full");
    BOOST_TEST(reason_of(asked.get()) == "database_unavailable");
    BOOST_TEST(link.commands.empty());
    store.recover();
    await_deleted(); // Or its name would be taken in the database.
    registered();
}

BOOST_AUTO_TEST_CASE(a_fetch_that_the_database_refuses_is_tried_again_later)
{
    run_with({"h1"});
    registered();
    store.fail(ErrorCode::unavailable);
    connect("h2");
    eventually([&] { return missing() != Texts{"h2: "}; }, "the reason");
    BOOST_TEST(link.commands.empty());
    store.recover();
    clock.stand_still(std::chrono::seconds{6});
    const auto sent = in_time<AddImageOnHost>();
    answer(sent, added(sent));
    eventually([&] { return missing().empty(); }, "the image");
}

BOOST_AUTO_TEST_CASE(a_deletion_that_the_database_refuses_has_changed_nothing)
{
    run_with({"h1"});
    const auto web = registered();
    beat_of("h1", {web});
    store.fail(ErrorCode::unavailable, is_of_image);
    BOOST_TEST(why_stays("web") == "database_unavailable");
    store.recover();
    BOOST_TEST(there(me));
    BOOST_TEST(hosts_with() == Texts{"h1"}, boost::test_tools::per_element());
    BOOST_CHECK(row().status == Registration::ready);
    BOOST_TEST(is_quiet()); // No host was told to remove it.
    BOOST_TEST(running(wants("web")).image.str() == "web");
}

BOOST_AUTO_TEST_CASE(no_host_removes_it_before_the_deletion_is_recorded)
{
    run_with({"h1"});
    registered();
    store.hold();
    auto asked = remove("web");
    eventually([&] { return store.held() > 0; }, "the write");
    BOOST_TEST(is_quiet());
    BOOST_TEST(!there(me));
    store.let_go();
    BOOST_TEST(asked.get().has_value());
    expect<RemoveImageOnHost>();
}

BOOST_AUTO_TEST_CASE(a_registration_that_was_never_begun_ends_nothing_else_on_its_host)
{
    run_with({"h1", "h2"});
    registered("web");
    const auto fetch = expect<AddImageOnHost>();
    BOOST_TEST(fetch.host.str() == "h2");
    BOOST_REQUIRE(core->change_host(me, HostName{"h1"}, {.cordoned = true}).has_value());
    store.fail(ErrorCode::unavailable);
    BOOST_TEST(why_no(files("api")) == "database_unavailable"); // It was for the second host.
    store.recover();
    BOOST_TEST(is_quiet());
    answer(fetch, added(fetch));
    eventually([&] { return missing("web").empty(); }, "the image");
}

BOOST_AUTO_TEST_CASE(a_deletion_that_may_be_recorded_is_recorded_for_certain)
{
    run_with({"h1"});
    registered();
    store.fail(ErrorCode::timeout, is_of_image);
    BOOST_TEST(why_stays("web") == "outcome_unknown");
    BOOST_TEST(!there(me));
    BOOST_CHECK(row().status == Registration::ready);
    store.recover();
    await_deleted();
    expect<RemoveImageOnHost>();
}

BOOST_AUTO_TEST_CASE(a_deletion_that_is_refused_does_not_end_a_registration)
{
    run_with({"h1"});
    auto asked = add(files());
    const auto sent = expect<AddImageOnHost>();
    store.fail(ErrorCode::unavailable, is_of_image);
    BOOST_TEST(why_stays("web") == "database_unavailable");
    store.recover();
    BOOST_TEST(why_no(files()) == "image_exists");
    answer(sent, added(sent));
    BOOST_TEST(asked.get().has_value());
    BOOST_TEST(there(me));
    BOOST_CHECK(row().status == Registration::ready);
}

BOOST_AUTO_TEST_CASE(a_registration_that_ended_while_its_deletion_was_refused_is_deleted)
{
    run_with({"h1"});
    auto asked = add(files());
    const auto sent = expect<AddImageOnHost>();
    store.hold();
    auto gone = remove("web");
    eventually([&] { return store.held() == 1; }, "the deletion");
    answer(sent, added(sent));
    eventually([&] { return store.held() == 2; }, "the outcome");
    store.fail(ErrorCode::unavailable, is_of_image);
    store.let_go();
    BOOST_TEST(reason_of(gone.get()) == "database_unavailable");
    BOOST_TEST(reason_of(asked.get()) == "wrong_state");
    BOOST_TEST(!there(me));
    store.recover();
    await_deleted();
    registered(); // Its name is free.
}

BOOST_AUTO_TEST_SUITE_END()
