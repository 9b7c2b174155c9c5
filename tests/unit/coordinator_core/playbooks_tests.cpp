#include "coordinator/core/playbooks.hpp"

#include "tests/unit/coordinator_core/core_fixture.hpp"

using namespace tests;
using common::TaskId;
using coordinator::AuditRow;
using coordinator::Caller;
using coordinator::PlacedTask;
using coordinator::Playbook;
using coordinator::PlaybookLimits;
using coordinator::Playbooks;
using coordinator::TaskChange;

namespace {

template <typename T>
std::string reason(const Result<T>& result)
{
    return result ? "ok" : std::string{result.error().stable_reason()};
}

struct Fixture {
    FakeStore store;
    common::SystemClock clock;
    PlaybookLimits limits{.playbooks = 3, .tasks = 4, .size = Bytes{200}};
    Playbooks playbooks{store, clock, limits};
    const Caller me{"token:me", "t", common::RequestId{"req-1"}};
    const Caller other{"token:other", "u", common::RequestId{"req-2"}};

    Playbook make(const std::string& name, const Caller& caller)
    {
        const auto made = playbooks.create(caller, {name});
        BOOST_REQUIRE_MESSAGE(made.has_value(), reason(made));
        return *made;
    }
    Playbook make(const std::string& name) { return make(name, me); }
    PlacedTask add(const std::string& to, const std::string& name)
    {
        const auto added = playbooks.add_task(me, to, {name, "apt"});
        BOOST_REQUIRE_MESSAGE(added.has_value(), reason(added));
        return *added;
    }
    /// One of three tasks a, b, c.
    std::vector<TaskId> make_three()
    {
        make("web");
        std::vector<TaskId> ids;
        for (const char* name : {"a", "b", "c"}) {
            ids.push_back(add("web", name).task.id);
        }
        return ids;
    }
    /// Returns when so many writes wait in the store.
    void await_held(std::size_t count)
    {
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{60};
        while (store.held() < count) {
            if (std::chrono::steady_clock::now() > until) {
                store.let_go(); // Or who waits for them would wait for ever.
                throw std::runtime_error{"no write came"};
            }
            std::this_thread::yield();
        }
    }
    Texts tasks()
    {
        Texts names;
        const auto playbook = playbooks.get(me, "web");
        for (const auto& task : playbook->tasks) {
            names.push_back(task.name);
        }
        return names;
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(playbooks_tests, Fixture)

BOOST_AUTO_TEST_CASE(a_playbook_is_made_read_listed_and_deleted)
{
    const auto made = playbooks.create(me, {"web", "webservers", true});
    BOOST_REQUIRE(made.has_value());
    BOOST_TEST(made->id.str().starts_with("pbk-"));
    BOOST_TEST((made->created_at == made->updated_at));
    const auto found = playbooks.get(me, "web");
    BOOST_REQUIRE(found.has_value());
    BOOST_TEST(found->id == made->id);
    BOOST_TEST(found->hosts == "webservers");
    BOOST_TEST(found->become);
    make("app");
    const auto page = playbooks.list(me, {.limit = 1, .offset = 1});
    BOOST_TEST(page->total == 2U);
    BOOST_REQUIRE(page->playbooks.size() == 1U);
    BOOST_TEST(page->playbooks[0].name == "web");
    BOOST_TEST(reason(playbooks.remove(me, "web")) == "ok");
    BOOST_TEST(reason(playbooks.get(me, "web")) == "unknown_playbook");
    BOOST_TEST(reason(playbooks.remove(me, "web")) == "unknown_playbook");
    BOOST_TEST(playbooks.list(me, {})->total == 1U);
}

BOOST_AUTO_TEST_CASE(one_tenants_playbooks_do_not_exist_for_another)
{
    make("web");
    add("web", "a");
    BOOST_TEST(reason(playbooks.get(other, "web")) == "unknown_playbook");
    BOOST_TEST(reason(playbooks.add_task(other, "web", {"x", "apt"})) == "unknown_playbook");
    BOOST_TEST(reason(playbooks.remove(other, "web")) == "unknown_playbook");
    BOOST_TEST(playbooks.list(other, {})->total == 0U);
    const auto theirs = make("web", other);
    BOOST_TEST(theirs.tasks.empty());
    BOOST_TEST(tasks() == Texts{"a"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_taken_name_and_one_too_many_are_refused)
{
    for (const char* name : {"a", "b", "c"}) {
        make(name);
    }
    BOOST_TEST(reason(playbooks.create(me, {"a"})) == "playbook_exists");
    const auto fourth = playbooks.create(me, {"d"});
    BOOST_TEST(reason(fourth) == "too_many_playbooks");
    BOOST_TEST((fourth.error().code == ErrorCode::failed_precondition));
    make("d", other);
    BOOST_TEST(reason(playbooks.remove(me, "a")) == "ok");
    make("d");
}

BOOST_AUTO_TEST_CASE(tasks_are_added_at_the_end_and_positions_stay_dense)
{
    const auto ids = make_three();
    const auto fourth = add("web", "d");
    BOOST_TEST(fourth.position == 3U);
    BOOST_TEST(fourth.playbook == playbooks.get(me, "web")->id);
    BOOST_TEST(reason(playbooks.remove_task(me, "web", ids[1])) == "ok");
    BOOST_TEST(tasks() == (Texts{"a", "c", "d"}), boost::test_tools::per_element());
    BOOST_TEST(reason(playbooks.remove_task(me, "web", ids[1])) == "unknown_task");
    const auto changed = playbooks.change_task(me, "web", ids[2], {});
    BOOST_TEST(changed->position == 1U);
    BOOST_TEST(add("web", "e").position == 3U);
}

BOOST_AUTO_TEST_CASE(a_change_of_a_task_leaves_what_it_does_not_say)
{
    const auto ids = make_three();
    const auto before = *playbooks.get(me, "web");
    TaskChange change;
    change.params = R"({"a":1})";
    const auto changed = playbooks.change_task(me, "web", ids[1], change);
    BOOST_REQUIRE(changed.has_value());
    BOOST_TEST(changed->task.id == ids[1]);
    BOOST_TEST(changed->task.name == "b");
    BOOST_TEST(changed->task.module == "apt");
    BOOST_TEST(changed->task.params == R"({"a":1})");
    BOOST_TEST((changed->task.created_at == before.tasks[1].created_at));
    BOOST_TEST(playbooks.change_task(me, "web", ids[1], {"B", "copy", {}})->task.name == "B");
    const auto after = *playbooks.get(me, "web");
    BOOST_TEST(after.tasks[1].module == "copy");
    BOOST_TEST(after.tasks[1].params == R"({"a":1})");
    BOOST_TEST((after.updated_at > before.updated_at));
    BOOST_TEST(reason(playbooks.change_task(me, "web", TaskId{"tsk-x"}, change)) == "unknown_task");
    BOOST_TEST(reason(playbooks.change_task(me, "app", ids[1], change)) == "unknown_playbook");
}

BOOST_AUTO_TEST_CASE(an_order_names_each_task_once_or_changes_nothing)
{
    const auto ids = make_three();
    BOOST_TEST(reason(playbooks.reorder(me, "web", {ids[2], ids[0], ids[1]})) == "ok");
    BOOST_TEST(tasks() == (Texts{"c", "a", "b"}), boost::test_tools::per_element());
    const auto rows = store.audit().size();
    const auto revision = playbooks.get(me, "web")->revision;
    const TaskId strange{"tsk-aaaaaaaaaaaaaaaa"};
    for (const auto& [order, what] : std::vector<std::pair<std::vector<TaskId>, std::string>>{
             {{}, "leaves out"},
             {{ids[0], ids[1]}, "leaves out " + ids[2].str()},
             {{ids[0], ids[1], ids[0]}, "twice"},
             {{ids[0], ids[1], ids[2], ids[1]}, "twice"},
             {{ids[0], strange, ids[2]}, "none of it"},
             {{ids[0], ids[1], ids[2], strange}, "none of it"}}) {
        const auto refused = playbooks.reorder(me, "web", order);
        BOOST_REQUIRE(!refused);
        BOOST_TEST((refused.error().code == ErrorCode::invalid_argument));
        BOOST_TEST(refused.error().fields.at(0).field == "task_ids");
        BOOST_TEST(refused.error().message.find(what) != std::string::npos,
                   refused.error().message);
    }
    BOOST_TEST(tasks() == (Texts{"c", "a", "b"}), boost::test_tools::per_element());
    BOOST_TEST(playbooks.get(me, "web")->revision == revision);
    BOOST_TEST(store.audit().size() == rows);
    make("none");
    BOOST_TEST(reason(playbooks.reorder(me, "none", {})) == "ok");
}

BOOST_AUTO_TEST_CASE(what_a_playbook_holds_is_bounded)
{
    const auto ids = make_three();
    add("web", "d");
    const auto fifth = playbooks.add_task(me, "web", {"e", "apt"});
    BOOST_TEST(reason(fifth) == "too_many_tasks");
    BOOST_TEST((fifth.error().code == ErrorCode::failed_precondition));
    TaskChange change;
    change.params = std::string(190, 'x');
    BOOST_TEST(reason(playbooks.change_task(me, "web", ids[0], change)) == "playbook_too_large");
    BOOST_TEST(playbooks.get(me, "web")->tasks[0].params == "{}");
    make("app");
    BOOST_TEST(reason(playbooks.add_task(me, "app", {"a", "apt", std::string(197, 'x')})) ==
               "playbook_too_large");
    BOOST_TEST(reason(playbooks.add_task(me, "app", {"a", "apt", std::string(196, 'x')})) == "ok");
}

BOOST_AUTO_TEST_CASE(each_change_is_in_the_audit_with_its_outcome_and_without_parameters)
{
    const auto ids = make_three();
    TaskChange change;
    change.params = R"({"password":"secret"})";
    BOOST_TEST(reason(playbooks.change_task(me, "web", ids[0], change)) == "ok");
    BOOST_TEST(reason(playbooks.reorder(me, "web", {ids[2], ids[1], ids[0]})) == "ok");
    BOOST_TEST(reason(playbooks.remove_task(me, "web", ids[1])) == "ok");
    const auto id = playbooks.get(me, "web")->id.str();
    BOOST_TEST(reason(playbooks.remove(me, "web")) == "ok");
    Texts expected;
    for (const char* action : {"create",
                               "add_task",
                               "add_task",
                               "add_task",
                               "change_task",
                               "reorder",
                               "delete_task",
                               "delete"}) {
        expected.push_back("playbook." + std::string{action} + " intent");
        expected.push_back("playbook." + std::string{action} + " ok");
    }
    BOOST_TEST(store.audit_of(id) == expected, boost::test_tools::per_element());
    BOOST_TEST(store.attempts() == expected.size() / 2, "each is one write with its change");
    for (const auto& row : store.audit()) {
        BOOST_TEST(row.caller.actor == "token:me");
        BOOST_TEST(row.caller.request.str() == "req-1");
        BOOST_TEST(row.detail.find(R"("name":"web")") != std::string::npos);
        BOOST_TEST(row.detail.find("secret") == std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(a_write_that_failed_changed_nothing_or_is_of_unknown_outcome)
{
    const auto ids = make_three();
    for (const auto& [code, expected] : std::vector<std::pair<ErrorCode, std::string>>{
             {ErrorCode::unavailable, "database_unavailable"},
             {ErrorCode::timeout, "outcome_unknown"},
             {ErrorCode::rate_limited, "database_busy"},
             {ErrorCode::internal, "internal"}}) {
        // Only writes: what is read is still there.
        store.fail(code, [](const auto&) { return true; });
        BOOST_TEST(reason(playbooks.create(me, {"app"})) == expected);
        BOOST_TEST(reason(playbooks.add_task(me, "web", {"x", "apt"})) == expected);
        BOOST_TEST(reason(playbooks.remove_task(me, "web", ids[0])) == expected);
        BOOST_TEST(reason(playbooks.remove(me, "web")) == expected);
        store.recover();
    }
    BOOST_TEST(tasks() == (Texts{"a", "b", "c"}), boost::test_tools::per_element());
    store.fail(ErrorCode::unavailable);
    BOOST_TEST((playbooks.get(me, "web").error().code == ErrorCode::unavailable));
    BOOST_TEST((playbooks.list(me, {}).error().code == ErrorCode::unavailable));
}

BOOST_AUTO_TEST_CASE(a_change_that_somebody_was_faster_than_is_made_again_of_what_there_is_then)
{
    const auto ids = make_three();
    Playbooks elsewhere{store, clock, limits};
    store.hold();
    Later<PlacedTask> slow{[&] { return playbooks.add_task(me, "web", {"slow", "apt"}); }};
    await_held(1);
    Later<void> fast{[&] { return elsewhere.remove_task(me, "web", ids[0]); }};
    await_held(2);
    store.let_go();
    BOOST_TEST(reason(slow.get()) == "ok");
    BOOST_TEST(reason(fast.get()) == "ok");
    BOOST_TEST(tasks() == (Texts{"b", "c", "slow"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_playbook_that_is_stale_each_time_is_busy)
{
    make("web");
    store.fail(
        ErrorCode::already_exists, [](const auto&) { return true; }, "stale");
    const auto before = store.attempts();
    const auto refused = playbooks.add_task(me, "web", {"a", "apt"});
    BOOST_TEST(reason(refused) == "playbooks_busy");
    BOOST_TEST((refused.error().code == ErrorCode::rate_limited));
    BOOST_TEST(store.attempts() == before + 3);
}

BOOST_AUTO_TEST_CASE(changes_of_one_tenant_take_turns_and_none_is_lost)
{
    limits.tasks = 100;
    limits.size = Bytes::kib(64);
    Playbooks many{store, clock, limits};
    make("web");
    const auto before = store.attempts();
    constexpr int threads = 12;
    constexpr int each = 4;
    std::vector<std::thread> all;
    for (int i = 0; i < threads; ++i) {
        all.emplace_back([&] {
            for (int k = 0; k < each; ++k) {
                if (!many.add_task(me, "web", {"x", "apt"})) {
                    return;
                }
            }
        });
    }
    for (auto& thread : all) {
        thread.join();
    }
    BOOST_TEST(many.get(me, "web")->tasks.size() == std::size_t{threads * each});
    BOOST_TEST(store.attempts() == before + threads * each, "no write was in vain");
}

BOOST_AUTO_TEST_CASE(a_turn_that_does_not_come_in_time_is_answered)
{
    limits.patience = std::chrono::milliseconds{20};
    Playbooks hasty{store, clock, limits};
    make("web");
    store.hold();
    Later<PlacedTask> first{[&] { return hasty.add_task(me, "web", {"a", "apt"}); }};
    await_held(1);
    const auto second = hasty.add_task(me, "web", {"b", "apt"});
    BOOST_TEST(reason(second) == "playbooks_busy");
    BOOST_TEST((second.error().code == ErrorCode::rate_limited));
    Later<Playbook> another{[&] { return hasty.create(other, {"web"}); }};
    await_held(2);
    store.let_go();
    BOOST_TEST(reason(first.get()) == "ok");
    BOOST_TEST(reason(another.get()) == "ok");
    BOOST_TEST(reason(hasty.add_task(me, "web", {"b", "apt"})) == "ok");
}

BOOST_AUTO_TEST_CASE(a_store_that_never_answers_is_of_unknown_outcome)
{
    limits.write_limit = std::chrono::milliseconds{20};
    Playbooks hasty{store, clock, limits};
    store.hold();
    BOOST_TEST(reason(hasty.create(me, {"web"})) == "outcome_unknown");
    store.let_go(); // Its late answer has nobody to go to.
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    while (!playbooks.get(me, "web") && std::chrono::steady_clock::now() < until) {
        std::this_thread::yield();
    }
}

BOOST_AUTO_TEST_SUITE_END()
