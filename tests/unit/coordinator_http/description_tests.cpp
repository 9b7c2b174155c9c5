#include "coordinator/http/description.hpp"

#include "running_server.hpp"

#include "common/digest/base64.hpp"
#include "coordinator/http/router.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace coordinator::http {

BOOST_AUTO_TEST_SUITE(description_tests)

using nlohmann::json;

namespace {

/// What the table and the description must agree on.
struct Operation {
    bool built = false;
    Access access = Access::token;
    std::vector<std::string> parameters; ///< Of the path, in order.

    friend bool operator==(const Operation&, const Operation&) = default;
};
using Operations = std::map<std::string, Operation>; ///< By "get /v1/sandboxes/{id}".

std::vector<std::string> parameters_of(std::string_view path)
{
    std::vector<std::string> names;
    for (auto at = path.find('{'); at != std::string_view::npos; at = path.find('{', at + 1)) {
        names.emplace_back(path.substr(at + 1, path.find('}', at) - at - 1));
    }
    return names;
}

Operations of_the_table()
{
    Operations all;
    for (const auto& route : route_table()) {
        std::string path{route.pattern};
        if (const auto dots = path.find("...}"); dots != std::string::npos) {
            path.erase(dots, 3);
        }
        const auto methods =
            route.method == Method::any
                ? std::vector{Method::get, Method::post, Method::put, Method::patch, Method::del}
                : std::vector{route.method};
        for (const auto method : methods) {
            all[std::string{to_string(method)} + " " + path] = {
                route.handler != nullptr, route.access, parameters_of(path)};
        }
    }
    return all;
}

json described()
{
    return json::parse(description::openapi);
}

const json& resolved(const json& document, const json& part)
{
    if (!part.contains("$ref")) {
        return part;
    }
    return document.at(json::json_pointer{part["$ref"].get<std::string>().substr(1)});
}

Access access_of(const json& operation)
{
    if (!operation.contains("security")) {
        return Access::token;
    }
    const auto& security = operation["security"];
    const bool browser = std::ranges::any_of(
        security, [](const json& scheme) { return scheme.contains("browser"); });
    return security.empty() ? Access::open : browser ? Access::browser : Access::token;
}

Operations of_the_description()
{
    const auto document = described();
    Operations all;
    for (const auto& [path, methods] : document["paths"].items()) {
        for (const auto& [method, operation] : methods.items()) {
            auto name = method;
            std::ranges::transform(
                name, name.begin(), [](unsigned char c) { return std::toupper(c); });
            Operation one{!operation.contains("x-not-built"), access_of(operation), {}};
            for (const auto& part : operation["parameters"]) {
                const auto& parameter = resolved(document, part);
                if (parameter["in"] == "path") {
                    one.parameters.push_back(parameter["name"]);
                }
            }
            all[name + " " + path] = one;
        }
    }
    return all;
}

void check_is_in(const Operations& all, const Operations& others)
{
    for (const auto& [name, operation] : all) {
        BOOST_TEST_CONTEXT(name)
        {
            const auto at = others.find(name);
            BOOST_TEST((at != others.end()), "the other one does not have it");
            BOOST_TEST((at == others.end() || at->second == operation),
                       "they differ in whether it is built, its access or its parameters");
        }
    }
}

} // namespace

BOOST_AUTO_TEST_CASE(every_route_is_described)
{
    check_is_in(of_the_table(), of_the_description());
}

BOOST_AUTO_TEST_CASE(everything_described_is_a_route)
{
    check_is_in(of_the_description(), of_the_table());
}

BOOST_AUTO_TEST_CASE(operation_ids_are_unique)
{
    std::set<std::string> seen;
    const auto document = described();
    for (const auto& [path, methods] : document["paths"].items()) {
        for (const auto& [method, operation] : methods.items()) {
            const auto id = operation["operationId"].get<std::string>();
            BOOST_TEST(seen.insert(id).second, id);
        }
    }
}

BOOST_AUTO_TEST_CASE(what_is_not_built_answers_501_and_says_so)
{
    RunningServer run;
    auto client = run.client();
    int tried = 0;
    for (const auto& [name, operation] : of_the_description()) {
        if (!operation.built) {
            const auto space = name.find(' ');
            BOOST_TEST_CONTEXT(name)
            {
                const auto path = name.substr(space + 1);
                check_error(client.send(name.substr(0, space), path, std::nullopt), 501, "not_yet");
            }
            ++tried;
        }
    }
    BOOST_TEST(tried > 0);
}

