#include "tests/unit/coordinator_core/image_fixture.hpp"

using namespace tests;

BOOST_FIXTURE_TEST_SUITE(core_images_removing_tests, ImageFixture)

BOOST_AUTO_TEST_CASE(an_image_is_gone_from_the_moment_that_it_is_to_be_removed)
{
    begin();
    const auto web = image("web");
    auto asked = remove("web");
    const auto sent = expect<RemoveImageOnHost>();
    BOOST_TEST(std::get<RemoveImageOnHost>(sent.command.what).image.str() == "web");
    BOOST_TEST(std::get<RemoveImageOnHost>(sent.command.what).tenant == "t");
    BOOST_TEST(sent.host.str() == "h1");
    beat({web});
    BOOST_TEST(!there(me));
    BOOST_TEST(reason_of(core->create(me, wants("web"))) == "unknown_image");
    BOOST_TEST(why_not(by_id("web")) == "image_exists");
    answer(sent, std::monostate{});
    const auto gone = asked.get();
    BOOST_REQUIRE(gone.has_value());
    BOOST_TEST(gone->digest == "d2");
    beat({web}); // From before.
    BOOST_TEST(!there(me));
    BOOST_TEST(store.audit_of("web").back() == "image.delete ok");
    image("web");
    BOOST_TEST(there(me));
}

BOOST_AUTO_TEST_CASE(one_that_its_host_does_not_have_any_more_is_removed)
{
    begin();
    image("web");
    auto asked = remove("web");
    refuse(expect<RemoveImageOnHost>(), ErrorCode::not_found);
    BOOST_TEST(asked.get().has_value());
    BOOST_TEST(!there(me));
}

BOOST_AUTO_TEST_CASE(one_that_its_host_does_not_remove_is_there_again)
{
    begin();
    image("web");
    auto asked = remove("web");
    refuse(expect<RemoveImageOnHost>(), ErrorCode::failed_precondition, "image_in_use");
    BOOST_TEST(reason_of(asked.get()) == "image_in_use");
    BOOST_TEST(core->image(me, ImageName{"web"})->digest == "d2");
    asked = remove("web");
    refuse(expect<RemoveImageOnHost>(), ErrorCode::timeout);
    BOOST_TEST(reason_of(asked.get()) == "outcome_unknown");
    BOOST_TEST(!there(me)); // Its host's next word tells.
}

BOOST_AUTO_TEST_CASE(one_that_a_sandbox_lies_on_or_that_is_an_operators_stays)
{
    begin();
    BOOST_TEST(why_stays("tiny") == "operator_image");
    BOOST_CHECK(core->delete_image(me, ImageName{"none"}).error().code == ErrorCode::not_found);
    image("web");
    const auto on_it = running(wants("web")).id;
    BOOST_TEST(why_stays("web") == "image_in_use");
    BOOST_TEST(link.commands.empty());
    auto gone = destroy(on_it);
    done(expect<DestroyOnHost>(), on_it, Phase::destroyed);
    BOOST_TEST(gone.get().has_value());
    auto asked = remove("web");
    answer(expect<RemoveImageOnHost>(), std::monostate{});
    BOOST_TEST(asked.get().has_value());
}

BOOST_AUTO_TEST_SUITE_END()
