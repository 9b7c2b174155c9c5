#include "running_server.hpp"

#include "coordinator/http/rest/parsers.hpp"
#include "wrong_fields.hpp"

namespace coordinator::http {

using nlohmann::json;

namespace {

PoolState a_pool(const std::string& name)
{
    PoolState state;
    state.pool.name = name;
    state.pool.image = common::ImageName{"tiny"};
    state.pool.vcpus = 2;
    state.pool.memory = common::Bytes::mib(512);
    state.pool.network = NetworkMode::isolated;
    state.pool.min = 1;
    state.pool.max = 8;
    state.pool.max_age = std::chrono::seconds{600};
    state.pool.created_at = common::from_unix_us(1'790'000'000'000'000);
    state.target = 3;
    state.hits = 10;
    state.misses = 2;
    state.refills = 14;
    state.failures = 1;
    state.dead = 4;
    state.thrown_out = 5;
    state.refill_time = std::chrono::milliseconds{240};
    state.hosts = {{common::HostName{"h1"}, 3, 0, "ready", ""},
                   {common::HostName{"h2"}, 1, 2, "making", "no room"}};
    return state;
}

std::string pool_with(const std::string& more)
{
    return R"({"name":"p","image":"tiny",)" + more + "}";
}

} // namespace

BOOST_AUTO_TEST_SUITE(pools_api_tests)

BOOST_AUTO_TEST_CASE(a_pool_has_every_field_of_the_contract)
{
    RunningServer run;
    run.service.all_pools = {a_pool("web")};
    const auto reply = run.client().get("/v1/pools/web");
    BOOST_TEST(reply.status == 200, reply.body);
    const json expected{
        {"name", "web"},
        {"image", "tiny"},
        {"cpu", 2},
        {"memory_mb", 512},
        {"network_mode", "isolated"},
        {"min", 1},
        {"max", 8},
        {"max_age_seconds", 600},
        {"created_at", common::to_rfc3339(common::from_unix_us(1'790'000'000'000'000))},
        {"target", 3},
        {"ready", 4},
        {"filling", 2},
        {"hits", 10},
        {"misses", 2},
        {"refills", 14},
        {"refill_failures", 1},
        {"dead", 4},
        {"thrown_out", 5},
        {"refill_ms", 240},
        {"hosts",
         {{{"host_name", "h1"}, {"ready", 3}, {"filling", 0}, {"source", "ready"}},
          {{"host_name", "h2"},
           {"ready", 1},
           {"filling", 2},
           {"source", "making"},
           {"error", "no room"}}}},
    };
    BOOST_TEST(reply.json()["pool"] == expected);
}

BOOST_AUTO_TEST_CASE(pools_are_made_listed_changed_and_deleted_by_name)
{
    RunningServer run;
    auto client = run.client();
    const auto made = client.post("/v1/pools", {{"name", "a"}, {"image", "tiny"}, {"min", 2}});
    BOOST_TEST(made.status == 201, made.body);
    BOOST_TEST(made.headers.at("location") == "/v1/pools/a");
    const auto pool = made.json()["pool"];
    BOOST_TEST(pool["max"] == 2);
    BOOST_TEST(pool["ready"] == 0);
    BOOST_TEST(pool["hosts"].is_array());
    BOOST_TEST(!pool.contains("refill_ms"));
    for (const char* name : {"b", "c"}) {
        client.post("/v1/pools", {{"name", name}, {"image", "tiny"}});
    }
    const auto page = client.get("/v1/pools?limit=1&offset=1").json();
    BOOST_TEST(page["total"] == 3);
    BOOST_TEST(page["pools"].size() == 1U);
    BOOST_TEST(page["pools"][0]["name"] == "b");
    BOOST_TEST(client.get("/v1/pools?offset=9").json()["pools"].empty());

    const auto changed = client.send("PATCH", "/v1/pools/b", R"({"max":5})");
    BOOST_TEST(changed.status == 200, changed.body);
    BOOST_TEST(changed.json()["pool"]["max"] == 5);
    BOOST_TEST(changed.json()["pool"]["min"] == 1);
    const auto gone = client.del("/v1/pools/b");
    BOOST_TEST(gone.status == 200, gone.body);
    BOOST_TEST(gone.json()["pool"]["name"] == "b");
    BOOST_TEST(gone.json()["pool"]["max"] == 5);
    check_error(client.del("/v1/pools/b"), 404, "unknown_pool");
    BOOST_TEST(client.get("/v1/pools").json()["total"] == 2);
}

BOOST_AUTO_TEST_CASE(an_unknown_pool_and_what_is_no_name_are_not_found)
{
    RunningServer run;
    auto client = run.client();
    for (const std::string name : {"nope", "..%2F..%2Fetc", "%27%22%3Cx%3E", "-a", "a..b"}) {
        const auto path = "/v1/pools/" + name;
        BOOST_TEST_CONTEXT(path)
        {
            check_error(client.get(path), 404, "unknown_pool");
            check_error(client.send("PATCH", path, R"({"min":0})"), 404, "unknown_pool");
            check_error(client.del(path), 404, "unknown_pool");
        }
    }
    BOOST_TEST(run.service.callers().size() == 3U, "what is no name never reaches the service");
}

BOOST_AUTO_TEST_CASE(bad_requests_about_pools_leave_no_trace_in_the_service)
{
    RunningServer run;
    auto client = run.client();
    const json good{{"name", "a"}, {"image", "tiny"}};
    const auto wrong = client.post("/v1/pools", {{"min", "many"}, {"colour", 1}});
    check_error(wrong, 400, "invalid_argument");
    BOOST_TEST(wrong.json()["errors"].size() == 4U);
    check_error(client.send("POST", "/v1/pools", "[]"), 400, "invalid_argument");
    check_error(client.send("POST", "/v1/pools", std::nullopt), 400, "invalid_argument");
    check_error(client.post("/v1/pools?dry=1", good), 400, "invalid_argument");
    auto bridged = good;
    bridged["network_mode"] = "bridge";
    check_error(client.post("/v1/pools", bridged), 501, "not_yet");
    check_error(client.get("/v1/pools?limit=501"), 400, "invalid_argument");
    check_error(client.get("/v1/pools?colour=red"), 400, "invalid_argument");
    check_error(client.get("/v1/pools?cursor=x"), 400, "invalid_argument");
    check_error(client.get("/v1/pools/a?verbose=1"), 400, "invalid_argument");
    check_error(client.send("PATCH", "/v1/pools/a", std::nullopt), 400, "invalid_argument");
    check_error(client.send("PATCH", "/v1/pools/a", R"({"image":"x"})"), 400, "invalid_argument");
    check_error(client.send("PATCH", "/v1/pools/a?x=1", R"({"min":1})"), 400, "invalid_argument");
    check_error(client.send("DELETE", "/v1/pools/a", R"({"force":true})"), 400, "invalid_argument");
    check_error(client.del("/v1/pools/a?force=1"), 400, "invalid_argument");
    check_error(client.send("PUT", "/v1/pools/a", "{}"), 405, "method_not_allowed");
    BOOST_TEST(run.service.callers().empty());
}

BOOST_AUTO_TEST_CASE(errors_about_pools_keep_their_meaning)
{
    RunningServer twice;
    auto client = twice.client();
    const json body{{"name", "a"}, {"image", "tiny"}};
    BOOST_TEST(client.post("/v1/pools", body).status == 201);
    check_error(client.post("/v1/pools", body), 409, "pool_exists");
    for (const auto& [error, status, reason] :
         std::vector<std::tuple<common::Error, int, std::string>>{
             {{common::ErrorCode::not_found, "m", "unknown_image", {{"image", "is not there"}}},
              404,
              "unknown_image"},
             {{common::ErrorCode::failed_precondition, "m", "no_agent"}, 409, "no_agent"},
             {{common::ErrorCode::timeout, "m", "outcome_unknown"}, 504, "outcome_unknown"},
             {{common::ErrorCode::unavailable, "m"}, 503, "unavailable"},
             {{common::ErrorCode::internal, "secret"}, 500, "internal"},
         }) {
        RunningServer run;
        run.service.failure = error;
        auto failing = run.client();
        check_error(failing.post("/v1/pools", body), status, reason);
        check_error(failing.get("/v1/pools"), status, reason);
        check_error(failing.get("/v1/pools/a"), status, reason);
        check_error(failing.send("PATCH", "/v1/pools/a", R"({"min":1})"), status, reason);
        check_error(failing.del("/v1/pools/a"), status, reason);
    }
}

BOOST_AUTO_TEST_CASE(a_create_that_no_pool_can_serve_says_so)
{
    RunningServer run;
    run.service.failure = {common::ErrorCode::resource_exhausted, "m", "pool_empty"};
    const auto reply = run.client().post(
        "/v1/sandboxes",
        {{"image", "tiny"}, {"agent_id", "a"}, {"auto_start", true}, {"pool", "require"}});
    check_error(reply, 503, "pool_empty");
    BOOST_TEST(reply.headers.contains("retry-after"));
}

BOOST_AUTO_TEST_CASE(a_minimal_pool_leaves_the_rest_to_the_service)
{
    const auto request = rest::parse_pool(R"({"name":"p","image":"tiny"})");
    BOOST_REQUIRE(request);
    BOOST_TEST(request->name == "p");
    BOOST_TEST(request->image.str() == "tiny");
    BOOST_TEST((!request->vcpus && !request->memory && !request->max && !request->max_age));
    BOOST_TEST(request->min == 1U);
    BOOST_TEST((request->network == NetworkMode::nat));
}

BOOST_AUTO_TEST_CASE(a_full_pool_is_one_value)
{
    const auto request = rest::parse_pool(
        pool_with(R"("cpu":2,"memory_mb":512,"network_mode":"none","min":0,"max":256,
                     "max_age_seconds":31622400)"));
    BOOST_REQUIRE_MESSAGE(request.has_value(), (request ? "" : request.error().message));
    BOOST_TEST(*request->vcpus == 2U);
    BOOST_TEST(request->memory->mib() == 512U);
    BOOST_TEST((request->network == NetworkMode::none));
    BOOST_TEST(request->min == 0U);
    BOOST_TEST(*request->max == 256U);
    BOOST_TEST(request->max_age->count() == 31622400);
    const auto zero = rest::parse_pool(pool_with(R"("cpu":0,"memory_mb":0)"));
    BOOST_REQUIRE(zero);
    BOOST_TEST((!zero->vcpus && !zero->memory));
}

BOOST_AUTO_TEST_CASE(each_wrong_field_of_a_pool_is_named)
{
    const auto wrong = [](const std::string& body) { return wrong_fields(rest::parse_pool, body); };
    BOOST_TEST(wrong("{}") == (Names{"name", "image"}), boost::test_tools::per_element());
    const std::vector<std::pair<std::string, std::string>> bodies{
        {R"({"image":"tiny"})", "name"},
        {R"({"name":"p"})", "image"},
        {R"({"name":"../p","image":"tiny"})", "name"},
        {R"({"name":"","image":"tiny"})", "name"},
        {R"({"name":1,"image":"tiny"})", "name"},
        {R"({"name":"p","image":"a/b"})", "image"},
        {R"({"name":"p","image":null})", "image"},
        {pool_with(R"("cpu":65)"), "cpu"},
        {pool_with(R"("cpu":"2")"), "cpu"},
        {pool_with(R"("memory_mb":63)"), "memory_mb"},
        {pool_with(R"("memory_mb":1048577)"), "memory_mb"},
        {pool_with(R"("memory_mb":256.5)"), "memory_mb"},
        {pool_with(R"("network_mode":"open")"), "network_mode"},
        {pool_with(R"("network_mode":0)"), "network_mode"},
        {pool_with(R"("min":-1)"), "min"},
        {pool_with(R"("min":257)"), "min"},
        {pool_with(R"("min":"1")"), "min"},
        {pool_with(R"("min":null,"max":0)"), "min"},
        {pool_with(R"("max":-1)"), "max"},
        {pool_with(R"("max":257)"), "max"},
        {pool_with(R"("max":true)"), "max"},
        {pool_with(R"("max":0)"), "max"},
        {pool_with(R"("min":3,"max":2)"), "min"},
        {pool_with(R"("max_age_seconds":59)"), "max_age_seconds"},
        {pool_with(R"("max_age_seconds":31622401)"), "max_age_seconds"},
        {pool_with(R"("max_age_seconds":1e3)"), "max_age_seconds"},
        {pool_with(R"("target":3)"), "target"},
        {pool_with(R"("host":"h1")"), "host"},
    };
    for (const auto& [body, field] : bodies) {
        BOOST_TEST_CONTEXT(body)
        {
            BOOST_TEST(wrong(body) == Names{field}, boost::test_tools::per_element());
        }
    }
    const auto later = rest::parse_pool(pool_with(R"("network_mode":"bridge")"));
    BOOST_REQUIRE(!later);
    BOOST_TEST(later.error().reason == "not_yet");
    BOOST_TEST(later.error().fields.front().field == "network_mode");
}

BOOST_AUTO_TEST_CASE(a_change_of_a_pool_says_at_least_one_of_its_bounds)
{
    using rest::parse_pool_change;
    const auto wrong = [](const std::string& body) {
        return wrong_fields(parse_pool_change, body);
    };
    const auto min = parse_pool_change(R"({"min":0})");
    BOOST_REQUIRE(min);
    BOOST_TEST(*min->min == 0U);
    BOOST_TEST((!min->max && !min->max_age));
    const auto others = parse_pool_change(R"({"max":0,"max_age_seconds":60})");
    BOOST_REQUIRE(others);
    BOOST_TEST(!others->min);
    BOOST_TEST(*others->max == 0U);
    BOOST_TEST(others->max_age->count() == 60);
    for (const char* nothing : {"", "{}"}) {
        BOOST_TEST(wrong(nothing) == Names{"min"}, boost::test_tools::per_element());
    }
    for (const auto& [body, field] : std::vector<std::pair<std::string, std::string>>{
             {R"({"min":257})", "min"},
             {R"({"min":1.5})", "min"},
             {R"({"max":"2"})", "max"},
             {R"({"max":null})", "max"},
             {R"({"max_age_seconds":0})", "max_age_seconds"},
             {R"({"min":2,"max":1})", "min"},
             {R"({"min":1,"image":"tiny"})", "image"},
             {R"({"min":1,"cpu":1})", "cpu"},
             {R"({"min":1,"network_mode":"nat"})", "network_mode"},
             {R"({"min":1,"name":"q"})", "name"}}) {
        BOOST_TEST_CONTEXT(body)
        {
            BOOST_TEST(wrong(body) == Names{field}, boost::test_tools::per_element());
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace coordinator::http
