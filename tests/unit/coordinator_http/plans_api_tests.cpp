#include "running_server.hpp"

namespace coordinator::http {

using nlohmann::json;

namespace {

constexpr const char* all_plans = "/v1/plan/";
const json three_steps{{"name", "deploy"}, {"steps", {"a", "b", "c"}}};

struct PlansApiFixture {
    RunningServer run;
    client::ApiClient client = run.client();

    /// The path of a new plan of three steps.
    std::string make()
    {
        const auto made = client.post("/v1/plan/create", three_steps);
        BOOST_REQUIRE_MESSAGE(made.status == 200, made.body);
        return all_plans + made.json()["plan_id"].get<std::string>();
    }
    client::ApiClient::Reply update(const std::string& path, json fields)
    {
        fields["plan_id"] = path.substr(std::string{all_plans}.size());
        return client.post("/v1/plan/update", fields);
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(plans_api_tests, PlansApiFixture)

BOOST_AUTO_TEST_CASE(a_plan_has_every_field_of_the_contract)
{
    const auto made = client.post(
        "/v1/plan/create",
        {{"name", "deploy"}, {"description", "on Monday"}, {"steps", json::array({"a", "b"})}});
    BOOST_TEST(made.status == 200, made.body);
    const std::string id = made.json()["plan_id"];
    const auto path = all_plans + id;
    auto stored = run.store.plan("default", common::PlanId{id}).operator*().value();
    const auto time = [](common::WallTime at) { return common::to_rfc3339(at); };
    json expected{{"id", id},
                  {"name", "deploy"},
                  {"description", "on Monday"},
                  {"status", "pending"},
                  {"current_step", -1},
                  {"steps",
                   {{{"index", 0}, {"description", "a"}, {"status", "pending"}},
                    {{"index", 1}, {"description", "b"}, {"status", "pending"}}}},
                  {"created_at", time(stored.created_at)},
                  {"updated_at", time(stored.updated_at)},
                  {"created_by", stored.created_by},
                  {"updated_by", stored.updated_by},
                  {"revision", 1}};
    BOOST_TEST(stored.created_by != "");
    BOOST_TEST(made.json() == (json{{"plan_id", id}, {"plan", expected}}));
    BOOST_TEST(client.get(path).json() == (json{{"plan", expected}}));
    for (const char* list : {"/v1/plan/", "/v1/plan"}) {
        BOOST_TEST(client.get(list).json() ==
                   (json{{"plans", json::array({expected})}, {"total", 1}}));
    }
    client.post(path + "/advance", json::object());
    const auto failed =
        update(path, {{"step_index", 0}, {"status", "failed"}, {"result", "r"}, {"error", "e"}});
    stored = run.store.plan("default", common::PlanId{id}).operator*().value();
    expected["status"] = "failed";
    expected["current_step"] = 0;
    expected["revision"] = 3;
    expected["updated_at"] = time(stored.updated_at);
    expected["completed_at"] = time(*stored.completed_at);
    expected["steps"][0] = {{"index", 0},
                            {"description", "a"},
                            {"status", "failed"},
                            {"started_at", time(*stored.steps[0].started_at)},
                            {"completed_at", time(stored.updated_at)},
                            {"result", "r"},
                            {"error", "e"}};
    expected["steps"][1]["status"] = "skipped";
    expected["steps"][1]["completed_at"] = time(stored.updated_at);
    BOOST_TEST(failed.json() == (json{{"plan_id", id}, {"updated", true}, {"plan", expected}}));
    BOOST_TEST(client.get(path).json() == (json{{"plan", expected}}));
}

BOOST_AUTO_TEST_CASE(a_plan_is_advanced_updated_aborted_and_deleted)
{
    const auto path = make();
    const auto id = path.substr(std::string{all_plans}.size());
    const auto begun = client.send("POST", path + "/advance", std::nullopt);
    BOOST_TEST(begun.status == 200, begun.body);
    BOOST_TEST(begun.json()["advanced"] == true);
    BOOST_TEST(begun.json()["plan_id"] == id);
    BOOST_TEST(begun.json()["plan"]["current_step"] == 0);
    const auto second = client.post(path + "/advance", {{"result", "one"}});
    BOOST_TEST(second.json()["plan"]["steps"][0]["result"] == "one");
    BOOST_TEST(second.json()["plan"]["steps"][1]["status"] == "active");
    const json note{{"step_index", 1}, {"result", "half"}};
    BOOST_TEST(update(path, note).json()["updated"] == true);
    const auto again = update(path, note);
    BOOST_TEST(again.status == 200);
    BOOST_TEST(again.json()["updated"] == false);
    const auto aborted = client.post(path + "/abort", {{"reason", "not today"}});
    BOOST_TEST(aborted.status == 200, aborted.body);
    BOOST_TEST(aborted.json()["aborted"] == true);
    BOOST_TEST(aborted.json()["plan"]["status"] == "aborted");
    BOOST_TEST(aborted.json()["plan"]["abort_reason"] == "not today");
    check_error(client.post(path + "/advance", json::object()), 409, "plan_ended");
    check_error(client.send("POST", path + "/abort", std::nullopt), 409, "plan_ended");
    check_error(update(path, {{"step_index", 2}, {"status", "active"}}), 409, "plan_ended");
    const auto gone = client.del(path);
    BOOST_TEST(gone.status == 200, gone.body);
    BOOST_TEST(gone.json() == (json{{"plan_id", id}, {"deleted", true}}));
    for (const auto& reply : {client.get(path),
                              client.del(path),
                              client.post(path + "/advance", json::object()),
                              client.post(path + "/abort", json::object()),
                              update(path, note)}) {
        check_error(reply, 404, "unknown_plan");
    }
}

BOOST_AUTO_TEST_CASE(a_step_is_refused_what_its_order_does_not_allow)
{
    const auto path = make();
    check_error(update(path, {{"step_index", 0}, {"status", "completed"}}), 409, "step_not_active");
    check_error(update(path, {{"step_index", 1}, {"status", "active"}}), 409, "step_out_of_order");
    check_error(update(path, {{"step_index", 3}, {"status", "active"}}), 404, "unknown_step");
    check_error(client.post(path + "/advance", {{"result", "x"}}), 409, "step_not_active");
    BOOST_TEST(update(path, {{"step_index", 0}, {"status", "active"}}).status == 200);
    check_error(update(path, {{"step_index", 0}, {"status", "pending"}}), 409, "step_active");
    BOOST_TEST(update(path, {{"step_index", 0}, {"status", "skipped"}}).status == 200);
    check_error(update(path, {{"step_index", 0}, {"status", "completed"}}), 409, "step_ended");
    BOOST_TEST(client.get(path).json()["plan"]["revision"] == 3);
}

BOOST_AUTO_TEST_CASE(a_page_of_plans_has_the_true_total)
{
    for (int i = 0; i < 3; ++i) {
        make();
    }
    const auto page = client.get("/v1/plan/?limit=1&offset=1").json();
    BOOST_TEST(page["total"] == 3);
    BOOST_TEST(page["plans"].size() == 1U);
    BOOST_TEST(client.get("/v1/plan?offset=9").json()["plans"].empty());
}

BOOST_AUTO_TEST_CASE(what_is_no_id_of_a_plan_is_not_found)
{
    for (const std::string id :
         {"pln-aaaaaaaaaaaaaaaa", "pbk-aaaaaaaaaaaaaaaa", "pln-", "..%2Fx", "%C3%BC"}) {
        const auto path = all_plans + id;
        for (const auto& reply : {client.get(path),
                                  client.post(path + "/advance", json::object()),
                                  client.post(path + "/abort", json::object())}) {
            check_error(reply, 404, "unknown_plan");
        }
        check_error(client.del(path), 404, "unknown_plan");
    }
}

BOOST_AUTO_TEST_CASE(bad_requests_about_plans_change_nothing)
{
    const auto path = make();
    const auto writes = run.store.attempts();
    const auto wrong = client.post("/v1/plan/create", {{"steps", 1}, {"colour", 1}});
    check_error(wrong, 400, "invalid_argument");
    BOOST_TEST(wrong.json()["errors"].size() == 3U);
    check_error(client.send("POST", "/v1/plan/create", std::nullopt), 400, "invalid_argument");
    check_error(client.send("POST", "/v1/plan/create", "[]"), 400, "invalid_argument");
    check_error(client.post("/v1/plan/create?x=1", three_steps), 400, "invalid_argument");
    check_error(client.get("/v1/plan/?limit=501"), 400, "invalid_argument");
    check_error(client.get("/v1/plan/?status=pending"), 400, "invalid_argument");
    check_error(client.get("/v1/plan/?cursor=x"), 400, "invalid_argument");
    check_error(client.get(path + "?x=1"), 400, "invalid_argument");
    check_error(client.send("DELETE", path, R"({"force":true})"), 400, "invalid_argument");
    check_error(client.post(path + "/advance", {{"steps", 2}}), 400, "invalid_argument");
    check_error(client.post(path + "/advance?x=1", json::object()), 400, "invalid_argument");
    check_error(client.post(path + "/abort", {{"reason", 1}}), 400, "invalid_argument");
    check_error(update(path, {{"step_index", 0}}), 400, "invalid_argument");
    check_error(client.post("/v1/plan/update?x=1", {{"plan_id", "x"}}), 400, "invalid_argument");
    check_error(client.send("PUT", path, "{}"), 405, "method_not_allowed");
    check_error(client.get(path + "/advance"), 405, "method_not_allowed");
    check_error(client.get(path + "/steps"), 404, "no_such_route");
    check_error(run.stranger().get(all_plans), 401, "unauthenticated");
    BOOST_TEST(run.store.attempts() == writes);
}

BOOST_AUTO_TEST_CASE(a_plan_is_advanced_once_under_one_key)
{
    const auto path = make();
    const auto advance = [&](const std::string& key) {
        return client.send("POST", path + "/advance", "{}", {{"Idempotency-Key", key}});
    };
    const auto first = advance("k1");
    const auto again = advance("k1");
    BOOST_TEST(again.body == first.body);
    BOOST_TEST(again.headers.at("idempotency-replayed") == "true");
    BOOST_TEST(client.get(path).json()["plan"]["current_step"] == 0);
    BOOST_TEST(advance("k2").json()["plan"]["current_step"] == 1);
}

BOOST_AUTO_TEST_CASE(a_database_that_is_away_is_said_so_of_plans)
{
    const auto path = make();
    run.store.fail(common::ErrorCode::timeout, [](const auto&) { return true; });
    check_error(client.post(path + "/advance", json::object()), 504, "outcome_unknown");
    run.store.recover();
    run.store.fail(common::ErrorCode::unavailable);
    check_error(client.post("/v1/plan/create", three_steps), 503, "unavailable");
    check_error(client.get(all_plans), 503, "unavailable");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace coordinator::http
