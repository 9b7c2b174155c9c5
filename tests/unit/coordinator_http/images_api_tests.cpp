#include "running_server.hpp"

#include "coordinator/http/rest/parsers.hpp"
#include "wrong_fields.hpp"

namespace coordinator::http {

using nlohmann::json;

namespace {

constexpr const char* sandbox = "sbx-aaaaaaaaaaaaaaaa";
constexpr const char* snapshot = "snp-aaaaaaaaaaaaaaaa";

} // namespace

BOOST_AUTO_TEST_SUITE(images_api_tests)

BOOST_AUTO_TEST_CASE(images_are_made_of_a_checkpoint_and_deleted_by_name)
{
    RunningServer run;
    auto client = run.client();
    const auto made = client.post("/v1/images", {{"name", "web"}, {"from_snapshot", snapshot}});
    BOOST_TEST(made.status == 201, made.body);
    BOOST_TEST(made.headers.at("location") == "/v1/images/web");
    BOOST_TEST(made.json()["image"]["name"] == "web");
    BOOST_TEST(made.json()["image"]["from_snapshot"] == snapshot);
    BOOST_TEST(client.get("/v1/images/web").json() == made.json());
    const auto by_name = client.post(
        "/v1/images", {{"name", "api"}, {"from_snapshot", "clean"}, {"sandbox_id", sandbox}});
    BOOST_TEST(by_name.status == 201, by_name.body);
    const auto asked = run.service.image_requests();
    BOOST_REQUIRE(asked.size() == 2U);
    BOOST_TEST(!asked[0].sandbox.has_value());
    BOOST_TEST(asked[1].sandbox->str() == sandbox);
    BOOST_TEST(asked[1].from_snapshot == "clean");
    const auto gone = client.del("/v1/images/web");
    BOOST_TEST(gone.status == 200, gone.body);
    BOOST_TEST(gone.json()["image"]["name"] == "web");
    check_error(client.del("/v1/images/web"), 404, "not_found");
    BOOST_TEST(client.get("/v1/images").json()["total"] == 1);
}

BOOST_AUTO_TEST_CASE(an_operators_image_says_nothing_of_a_checkpoint)
{
    RunningServer run;
    Image tiny;
    tiny.name = common::ImageName{"tiny"};
    run.service.all_images = {tiny};
    BOOST_TEST(!run.client().get("/v1/images/tiny").json()["image"].contains("from_snapshot"));
}

BOOST_AUTO_TEST_CASE(bad_requests_about_images_leave_no_trace_in_the_service)
{
    RunningServer run;
    auto client = run.client();
    const json good{{"name", "web"}, {"from_snapshot", snapshot}};
    check_error(client.send("POST", "/v1/images", "[]"), 400, "invalid_argument");
    check_error(client.send("POST", "/v1/images", std::nullopt), 400, "invalid_argument");
    check_error(client.post("/v1/images?dry=1", good), 400, "invalid_argument");
    check_error(client.del("/v1/images/web?force=1"), 400, "invalid_argument");
    check_error(
        client.send("DELETE", "/v1/images/web", R"({"force":true})"), 400, "invalid_argument");
    check_error(client.del("/v1/images/..%2F..%2Fetc"), 404, "not_found");
    check_error(client.send("PUT", "/v1/images/web", "{}"), 405, "method_not_allowed");
    check_error(client.send("PUT", "/v1/images/blobs/x", "{}"), 501, "not_yet");
    BOOST_TEST(run.service.callers().empty());
}

BOOST_AUTO_TEST_CASE(errors_about_images_keep_their_meaning)
{
    const json body{{"name", "web"}, {"from_snapshot", snapshot}};
    for (const auto& [error, status, reason] :
         std::vector<std::tuple<common::Error, int, std::string>>{
             {{common::ErrorCode::not_found, "m", "unknown_snapshot"}, 404, "unknown_snapshot"},
             {{common::ErrorCode::already_exists, "m", "image_exists"}, 409, "image_exists"},
             {{common::ErrorCode::failed_precondition, "m", "image_in_use"}, 409, "image_in_use"},
             {{common::ErrorCode::failed_precondition, "m", "operator_image"},
              409,
              "operator_image"},
             {{common::ErrorCode::resource_exhausted, "m", "disk_full"}, 503, "disk_full"},
             {{common::ErrorCode::timeout, "m", "outcome_unknown"}, 504, "outcome_unknown"}}) {
        RunningServer run;
        run.service.failure = error;
        auto client = run.client();
        check_error(client.post("/v1/images", body), status, reason);
        check_error(client.del("/v1/images/web"), status, reason);
    }
}

BOOST_AUTO_TEST_CASE(each_wrong_field_of_an_image_is_named)
{
    const auto wrong = [](const std::string& body) {
        return wrong_fields(rest::parse_image, body);
    };
    BOOST_TEST(wrong("{}") == (Names{"name", "from_snapshot"}), boost::test_tools::per_element());
    const std::string id = R"("from_snapshot":"snp-aaaaaaaaaaaaaaaa")";
    const std::vector<std::pair<std::string, std::string>> bodies{
        {"{" + id + "}", "name"},
        {R"({"name":"../w",)" + id + "}", "name"},
        {R"({"name":"",)" + id + "}", "name"},
        {R"({"name":null,)" + id + "}", "name"},
        {R"({"name":"w"})", "from_snapshot"},
        {R"({"name":"w","from_snapshot":""})", "from_snapshot"},
        {R"({"name":"w","from_snapshot":7})", "from_snapshot"},
        {R"({"name":"w","from_snapshot":"../x","sandbox_id":"sbx-aaaaaaaaaaaaaaaa"})",
         "from_snapshot"},
        {R"({"name":"w","from_snapshot":"clean"})", "sandbox_id"},
        {R"({"name":"w","from_snapshot":"snp-short"})", "sandbox_id"},
        {R"({"name":"w","sandbox_id":"sbx-short",)" + id + "}", "sandbox_id"},
        {R"({"name":"w","sandbox_id":"snp-aaaaaaaaaaaaaaaa",)" + id + "}", "sandbox_id"},
        {R"({"name":"w","sandbox_id":null,)" + id + "}", "sandbox_id"},
        {R"({"name":"w","tenant":"x",)" + id + "}", "tenant"},
    };
    for (const auto& [body, field] : bodies) {
        BOOST_TEST_CONTEXT(body)
        {
            BOOST_TEST(wrong(body) == Names{field}, boost::test_tools::per_element());
        }
    }
    const auto later = rest::parse_image(R"({"name":"w","from_vm":"x"})");
    BOOST_REQUIRE(!later);
    BOOST_CHECK(later.error().code == common::ErrorCode::unimplemented);
    BOOST_TEST(later.error().reason == "not_yet");
    const auto why = rest::parse_image(R"({"name":"w","from_snapshot":"clean"})");
    BOOST_TEST(why.error().fields.front().message.find("required") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace coordinator::http
