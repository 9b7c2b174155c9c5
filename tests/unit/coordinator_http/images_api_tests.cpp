#include "raw_socket.hpp"
#include "running_server.hpp"

#include "coordinator/http/rest/parsers.hpp"
#include "wrong_fields.hpp"

namespace coordinator::http {

using nlohmann::json;

namespace {

constexpr const char* sandbox = "sbx-aaaaaaaaaaaaaaaa";
constexpr const char* snapshot = "snp-aaaaaaaaaaaaaaaa";
const std::string disk_digest(64, 'a');
const std::string kernel_digest(64, 'b');
const std::string initrd_digest(64, 'c');

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
    const auto why = rest::parse_image(R"({"name":"w","from_snapshot":"clean"})");
    BOOST_TEST(why.error().fields.front().message.find("required") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(one_of_a_vm_says_which_and_nothing_that_goes_with_another_way)
{
    const auto parsed =
        rest::parse_image(R"({"name":"w","from_vm":"gold vm","host":"h1","agent":"qemu"})");
    BOOST_REQUIRE(parsed.has_value());
    const auto& vm = std::get<coordinator::VmImageRequest>(*parsed);
    BOOST_TEST(vm.name.str() == "w");
    BOOST_TEST(vm.vm == "gold vm");
    BOOST_TEST(vm.agent == "qemu");
    BOOST_TEST(vm.host->str() == "h1");
    BOOST_TEST(
        !std::get<coordinator::VmImageRequest>(*rest::parse_image(R"({"name":"w","from_vm":"g"})"))
             .host);
    const auto wrong = [](const std::string& rest_of_it) {
        return wrong_fields(rest::parse_image, R"({"name":"w","from_vm":"g",)" + rest_of_it + "}");
    };
    BOOST_TEST(wrong_fields(rest::parse_image, R"({"name":"w","from_vm":""})") == Names{"from_vm"},
               boost::test_tools::per_element());
    for (const auto& [field, value] : std::vector<std::pair<std::string, std::string>>{
             {"host", R"("../h")"},
             {"agent", R"("windows")"},
             {"disk", "\"" + std::string(64, 'a') + "\""},
             {"from_snapshot", R"("clean")"},
             {"sandbox_id", R"("sbx-aaaaaaaaaaaaaaaa")"},
             {"boot", R"("bios")"},
             {"tenant", R"("t")"}}) {
        BOOST_TEST(wrong("\"" + field + "\":" + value) == Names{field},
                   boost::test_tools::per_element());
    }
}

BOOST_AUTO_TEST_CASE(a_request_is_for_an_image_of_a_checkpoint_or_of_files)
{
    const auto of_checkpoint = rest::parse_image(
        R"({"name":"w","from_snapshot":"clean","sandbox_id":"sbx-aaaaaaaaaaaaaaaa"})");
    BOOST_REQUIRE(of_checkpoint.has_value());
    const auto& request = std::get<ImageRequest>(*of_checkpoint);
    BOOST_TEST(request.name.str() == "w");
    BOOST_TEST(request.from_snapshot == "clean");
    BOOST_TEST(request.sandbox->str() == sandbox);

    const json whole{{"name", "w"},
                     {"disk", "sha256:" + disk_digest},
                     {"kernel", kernel_digest},
                     {"initrd", "sha256:" + initrd_digest},
                     {"cmdline", "console=ttyS0 quiet"},
                     {"agent", "paddock"},
                     {"cpu", 2},
                     {"memory_mb", 512},
                     {"prefetch", "disk=nvme,rack=a"}};
    const auto of_files = rest::parse_image(whole.dump());
    BOOST_REQUIRE(of_files.has_value());
    const auto& image = std::get<RegisteredImage>(*of_files);
    BOOST_TEST(image.name.str() == "w");
    BOOST_TEST(image.disk.digest == disk_digest);
    BOOST_TEST(image.kernel.digest == kernel_digest);
    BOOST_TEST(image.initrd.digest == initrd_digest);
    BOOST_TEST(image.cmdline == "console=ttyS0 quiet");
    BOOST_TEST(image.boot == "kernel"); // Since there is one.
    BOOST_TEST(image.agent == "paddock");
    BOOST_TEST(image.vcpus == 2U);
    BOOST_TEST(image.memory.mib() == 512U);
    BOOST_TEST(to_string(image.prefetch) == "disk=nvme,rack=a");

    const auto bare = std::get<RegisteredImage>(
        *rest::parse_image(json{{"name", "w"}, {"disk", disk_digest}, {"agent", "none"}}.dump()));
    BOOST_TEST(bare.boot == "bios");
    BOOST_TEST(bare.kernel.digest.empty());
    BOOST_TEST(bare.vcpus == 0U);
    BOOST_TEST(to_string(bare.prefetch) == "all");
    BOOST_TEST(bare.memory.count() == 0U);
}

BOOST_AUTO_TEST_CASE(each_wrong_field_of_an_image_of_files_is_named)
{
    const auto body = [](json fields) {
        json whole{{"name", "w"}, {"disk", disk_digest}, {"agent", "none"}};
        whole.merge_patch(fields);
        return whole.dump();
    };
    for (const auto& good : std::vector<json>{{{"boot", "uefi"}},
                                              {{"agent", "qemu"}},
                                              {{"cpu", 0}, {"memory_mb", 0}},
                                              {{"kernel", kernel_digest}},
                                              {{"kernel", kernel_digest}, {"boot", "kernel"}},
                                              {{"kernel", kernel_digest}, {"cmdline", ""}}}) {
        BOOST_TEST(wrong_fields(rest::parse_image, body(good)).empty());
    }
    Cases cases{
        {body({{"name", "../w"}}), "name"},
        {body({{"disk", nullptr}}), "disk"}, // It is not there then.
        {body({{"agent", nullptr}}), "agent"},
        {body({{"agent", "windows"}}), "agent"},
        {body({{"boot", "pxe"}}), "boot"},
        {body({{"boot", "kernel"}}), "kernel"},
        {body({{"boot", "bios"}, {"kernel", kernel_digest}}), "kernel"},
        {body({{"initrd", initrd_digest}}), "initrd"},
        {body({{"cmdline", "quiet"}}), "cmdline"},
        {body({{"kernel", kernel_digest}, {"cmdline", "a\nb"}}), "cmdline"},
        {body({{"kernel", kernel_digest}, {"cmdline", "\u00e4"}}), "cmdline"},
        {body({{"kernel", kernel_digest}, {"cmdline", std::string(2049, 'x')}}), "cmdline"},
        {body({{"cpu", -1}}), "cpu"},
        {body({{"cpu", "two"}}), "cpu"},
        {body({{"memory_mb", 1}}), "memory_mb"},
        {body({{"prefetch", "some"}}), "prefetch"},
        {body({{"prefetch", "a b=1"}}), "prefetch"},
        {body({{"prefetch", "a=1\n"}}), "prefetch"},
        {R"({"name":"w","from_vm":"gold","prefetch":"all"})", "prefetch"},
        {body({{"from_snapshot", snapshot}}), "from_snapshot"},
        {body({{"sandbox_id", sandbox}}), "sandbox_id"},
        {body({{"tenant", "x"}}), "tenant"},
        {R"({"name":"w","agent":"none"})", "disk"},
    };
    for (const auto* field : {"disk", "kernel", "initrd"}) {
        for (const auto& text : {std::string{},
                                 std::string{"sha256:"},
                                 std::string(63, 'a'),
                                 std::string(65, 'a'),
                                 std::string(64, 'A'),
                                 std::string(64, '/'),
                                 "sha512:" + disk_digest,
                                 "sha256:sha256:" + disk_digest}) {
            json bad{{"kernel", kernel_digest}};
            bad[field] = text;
            cases.emplace_back(body(bad), field);
        }
    }
    check_wrong(rest::parse_image, cases);
}

BOOST_AUTO_TEST_CASE(an_image_of_files_is_registered_and_tells_where_it_is_missing)
{
    RunningServer run;
    auto client = run.client();
    const auto made = client.post("/v1/images",
                                  {{"name", "web"},
                                   {"disk", "sha256:" + disk_digest},
                                   {"kernel", kernel_digest},
                                   {"agent", "paddock"}});
    BOOST_TEST(made.status == 201, made.body);
    BOOST_TEST(made.headers.at("location") == "/v1/images/web");
    const auto image = made.json()["image"];
    BOOST_TEST(image["name"] == "web");
    BOOST_TEST(image["digest"] == disk_digest);
    BOOST_TEST(image["boot"] == "kernel");
    BOOST_TEST(image["id"] == "img-abcdefghij234567");
    BOOST_TEST(!image.contains("from_snapshot"));
    BOOST_TEST(image["missing_on"] ==
               (json{{{"host_name", "h2"}, {"error", "its disk is full"}}, {{"host_name", "h3"}}}));
    BOOST_TEST(client.get("/v1/images/web").json() == made.json());
    const auto asked = run.service.registrations();
    BOOST_REQUIRE(asked.size() == 1U);
    BOOST_TEST(asked[0].name.str() == "web");
    BOOST_TEST(asked[0].disk.digest == disk_digest);
    BOOST_TEST(run.service.image_requests().empty());
    check_error(client.post("/v1/images", {{"name", "web"}, {"disk", disk_digest}}),
                400,
                "invalid_argument");
    BOOST_TEST(run.service.registrations().size() == 1U);
}

BOOST_AUTO_TEST_CASE(one_that_is_everywhere_or_an_operators_is_missing_nowhere)
{
    RunningServer run;
    Image tiny;
    tiny.name = common::ImageName{"tiny"};
    run.service.all_images = {tiny};
    const auto image = run.client().get("/v1/images/tiny").json()["image"];
    BOOST_TEST(!image.contains("missing_on"));
    BOOST_TEST(!image.contains("id"));
}

BOOST_AUTO_TEST_CASE(errors_about_images_of_files_keep_their_meaning)
{
    const json body{{"name", "web"}, {"disk", disk_digest}, {"agent", "none"}};
    for (const auto& [error, status, reason] :
         std::vector<std::tuple<common::Error, int, std::string>>{
             {{common::ErrorCode::invalid_argument, "m", "image_unusable"}, 400, "image_unusable"},
             {{common::ErrorCode::not_found, "m", "unknown_blob"}, 404, "unknown_blob"},
             {{common::ErrorCode::already_exists, "m", "image_exists"}, 409, "image_exists"},
             {{common::ErrorCode::unavailable, "m", "host_failed"}, 502, "host_failed"},
             {{common::ErrorCode::unavailable, "m", "no_hosts"}, 503, "no_hosts"}}) {
        RunningServer run;
        run.service.failure = error;
        check_error(run.client().post("/v1/images", body), status, reason);
    }
}

BOOST_AUTO_TEST_CASE(a_file_is_uploaded_and_found_by_its_digest)
{
    RunningServer run;
    auto client = run.client();
    const auto path = "/v1/images/blobs/" + disk_digest;
    check_error(client.get(path), 404, "unknown_blob");
    const std::string bytes(3'000'000, '\xFF');
    const auto first = client.send("PUT", path, bytes);
    BOOST_TEST(first.status == 201, first.body);
    BOOST_TEST(first.json() ==
               (json{{"blob", {{"digest", disk_digest}, {"size_bytes", 3'000'000}}}}));
    const auto again = client.send("PUT", "/v1/images/blobs/sha256:" + disk_digest, bytes);
    BOOST_TEST(again.status == 200, again.body);
    BOOST_TEST(again.json() == first.json());
    BOOST_TEST(client.get(path).json() == first.json());
    BOOST_TEST(client.get("/v1/images/blobs/sha256:" + disk_digest).json() == first.json());
    BOOST_TEST(client.get("/v1/images/blobs/sha256%3A" + disk_digest).status == 200);
    check_error(client.get("/v1/images/blobs/" + kernel_digest), 404, "unknown_blob");
    BOOST_TEST(run.blobs.find("default", disk_digest)->size.count() == 3'000'000U);
}

BOOST_AUTO_TEST_CASE(a_file_in_chunks_is_taken_and_one_that_ends_early_is_not)
{
    RunningServer run;
    const auto head = [](const std::string& digest, const std::string& more) {
        return "PUT /v1/images/blobs/" + digest + " HTTP/1.1\r\nHost: localhost\r\n" +
               "Authorization: Bearer " + test_token + "\r\nConnection: close\r\n" + more + "\r\n";
    };
    const RawSocket chunks{run.server.port()};
    chunks.send(head(disk_digest, "Transfer-Encoding: chunked\r\n") +
                "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    BOOST_TEST(chunks.receive().starts_with("HTTP/1.1 201"));
    BOOST_TEST(run.blobs.find("default", disk_digest)->size.count() == 5U);
    const RawSocket cut{run.server.port()};
    cut.send(head(kernel_digest, "Content-Length: 10\r\n") + "abc");
    cut.end_sending();
    cut.receive();
    BOOST_TEST(!run.blobs.find("default", kernel_digest).has_value());
}

BOOST_AUTO_TEST_CASE(what_is_no_digest_is_refused_and_strangers_are)
{
    RunningServer run;
    auto client = run.client();
    for (const std::string& text : {std::string{"x"},
                                    std::string{"..%2F..%2Fetc"},
                                    std::string{"sha256:"},
                                    std::string(63, 'a'),
                                    std::string(64, 'A'),
                                    "sha512:" + disk_digest}) {
        check_error(client.get("/v1/images/blobs/" + text), 400, "invalid_argument");
        check_error(
            client.send("PUT", "/v1/images/blobs/" + text, "bytes"), 400, "invalid_argument");
    }
    const auto path = "/v1/images/blobs/" + disk_digest;
    check_error(client.get(path + "?force=1"), 400, "invalid_argument");
    check_error(client.send("PUT", path + "?force=1", "bytes"), 400, "invalid_argument");
    check_error(run.stranger().get(path), 401, "unauthenticated");
    check_error(run.stranger().send("PUT", path, "bytes"), 401, "unauthenticated");
    check_error(client.del(path), 405, "method_not_allowed");
    BOOST_TEST(!run.blobs.find("default", disk_digest).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace coordinator::http
