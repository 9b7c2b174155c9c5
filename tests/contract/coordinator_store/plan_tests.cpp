#include "tests/contract/coordinator_store/postgres.hpp"
#include "tests/contract/coordinator_store/samples.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;
using coordinator::Page;
using coordinator::Plan;
using coordinator::PlanRemoval;
using coordinator::PlanStep;

namespace {

Plan a_plan(std::size_t steps, std::int64_t us = 1, std::string tenant = "default")
{
    Plan plan;
    plan.id = common::mint<common::PlanId>();
    plan.tenant = std::move(tenant);
    plan.name = "deploy" + hostile();
    plan.description = hostile();
    plan.created_by = "token:" + hostile();
    plan.updated_by = plan.created_by;
    plan.created_at = at(us);
    plan.updated_at = at(us);
    for (std::size_t i = 0; i < steps; ++i) {
        plan.steps.emplace_back().description = std::to_string(i) + hostile();
    }
    return plan;
}

/// What comes after it.
Plan next_of(Plan plan)
{
    ++plan.revision;
    plan.updated_at += std::chrono::microseconds{1};
    return plan;
}

void check_same(const Plan& back, const Plan& sent)
{
    BOOST_TEST((back.id == sent.id));
    BOOST_TEST((back.tenant == sent.tenant));
    BOOST_TEST((back.name == sent.name));
    BOOST_TEST((back.description == sent.description));
    BOOST_TEST((back.status == sent.status));
    BOOST_TEST(back.current_step == sent.current_step);
    BOOST_TEST((back.abort_reason == sent.abort_reason));
    BOOST_TEST((back.created_by == sent.created_by));
    BOOST_TEST((back.updated_by == sent.updated_by));
    BOOST_TEST((back.created_at == sent.created_at));
    BOOST_TEST((back.updated_at == sent.updated_at));
    BOOST_TEST((back.completed_at == sent.completed_at));
    BOOST_TEST(back.revision == sent.revision);
    BOOST_REQUIRE(back.steps.size() == sent.steps.size());
    for (std::size_t i = 0; i < sent.steps.size(); ++i) {
        BOOST_TEST((back.steps[i].description == sent.steps[i].description));
        BOOST_TEST((back.steps[i].status == sent.steps[i].status));
        BOOST_TEST((back.steps[i].started_at == sent.steps[i].started_at));
        BOOST_TEST((back.steps[i].completed_at == sent.steps[i].completed_at));
        BOOST_TEST((back.steps[i].result == sent.steps[i].result));
        BOOST_TEST((back.steps[i].error == sent.steps[i].error));
    }
}

Plan read_back(PgStore& store, const Plan& plan)
{
    const auto found = store.plan(plan.tenant, plan.id);
    BOOST_REQUIRE_EQUAL(told(found), "ok");
    BOOST_REQUIRE(found->has_value());
    return **found;
}

struct PlanRows {
    Postgres& postgres = Postgres::shared();
    const std::string database = postgres.fresh_database();
    const coordinator::store::StoreSettings settings = postgres.settings(database);

