#include "tests/contract/coordinator_store/postgres.hpp"
#include "tests/contract/coordinator_store/samples.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;
using coordinator::Page;
using coordinator::Playbook;
using coordinator::PlaybookRemoval;
using coordinator::PlaybookTask;

namespace {

PlaybookTask a_task(std::string name, std::int64_t us)
{
    return {common::mint<common::TaskId>(),
            std::move(name),
            "ansible.builtin.copy",
            R"({"z":18446744073709551616,"a":1e3,"t":"\u0000\\ NULL \"","u":"ü"})",
            at(us)};
}

Playbook a_playbook(std::string name, std::string tenant = "default")
{
    Playbook playbook;
    playbook.id = common::mint<common::PlaybookId>();
    playbook.tenant = std::move(tenant);
    playbook.name = std::move(name);
    playbook.hosts = "web" + hostile();
    playbook.become = true;
    playbook.created_at = at(1);
    playbook.updated_at = at(2);
    return playbook;
}

/// What comes after it.
Playbook after(Playbook playbook)
{
    ++playbook.revision;
    playbook.updated_at += std::chrono::microseconds{1};
    return playbook;
}

void check_same(const Playbook& back, const Playbook& sent)
{
    BOOST_TEST((back.id == sent.id));
    BOOST_TEST((back.tenant == sent.tenant));
    BOOST_TEST((back.name == sent.name));
    BOOST_TEST((back.hosts == sent.hosts));
    BOOST_TEST(back.become == sent.become);
    BOOST_TEST((back.created_at == sent.created_at));
    BOOST_TEST((back.updated_at == sent.updated_at));
    BOOST_TEST(back.revision == sent.revision);
    BOOST_REQUIRE(back.tasks.size() == sent.tasks.size());
    for (std::size_t i = 0; i < sent.tasks.size(); ++i) {
        BOOST_TEST((back.tasks[i].id == sent.tasks[i].id));
        BOOST_TEST((back.tasks[i].name == sent.tasks[i].name));
        BOOST_TEST((back.tasks[i].module == sent.tasks[i].module));
        BOOST_TEST((back.tasks[i].params == sent.tasks[i].params));
        BOOST_TEST((back.tasks[i].created_at == sent.tasks[i].created_at));
    }
}

Playbook read(PgStore& store, const std::string& name, const std::string& tenant = "default")
{
    const auto found = store.playbook(tenant, name);
    BOOST_REQUIRE_EQUAL(told(found), "ok");
    BOOST_REQUIRE(found->has_value());
    return **found;
}

std::string reason_of(const common::Result<>& result)
{
    return result ? "ok" : std::string{result.error().stable_reason()};
}

struct Fixture {
    Postgres& postgres = Postgres::shared();
    const std::string database = postgres.fresh_database();
    const coordinator::store::StoreSettings settings = postgres.settings(database);

