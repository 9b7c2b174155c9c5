#include "running_server.hpp"

namespace coordinator::http {

using nlohmann::json;

namespace {

constexpr const char* templates = "/v1/templates";
constexpr const char* sandboxes = "/v1/sandboxes";

struct TemplatesApi {
    RunningServer run;
    client::ApiClient client = run.client();

    void make(json fields)
    {
        fields.update({{"name", "web"}});
        const auto made = client.post(templates, fields);
        BOOST_REQUIRE_MESSAGE(made.status == 201, made.body);
    }
    /// What the service is asked to make.
    CreateRequest created(json fields)
    {
        fields.update({{"agent_id", "a"}, {"template", "web"}});
        const auto made = client.post(sandboxes, fields);
        BOOST_REQUIRE_MESSAGE(made.status == 201, made.body);
        return run.service.creates().back();
    }
    /// The fields that a create is refused for.
    std::vector<std::string> refused(json fields)
    {
        fields.update({{"agent_id", "a"}, {"template", "web"}});
        const auto reply = client.post(sandboxes, fields);
        BOOST_TEST(reply.status == 400, reply.body);
        std::vector<std::string> names;
        const auto told = reply.json();
        for (const auto& wrong : told["errors"]) {
            names.push_back(wrong["field"]);
        }
        return names;
    }
};

using Names = std::vector<std::string>;

} // namespace

BOOST_FIXTURE_TEST_SUITE(templates_api_tests, TemplatesApi)

BOOST_AUTO_TEST_CASE(a_template_is_told_as_it_was_said)
{
    const json said{{"name", "web"},
                    {"description", "for \"tests\""},
                    {"image", "tiny"},
                    {"cpu", 2},
                    {"labels", {{"team", "red"}}},
                    {"placement", {{"labels", {{"gpu", "a100"}}}}}};
    const auto made = client.post(templates, said);
    BOOST_TEST(made.status == 201, made.body);
    BOOST_TEST(made.headers.at("location") == "/v1/templates/web");
    auto told = made.json()["template"];
    BOOST_TEST(client.get("/v1/templates/web").json()["template"] == told);
    const auto all = client.get(templates).json();
    BOOST_TEST(all["total"] == 1);
    BOOST_TEST(all["templates"][0] == told);
    for (const auto* field : {"id", "created_at", "updated_at"}) {
        BOOST_TEST(told.erase(field) == 1U, field);
    }
    BOOST_TEST(told == said);
    check_error(client.post(templates, said), 409, "template_exists");

    const auto replaced =
        client.send("PUT", "/v1/templates/web", R"({"image":"big"})").json()["template"];
    BOOST_TEST(replaced["image"] == "big");
    BOOST_TEST(!replaced.contains("cpu"));
    BOOST_TEST(!replaced.contains("description"));
    BOOST_TEST(client.del("/v1/templates/web").status == 204);
    check_error(client.del("/v1/templates/web"), 404, "unknown_template");
    check_error(client.get("/v1/templates/web"), 404, "unknown_template");
    check_error(
        client.send("PUT", "/v1/templates/web", R"({"image":"big"})"), 404, "unknown_template");
    check_error(client.get("/v1/templates/..%2Fweb"), 404, "unknown_template");
}

BOOST_AUTO_TEST_CASE(a_create_says_what_its_template_says_unless_it_says_so_itself)
{
    make({{"image", "tiny"},
          {"cpu", 2},
          {"memory_mb", 512},
          {"auto_start", true},
          {"pool", "require"},
          {"labels", {{"team", "red"}, {"stage", "test"}}},
          {"env", {{"A", "1"}, {"B", "2"}}},
          {"file_policy", {{"roots", {"/srv"}}, {"never_read", {"/srv/x"}}}},
          {"placement", {{"host", "h1"}, {"labels", {{"gpu", "a100"}}}}}});
    const auto plain = created(json::object());
    BOOST_TEST(plain.from_template == "web");
    BOOST_TEST(plain.source == "tiny");
    BOOST_TEST(plain.source_is_image);
    BOOST_TEST(*plain.vcpus == 2U);
    BOOST_TEST(plain.memory->mib() == 512U);
    BOOST_TEST(plain.auto_start);
    BOOST_TEST((plain.pool == WarmUse::require));
    BOOST_TEST(plain.host->str() == "h1");
    BOOST_TEST((plain.files == FilePolicy{{"/srv"}, {"/srv/x"}, {}}));

    const auto other = created({{"image", "big"},
                                {"cpu", 4},
                                {"pool", "skip"},
                                {"auto_start", false},
                                {"labels", {{"stage", "live"}, {"new", ""}}},
                                {"env", {{"B", "3"}}},
                                {"file_policy", {{"roots", {"/tmp"}}}},
                                {"host", "h2"},
                                {"placement", {{"labels", {{"rack", "1"}}}}}});
    BOOST_TEST(other.source == "big");
    BOOST_TEST(*other.vcpus == 4U);
    BOOST_TEST(!other.auto_start);
    BOOST_TEST((other.labels == Labels{{"team", "red"}, {"stage", "live"}, {"new", ""}}));
    BOOST_TEST((other.env == std::map<std::string, std::string>{{"A", "1"}, {"B", "3"}}));
    BOOST_TEST((other.files == FilePolicy{{"/tmp"}, {}, {}})); // As a whole.
    BOOST_TEST(other.host->str() == "h2");
    BOOST_TEST((other.wants.labels == Labels{{"gpu", "a100"}, {"rack", "1"}}));

    const auto of_vm = created({{"source_vm_name", "tiny"}});
    BOOST_TEST(!of_vm.source_is_image);
}

BOOST_AUTO_TEST_CASE(what_does_not_go_together_is_refused_and_names_the_field)
{
    make({{"image", "tiny"}, {"auto_start", true}, {"pool", "require"}, {"env", {{"A", "1"}}}});
    BOOST_TEST(refused({{"auto_start", false}}) == Names{"pool"});
    BOOST_TEST(refused({{"env", {{"A", nullptr}}}}) == Names{"env.A"});
    BOOST_TEST(refused({{"env", json::array()}}) == Names{"env"});
    BOOST_TEST(refused({{"colour", "red"}}) == Names{"colour"});
    BOOST_TEST(run.service.creates().empty());
    const json unknown{{"agent_id", "a"}, {"template", "nope"}};
    check_error(client.post(sandboxes, unknown), 404, "unknown_template");
    check_error(client.post("/v1/placement/explain", unknown), 404, "unknown_template");
    for (const auto& wrong : {json("../x"), json(1), json(nullptr), json("")}) {
        const auto reply = client.post(sandboxes, {{"agent_id", "a"}, {"template", wrong}});
        check_error(reply, 400, "invalid_argument");
    }
}

BOOST_AUTO_TEST_CASE(a_template_says_what_a_create_may_and_not_whose_it_is)
{
    const auto wrong = [&](json fields) {
        fields.update({{"name", "web"}});
        const auto reply = client.post(templates, fields);
        check_error(reply, 400, "invalid_argument");
        return reply.json()["errors"][0]["field"].get<std::string>();
    };
    BOOST_TEST(wrong(json::object()) == "image");
    for (const auto* field : {"agent_id", "vm_name", "host", "source_vm_name", "template"}) {
        BOOST_TEST(wrong({{"image", "tiny"}, {field, "x"}}) == field);
    }
    BOOST_TEST(wrong({{"image", "tiny"}, {"cpu", "two"}}) == "cpu");
    BOOST_TEST(wrong({{"image", "tiny"}, {"pool", "require"}}) == "pool");
    BOOST_TEST(wrong({{"image", "tiny"}, {"description", std::string(1025, 'x')}}) ==
               "description");
    check_error(
        client.post(templates, {{"name", "../x"}, {"image", "tiny"}}), 400, "invalid_argument");
    check_error(
        client.post(templates, {{"name", "w"}, {"image", "tiny"}, {"egress", {}}}), 501, "not_yet");
    check_error(client.send("PUT", "/v1/templates/web", R"({"name":"web","image":"tiny"})"),
                400,
                "invalid_argument");
    BOOST_TEST(client.get(templates).json()["total"] == 0);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace coordinator::http