/// Whatever asks the core may be told that it is too busy, or that it ends.
BOOST_AUTO_TEST_CASE(what_the_core_itself_answers_is_everywhere)
{
    const auto document = described();
    const auto may_answer = [&](const json& operation, const char* status, const char* reason) {
        const auto& responses = operation["responses"];
        return responses.contains(status) &&
               std::ranges::count(resolved(document, responses[status])["x-reasons"], reason) == 1;
    };
    for (const auto& [path, methods] : document["paths"].items()) {
        for (const auto& [method, operation] : methods.items()) {
            if (!operation.contains("x-not-built") && access_of(operation) == Access::token) {
                BOOST_TEST(may_answer(operation, "429", "coordinator_busy"), method << " " << path);
                BOOST_TEST(may_answer(operation, "503", "coordinator_ending"),
                           method << " " << path);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(every_post_may_have_an_idempotency_key)
{
    const auto document = described();
    int seen = 0;
    for (const auto& [path, methods] : document["paths"].items()) {
        if (!methods.contains("post") || methods["post"].contains("x-not-built")) {
            continue;
        }
        ++seen;
        const auto& post = methods["post"];
        const auto is_key = [&](const json& part) {
            const auto& parameter = resolved(document, part);
            return parameter["in"] == "header" && parameter["name"] == "Idempotency-Key";
        };
        BOOST_TEST(std::ranges::count_if(post["parameters"], is_key) == 1, path);
        for (const char* reason : {"idempotency_key_reused", "idempotency_in_progress"}) {
            const auto& refusal = resolved(document, post["responses"].at("409"));
            BOOST_TEST(std::ranges::count(refusal["x-reasons"], reason) == 1, path << reason);
        }
        const auto is_replayed = [](const json& response) {
            return response.contains("headers") &&
                   response["headers"].contains("Idempotency-Replayed");
        };
        BOOST_TEST(std::ranges::any_of(post["responses"], is_replayed), path);
    }
    BOOST_TEST(seen > 20);
}

BOOST_AUTO_TEST_CASE(the_description_is_served_as_it_was_built)
{
    RunningServer run;
    const auto reply = run.client().get("/openapi.json");
    BOOST_TEST(reply.status == 200);
    BOOST_TEST(reply.headers.at("content-type") == "application/json");
    BOOST_TEST((reply.body == description::openapi));
    check_error(run.client().get("/openapi.json?x=1"), 400, "invalid_argument");
}

BOOST_AUTO_TEST_CASE(the_page_has_no_script_and_may_load_nothing)
{
    RunningServer run;
    const auto reply = run.client().get("/docs");
    BOOST_TEST(reply.status == 200);
    BOOST_TEST(reply.headers.at("content-type") == "text/html; charset=utf-8");
    BOOST_TEST(reply.headers.at("content-security-policy").starts_with("default-src 'none'; "));
    for (const char* forbidden : {"<script", "<link", "<img", "src=", "@import", "url("}) {
        BOOST_TEST((reply.body.find(forbidden) == std::string::npos), forbidden);
    }
    const auto document = described();
    for (const auto& [path, methods] : document["paths"].items()) {
        for (const auto& [method, operation] : methods.items()) {
            const auto id = "id=\"" + operation["operationId"].get<std::string>() + "\"";
            BOOST_TEST((reply.body.find(id) != std::string::npos), id);
        }
    }
}

BOOST_AUTO_TEST_CASE(the_style_of_the_page_has_the_digest_that_is_allowed)
{
    const std::string page{description::page};
    const auto begin = page.find("<style>") + 7;
    const auto style = page.substr(begin, page.find("</style>") - begin);
    const auto digest = common::digest::of(style);
    const std::string_view bytes{reinterpret_cast<const char*>(digest.data()), digest.size()};
    BOOST_TEST("sha256-" + common::digest::to_base64(bytes) == description::page_style);
}

BOOST_AUTO_TEST_CASE(a_browser_is_asked_for_a_password_where_it_may_give_one)
{
    RunningServer run;
    for (const char* path : {"/docs", "/openapi.json", "/v1/sandboxes"}) {
        BOOST_TEST_CONTEXT(path)
        {
            const bool shown = std::string_view{path} != "/v1/sandboxes";
            const auto reply = run.stranger().get(path);
            check_error(reply, 401, "unauthenticated");
            BOOST_TEST(reply.headers.at("www-authenticate").starts_with("Basic ") == shown);
            const auto pair = common::digest::to_base64(std::string{"me:"} + test_token);
            const auto given = run.stranger().send(
                "GET", path, std::nullopt, {{"Authorization", "Basic " + pair}});
            BOOST_TEST(given.status == (shown ? 200 : 401));
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace coordinator::http