    std::string audited() { return postgres.sql("SELECT count(*) FROM audit", database); }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(playbook_tests, Fixture)

BOOST_AUTO_TEST_CASE(a_playbook_outlives_the_coordinator_as_it_was_written_last)
{
    auto playbook = a_playbook("web", "default" + hostile());
    {
        const auto store = open_store(settings);
        BOOST_TEST(told(write(*store, {playbook, an_audit_row()})) == "ok");
        check_same(read(*store, "web", playbook.tenant), playbook);
        playbook = after(playbook);
        playbook.tasks = {a_task("first" + hostile(), 5), a_task("'", 6), a_task("{a,\"b\"}", 7)};
        BOOST_TEST(told(write(*store, {playbook, an_audit_row()})) == "ok");
        playbook = after(playbook);
        std::swap(playbook.tasks[0], playbook.tasks[2]);
        playbook.tasks.erase(playbook.tasks.begin() + 1);
        BOOST_TEST(told(write(*store, {playbook, an_audit_row()})) == "ok");
    }
    const auto again = open_store(settings);
    check_same(read(*again, "web", playbook.tenant), playbook);
    BOOST_TEST(postgres.sql("SELECT string_agg(position::text, ' ' ORDER BY position) FROM "
                            "playbook_tasks",
                            database) == "0 1");
}

BOOST_AUTO_TEST_CASE(what_does_not_come_after_what_there_is_is_stale_and_leaves_nothing)
{
    const auto store = open_store(settings);
    const auto first = a_playbook("web");
    BOOST_TEST(told(write(*store, {first, an_audit_row()})) == "ok");
    const auto second = after(first);
    BOOST_TEST(told(write(*store, {second})) == "ok");
    auto late = second;
    late.tasks = {a_task("late", 9)};
    auto early = after(after(second));
    auto unknown = after(a_playbook("web"));
    for (const auto& change : std::vector<Change>{late,
                                                  early,
                                                  unknown,
                                                  a_playbook("web"),
                                                  PlaybookRemoval{first.id, 1},
                                                  PlaybookRemoval{unknown.id, 2}}) {
        const auto refused = write(*store, {a_sandbox(), change, an_audit_row()});
        BOOST_TEST(reason_of(refused) == "stale");
        BOOST_TEST((refused.error().code == common::ErrorCode::already_exists));
    }
    check_same(read(*store, "web"), second);
    BOOST_TEST(audited() == "1");
    BOOST_TEST(postgres.sql("SELECT count(*) FROM sandboxes", database) == "0");
    BOOST_TEST(told(write(*store, {after(second), an_audit_row()})) == "ok");
    BOOST_TEST(told(store->verify_audit()) == "ok");
}

BOOST_AUTO_TEST_CASE(a_stale_one_does_not_keep_those_beside_it_from_being_written)
{
    const auto store = open_store(settings);
    const auto playbook = a_playbook("web");
    BOOST_TEST(told(write(*store, {playbook})) == "ok");
    std::vector<std::future<common::Result<>>> answers;
    constexpr int calls = 40;
    for (int i = 0; i < calls; ++i) {
        if (i % 10 == 5) {
            answers.push_back(start_write(*store, {playbook, an_audit_row()}));
        } else {
            answers.push_back(start_write(*store, {a_sandbox(), an_audit_row()}));
        }
    }
    for (int i = 0; i < calls; ++i) {
        BOOST_TEST(reason_of(in_time(answers[static_cast<std::size_t>(i)])) ==
                   (i % 10 == 5 ? "stale" : "ok"));
    }
    BOOST_TEST(audited() == "36");
    BOOST_TEST(told(store->verify_audit()) == "ok");
}

BOOST_AUTO_TEST_CASE(a_removed_playbook_is_gone_with_its_tasks_and_its_name_is_free)
{
    const auto store = open_store(settings);
    auto playbook = a_playbook("web");
    playbook.tasks = {a_task("a", 1), a_task("b", 2)};
    BOOST_TEST(told(write(*store, {playbook})) == "ok");
    BOOST_TEST(told(write(*store, {PlaybookRemoval{playbook.id, 1}, an_audit_row()})) == "ok");
    const auto gone = store->playbook("default", "web");
    BOOST_REQUIRE_EQUAL(told(gone), "ok");
    BOOST_TEST(!gone->has_value());
    BOOST_TEST(postgres.sql("SELECT count(*) FROM playbook_tasks", database) == "0");
    BOOST_TEST(reason_of(write(*store, {PlaybookRemoval{playbook.id, 1}})) == "stale");
    const auto again = a_playbook("web");
    BOOST_TEST(told(write(*store, {again})) == "ok");
    check_same(read(*store, "web"), again);
}

BOOST_AUTO_TEST_CASE(a_page_is_by_name_and_of_one_tenant_alone)
{
    const auto store = open_store(settings);
    for (const char* name : {"b", "B", "a.1", "a-1"}) {
        auto playbook = a_playbook(name);
        playbook.tasks = {a_task("t", 1)};
        BOOST_TEST(told(write(*store, {playbook})) == "ok");
    }
    BOOST_TEST(told(write(*store, {a_playbook("b", "red")})) == "ok");
    const auto names = [&](const std::string& tenant, Page page) {
        const auto found = store->playbooks_of(tenant, page);
        BOOST_REQUIRE_EQUAL(told(found), "ok");
        auto text = std::to_string(found->total) + ":";
        for (const auto& playbook : found->playbooks) {
            text += " " + playbook.name;
            BOOST_TEST(playbook.tasks.empty());
        }
        text += found->next ? " >" + found->next->key : "";
        return text;
    };
    BOOST_TEST(names("default", {}) == "4: B a-1 a.1 b");
    BOOST_TEST(names("default", {.limit = 2, .offset = 1}) == "4: a-1 a.1 >a.1");
    const auto after = [](const char* name) { return coordinator::Position{0, name}; };
    BOOST_TEST(names("default", {.limit = 1, .after = after("a.1")}) == "4: b");
    BOOST_TEST(names("default", {.limit = 2, .after = after("A")}) == "4: B a-1 >a-1");
    BOOST_TEST(names("default", {.after = after("b")}) == "4:");
    BOOST_TEST(names("default", {.limit = 0}) == "4:");
    BOOST_TEST(names("default", {.offset = 4}) == "4:");
    BOOST_TEST(names("red", {}) == "1: b");
    BOOST_TEST(names("blue", {}) == "0:");
}

BOOST_AUTO_TEST_CASE(a_database_from_before_playbooks_has_none)
{
    migrate_up_to(6, postgres.url(database, "paddock_owner"));
    const auto store = open_store(settings);
    BOOST_TEST(store->playbooks_of("default", {})->total == 0U);
    BOOST_TEST(told(write(*store, {a_playbook("web")})) == "ok");
}

BOOST_AUTO_TEST_SUITE_END()
