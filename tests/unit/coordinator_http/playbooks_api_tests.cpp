#include "raw_socket.hpp"
#include "running_server.hpp"

#include <fmt/format.h>

namespace coordinator::http {

using nlohmann::json;

namespace {

constexpr const char* all = "/v1/ansible/playbooks";
constexpr const char* web = "/v1/ansible/playbooks/web";

struct Fixture {
    RunningServer run;
    client::ApiClient client = run.client();

    void make() { BOOST_TEST(client.post(all, {{"name", "web"}}).status == 201); }
    /// The id of a new task of "web".
    std::string add(const std::string& name)
    {
        const auto added =
            client.post(std::string{web} + "/tasks", {{"name", name}, {"module", "apt"}});
        BOOST_REQUIRE_MESSAGE(added.status == 201, added.body);
        return added.json()["task"]["id"];
    }
    std::vector<std::string> tasks()
    {
        std::vector<std::string> names;
        const auto playbook = client.get(web).json();
        for (const auto& task : playbook["tasks"]) {
            BOOST_TEST(task["position"] == names.size());
            names.push_back(task["name"]);
        }
        return names;
    }
    client::ApiClient::Reply reorder(const json& body)
    {
        return client.send("PATCH", std::string{web} + "/tasks/reorder", body.dump());
    }
};

std::string task_path(const std::string& id)
{
    return std::string{web} + "/tasks/" + id;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(playbooks_api_tests, Fixture)

BOOST_AUTO_TEST_CASE(a_playbook_has_every_field_of_the_contract)
{
    const auto made =
        client.post(all, {{"name", "web"}, {"hosts", "webservers"}, {"become", true}});
    BOOST_TEST(made.status == 201, made.body);
    BOOST_TEST(made.headers.at("location") == web);
    const auto playbook = made.json()["playbook"];
    const auto stored = run.store.playbook("default", "web").operator*().value();
    const json expected{{"id", stored.id.str()},
                        {"name", "web"},
                        {"hosts", "webservers"},
                        {"become", true},
                        {"created_at", common::to_rfc3339(stored.created_at)},
                        {"updated_at", common::to_rfc3339(stored.updated_at)}};
    BOOST_TEST(playbook == expected);
    BOOST_TEST(made.json().size() == 1U);
    const auto got = client.get(web);
    BOOST_TEST(got.status == 200);
    BOOST_TEST(got.json() == (json{{"playbook", expected}, {"tasks", json::array()}}));
    BOOST_TEST(client.get(all).json() ==
               (json{{"playbooks", json::array({expected})}, {"total", 1}}));
    const auto exported = client.get(std::string{web} + "/export");
    BOOST_TEST(exported.status == 200);
    BOOST_TEST(exported.json().size() == 1U);
    BOOST_TEST(exported.json()["yaml"].get<std::string>().starts_with("---\n- name: \"web\"\n"));
}

BOOST_AUTO_TEST_CASE(a_task_has_every_field_of_the_contract)
{
    make();
    const auto added =
        client.post(std::string{web} + "/tasks",
                    {{"name", "install"}, {"module", "apt"}, {"params", {{"name", "nginx"}}}});
    BOOST_TEST(added.status == 201, added.body);
    const auto stored = run.store.playbook("default", "web").operator*().value();
    const auto id = stored.tasks.at(0).id.str();
    BOOST_TEST(added.headers.at("location") == task_path(id));
    const json task{{"id", id},
                    {"playbook_id", stored.id.str()},
                    {"position", 0},
                    {"name", "install"},
                    {"module", "apt"},
                    {"params", {{"name", "nginx"}}},
                    {"created_at", common::to_rfc3339(stored.tasks.at(0).created_at)}};
    BOOST_TEST(added.json() == (json{{"task", task}}));
    BOOST_TEST(client.get(web).json()["tasks"] == json::array({task}));
    auto changed = task;
    changed["module"] = "ansible.builtin.apt";
    const auto put = client.send("PUT", task_path(id), R"({"module":"ansible.builtin.apt"})");
    BOOST_TEST(put.status == 200, put.body);
    BOOST_TEST(put.json() == (json{{"task", changed}}));
    BOOST_TEST(client.send("PUT", task_path(id), "{}").json() == (json{{"task", changed}}));
}

BOOST_AUTO_TEST_CASE(parameters_come_back_as_they_were_given)
{
    make();
    const std::string params =
        R"({"z":18446744073709551616,"a":0.1000000000000000055,"e":1e3,"n":{"y":[null,"{{ x }}"]}})";
    const auto body = R"({"name":"t","module":"copy","params":)" + params + "}";
    const auto added = client.send("POST", std::string{web} + "/tasks", body);
    BOOST_TEST(added.status == 201, added.body);
    const std::string id = added.json()["task"]["id"];
    const auto put = client.send("PUT", task_path(id), "{\"params\":" + params + "}");
    for (const auto& reply : {added, put, client.get(web)}) {
        BOOST_TEST(reply.body.find("\"params\":" + params) != std::string::npos, reply.body);
        BOOST_TEST(!reply.json().is_discarded());
    }
    const auto yaml = client.get(std::string{web} + "/export").json()["yaml"].get<std::string>();
    for (const char* line :
         {"z: 18446744073709551616\n", "a: 0.1000000000000000055\n", "e: 1.0e+3\n"}) {
        BOOST_TEST(yaml.find(line) != std::string::npos, yaml);
    }
}

BOOST_AUTO_TEST_CASE(tasks_are_reordered_and_deleted_and_their_positions_stay_dense)
{
    make();
    const auto a = add("a");
    const auto b = add("b");
    const auto c = add("c");
    const auto sorted = reorder({{"task_ids", {c, a, b}}});
    BOOST_TEST(sorted.status == 204, sorted.body);
    BOOST_TEST(sorted.body == "");
    BOOST_TEST(tasks() == (std::vector<std::string>{"c", "a", "b"}),
               boost::test_tools::per_element());
    for (const auto& wrong : {json{a, b}, json{a, b, c, a}, json{a, b, b}, json::array()}) {
        const auto refused = reorder({{"task_ids", wrong}});
        check_error(refused, 400, "invalid_argument");
        BOOST_TEST(refused.json()["errors"][0]["field"] == "task_ids");
    }
    const auto gone = client.del(task_path(a));
    BOOST_TEST(gone.status == 204, gone.body);
    BOOST_TEST(tasks() == (std::vector<std::string>{"c", "b"}), boost::test_tools::per_element());
    check_error(client.del(task_path(a)), 404, "unknown_task");
    check_error(client.send("PUT", task_path(a), "{}"), 404, "unknown_task");
    BOOST_TEST(client.del(web).status == 204);
    check_error(client.get(web), 404, "unknown_playbook");
    BOOST_TEST(client.get(all).json()["total"] == 0);
}

BOOST_AUTO_TEST_CASE(an_answer_without_content_has_no_length)
{
    make();
    const RawSocket socket{run.server.port()};
    socket.send(fmt::format("DELETE {} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n"
                            "Connection: close\r\n\r\n",
                            web,
                            test_token));
    const auto reply = socket.receive();
    BOOST_TEST(reply.starts_with("HTTP/1.1 204 "), reply);
    BOOST_TEST(reply.find("Content-") == std::string::npos, reply);
    BOOST_TEST(reply.ends_with("\r\n\r\n"), reply);
}

BOOST_AUTO_TEST_CASE(a_list_is_by_name_and_a_page_of_it_has_the_true_total)
{
    for (const char* name : {"c", "a", "b"}) {
        client.post(all, {{"name", name}});
    }
    const auto page = client.get(std::string{all} + "?limit=1&offset=1").json();
    BOOST_TEST(page["total"] == 3);
    BOOST_TEST(page["playbooks"].size() == 1U);
    BOOST_TEST(page["playbooks"][0]["name"] == "b");
    BOOST_TEST(client.get(std::string{all} + "?offset=9").json()["playbooks"].empty());
}

BOOST_AUTO_TEST_CASE(what_is_no_name_or_id_is_not_found)
{
    make();
    const auto id = add("a");
    for (const std::string name :
         {"nope", "..%2F..%2Fetc%2Fpasswd", "%2e%2e", "a%2Fb", "-a", "a..b", "a%00", "%C3%BC"}) {
        const auto path = std::string{all} + "/" + name;
        BOOST_TEST_CONTEXT(path)
        {
            for (const auto& reply :
                 {client.get(path),
                  client.get(path + "/export"),
                  client.del(path),
                  client.post(path + "/tasks", {{"name", "t"}, {"module", "m"}}),
                  client.send("PUT", path + "/tasks/" + id, "{}"),
                  client.del(path + "/tasks/" + id),
                  client.send("PATCH", path + "/tasks/reorder", R"({"task_ids":[]})")}) {
                BOOST_TEST((reply.status == 404 || reply.status == 400), reply.body);
                BOOST_TEST(reply.json()["reason"] != "internal");
            }
        }
    }
    for (const std::string task : {"tsk-aaaaaaaaaaaaaaaa", "..%2Fx", "1", "tsk-"}) {
        check_error(client.send("PUT", task_path(task), "{}"), 404, "unknown_task");
        check_error(client.del(task_path(task)), 404, "unknown_task");
    }
    BOOST_TEST(tasks().size() == 1U);
}

BOOST_AUTO_TEST_CASE(bad_requests_about_playbooks_change_nothing)
{
    make();
    const auto id = add("a");
    const auto writes = run.store.attempts();
    const std::string tasks_path = std::string{web} + "/tasks";
    const json task{{"name", "t"}, {"module", "apt"}};
    const auto wrong = client.post(all, {{"hosts", 1}, {"colour", 1}});
    check_error(wrong, 400, "invalid_argument");
    BOOST_TEST(wrong.json()["errors"].size() == 3U);
    check_error(client.send("POST", all, R"({"name":"a"}x)"), 400, "invalid_argument");
    check_error(client.send("POST", all, "[]"), 400, "invalid_argument");
    check_error(client.send("POST", all, std::nullopt), 400, "invalid_argument");
    check_error(client.post(std::string{all} + "?x=1", {{"name", "b"}}), 400, "invalid_argument");
    check_error(client.post(all, {{"name", "../b"}}), 400, "invalid_argument");
    check_error(client.get(std::string{all} + "?limit=501"), 400, "invalid_argument");
    check_error(client.get(std::string{all} + "?name=web"), 400, "invalid_argument");
    check_error(client.get(std::string{all} + "?cursor=x"), 400, "invalid_argument");
    check_error(client.get(std::string{web} + "?x=1"), 400, "invalid_argument");
    check_error(client.get(std::string{web} + "/export?x=1"), 400, "invalid_argument");
    check_error(client.send("DELETE", web, R"({"force":true})"), 400, "invalid_argument");
    check_error(client.post(tasks_path, {{"name", "t"}}), 400, "invalid_argument");
    check_error(client.post(tasks_path + "?x=1", task), 400, "invalid_argument");
    check_error(client.send("PUT", task_path(id), R"({"position":0})"), 400, "invalid_argument");
    check_error(client.send("DELETE", task_path(id), R"({"x":1})"), 400, "invalid_argument");
    check_error(client.send("PATCH", tasks_path + "/reorder", "{}"), 400, "invalid_argument");
    check_error(client.send("PUT", web, "{}"), 405, "method_not_allowed");
    check_error(client.post(all, {{"name", "web"}}), 409, "playbook_exists");
    check_error(run.stranger().get(all), 401, "unauthenticated");
    BOOST_TEST(run.store.attempts() == writes);
}

BOOST_AUTO_TEST_CASE(jobs_and_generated_playbooks_are_not_there_yet)
{
    check_error(
        client.post("/v1/ansible/jobs", {{"vm_name", "x"}, {"playbook", "web"}}), 501, "not_yet");
    check_error(client.get("/v1/ansible/jobs/job-aaaaaaaaaaaaaaaa"), 501, "not_yet");
    check_error(client.get("/v1/ansible/jobs/job-aaaaaaaaaaaaaaaa/stream"), 501, "not_yet");
    check_error(client.post("/v1/sandboxes/x/generate/ansible", {}), 501, "not_yet");
}

BOOST_AUTO_TEST_CASE(a_database_that_does_not_answer_is_told_apart_from_one_that_may_have)
{
    make();
    run.store.fail(common::ErrorCode::timeout, [](const auto&) { return true; });
    check_error(client.del(web), 504, "outcome_unknown");
    run.store.recover();
    run.store.fail(common::ErrorCode::unavailable);
    check_error(client.post(all, {{"name", "b"}}), 503, "unavailable");
    check_error(client.get(all), 503, "unavailable");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace coordinator::http
