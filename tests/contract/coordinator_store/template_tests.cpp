#include "tests/contract/coordinator_store/postgres.hpp"
#include "tests/contract/coordinator_store/samples.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;
using coordinator::Page;
using coordinator::Template;
using coordinator::TemplateRemoval;

namespace {

Template a_template(std::string name, std::string tenant = "default")
{
    return {common::mint<common::TemplateId>(),
            std::move(tenant),
            std::move(name),
            "for" + hostile(),
            R"({"image":"tiny","env":{"A":"\u0000\\ NULL \"ü"},"n":18446744073709551615})",
            at(1),
            at(2)};
}

void check_same(const std::optional<Template>& back, const Template& sent)
{
    BOOST_REQUIRE(back.has_value());
    BOOST_TEST((back->id == sent.id));
    BOOST_TEST(back->tenant == sent.tenant);
    BOOST_TEST(back->name == sent.name);
    BOOST_TEST(back->description == sent.description);
    BOOST_TEST(back->fields == sent.fields);
    BOOST_TEST((back->created_at == sent.created_at));
    BOOST_TEST((back->updated_at == sent.updated_at));
    BOOST_TEST(back->revision == sent.revision);
}

std::string reason_of_write(PgStore& store, coordinator::Change change)
{
    const auto done = write(store, {std::move(change), an_audit_row()});
    return done ? "ok" : std::string{done.error().stable_reason()};
}

struct TemplateRows {
    Postgres& postgres = Postgres::shared();
    const std::unique_ptr<PgStore> store = open_store(postgres.settings(postgres.fresh_database()));
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(template_tests, TemplateRows)

BOOST_AUTO_TEST_CASE(a_template_comes_back_as_it_was_written_and_changes_by_its_revision)
{
    auto one = a_template("web");
    BOOST_TEST(reason_of_write(*store, one) == "ok");
    check_same(*store->find_template("default", "web"), one);
    BOOST_TEST(!store->find_template("other", "web")->has_value());

    BOOST_TEST(reason_of_write(*store, a_template("web")) == "stale"); // The name is taken.
    ++one.revision;
    one.fields = "{}";
    one.updated_at = at(3);
    BOOST_TEST(reason_of_write(*store, one) == "ok");
    BOOST_TEST(reason_of_write(*store, one) == "stale");
    check_same(*store->find_template("default", "web"), one);

    BOOST_TEST(reason_of_write(*store, TemplateRemoval{one.id, 1}) == "stale");
    BOOST_TEST(reason_of_write(*store, TemplateRemoval{one.id, 2}) == "ok");
    BOOST_TEST(!store->find_template("default", "web")->has_value());
    BOOST_TEST(reason_of_write(*store, TemplateRemoval{one.id, 2}) == "stale");
}

BOOST_AUTO_TEST_CASE(pages_are_by_name_and_of_one_tenant)
{
    for (const char* name : {"b", "A", "c"}) {
        BOOST_TEST(reason_of_write(*store, a_template(name)) == "ok");
    }
    BOOST_TEST(reason_of_write(*store, a_template("d", "other")) == "ok");
    const auto first = store->templates_of("default", {.limit = 2});
    BOOST_REQUIRE(first);
    BOOST_TEST(first->total == 3U);
    BOOST_REQUIRE(first->templates.size() == 2U);
    BOOST_TEST(first->templates[0].name == "A");
    BOOST_TEST(first->templates[1].name == "b");
    BOOST_REQUIRE(first->next.has_value());
    const auto rest = store->templates_of("default", {.limit = 2, .after = first->next});
    BOOST_REQUIRE(rest->templates.size() == 1U);
    BOOST_TEST(rest->templates[0].name == "c");
    BOOST_TEST(!rest->next.has_value());
}

BOOST_AUTO_TEST_CASE(a_page_holds_little_more_than_it_may)
{
    for (const char* name : {"a", "b", "c", "d"}) {
        auto large = a_template(name);
        large.fields = "{\"image\":\"" + std::string(1000, 'x') + "\"}";
        BOOST_TEST(reason_of_write(*store, large) == "ok");
    }
    Page page{.limit = 10, .bytes = common::Bytes{1500}};
    std::string names;
    for (int pages = 0; pages < 2; ++pages) {
        const auto found = store->templates_of("default", page);
        BOOST_REQUIRE(found->templates.size() == 2U); // The second goes past it.
        for (const auto& one : found->templates) {
            names += one.name;
        }
        BOOST_TEST(found->total == 4U);
        BOOST_TEST(found->next.has_value() == (pages == 0));
        page.after = found->next;
    }
    BOOST_TEST(names == "abcd");
}

BOOST_AUTO_TEST_SUITE_END()