    std::string counted(const std::string& table)
    {
        return postgres.sql("SELECT count(*) FROM " + table, database);
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(plan_tests, PlanRows)

BOOST_AUTO_TEST_CASE(a_plan_outlives_the_coordinator_as_it_was_written_last)
{
    auto plan = a_plan(12, 1, "default" + hostile());
    {
        const auto store = open_store(settings);
        BOOST_TEST(told(write(*store, {plan, an_audit_row()})) == "ok");
        check_same(read_back(*store, plan), plan);
        plan = next_of(plan);
        plan.status = Plan::Status::in_progress;
        plan.current_step = 10;
        plan.updated_by = "token:another" + hostile();
        plan.steps[9] = {
            plan.steps[9].description, PlanStep::Status::completed, at(3), at(4), hostile(), ""};
        plan.steps[10].status = PlanStep::Status::active;
        plan.steps[10].started_at = at(4);
        BOOST_TEST(told(write(*store, {plan, an_audit_row()})) == "ok");
        check_same(read_back(*store, plan), plan);
        plan = next_of(plan);
        plan.status = Plan::Status::aborted;
        plan.completed_at = at(9);
        plan.abort_reason = hostile();
        plan.steps[10].status = PlanStep::Status::failed;
        plan.steps[10].error = hostile();
        plan.steps[10].completed_at = at(9);
        plan.steps[11].status = PlanStep::Status::skipped;
        BOOST_TEST(told(write(*store, {plan, an_audit_row()})) == "ok");
    }
    const auto again = open_store(settings);
    check_same(read_back(*again, plan), plan);
    BOOST_TEST(counted("plan_steps") == "12");
}

BOOST_AUTO_TEST_CASE(a_plan_that_does_not_come_after_what_there_is_is_stale_and_leaves_nothing)
{
    const auto store = open_store(settings);
    const auto first = a_plan(2);
    BOOST_TEST(told(write(*store, {first, an_audit_row()})) == "ok");
    const auto second = next_of(first);
    BOOST_TEST(told(write(*store, {second})) == "ok");
    auto late = second;
    late.steps[0].result = "late";
    const auto unknown = next_of(a_plan(1));
    for (const auto& change : std::vector<Change>{late,
                                                  next_of(next_of(second)),
                                                  unknown,
                                                  first,
                                                  PlanRemoval{first.id, 1},
                                                  PlanRemoval{unknown.id, 2}}) {
        const auto refused = write(*store, {a_sandbox(), change, an_audit_row()});
        BOOST_REQUIRE(!refused);
        BOOST_TEST(refused.error().reason == "stale");
    }
    check_same(read_back(*store, second), second);
    BOOST_TEST(counted("audit") == "1");
    BOOST_TEST(counted("sandboxes") == "0");
    BOOST_TEST(told(write(*store, {next_of(second), an_audit_row()})) == "ok");
    BOOST_TEST(told(store->verify_audit()) == "ok");
}

BOOST_AUTO_TEST_CASE(a_removed_plan_is_gone_with_its_steps_and_those_of_others_stay)
{
    const auto store = open_store(settings);
    const auto plan = a_plan(3);
    const auto other = a_plan(2, 5, "red");
    BOOST_TEST(told(write(*store, {plan, other})) == "ok");
    const auto strangers = store->plan("red", plan.id);
    BOOST_REQUIRE_EQUAL(told(strangers), "ok");
    BOOST_TEST(!strangers->has_value());
    BOOST_TEST(told(write(*store, {PlanRemoval{plan.id, 1}, an_audit_row()})) == "ok");
    const auto gone = store->plan("default", plan.id);
    BOOST_REQUIRE_EQUAL(told(gone), "ok");
    BOOST_TEST(!gone->has_value());
    BOOST_TEST(counted("plan_steps") == "2");
    check_same(read_back(*store, other), other);
}

BOOST_AUTO_TEST_CASE(a_page_of_plans_is_newest_first_and_of_one_tenant_alone)
{
    const auto store = open_store(settings);
    std::vector<Plan> plans;
    for (int i = 0; i < 4; ++i) {
        plans.push_back(a_plan(2, i));
        BOOST_TEST(told(write(*store, {plans.back()})) == "ok");
    }
    BOOST_TEST(told(write(*store, {a_plan(1, 9, "red")})) == "ok");
    /// Total, and which of them are on it.
    const auto told_of = [&](const std::string& tenant, Page page) {
        const auto found = store->plans_of(tenant, page);
        BOOST_REQUIRE_EQUAL(told(found), "ok");
        auto text = std::to_string(found->total) + ":";
        for (const auto& plan : found->plans) {
            const auto which = std::ranges::find(plans, plan.id, &Plan::id);
            text += " " + std::to_string(which - plans.begin());
            if (which != plans.end()) {
                check_same(plan, *which);
            }
        }
        return text;
    };
    BOOST_TEST(told_of("default", {}) == "4: 3 2 1 0");
    BOOST_TEST(told_of("default", {.limit = 2, .offset = 1}) == "4: 2 1");
    BOOST_TEST(told_of("default", {.limit = 0}) == "4:");
    BOOST_TEST(told_of("default", {.offset = 4}) == "4:");
    BOOST_TEST(told_of("red", {}) == "1: 4");
    BOOST_TEST(told_of("blue", {}) == "0:");
    BOOST_TEST(told_of("default", {.bytes = common::Bytes{1}}) == "4: 3");
    plans[3] = next_of(plans[3]);
    plans[3].steps[1].result = std::string(5000, 'x');
    BOOST_TEST(told(write(*store, {plans[3]})) == "ok");
    BOOST_TEST(told_of("default", {.bytes = common::Bytes{5000}}) == "4: 3");
    BOOST_TEST(told_of("default", {.offset = 1, .bytes = common::Bytes{5000}}) == "4: 2 1 0");
}

BOOST_AUTO_TEST_CASE(only_steps_that_have_changed_are_written)
{
    const auto store = open_store(settings);
    auto plan = a_plan(50);
    BOOST_TEST(told(write(*store, {plan})) == "ok");
    const auto before = postgres.sql("SELECT pg_current_xact_id()", database);
    plan = next_of(plan);
    plan.steps[7].status = PlanStep::Status::skipped;
    BOOST_TEST(told(write(*store, {plan})) == "ok");
    BOOST_TEST(postgres.sql("SELECT string_agg(position::text, ' ') FROM plan_steps WHERE "
                            "xmin::text::bigint > " +
                                before,
                            database) == "7");
    check_same(read_back(*store, plan), plan);
}

BOOST_AUTO_TEST_CASE(a_database_from_before_plans_has_none)
{
    migrate_up_to(9, postgres.url(database, "paddock_owner"));
    const auto store = open_store(settings);
    BOOST_TEST(store->plans_of("default", {})->total == 0U);
    BOOST_TEST(told(write(*store, {a_plan(1)})) == "ok");
}

BOOST_AUTO_TEST_SUITE_END()
