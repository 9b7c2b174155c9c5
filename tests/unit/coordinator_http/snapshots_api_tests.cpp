#include "running_server.hpp"

#include "coordinator/http/rest/parsers.hpp"
#include "wrong_fields.hpp"

namespace coordinator::http {

using nlohmann::json;

namespace {

std::string path_of(const common::SandboxId& id)
{
    return "/v1/sandboxes/" + id.str();
}

} // namespace

BOOST_AUTO_TEST_SUITE(snapshots_api_tests)

BOOST_AUTO_TEST_CASE(a_snapshot_has_every_field_of_the_contract)
{
    RunningServer run;
    auto client = run.client();
    const auto path = path_of(run.service.add(Phase::running, ""));
    BOOST_TEST(client.post(path + "/snapshot", {{"name", "first"}}).status == 201);
    const auto taken = client.post(path + "/snapshots", {{"name", "clean"}, {"external", false}});
    BOOST_TEST(taken.status == 201, taken.body);
    BOOST_TEST(taken.headers.at("location") == path + "/snapshots/clean");
    const auto snapshot = taken.json()["snapshot"];
    for (const char* field : {"id",
                              "sandbox_id",
                              "name",
                              "ref",
                              "created_at",
                              "parent_id",
                              "libvirt_version",
                              "qemu_version",
                              "digests",
                              "status",
                              "frozen",
                              "engine"}) {
        BOOST_TEST(snapshot.contains(field), field);
    }
    BOOST_TEST(snapshot["kind"] == "EXTERNAL");
    BOOST_TEST(snapshot["has_memory"] == true);
    BOOST_TEST(snapshot["size_bytes"] == 1048576);
    BOOST_TEST(snapshot["paused_ms"] == 152.5);
    BOOST_TEST(!snapshot.contains("error"));
    const auto meta = json::parse(snapshot["meta_json"].get<std::string>());
    BOOST_TEST(meta["engine"] == "fast");
    BOOST_TEST(meta["digests"]["ram"] == "ab12");
}

BOOST_AUTO_TEST_CASE(snapshots_are_listed_got_verified_restored_and_deleted_by_name)
{
    RunningServer run;
    auto client = run.client();
    const auto path = path_of(run.service.add(Phase::stopped, ""));
    for (const char* name : {"a", "b", "c"}) {
        client.post(path + "/snapshots", {{"name", name}, {"memory", false}});
    }
    const auto page = client.get(path + "/snapshots?limit=1&offset=1").json();
    BOOST_TEST(page["total"] == 3);
    BOOST_TEST(page["snapshots"].size() == 1U);
    BOOST_TEST(page["snapshots"][0]["name"] == "b");
    BOOST_TEST(client.get(path + "/snapshots/b").json()["snapshot"]["has_memory"] == false);
    const auto sound = client.post(path + "/snapshots/b/verify", json::object());
    BOOST_TEST(sound.json()["verified"] == true);
    BOOST_TEST(sound.json()["snapshot"]["name"] == "b");
    const auto restored = client.send("POST", path + "/snapshots/b/restore", std::nullopt);
    BOOST_TEST(restored.json()["sandbox"]["state"] == "RUNNING");
    BOOST_TEST(client.del(path + "/snapshots/b").json()["snapshot"]["status"] == "deleted");
    check_error(client.del(path + "/snapshots/b"), 404, "not_found");
    check_error(client.get(path + "/snapshots/..%2Fx"), 404, "unknown_snapshot");
    check_error(client.post(path + "/snapshots/b/restore", {{"x", 1}}), 400, "invalid_argument");
    check_error(client.get(path + "/snapshots?colour=red"), 400, "invalid_argument");
}

BOOST_AUTO_TEST_CASE(a_sandbox_is_suspended_and_restarted)
{
    RunningServer run;
    auto client = run.client();
    const auto path = path_of(run.service.add(Phase::running, ""));
    const auto asleep = client.send("POST", path + "/suspend", std::nullopt).json()["sandbox"];
    BOOST_TEST(asleep["state"] == "STOPPED");
    BOOST_TEST(asleep["phase"] == "suspended");
    const auto anew = client.post(path + "/restart", {{"force", true}, {"timeout_sec", 5}});
    BOOST_TEST(anew.json()["sandbox"]["phase"] == "running");
    BOOST_TEST(run.service.stops().back().force);
    check_error(client.post(path + "/suspend", {{"force", true}}), 400, "invalid_argument");
    check_error(client.post(path + "/restart", {{"timeout_sec", 0}}), 400, "invalid_argument");
}

BOOST_AUTO_TEST_CASE(a_fork_tells_of_each_child_and_fails_only_if_all_do)
{
    RunningServer run;
    auto client = run.client();
    const auto path = path_of(run.service.add(Phase::running, ""));
    const auto fork = client.post(path + "/fork", {{"count", 2}, {"labels", {{"n", "1"}}}});
    BOOST_TEST(fork.status == 201, fork.body);
    BOOST_TEST(fork.json()["has_memory"] == true);
    BOOST_TEST(fork.json()["source_paused_ms"] == 152.5);
    const auto children = fork.json()["children"];
    BOOST_REQUIRE(children.size() == 2U);
    BOOST_TEST(children[0]["sandbox"]["id"] == children[0]["id"]);
    BOOST_TEST(!children[0].contains("error"));
    BOOST_TEST(children[1]["error"]["reason"] == "no_capacity");
    BOOST_TEST(children[1]["error"]["code"] == 503);
    BOOST_TEST(run.service.forks().back().labels.at("n") == "1");
    const auto none = client.post(path + "/fork", {{"name_prefix", "only_failures"}});
    check_error(none, 503, "no_capacity");
    BOOST_TEST(none.json()["details"].get<std::string>().find("no room") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(each_wrong_field_of_a_snapshot_is_named)
{
    using rest::parse_snapshot;
    const auto wrong = [](const std::string& body) { return wrong_fields(parse_snapshot, body); };
    BOOST_TEST(wrong("{}") == Names{"name"}, boost::test_tools::per_element());
    BOOST_TEST(wrong(R"({"name":"../x"})") == Names{"name"}, boost::test_tools::per_element());
    BOOST_TEST(wrong(R"({"name":".fork"})") == Names{"name"}, boost::test_tools::per_element());
    BOOST_TEST(wrong(R"({"name":"a","memory":1})") == Names{"memory"},
               boost::test_tools::per_element());
    BOOST_TEST(wrong(R"({"name":"a","external":"no"})") == Names{"external"},
               boost::test_tools::per_element());
    BOOST_TEST(wrong(R"({"name":"a","size":1})") == Names{"size"},
               boost::test_tools::per_element());
    const auto request = parse_snapshot(R"({"name":"a","external":true})");
    BOOST_REQUIRE(request);
    BOOST_TEST(!request->memory);
    BOOST_TEST(*parse_snapshot(R"({"name":"a","memory":false})")->memory == false);
}

BOOST_AUTO_TEST_CASE(each_wrong_field_of_a_fork_is_named)
{
    using rest::parse_fork;
    const auto wrong = [](const std::string& body) { return wrong_fields(parse_fork, body); };
    const std::vector<std::pair<std::string, std::string>> bodies{
        {R"({"count":0})", "count"},
        {R"({"count":33})", "count"},
        {R"({"count":"2"})", "count"},
        {R"({"from_snapshot":"../x"})", "from_snapshot"},
        {R"({"agent_id":""})", "agent_id"},
        {R"({"name_prefix":"-x"})", "name_prefix"},
        {"{\"name_prefix\":\"" + std::string(61, 'a') + "\"}", "name_prefix"},
        {R"({"labels":{"a b":"c"}})", "labels.a b"},
        {R"({"ttl_seconds":-1})", "ttl_seconds"},
        {R"({"image":"tiny"})", "image"},
    };
    for (const auto& [body, field] : bodies) {
        BOOST_TEST_CONTEXT(body)
        {
            BOOST_TEST(wrong(body) == Names{field}, boost::test_tools::per_element());
        }
    }
    const auto request = parse_fork(
        R"({"count":3,"from_snapshot":"clean","agent_id":"b","name_prefix":"kid","ttl_seconds":60})");
    BOOST_REQUIRE(request);
    BOOST_TEST(request->count == 3U);
    BOOST_TEST(request->from_snapshot == "clean");
    BOOST_TEST(request->agent_id == "b");
    BOOST_TEST(request->name_prefix == "kid");
    BOOST_TEST(request->ttl->count() == 60);
    BOOST_TEST(!parse_fork("")->ttl);
    BOOST_TEST(parse_fork("")->count == 1U);
}

BOOST_AUTO_TEST_CASE(a_host_tells_how_it_keeps_state)
{
    RunningServer run;
    Host host;
    host.name = common::HostName{"h1"};
    host.facts.state_engine = "portable";
    host.facts.state_engine_reason = "the fast one failed its test";
    run.service.all_hosts = {host};
    const auto shown = run.client().get("/v1/hosts/h1").json()["host"];
    BOOST_TEST(shown["state_engine"] == "portable");
    BOOST_TEST(shown["state_engine_reason"] == "the fast one failed its test");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace coordinator::http
