#include "running_server.hpp"

#include "common/log/log.hpp"
#include "coordinator/http/router.hpp"

#include <atomic>
#include <fstream>
#include <spdlog/sinks/ostream_sink.h>
#include <sstream>

namespace coordinator::http {

BOOST_AUTO_TEST_SUITE(api_tests)

using nlohmann::json;

namespace {

std::string sandbox_path(const common::SandboxId& id)
{
    return "/v1/sandboxes/" + id.str();
}

const json create_body{{"source_vm_name", "tiny"}, {"agent_id", "agent-1"}};

} // namespace

BOOST_AUTO_TEST_CASE(a_sandbox_is_created_run_listed_stopped_started_and_destroyed)
{
    RunningServer run;
    auto client = run.client();
    auto body = create_body;
    body["auto_start"] = true;
    const auto created = client.post("/v1/sandboxes", body);
    BOOST_TEST(created.status == 201, created.body);
    BOOST_TEST(created.json()["ip_address"] == "10.77.0.9");
    const auto id = created.json()["sandbox"]["id"].get<std::string>();
    const auto path = "/v1/sandboxes/" + id;
    BOOST_TEST(created.headers.at("location") == path);

    const auto ran = client.post(path + "/run", {{"command", "id"}, {"env", {{"A", "b"}}}});
    BOOST_TEST(ran.status == 200, ran.body);
    const auto command = ran.json()["command"];
    BOOST_TEST(command["stdout"] == "out\n");
    BOOST_TEST(command["env_json"] == R"({"A":"b"})");
    BOOST_TEST(!command.contains("metadata"));
    BOOST_TEST(ran.json()["command"]["timings_us"]["core"] == 120);
    BOOST_TEST(ran.json()["command"]["timings_us"].contains("http"));
    BOOST_TEST(ran.headers.at("server-timing").find("guest;dur=0.900") != std::string::npos);

    BOOST_TEST(client.post(path + "/command", {{"command", "id"}}).status == 200);
    BOOST_TEST(client.get(path + "/commands?limit=1").json()["total"] == 2);
    BOOST_TEST(client.get(path + "/commands?limit=1").json()["commands"].size() == 1U);
    BOOST_TEST(client.get(path + "?include_commands=true").json()["commands"].size() == 2U);
    BOOST_TEST(!client.get(path).json().contains("commands"));
    BOOST_TEST(client.get(path + "/ip").json()["ip_address"] == "10.77.0.9");
    BOOST_TEST(client.get("/v1/sandboxes").json()["total"] == 1);
    const auto paused = client.send("POST", path + "/pause", std::nullopt).json()["sandbox"];
    BOOST_TEST(paused["state"] == "RUNNING");
    BOOST_TEST(paused["phase"] == "paused");
    const auto resumed = client.post(path + "/resume", json::object()).json()["sandbox"];
    BOOST_TEST(resumed["phase"] == "running");
    const auto longer = client.post(path + "/extend", {{"ttl_seconds", 7200}}).json()["sandbox"];
    BOOST_TEST(longer["ttl_seconds"] == 7200);
    check_error(client.post(path + "/extend", json::object()), 400, "invalid_argument");
    check_error(client.post(path + "/pause", {{"force", true}}), 400, "invalid_argument");
    BOOST_TEST(client.post(path + "/stop", json::object()).json()["sandbox"]["state"] == "STOPPED");
    BOOST_TEST(client.send("POST", path + "/start", std::nullopt).status == 200);
    const auto gone = client.del(path);
    BOOST_TEST(gone.status == 200, gone.body);
    BOOST_TEST(gone.json()["state"] == "DESTROYED");
    BOOST_TEST(gone.json()["base_image"] == "tiny");
    check_error(client.del(path), 404, "not_found");
}

BOOST_AUTO_TEST_CASE(a_sandbox_has_every_field_of_the_contract)
{
    RunningServer run;
    const auto id = run.service.add(Phase::paused, "10.77.0.2");
    const auto sandbox = run.client().get(sandbox_path(id)).json()["sandbox"];
    for (const char* field :
         {"id",           "job_id",     "agent_id",   "sandbox_name", "base_image", "network",
          "state",        "phase",      "image",      "cpu",          "memory_mb",  "labels",
          "network_mode", "generation", "created_at", "updated_at",   "expires_at", "ttl_seconds",
          "ip_address",   "host_name",  "disk"}) {
        BOOST_TEST(sandbox.contains(field), field);
    }
    BOOST_TEST(sandbox["state"] == "RUNNING");
    BOOST_TEST(sandbox["phase"] == "paused");
    BOOST_TEST(sandbox["network"] == "paddock");
    BOOST_TEST(sandbox["labels"]["team"] == "red");
    BOOST_TEST(sandbox["created_at"].get<std::string>().back() == 'Z');
    BOOST_TEST(!sandbox.contains("deleted_at"));
}

// The predecessors' known defects, as far as these routes had them.
BOOST_AUTO_TEST_CASE(start_without_waiting_keeps_the_known_address)
{
    RunningServer run;
    const auto id = run.service.add(Phase::stopped, "10.77.0.3");
    const auto started = run.client().post(sandbox_path(id) + "/start", json::object());
    BOOST_TEST(started.json()["ip_address"] == "10.77.0.3");
}

BOOST_AUTO_TEST_CASE(an_unknown_or_malformed_id_is_not_found_everywhere)
{
    RunningServer run;
    auto client = run.client();
    for (const std::string id :
         {"sbx-aaaaaaaaaaaaaaaa", "nope", "..%2F..%2Fetc", "%27%22%3Cx%3E"}) {
        const auto path = "/v1/sandboxes/" + id;
        BOOST_TEST_CONTEXT(path)
        {
            check_error(client.get(path), 404, "not_found");
            check_error(client.del(path), 404, "not_found");
            check_error(client.get(path + "/ip"), 404, "not_found");
            check_error(client.get(path + "/commands"), 404, "not_found");
            check_error(client.post(path + "/start", json::object()), 404, "not_found");
            check_error(client.post(path + "/stop", json::object()), 404, "not_found");
            check_error(client.post(path + "/run", {{"command", "x"}}), 404, "not_found");
        }
    }
    check_error(client.get("/v1/hosts/..%2Fx"), 404, "not_found");
    check_error(client.get("/v1/images/nope"), 404, "not_found");
}

BOOST_AUTO_TEST_CASE(a_total_is_not_the_size_of_the_page)
{
    RunningServer run;
    for (int i = 0; i < 5; ++i) {
        run.service.add(Phase::running, "");
    }
    const auto list = run.client().get("/v1/sandboxes?limit=2&label=team%3Dred").json();
    BOOST_TEST(list["total"] == 5);
    BOOST_TEST(list["sandboxes"].size() == 2U);
    BOOST_TEST(run.service.lists().front().labels.at("team") == "red");
}

BOOST_AUTO_TEST_CASE(output_that_is_not_text_is_sent_with_replacements)
{
    RunningServer run;
    const auto id = run.service.add(Phase::running, "");
    run.service.on_run = [](const RunRequest&) {
        Command command;
        command.stdout_text = "a\xff\xfe"
                              "b\x00"
                              "c";
        command.stderr_text = std::string{"\0\x1b[0m", 5};
        command.exit_code = 137;
        command.truncated = true;
        return command;
    };
    const auto ran = run.client().post(sandbox_path(id) + "/run", {{"command", "x"}});
    BOOST_TEST(ran.status == 200);
    const auto command = ran.json()["command"];
    BOOST_TEST(command["stdout"] == "a\ufffd\ufffdb");
    BOOST_TEST(command["stderr"].get<std::string>().size() == 5U);
    BOOST_TEST(command["exit_code"] == 137);
    BOOST_TEST(command["truncated"] == true);
}

BOOST_AUTO_TEST_CASE(every_built_route_but_the_open_ones_needs_a_token)
{
    RunningServer run;
    auto stranger = run.stranger();
    std::ifstream list{PADDOCK_API_ROUTES};
    std::string method;
    std::string path;
    std::string state;
    list.ignore(1000, '\n');
    while (list >> method >> path >> state) {
        BOOST_TEST_CONTEXT(method + " " + path)
        {
            const auto body = method == "GET" || method == "DELETE"
                                  ? std::nullopt
                                  : std::optional<std::string>{"{}"};
            const auto reply = stranger.send(method, path, body);
            if (path == "/v1/health" || path == "/healthz" || path == "/readyz" ||
                path == "/version") {
                BOOST_TEST(reply.status == 200);
            } else {
                check_error(reply, 401, "unauthenticated");
                BOOST_TEST(reply.headers.contains("www-authenticate"));
            }
        }
    }
    BOOST_TEST(run.service.callers().empty());
    check_error(stranger.get("/v1/no/such"), 401, "unauthenticated");
}

BOOST_AUTO_TEST_CASE(routes_to_come_answer_not_yet_and_name_their_feature)
{
    RunningServer run;
    auto client = run.client();
    std::ifstream list{PADDOCK_API_ROUTES};
    std::string method;
    std::string path;
    std::string state;
    list.ignore(1000, '\n');
    while (list >> method >> path >> state) {
        if (state == "later") {
            BOOST_TEST_CONTEXT(method + " " + path)
            {
                check_error(client.send(method, path, std::nullopt), 501, "not_yet");
            }
        }
    }
    const auto named = client.post("/v1/sandboxes/x/publish", json::object()).json();
    BOOST_TEST(named["error"].get<std::string>().find("publish") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(unknown_paths_and_methods_have_the_error_shape)
{
    RunningServer run;
    auto client = run.client();
    check_error(client.get("/v1/nothing"), 404, "no_such_route");
    const auto wrong = client.send("PATCH", "/v1/sandboxes", "{}");
    check_error(wrong, 405, "method_not_allowed");
    BOOST_TEST(wrong.headers.at("allow") == "GET, HEAD, POST, OPTIONS");
    const auto options = client.send("OPTIONS", "/v1/sandboxes", std::nullopt);
    BOOST_TEST(options.status == 200);
    BOOST_TEST(options.headers.at("allow") == "GET, HEAD, POST, OPTIONS");
    const auto head = client.send("HEAD", "/v1/hosts", std::nullopt);
    BOOST_TEST(head.status == 200);
    BOOST_TEST(head.body.empty());
    BOOST_TEST(head.headers.at("content-length") != "0");
}

BOOST_AUTO_TEST_CASE(bad_requests_leave_no_trace_in_the_service)
{
    RunningServer run;
    auto client = run.client();
    const auto wrong = client.post("/v1/sandboxes", {{"cpu", "many"}, {"colour", 1}});
    check_error(wrong, 400, "invalid_argument");
    BOOST_TEST(wrong.json()["errors"].size() == 4U);
    check_error(client.send("POST", "/v1/sandboxes", "{\"a\""), 400, "invalid_argument");
    check_error(client.send("POST", "/v1/sandboxes", std::nullopt), 400, "invalid_argument");
    check_error(client.post("/v1/sandboxes?dry=1", create_body), 400, "invalid_argument");
    check_error(client.get("/v1/hosts?limit=501"), 400, "invalid_argument");
    auto later = create_body;
    later["egress"] = json::object();
    check_error(client.post("/v1/sandboxes", later), 501, "not_yet");
    check_error(client.post("/v1/sandboxes", create_body, {{"Content-Type", "text/xml"}}),
                415,
                "unsupported_media_type");
    check_error(client.post("/v1/sandboxes", create_body, {{"Content-Encoding", "gzip"}}),
                415,
                "unsupported_media_type");
    BOOST_TEST(run.service.callers().empty());
    BOOST_TEST(client
                   .post("/v1/sandboxes",
                         create_body,
                         {{"Content-Type", "Application/JSON; charset=utf-8"}})
                   .status == 201);
}

BOOST_AUTO_TEST_CASE(a_request_id_is_taken_echoed_or_made)
{
    RunningServer run;
    auto client = run.client();
    const auto echoed = client.get("/v1/hosts", {{"X-Request-ID", "trace-1.a_B"}});
    BOOST_TEST(echoed.headers.at("x-request-id") == "trace-1.a_B");
    BOOST_TEST(run.service.callers().front().request.str() == "trace-1.a_B");
    BOOST_TEST(run.service.callers().front().actor == "token:tester");
    BOOST_TEST(client.get("/v1/hosts").headers.at("x-request-id").starts_with("req-"));
    check_error(client.get("/v1/hosts", {{"X-Request-ID", "a b"}}), 400, "invalid_argument");
    check_error(client.get("/v1/hosts", {{"X-Request-ID", std::string(129, 'a')}}),
                400,
                "invalid_argument");
}

BOOST_AUTO_TEST_CASE(errors_of_the_service_keep_their_meaning)
{
    for (const auto& [error, status, reason] :
         std::vector<std::tuple<common::Error, int, std::string>>{
             {{common::ErrorCode::failed_precondition, "m", "no_network"}, 409, "no_network"},
             {{common::ErrorCode::refused, "m", "unknown_user"}, 422, "unknown_user"},
             {{common::ErrorCode::rate_limited, "m"}, 429, "rate_limited"},
             {{common::ErrorCode::unavailable, "m", "host_unreachable"}, 502, "host_unreachable"},
             {{common::ErrorCode::resource_exhausted, "m", "no_capacity", {}, "h1: memory"},
              503,
              "no_capacity"},
             {{common::ErrorCode::timeout, "m", "outcome_unknown"}, 504, "outcome_unknown"},
             {{common::ErrorCode::internal, "secret"}, 500, "internal"},
         }) {
        RunningServer run;
        run.service.failure = error;
        const auto reply = run.client().get("/v1/sandboxes");
        check_error(reply, status, reason);
        BOOST_TEST(reply.body.find("secret") == std::string::npos);
        BOOST_TEST(reply.headers.contains("retry-after") == (status == 429 || status == 503));
        BOOST_TEST(reply.json().contains("details") == (reason == "no_capacity"));
    }
}

BOOST_AUTO_TEST_CASE(readiness_names_components_and_nothing_more)
{
    RunningServer run;
    const auto ready = run.stranger().get("/readyz");
    BOOST_TEST(ready.status == 200);
    BOOST_TEST(ready.json()["epoch"] == run.service.state.epoch);
    BOOST_TEST(ready.json()["components"][0] == json({{"name", "database"}, {"ready", true}}));
    run.service.state.ready = false;
    const auto not_ready = run.stranger().get("/readyz?verbose");
    check_error(not_ready, 503, "not_ready");
    BOOST_TEST(not_ready.body.find("secret") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(hosts_images_and_vms_are_listed)
{
    RunningServer run;
    Host host;
    host.name = common::HostName{"h1"};
    host.health = HostHealth::ready;
    host.facts.accel = "tcg";
    host.facts.capacity_memory = common::Bytes::gib(4);
    run.service.all_hosts = {host};
    Image image;
    image.name = common::ImageName{"tiny"};
    image.hosts = {host.name};
    run.service.all_images = {image};
    run.service.listing.vms = {{"other", "uuid", "running", true, "", host.name, ""}};
    run.service.listing.host_errors = {{common::HostName{"h2"}, "", "no answer"}};
    auto client = run.client();
    BOOST_TEST(client.get("/v1/hosts").json()["hosts"][0]["capacity_memory_mb"] == 4096);
    BOOST_TEST(client.get("/v1/hosts?offset=1").json()["hosts"].empty());
    BOOST_TEST(client.get("/v1/hosts?offset=1").json()["total"] == 1);
    BOOST_TEST(client.get("/v1/hosts/h1").json()["host"]["accel"] == "tcg");
    BOOST_TEST(client.get("/v1/images").json()["images"][0]["hosts"][0] == "h1");
    BOOST_TEST(client.get("/v1/images/tiny").json()["image"]["name"] == "tiny");
    const auto vms = client.get("/v1/vms").json();
    BOOST_TEST(vms["vms"][0]["name"] == "other");
    BOOST_TEST(vms["host_errors"][0]["host_name"] == "h2");
    BOOST_TEST(client.get("/version").json()["name"] == "paddock-coordinator");
    const auto metrics = client.get("/metrics");
    BOOST_TEST(metrics.body.starts_with("paddock_sandboxes 1\n"));
    BOOST_TEST(metrics.body.find("paddock_http_requests_total{class=\"2xx\"}") !=
               std::string::npos);
    BOOST_TEST(metrics.headers.at("content-type").starts_with("text/plain"));
}

BOOST_AUTO_TEST_CASE(foreign_hosts_and_origins_are_refused)
{
    RunningServer run;
    auto client = run.client();
    check_error(client.get("/v1/hosts", {{"Host", "evil.example"}}), 403, "host_not_allowed");
    check_error(
        client.get("/v1/hosts", {{"Origin", "http://evil.example"}}), 403, "origin_not_allowed");
    check_error(
        run.stranger().get("/healthz", {{"Host", "evil.example"}}), 403, "host_not_allowed");
}

BOOST_AUTO_TEST_CASE(the_log_has_one_line_per_request_and_never_a_token)
{
    std::ostringstream out;
    const auto before = spdlog::default_logger();
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(out)));
    {
        RunningServer run;
        auto client = run.client();
        client.get("/v1/hosts?limit=3", {{"X-Request-ID", "trace-9"}});
        run.stranger().get("/v1/hosts", {{"X-API-Key", "wrong-token-value"}});
        client.get("/v1/hosts/x", {{"X-API-Key", test_token}});
        run.server.stop();
    }
    spdlog::set_default_logger(before);
    const auto log = out.str();
    BOOST_TEST(log.find("http GET /v1/hosts 200") != std::string::npos, log);
    BOOST_TEST(log.find("trace-9 token:tester") != std::string::npos, log);
    BOOST_TEST(log.find("http GET /v1/hosts 401") != std::string::npos, log);
    BOOST_TEST(log.find(test_token) == std::string::npos);
    BOOST_TEST(log.find("wrong-token-value") == std::string::npos);
    BOOST_TEST(log.find("limit=3") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace coordinator::http
