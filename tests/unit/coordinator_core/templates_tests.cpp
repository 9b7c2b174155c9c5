#include "coordinator/core/templates.hpp"

#include "tests/unit/coordinator_core/core_fixture.hpp"

using namespace tests;
using coordinator::Caller;
using coordinator::TemplateLimits;
using coordinator::TemplateRequest;
using coordinator::Templates;

namespace {

template <typename T>
std::string reason_or_ok(const Result<T>& result)
{
    return result ? "ok" : std::string{result.error().stable_reason()};
}

TemplateRequest wanted(std::string name, std::string fields = R"({"image":"tiny"})")
{
    return {std::move(name), "for tests", std::move(fields), "tiny"};
}

struct TemplatesFixture {
    FakeStore store;
    common::SystemClock clock;
    Templates templates{store, clock, TemplateLimits{.templates = 2, .size = Bytes{40}}};
    const Caller me{"token:me", "t", common::RequestId{"req-1"}};
    const Caller other{"token:other", "u", common::RequestId{"req-2"}};
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(templates_tests, TemplatesFixture)

BOOST_AUTO_TEST_CASE(a_template_is_its_tenants_alone)
{
    const auto made = templates.create(me, wanted("web"));
    BOOST_REQUIRE(made);
    BOOST_TEST(templates.get(me, "web")->fields == R"({"image":"tiny"})");
    BOOST_TEST(templates.get(me, "web")->description == "for tests");
    BOOST_TEST(reason_or_ok(templates.get(other, "web")) == "unknown_template");
    BOOST_TEST(reason_or_ok(templates.replace(other, wanted("web"))) == "unknown_template");
    BOOST_TEST(reason_or_ok(templates.remove(other, "web")) == "unknown_template");
    BOOST_TEST(reason_or_ok(templates.create(me, wanted("web"))) == "template_exists");
    BOOST_TEST(reason_or_ok(templates.create(other, wanted("web"))) == "ok");
    BOOST_TEST(templates.list(me, {})->total == 1U);
    BOOST_TEST(store.audit_of(made->id.str()) ==
                   (Texts{"template.create intent", "template.create ok"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(it_is_replaced_as_a_whole_and_goes_once)
{
    const auto made = templates.create(me, wanted("web"));
    auto other_words = wanted("web", R"({"image":"big"})");
    other_words.description.clear();
    const auto replaced = templates.replace(me, other_words);
    BOOST_REQUIRE(replaced);
    BOOST_TEST((replaced->id == made->id));
    BOOST_TEST((replaced->created_at == made->created_at));
    BOOST_TEST((replaced->updated_at >= made->updated_at));
    const auto now = templates.get(me, "web");
    BOOST_TEST(now->fields == R"({"image":"big"})");
    BOOST_TEST(now->description == "");
    BOOST_TEST(now->revision == 2U);
    BOOST_TEST(reason_or_ok(templates.remove(me, "web")) == "ok");
    BOOST_TEST(reason_or_ok(templates.remove(me, "web")) == "unknown_template");
    BOOST_TEST(reason_or_ok(templates.replace(me, wanted("web"))) == "unknown_template");
}

BOOST_AUTO_TEST_CASE(neither_too_many_nor_too_large)
{
    const std::string large = R"({"image":")" + std::string(40, 'x') + "\"}";
    BOOST_TEST(reason_or_ok(templates.create(me, wanted("a", large))) == "template_too_large");
    BOOST_TEST(reason_or_ok(templates.create(me, wanted("a"))) == "ok");
    BOOST_TEST(reason_or_ok(templates.replace(me, wanted("a", large))) == "template_too_large");
    BOOST_TEST(templates.get(me, "a")->fields == R"({"image":"tiny"})");
    BOOST_TEST(reason_or_ok(templates.create(me, wanted("b"))) == "ok");
    BOOST_TEST(reason_or_ok(templates.create(me, wanted("c"))) == "too_many_templates");
    BOOST_TEST(reason_or_ok(templates.create(other, wanted("c"))) == "ok");
}

BOOST_AUTO_TEST_CASE(without_a_database_it_says_so)
{
    BOOST_REQUIRE(templates.create(me, wanted("a")));
    store.fail(common::ErrorCode::unavailable);
    BOOST_TEST((templates.get(me, "a").error().code == common::ErrorCode::unavailable));
    BOOST_TEST((templates.remove(me, "a").error().code == common::ErrorCode::unavailable));
    store.fail(common::ErrorCode::timeout, [](const auto&) { return true; });
    BOOST_TEST(reason_or_ok(templates.remove(me, "a")) == "outcome_unknown");
    store.recover();
    BOOST_TEST(reason_or_ok(templates.get(me, "a")) == "ok");
}

BOOST_AUTO_TEST_SUITE_END()
