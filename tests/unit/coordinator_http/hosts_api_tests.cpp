#include "running_server.hpp"

namespace coordinator::http {

namespace {

struct HostsFixture : RunningServer {
    HostsFixture()
    {
        for (const auto* name : {"h1", "h2", "h3"}) {
            Host host;
            host.name = common::HostName{name};
            service.all_hosts.push_back(host);
        }
    }
    nlohmann::json create{{"image", "tiny"}, {"agent_id", "a"}};
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(hosts_api_tests, HostsFixture)

BOOST_AUTO_TEST_CASE(a_host_is_cordoned_and_uncordoned)
{
    BOOST_TEST(client().get("/v1/hosts/h1").json()["host"].at("cordoned") == false);
    const auto told = client().post("/v1/hosts/h1/cordon", nlohmann::json::object());
    BOOST_TEST(told.status == 200);
    BOOST_TEST(told.json()["host"].at("name") == "h1");
    BOOST_TEST(told.json()["host"].at("cordoned") == true);
    BOOST_TEST(client().send("POST", "/v1/hosts/h1/cordon", std::nullopt).status == 200);
    BOOST_TEST(client().get("/v1/hosts/h2").json()["host"].at("cordoned") == false);
    BOOST_TEST(client().post("/v1/hosts/h1/uncordon", nlohmann::json::object()).status == 200);
    BOOST_TEST(client().get("/v1/hosts/h1").json()["host"].at("cordoned") == false);
}

BOOST_AUTO_TEST_CASE(a_host_is_drained_until_it_is_uncordoned)
{
    BOOST_TEST(!client().get("/v1/hosts/h1").json()["host"].contains("drain"));
    const auto told = client().post("/v1/hosts/h1/drain", {{"deadline_sec", 60}});
    BOOST_TEST(told.status == 202);
    const auto host = told.json()["host"];
    BOOST_TEST(host.at("cordoned") == true);
    BOOST_TEST(host.at("drain") == nlohmann::json::parse(R"({"state":"draining",
        "since":"2026-09-21T14:13:20.000000Z","until":"2026-09-21T14:14:20.000000Z",
        "moved":0,"remaining":0,"left":[]})"));
    BOOST_TEST(!client().get("/v1/hosts/h2").json()["host"].contains("drain"));
    client().post("/v1/hosts/h1/cordon", nlohmann::json::object()); // It is drained all the same.
    BOOST_TEST(client().get("/v1/hosts").json()["hosts"][0].contains("drain"));
    BOOST_TEST(client().post("/v1/hosts/h1/uncordon", nlohmann::json::object()).status == 200);
    BOOST_TEST(!client().get("/v1/hosts/h1").json()["host"].contains("drain"));
}

BOOST_AUTO_TEST_CASE(a_drain_takes_an_hour_unless_it_is_said)
{
    const auto seconds = [this](const std::optional<std::string>& body) {
        BOOST_TEST(client().send("POST", "/v1/hosts/h1/drain", body).status == 202);
        const auto drain = service.all_hosts.at(0).wish.drain;
        return std::chrono::duration_cast<std::chrono::seconds>(drain->until - drain->since)
            .count();
    };
    BOOST_TEST(seconds(std::nullopt) == 3600);
    BOOST_TEST(seconds("{}") == 3600);
    BOOST_TEST(seconds(R"({"deadline_sec":1})") == 1);
    BOOST_TEST(seconds(R"({"deadline_sec":604800})") == 604800);
}

BOOST_AUTO_TEST_CASE(a_drain_that_is_wrong_is_refused_and_drains_nothing)
{
    const auto drain = [this](const std::string& body, const std::string& path = "h1/drain") {
        return client().send("POST", "/v1/hosts/" + path, body);
    };
    for (const auto* wrong : {R"({"deadline_sec":0})",
                              R"({"deadline_sec":-1})",
                              R"({"deadline_sec":604801})",
                              R"({"deadline_sec":1.0})",
                              R"({"deadline_sec":"60"})",
                              R"({"deadline_sec":null})",
                              R"({"force":true})",
                              "[]",
                              "60"}) {
        check_error(drain(wrong), 400, "invalid_argument");
    }
    check_error(drain("{}", "h1/drain?deadline_sec=60"), 400, "invalid_argument");
    check_error(drain("{}", "h9/drain"), 404, "not_found");
    check_error(drain("{}", "..%2Fh1/drain"), 404, "not_found");
    check_error(client().get("/v1/hosts/h1/drain"), 405, "method_not_allowed");
    BOOST_TEST(!service.all_hosts.at(0).wish.drain.has_value());
    BOOST_TEST(!service.all_hosts.at(0).wish.cordoned);
}

BOOST_AUTO_TEST_CASE(a_host_is_evacuated_until_it_is_uncordoned)
{
    BOOST_TEST(!client().get("/v1/hosts/h1").json()["host"].contains("evacuation"));
    const auto told = client().post("/v1/hosts/h1/evacuate", {{"powered_off", true}});
    BOOST_TEST(told.status == 202);
    BOOST_TEST(told.json()["host"].at("cordoned") == true);
    BOOST_TEST(told.json()["host"].at("evacuation") ==
               nlohmann::json::parse(R"({"state":"evacuating",
        "since":"2026-09-21T14:13:20.000000Z","powered_off":true,"moved":0,"remaining":0,"left":[]})"));
    BOOST_TEST(client().send("POST", "/v1/hosts/h1/evacuate", "").status == 202);
    BOOST_TEST(!service.all_hosts.at(0).wish.evacuation->powered_off); // It has to be said.
    client().post("/v1/hosts/h1/uncordon", nlohmann::json::object());
    BOOST_TEST(!client().get("/v1/hosts/h1").json()["host"].contains("evacuation"));
    for (const char* wrong : {R"({"powered_off":1})", R"({"off":true})", "[]"}) {
        check_error(client().send("POST", "/v1/hosts/h1/evacuate", wrong), 400, "invalid_argument");
    }
    check_error(client().send("POST", "/v1/hosts/h9/evacuate", "{}"), 404, "not_found");
    BOOST_TEST(!service.all_hosts.at(0).wish.evacuation.has_value());
}

BOOST_AUTO_TEST_CASE(what_is_left_there_is_told_with_why)
{
    auto& host = service.all_hosts.at(1);
    const auto since = common::from_unix_us(1'790'000'000'000'000);
    host.wish = {true, Drain{since, since + std::chrono::minutes{1}}, {}};
    host.drain = DrainProgress{DrainProgress::State::incomplete,
                               3,
                               2,
                               {{common::SandboxId{"sbx-aaaaaaaaaaaaaaaa"},
                                 "default",
                                 "no_room",
                                 "no other host has \"room\""}}};
    const auto drain = client().get("/v1/hosts/h2").json()["host"].at("drain");
    BOOST_TEST(drain.at("state") == "incomplete");
    BOOST_TEST(drain.at("moved") == 3);
    BOOST_TEST(drain.at("remaining") == 2);
    BOOST_TEST(drain.at("left") ==
               nlohmann::json::parse(R"([{"sandbox_id":"sbx-aaaaaaaaaaaaaaaa","reason":"no_room",
                                          "message":"no other host has \"room\""}])"));
    host.drain->state = DrainProgress::State::drained;
    BOOST_TEST(client().get("/v1/hosts/h2").json()["host"]["drain"].at("state") == "drained");
}

BOOST_AUTO_TEST_CASE(labels_are_set_and_taken_off)
{
    const auto patch = [this](const std::string& body) {
        return client().send("PATCH", "/v1/hosts/h1", body);
    };
    auto told = patch(R"({"labels":{"rack":"a1","gpu":"","old":null}})");
    BOOST_TEST(told.status == 200);
    BOOST_TEST(told.json()["host"].at("labels") ==
               nlohmann::json::parse(R"({"rack":"a1","gpu":""})"));
    told = patch(R"({"labels":{"gpu":null}})");
    BOOST_TEST(told.json()["host"].at("labels") == nlohmann::json::parse(R"({"rack":"a1"})"));
    for (const auto* wrong : {"{}",
                              R"({"labels":null})",
                              R"({"labels":["rack"]})",
                              R"({"labels":{"a b":"x"}})",
                              R"({"labels":{"a":1}})",
                              R"({"taints":{"a b":""}})",
                              R"({"taints":null})",
                              R"({"labels":{},"cordoned":true})"}) {
        check_error(patch(wrong), 400, "invalid_argument");
    }
    check_error(client().send("PATCH", "/v1/hosts/h9", R"({"labels":{}})"), 404, "not_found");
    told = patch(R"({"taints":{"gpu":"a100","old":null}})");
    BOOST_TEST(told.json()["host"].at("taints") == nlohmann::json::parse(R"({"gpu":"a100"})"));
    BOOST_TEST(patch(R"({"taints":{"gpu":null}})").json()["host"].at("taints").empty());
    BOOST_TEST(client().get("/v1/hosts/h1").json()["host"].at("labels").size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_placement_is_told_host_by_host)
{
    service.all_hosts.at(1).wish.cordoned = true;
    create["host"] = "h1";
    auto told = client().post("/v1/placement/explain", create).json();
    for (const auto at : {0U, 2U}) {
        auto& host = told["hosts"][at];
        BOOST_TEST(host.at("score").get<double>() == coordinator::scheduler::Scores{}.total());
        BOOST_TEST(host.at("scores").size() == 7U);
        host.erase("score");
        host.erase("scores");
    }
    BOOST_TEST(told == nlohmann::json::parse(
                           R"({"placeable":true,"host":"h1","hosts":[{"name":"h1","fits":true},
                               {"name":"h2","fits":false,"why_not":"it is cordoned"},
                               {"name":"h3","fits":true}]})"));
    create.erase("host");
    BOOST_TEST(client().post("/v1/placement/explain", create).json().at("placeable") == false);
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_told_and_changes_nothing)
{
    for (const auto* path : {"/v1/hosts/h1/cordon", "/v1/hosts/h1/uncordon"}) {
        check_error(client().post(path, {{"force", true}}), 400, "invalid_argument");
        check_error(client().post(std::string{path} + "?x=1", {}), 400, "invalid_argument");
    }
    check_error(client().post("/v1/hosts/h9/cordon", nlohmann::json::object()), 404, "not_found");
    check_error(
        client().post("/v1/hosts/..%2Fh1/cordon", nlohmann::json::object()), 404, "not_found");
    check_error(
        client().post("/v1/placement/explain", {{"image", "tiny"}}), 400, "invalid_argument");
    create["colour"] = "red";
    check_error(client().post("/v1/placement/explain", create), 400, "invalid_argument");
    BOOST_TEST(client().get("/v1/hosts/h1").json()["host"].at("cordoned") == false);
}

BOOST_AUTO_TEST_CASE(pages_by_cursor_go_on_after_the_last_host_that_was_given)
{
    auto page = client().get("/v1/hosts?limit=2").json();
    BOOST_TEST(page.at("hosts").size() == 2U);
    BOOST_TEST(page.at("total") == 3);
    const auto next = page.at("next_cursor").get<std::string>();
    service.all_hosts.erase(service.all_hosts.begin()); // One that was given goes.
    page = client().get("/v1/hosts?limit=2&cursor=" + next).json();
    BOOST_REQUIRE(page.at("hosts").size() == 1U);
    BOOST_TEST(page["hosts"][0].at("name") == "h3");
    BOOST_TEST(!page.contains("next_cursor"));
    check_error(client().get("/v1/hosts?offset=1&cursor=" + next), 400, "invalid_argument");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace coordinator::http
