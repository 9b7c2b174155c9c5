#include "coordinator/core/plans.hpp"

#include "tests/unit/coordinator_core/core_fixture.hpp"

using namespace tests;
using common::PlanId;
using coordinator::Caller;
using coordinator::Plan;
using coordinator::PlanLimits;
using coordinator::Plans;
using coordinator::PlanStep;

namespace {

template <typename T>
std::string why(const Result<T>& result)
{
    return result ? "ok" : std::string{result.error().stable_reason()};
}

struct PlansFixture {
    FakeStore store;
    common::SystemClock clock;
    PlanLimits limits{.plans = 3, .size = Bytes{100}};
    Plans plans{store, clock, limits};
    const Caller me{"token:me", "t", common::RequestId{"req-1"}};
    const Caller colleague{"token:colleague", "t", common::RequestId{"req-2"}};
    const Caller other{"token:other", "u", common::RequestId{"req-3"}};

    PlanId make() { return make({"a", "b", "c"}); }
    PlanId make(std::vector<std::string> steps)
    {
        const auto made = plans.create(me, {"deploy", "", std::move(steps)});
        BOOST_REQUIRE_MESSAGE(made.has_value(), why(made));
        return made->id;
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
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(plans_tests, PlansFixture)

BOOST_AUTO_TEST_CASE(a_plan_is_made_read_listed_and_deleted)
{
    const auto made = plans.create(me, {"deploy", "on Monday", {"a", "b"}});
    BOOST_REQUIRE(made.has_value());
    BOOST_TEST(made->id.str().starts_with("pln-"));
    const auto found = plans.get(me, made->id);
    BOOST_REQUIRE(found.has_value());
    BOOST_TEST(found->name == "deploy");
    BOOST_TEST(found->description == "on Monday");
    BOOST_TEST((found->status == Plan::Status::pending));
    BOOST_TEST(found->current_step == -1);
    BOOST_TEST(found->revision == 1U);
    BOOST_TEST(found->created_by == "token:me");
    BOOST_TEST(found->updated_by == "token:me");
    BOOST_TEST((found->created_at == found->updated_at));
    BOOST_REQUIRE(found->steps.size() == 2U);
    BOOST_TEST(found->steps[1].description == "b");
    make();
    BOOST_TEST(plans.list(me, {.limit = 1, .offset = 1})->total == 2U);
    BOOST_TEST(plans.list(me, {.limit = 1, .offset = 1})->plans.size() == 1U);
    BOOST_TEST(why(plans.remove(me, made->id)) == "ok");
    BOOST_TEST(why(plans.get(me, made->id)) == "unknown_plan");
    BOOST_TEST(why(plans.remove(me, made->id)) == "unknown_plan");
    BOOST_TEST(plans.list(me, {})->total == 1U);
}

BOOST_AUTO_TEST_CASE(a_change_says_who_made_it_and_when)
{
    const auto id = make();
    const auto before = *plans.get(me, id);
    const auto advanced = plans.advance(colleague, id, std::nullopt);
    BOOST_REQUIRE(advanced.has_value());
    const auto after = *plans.get(me, id);
    BOOST_TEST(after.created_by == "token:me");
    BOOST_TEST(after.updated_by == "token:colleague");
    BOOST_TEST((after.created_at == before.created_at));
    BOOST_TEST((after.updated_at > before.updated_at));
    BOOST_TEST((after.steps[0].started_at == after.updated_at));
    BOOST_TEST(after.revision == 2U);
    BOOST_TEST(after.revision == advanced->revision);
}

BOOST_AUTO_TEST_CASE(one_tenants_plans_do_not_exist_for_another)
{
    const auto id = make();
    BOOST_TEST(why(plans.get(other, id)) == "unknown_plan");
    BOOST_TEST(why(plans.advance(other, id, std::nullopt)) == "unknown_plan");
    BOOST_TEST(why(plans.change_step(other, id, {0, PlanStep::Status::active, {}, {}})) ==
               "unknown_plan");
    BOOST_TEST(why(plans.abort(other, id, "")) == "unknown_plan");
    BOOST_TEST(why(plans.remove(other, id)) == "unknown_plan");
    BOOST_TEST(plans.list(other, {})->total == 0U);
    BOOST_TEST(plans.get(me, id)->revision == 1U);
}

BOOST_AUTO_TEST_CASE(plans_of_one_name_are_many_and_one_too_many_is_refused)
{
    const auto first = make();
    make();
    make();
    const auto fourth = plans.create(me, {"deploy", "", {"a"}});
    BOOST_TEST(why(fourth) == "too_many_plans");
    BOOST_TEST((fourth.error().code == ErrorCode::failed_precondition));
    BOOST_TEST(why(plans.create(other, {"deploy", "", {"a"}})) == "ok");
    BOOST_TEST(why(plans.abort(me, first, "")) == "ok");
    BOOST_TEST(why(plans.create(me, {"deploy", "", {"a"}})) == "too_many_plans");
    BOOST_TEST(why(plans.remove(me, first)) == "ok");
    make();
}

BOOST_AUTO_TEST_CASE(what_a_plan_holds_is_bounded_but_an_abort_is_never_refused_for_it)
{
    BOOST_TEST(why(plans.create(me, {"n", "d", {"s", std::string(98, 'x')}})) == "plan_too_large");
    const auto id = make({"s", std::string(93, 'x')}); // With its name: 100 bytes.
    BOOST_TEST(why(plans.advance(me, id, std::nullopt)) == "ok");
    BOOST_TEST(why(plans.advance(me, id, "r")) == "plan_too_large");
    const auto change = plans.change_step(me, id, {0, {}, {}, "e"});
    BOOST_TEST(why(change) == "plan_too_large");
    BOOST_TEST((change.error().code == ErrorCode::failed_precondition));
    BOOST_TEST(plans.get(me, id)->revision == 2U);
    BOOST_TEST(plans.get(me, id)->steps[0].error == "");
    BOOST_TEST(why(plans.abort(me, id, "enough")) == "ok");
    BOOST_TEST(plans.get(me, id)->abort_reason == "enough");
}

BOOST_AUTO_TEST_CASE(a_refused_change_and_one_that_changes_nothing_write_nothing)
{
    const auto id = make();
    BOOST_TEST(why(plans.advance(me, id, std::nullopt)) == "ok");
    const auto writes = store.attempts();
    BOOST_TEST(why(plans.change_step(me, id, {1, PlanStep::Status::active, {}, {}})) ==
               "step_out_of_order");
    BOOST_TEST(why(plans.change_step(me, id, {9, PlanStep::Status::active, {}, {}})) ==
               "unknown_step");
    const auto same = plans.change_step(colleague, id, {0, PlanStep::Status::active, {}, {}});
    BOOST_REQUIRE(same.has_value());
    BOOST_TEST(!same->changed);
    BOOST_TEST(same->plan.revision == 2U);
    BOOST_TEST(same->plan.updated_by == "token:me");
    BOOST_TEST(store.attempts() == writes);
    const auto changed = plans.change_step(colleague, id, {0, {}, "half", {}});
    BOOST_TEST(changed->changed);
    BOOST_TEST(changed->plan.revision == 3U);
    BOOST_TEST(store.attempts() == writes + 1);
}

BOOST_AUTO_TEST_CASE(each_change_is_in_the_audit_with_its_outcome_and_without_results)
{
    const auto id = make();
    const std::string secret{"secret"};
    BOOST_TEST(why(plans.advance(me, id, std::nullopt)) == "ok");
    BOOST_TEST(why(plans.advance(me, id, secret)) == "ok");
    BOOST_TEST(why(plans.change_step(me, id, {1, PlanStep::Status::skipped, secret, secret})) ==
               "ok");
    BOOST_TEST(why(plans.abort(me, id, "not today")) == "ok");
    BOOST_TEST(why(plans.remove(me, id)) == "ok");
    Texts expected;
    for (const char* action : {"create", "advance", "advance", "update", "abort", "delete"}) {
        expected.push_back("plan." + std::string{action} + " intent");
        expected.push_back("plan." + std::string{action} + " ok");
    }
    BOOST_TEST(store.audit_of(id.str()) == expected, boost::test_tools::per_element());
    BOOST_TEST(store.attempts() == expected.size() / 2, "each is one write with its change");
    Texts details;
    for (const auto& row : store.audit()) {
        BOOST_TEST(row.caller.actor == "token:me");
        BOOST_TEST(row.detail.find("secret") == std::string::npos);
        details.push_back(row.detail);
    }
    BOOST_TEST(details[5] ==
               R"({"name":"deploy","status":"in_progress","current_step":"1","steps":"3"})");
    BOOST_TEST(details[7].find(R"("step":"1","step_status":"skipped")") != std::string::npos);
    BOOST_TEST(details[9].find(R"("status":"aborted")") != std::string::npos);
    BOOST_TEST(details[9].find(R"("reason":"not today")") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_write_that_failed_changed_no_plan_or_is_of_unknown_outcome)
{
    const auto id = make();
    for (const auto& [code, expected] : std::vector<std::pair<ErrorCode, std::string>>{
             {ErrorCode::unavailable, "database_unavailable"},
             {ErrorCode::timeout, "outcome_unknown"}}) {
        store.fail(code, [](const auto&) { return true; }); // What is read is still there.
        BOOST_TEST(why(plans.create(me, {"x", "", {"a"}})) == expected);
        BOOST_TEST(why(plans.advance(me, id, std::nullopt)) == expected);
        BOOST_TEST(why(plans.abort(me, id, "")) == expected);
        BOOST_TEST(why(plans.remove(me, id)) == expected);
        store.recover();
    }
    BOOST_TEST(plans.get(me, id)->revision == 1U);
    store.fail(ErrorCode::unavailable);
    BOOST_TEST((plans.get(me, id).error().code == ErrorCode::unavailable));
    BOOST_TEST((plans.list(me, {}).error().code == ErrorCode::unavailable));
}

BOOST_AUTO_TEST_CASE(an_advance_that_somebody_was_faster_than_goes_on_from_there)
{
    const auto id = make();
    Plans elsewhere{store, clock, limits};
    store.hold();
    Later<Plan> slow{[&] { return plans.advance(me, id, std::nullopt); }};
    await_held(1);
    Later<Plan> fast{[&] { return elsewhere.advance(me, id, std::nullopt); }};
    await_held(2);
    store.let_go();
    BOOST_TEST(why(slow.get()) == "ok");
    BOOST_TEST(why(fast.get()) == "ok");
    BOOST_TEST(plans.get(me, id)->current_step == 1);
    BOOST_TEST(plans.get(me, id)->revision == 3U);
}

BOOST_AUTO_TEST_CASE(a_plan_that_is_stale_each_time_is_busy)
{
    const auto id = make();
    store.fail(
        ErrorCode::already_exists, [](const auto&) { return true; }, "stale");
    const auto refused = plans.advance(me, id, std::nullopt);
    BOOST_TEST(why(refused) == "plans_busy");
    BOOST_TEST((refused.error().code == ErrorCode::rate_limited));
}

BOOST_AUTO_TEST_CASE(many_advance_at_once_and_each_goes_one_step)
{
    const auto id = make(std::vector<std::string>(20, "s"));
    const auto before = store.attempts();
    std::vector<std::thread> all;
    for (int i = 0; i < 10; ++i) {
        all.emplace_back([&] { static_cast<void>(plans.advance(me, id, std::nullopt)); });
    }
    for (auto& thread : all) {
        thread.join();
    }
    BOOST_TEST(plans.get(me, id)->current_step == 9);
    BOOST_TEST(plans.get(me, id)->revision == 11U);
    BOOST_TEST(store.attempts() == before + 10, "no write was in vain");
}

BOOST_AUTO_TEST_SUITE_END()
