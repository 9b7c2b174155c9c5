#include "coordinator/core/plan.hpp"

#include <boost/test/unit_test.hpp>

using namespace coordinator;

namespace {

using Step = PlanStep::Status;

struct PlanFixture {
    Plan plan = of(3);
    common::WallTime now = common::from_unix_us(1'790'000'000'000'000);

    static Plan of(std::size_t steps)
    {
        Plan made;
        made.id = common::mint<common::PlanId>();
        made.steps.resize(steps);
        return made;
    }
    /// The plan's status, its current step, and its steps by their first letters: "in_progress 1
    /// cap".
    [[nodiscard]] std::string shape() const
    {
        auto text =
            std::string{to_string(plan.status)} + " " + std::to_string(plan.current_step) + " ";
        for (const auto& step : plan.steps) {
            text += to_string(step.status).front();
        }
        return text;
    }
    std::string advance() { return advance(std::nullopt); }
    std::string advance(const std::optional<std::string>& result)
    {
        now += std::chrono::seconds{1};
        return said(advance_plan(plan, result, now));
    }
    std::string change(const StepChange& change)
    {
        now += std::chrono::seconds{1};
        const auto changed = change_step(plan, change, now);
        return changed ? (*changed ? "changed" : "same") : said(changed);
    }
    std::string change(std::uint64_t index, Step status) { return change({index, status, {}, {}}); }
    std::string abort_it(const std::string& reason)
    {
        now += std::chrono::seconds{1};
        return said(abort_plan(plan, reason, now));
    }
    template <typename T>
    static std::string said(const common::Result<T>& result)
    {
        return result ? "ok" : std::string{result.error().stable_reason()};
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(plan_tests, PlanFixture)

BOOST_AUTO_TEST_CASE(advancing_goes_through_the_steps_and_ends_with_the_last)
{
    BOOST_TEST(shape() == "pending -1 ppp");
    BOOST_TEST(advance() == "ok");
    BOOST_TEST(shape() == "in_progress 0 app");
    BOOST_TEST((plan.steps[0].started_at == now));
    BOOST_TEST(!plan.steps[0].completed_at.has_value());
    BOOST_TEST(advance("done") == "ok");
    BOOST_TEST(shape() == "in_progress 1 cap");
    BOOST_TEST(plan.steps[0].result == "done");
    BOOST_TEST((plan.steps[0].completed_at == now));
    BOOST_TEST((plan.steps[1].started_at == now));
    BOOST_TEST(advance() == "ok");
    BOOST_TEST(!plan.completed_at.has_value());
    BOOST_TEST(advance("last") == "ok");
    BOOST_TEST(shape() == "completed 2 ccc");
    BOOST_TEST(plan.steps[2].result == "last");
    BOOST_TEST((plan.completed_at == now));
    const auto ended = now;
    BOOST_TEST(advance() == "plan_ended");
    BOOST_TEST(abort_it("late") == "plan_ended");
    BOOST_TEST(shape() == "completed 2 ccc");
    BOOST_TEST((plan.completed_at == ended));
    BOOST_TEST(plan.abort_reason == "");
}

BOOST_AUTO_TEST_CASE(a_result_is_of_an_active_step)
{
    BOOST_TEST(advance("of nothing") == "step_not_active");
    BOOST_TEST(shape() == "pending -1 ppp");
    BOOST_TEST(advance() == "ok");
    BOOST_TEST(change({0, Step::completed, "one", {}}) == "changed");
    BOOST_TEST(advance("two") == "step_not_active");
    BOOST_TEST(plan.steps[0].result == "one");
    BOOST_TEST(shape() == "in_progress 0 cpp");
    BOOST_TEST(advance() == "ok");
    BOOST_TEST(change({1, {}, "so far", {}}) == "changed");
    BOOST_TEST(advance() == "ok");
    BOOST_TEST(plan.steps[1].result == "so far");
}

BOOST_AUTO_TEST_CASE(a_plan_of_one_step_is_begun_and_completed)
{
    plan = of(1);
    BOOST_TEST(advance() == "ok");
    BOOST_TEST(shape() == "in_progress 0 a");
    BOOST_TEST(advance() == "ok");
    BOOST_TEST(shape() == "completed 0 c");
}

BOOST_AUTO_TEST_CASE(a_step_goes_from_pending_over_active_to_its_end)
{
    const auto begun = [&](Step to) {
        plan = of(2);
        advance();
        const auto answer = change(0, to);
        return answer + " " + shape();
    };
    BOOST_TEST(begun(Step::pending) == "step_active in_progress 0 ap");
    BOOST_TEST(begun(Step::active) == "same in_progress 0 ap");
    BOOST_TEST(begun(Step::completed) == "changed in_progress 0 cp");
    BOOST_TEST(begun(Step::skipped) == "changed in_progress 0 sp");
    BOOST_TEST(begun(Step::failed) == "changed failed 0 fs");
    const auto fresh = [&](Step to) {
        plan = of(2);
        const auto answer = change(0, to);
        return answer + " " + shape();
    };
    BOOST_TEST(fresh(Step::pending) == "same pending -1 pp");
    BOOST_TEST(fresh(Step::active) == "changed in_progress 0 ap");
    BOOST_TEST(fresh(Step::completed) == "step_not_active pending -1 pp");
    BOOST_TEST(fresh(Step::failed) == "step_not_active pending -1 pp");
    BOOST_TEST(fresh(Step::skipped) == "changed pending -1 sp");
    for (const auto end : {Step::completed, Step::skipped}) {
        for (const auto to :
             {Step::pending, Step::active, Step::completed, Step::failed, Step::skipped}) {
            begun(end);
            const auto before = shape();
            BOOST_TEST(change(0, to) == (to == end ? "same" : "step_ended"));
            BOOST_TEST(shape() == before);
        }
    }
}

BOOST_AUTO_TEST_CASE(steps_are_begun_in_their_order)
{
    BOOST_TEST(change(1, Step::active) == "step_out_of_order");
    BOOST_TEST(shape() == "pending -1 ppp");
    BOOST_TEST(change(0, Step::active) == "changed");
    BOOST_TEST(change(1, Step::active) == "step_out_of_order");
    BOOST_TEST(change(0, Step::completed) == "changed");
    BOOST_TEST(change(2, Step::active) == "step_out_of_order");
    BOOST_TEST(change(1, Step::skipped) == "changed");
    BOOST_TEST(change(2, Step::active) == "changed");
    BOOST_TEST(shape() == "in_progress 2 csa");
}

BOOST_AUTO_TEST_CASE(advancing_leaves_out_what_is_skipped)
{
    BOOST_TEST(change(0, Step::skipped) == "changed");
    BOOST_TEST(change(2, Step::skipped) == "changed");
    BOOST_TEST(advance() == "ok");
    BOOST_TEST(shape() == "in_progress 1 sas");
    BOOST_TEST(advance() == "ok");
    BOOST_TEST(shape() == "completed 1 scs");
}

BOOST_AUTO_TEST_CASE(a_plan_of_which_all_is_skipped_is_completed)
{
    for (std::uint64_t i = 0; i < 3; ++i) {
        BOOST_TEST(change(i, Step::skipped) == "changed");
    }
    BOOST_TEST(shape() == "completed -1 sss");
    BOOST_TEST((plan.completed_at == now));
}

BOOST_AUTO_TEST_CASE(a_step_that_fails_ends_the_plan)
{
    advance();
    advance();
    BOOST_TEST(change({1, Step::failed, "half of it", "no space"}) == "changed");
    BOOST_TEST(shape() == "failed 1 cfs");
    BOOST_TEST(plan.steps[1].error == "no space");
    BOOST_TEST(plan.steps[1].result == "half of it");
    BOOST_TEST((plan.completed_at == now));
    BOOST_TEST((plan.steps[2].completed_at == now));
    BOOST_TEST(!plan.steps[2].started_at.has_value());
    BOOST_TEST(advance() == "plan_ended");
    BOOST_TEST(change(2, Step::active) == "plan_ended");
    BOOST_TEST(change({1, {}, {}, "another"}) == "plan_ended");
    BOOST_TEST(abort_it("") == "plan_ended");
    BOOST_TEST(shape() == "failed 1 cfs");
}

BOOST_AUTO_TEST_CASE(what_is_so_already_may_be_said_again)
{
    advance();
    BOOST_TEST(change({0, Step::failed, "r", "e"}) == "changed");
    const auto ended = now;
    BOOST_TEST(change({0, Step::failed, "r", "e"}) == "same");
    BOOST_TEST(change({0, {}, {}, "e"}) == "same");
    BOOST_TEST((plan.completed_at == ended));
    BOOST_TEST((plan.steps[0].completed_at == ended));
    BOOST_TEST(change({0, Step::failed, "r", "f"}) == "plan_ended");
}

BOOST_AUTO_TEST_CASE(notes_are_made_of_an_active_step_alone)
{
    BOOST_TEST(change({0, {}, "early", {}}) == "step_not_active");
    advance();
    BOOST_TEST(change({0, {}, "half", {}}) == "changed");
    BOOST_TEST(change({0, Step::active, {}, "a warning"}) == "changed");
    BOOST_TEST(shape() == "in_progress 0 app");
    BOOST_TEST(plan.steps[0].result == "half");
    BOOST_TEST(plan.steps[0].error == "a warning");
    advance();
    BOOST_TEST(change({0, {}, "late", {}}) == "step_ended");
    BOOST_TEST(plan.steps[0].result == "half");
}

BOOST_AUTO_TEST_CASE(an_abort_fails_what_is_active_and_skips_the_rest)
{
    advance();
    advance();
    BOOST_TEST(abort_it("not today") == "ok");
    BOOST_TEST(shape() == "aborted 1 cfs");
    BOOST_TEST(plan.abort_reason == "not today");
    BOOST_TEST(plan.steps[1].error == "the plan was aborted");
    BOOST_TEST((plan.completed_at == now));
    BOOST_TEST(abort_it("again") == "plan_ended");
    BOOST_TEST(advance() == "plan_ended");
    BOOST_TEST(plan.abort_reason == "not today");
    plan = of(2);
    BOOST_TEST(abort_it("") == "ok");
    BOOST_TEST(shape() == "aborted -1 ss");
    plan = of(1);
    advance();
    change({0, {}, {}, "its own"});
    BOOST_TEST(abort_it("") == "ok");
    BOOST_TEST(plan.steps[0].error == "its own");
}

BOOST_AUTO_TEST_CASE(a_step_that_there_is_not_is_unknown)
{
    const auto unknown = change_step(plan, {3, Step::active, {}, {}}, now);
    BOOST_REQUIRE(!unknown);
    BOOST_TEST((unknown.error().code == common::ErrorCode::not_found));
    BOOST_TEST(said(unknown) == "unknown_step");
    abort_it("");
    BOOST_TEST(change(3, Step::active) == "unknown_step");
}

BOOST_AUTO_TEST_CASE(each_status_has_one_word)
{
    for (const char* word : {"pending", "active", "completed", "failed", "skipped"}) {
        BOOST_TEST(to_string(step_status_from(word).value()) == word);
    }
    for (const char* word : {"pending", "in_progress", "completed", "failed", "aborted"}) {
        BOOST_TEST(to_string(plan_status_from(word).value()) == word);
    }
    BOOST_TEST(!step_status_from("in_progress").has_value());
    BOOST_TEST(!step_status_from("").has_value());
    BOOST_TEST(!plan_status_from("active").has_value());
}

BOOST_AUTO_TEST_SUITE_END()
