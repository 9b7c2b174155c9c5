#include "tests/unit/coordinator_core/registry_fixture.hpp"

using namespace tests;

BOOST_FIXTURE_TEST_SUITE(core_registry_troubles_tests, RegistryFixture)

BOOST_AUTO_TEST_CASE(a_list_tells_as_much_of_one_as_it_does_by_itself)
{
    run_with({"h1", "h2"});
    registered();
    expect<AddImageOnHost>();
    const auto all = core->images(me);
    const auto web = std::ranges::find(*all, ImageName{"web"}, &Image::name);
    BOOST_REQUIRE(web != all->end());
    BOOST_TEST(web->missing_on.size() == 1U);
    BOOST_TEST(web->missing_on.begin()->first.str() == "h2");
}

BOOST_AUTO_TEST_CASE(another_host_looks_at_it_where_the_first_one_is_lost)
{
    settings.lost_after = std::chrono::seconds{2};
    run_with({"h1", "h2"});
    auto asked = add(files());
    const auto first = expect<AddImageOnHost>();
    const auto second_host = first.host.str() == "h1" ? "h2" : "h1";
    eventually(
        [&] {
            beat_of(second_host);
            return !link.commands.empty();
        },
        "the other one to be asked");
    const auto second = expect<AddImageOnHost>();
    BOOST_TEST(second.host.str() == second_host);
    answer(second, added(second));
    const auto made = asked.get();
    BOOST_REQUIRE(made.has_value());
    BOOST_TEST(made->hosts.at(0).str() == second_host);
    answer(first, added(first)); // It comes back and had done it: nobody minds.
    settle();
    BOOST_TEST(there(me));
}

BOOST_AUTO_TEST_CASE(of_a_deleted_one_nothing_more_is_given)
{
    run_with({"h1"});
    auto asked = add(files());
    const auto sent = expect<AddImageOnHost>();
    const auto want = [&] {
        link.say(HostWantsPiece{sent.host, sent.command.operation, disk, 0, 4});
        return expect<PieceOnHost>();
    };
    BOOST_TEST(std::get<PieceOnHost>(want().command.what).data.has_value());
    BOOST_REQUIRE(core->delete_image(me, ImageName{"web"}));
    const auto refused = want();
    const auto& piece = std::get<PieceOnHost>(refused.command.what);
    BOOST_REQUIRE(!piece.data);
    BOOST_TEST(piece.data.error().reason == "unknown_blob");
    refuse(sent, ErrorCode::unavailable, "unknown_blob");
    BOOST_TEST(!asked.get());
}

BOOST_AUTO_TEST_CASE(a_host_that_has_as_many_as_it_can_tell_of_fetches_no_more)
{
    settings.max_images_per_host = 2;
    run_with({"h1"});
    registered("web"); // Beside the operator's.
    Image own;
    own.name = ImageName{"own"};
    own.digest = "d7";
    come("h2", {own});
    eventually([&] { return missing() != Texts{"h2: "}; }, "the reason");
    BOOST_TEST(missing().at(0) == "h2: it has 2 images, which is the most");
    BOOST_TEST(is_quiet());
}

BOOST_AUTO_TEST_CASE(what_no_host_can_use_is_fetched_in_vain_once_in_hours)
{
    run_with({"h1", "h2"});
    registered();
    refuse(expect<AddImageOnHost>(), ErrorCode::invalid_argument, "image_unusable");
    eventually([&] { return missing() == Texts{"h2: no"}; }, "the reason");
    clock.stand_still(std::chrono::hours{5});
    BOOST_TEST(is_quiet());
    clock.stand_still(std::chrono::hours{2});
    BOOST_TEST(in_time<AddImageOnHost>().host.str() == "h2");
}

BOOST_AUTO_TEST_CASE(a_damaged_file_is_not_fetched_by_one_host_after_the_other)
{
    run_with({"h1", "h2"});
    auto asked = add(files());
    refuse(expect<AddImageOnHost>(), ErrorCode::unavailable, "blob_damaged");
    BOOST_TEST(reason_of(asked.get()) == "blob_damaged");
    BOOST_TEST(is_quiet());
}

BOOST_AUTO_TEST_CASE(a_host_that_has_too_much_to_do_is_one_of_several)
{
    run_with({"h1", "h2"});
    for (const auto& [code, reason] : std::vector<std::pair<ErrorCode, std::string>>{
             {ErrorCode::rate_limited, "host_busy"},
             {ErrorCode::failed_precondition, "image_in_use"}}) {
        auto asked = add(files("one-" + std::to_string(reason.size())));
        refuse(expect<AddImageOnHost>(), code, reason);
        const auto second = expect<AddImageOnHost>();
        answer(second, added(second));
        BOOST_TEST(asked.get().has_value());
        const auto fetch = in_time<AddImageOnHost>(); // By the first one, after all.
        answer(fetch, added(fetch));
    }
}

BOOST_AUTO_TEST_SUITE_END()
