#include "raw_socket.hpp"
#include "running_server.hpp"

namespace coordinator::http {

BOOST_AUTO_TEST_SUITE(files_api_tests)

namespace {

const std::string authorized =
    "Host: localhost\r\nAuthorization: Bearer " + std::string{test_token} + "\r\n";

struct FilesApiFixture {
    explicit FilesApiFixture(const Options& options = test_options()) : run{options} {}

    [[nodiscard]] std::string path(const std::string& rest) const
    {
        return "/v1/sandboxes/" + id + "/" + rest;
    }
    [[nodiscard]] std::string put_head(const std::string& query, const std::string& headers) const
    {
        return "PUT " + path("files?" + query) + " HTTP/1.1\r\n" + authorized + headers + "\r\n";
    }
    const FileRequest& asked()
    {
        BOOST_REQUIRE(!run.files.asked.empty());
        return run.files.asked.back();
    }

    RunningServer run;
    std::string id = run.service.add(Phase::running, "").str();
};

Options small_bodies()
{
    auto options = test_options();
    options.max_body = common::Bytes{1000};
    return options;
}
struct SmallBodies : FilesApiFixture {
    SmallBodies() : FilesApiFixture{small_bodies()} {}
};

Options quick_bodies()
{
    auto options = small_bodies();
    options.body_timeout = std::chrono::milliseconds{300};
    return options;
}
struct QuickBodies : FilesApiFixture {
    QuickBodies() : FilesApiFixture{quick_bodies()} {}
};

const nlohmann::json path_alone{{"path", "/etc/hosts"}};

} // namespace

BOOST_FIXTURE_TEST_CASE(a_file_of_any_size_and_type_is_taken, SmallBodies)
{
    const std::string bytes(5'000'000, '\xFF');
    for (const auto* type : {"application/octet-stream", "text/plain", ""}) {
        client::ApiClient::Headers headers;
        if (*type != '\0') {
            headers["Content-Type"] = type;
        }
        const auto reply = run.client().send(
            "PUT", path("files?path=/tmp/x&mode=0755&parents=true"), bytes, headers);
        BOOST_TEST((reply.status == 201 || reply.status == 200), reply.body);
        BOOST_TEST(reply.json().value("bytes_written", 0) == 5'000'000);
        BOOST_TEST((run.files.content["/tmp/x"] == bytes));
    }
    BOOST_TEST(asked().mode.value() == 0755U);
    BOOST_TEST(asked().parents);
    BOOST_TEST(asked().overwrite);
    // The bound holds for everything else.
    const nlohmann::json large{{"path", "/x"}, {"content", std::string(2000, 'x')}};
    check_error(run.client().post(path("file/write"), large), 413, "body_too_large");
}

BOOST_FIXTURE_TEST_CASE(chunks_are_taken_and_the_connection_goes_on, FilesApiFixture)
{
    const RawSocket client{run.server.port()};
    client.send(put_head("path=/tmp/x", "Transfer-Encoding: chunked\r\n") +
                "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n" +
                "GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + "Connection: close\r\n\r\n");
    const auto all = client.receive();
    BOOST_TEST(all.starts_with("HTTP/1.1 201"), all);
    BOOST_TEST(all.find("HTTP/1.1 200") != std::string::npos, all);
    BOOST_TEST(run.files.content["/tmp/x"] == "abcde");
}

BOOST_FIXTURE_TEST_CASE(what_is_refused_is_refused_before_its_content_is_asked_for, FilesApiFixture)
{
    run.files.refusal =
        common::Error{common::ErrorCode::already_exists, "it is there", "already_exists"};
    const RawSocket client{run.server.port()};
    client.send(put_head("path=/tmp/x&overwrite=false",
                         "Expect: 100-continue\r\nContent-Length: 100000000000\r\n"));
    const auto all = client.receive();
    BOOST_TEST(all.starts_with("HTTP/1.1 409"), all);
    BOOST_TEST(all.find("100 Continue") == std::string::npos);
    BOOST_TEST(!asked().overwrite);
}

BOOST_FIXTURE_TEST_CASE(a_guest_that_takes_no_more_ends_the_upload, FilesApiFixture)
{
    run.files.refuses_at = 100'000;
    const RawSocket client{run.server.port()};
    client.send(put_head("path=/tmp/x", "Content-Length: 100000000000\r\n"));
    client.send(std::string(300'000, 'x'));
    const auto all = client.receive();
    BOOST_TEST(all.starts_with("HTTP/1.1 409"), all);
    BOOST_TEST(all.find("disk_full") != std::string::npos);
    BOOST_TEST(run.files.given_up == 1U);
}

BOOST_FIXTURE_TEST_CASE(content_that_ends_early_or_is_too_slow_is_given_up, QuickBodies)
{
    {
        const RawSocket client{run.server.port()};
        client.send(put_head("path=/tmp/x", "Content-Length: 10\r\n") + "abc");
        client.end_sending();
        client.receive();
    }
    const RawSocket slow{run.server.port()};
    slow.send(put_head("path=/tmp/x", "Content-Length: 10\r\n") + "abc");
    BOOST_TEST(slow.receive().starts_with("HTTP/1.1 408"));
    // Byte by byte it would hold its thread for ever.
    const RawSocket trickle{run.server.port()};
    trickle.send(put_head("path=/tmp/x", "Content-Length: 100000\r\n"));
    const auto begun = std::chrono::steady_clock::now();
    std::string all;
    while (all.empty() && std::chrono::steady_clock::now() - begun < std::chrono::seconds{10}) {
        trickle.send("x");
        all = trickle.receive_within(std::chrono::milliseconds{20});
    }
    BOOST_TEST(all.starts_with("HTTP/1.1 408"));
    BOOST_TEST(run.files.given_up == 3U);
    BOOST_TEST(!run.files.content.contains("/tmp/x"));
}

BOOST_FIXTURE_TEST_CASE(a_download_has_its_length_and_what_is_known_of_it, FilesApiFixture)
{
    run.files.content["/tmp/x"] = "0123456789";
    const auto reply = run.client().get(path("files?path=/tmp/x&user=root"));
    BOOST_TEST(reply.status == 200);
    BOOST_TEST(reply.body == "0123456789");
    BOOST_TEST(reply.headers.at("content-length") == "10");
    BOOST_TEST(reply.headers.at("content-type") == "application/octet-stream");
    BOOST_TEST(reply.headers.at("x-file-mode") == "0640");
    BOOST_TEST(reply.headers.at("x-content-type-options") == "nosniff");
    BOOST_TEST(asked().user == "root");
    const auto head = run.client().send("HEAD", path("files?path=/tmp/x"), std::nullopt);
    BOOST_TEST(head.status == 200);
    BOOST_TEST(head.body == "");
}

BOOST_FIXTURE_TEST_CASE(ranges_are_those_of_http, FilesApiFixture)
{
    run.files.content["/tmp/x"] = "0123456789";
    const auto get = [&](const std::string& range) {
        return run.client().get(path("files?path=/tmp/x"), {{"Range", range}});
    };
    const auto middle = get("bytes=2-4");
    BOOST_TEST(middle.status == 206);
    BOOST_TEST(middle.body == "234");
    BOOST_TEST(middle.headers.at("content-range") == "bytes 2-4/10");
    BOOST_TEST(get("bytes=7-").body == "789");
    BOOST_TEST(get("bytes=-3").headers.at("content-range") == "bytes 7-9/10");
    BOOST_TEST(get("bytes=0-0").body == "0");
    for (const auto* none : {"bytes=4-2", "bytes=x", "lines=1-2", "bytes=1-2,4-5", "bytes=-0"}) {
        const auto whole = get(none);
        BOOST_TEST(whole.status == 200, none);
        BOOST_TEST(whole.body == "0123456789");
    }
    run.files.refusal =
        common::Error{common::ErrorCode::invalid_argument, "behind its end", "range_beyond_end"};
    check_error(get("bytes=50-60"), 416, "range_beyond_end");
}

BOOST_FIXTURE_TEST_CASE(a_download_that_fails_does_not_look_whole, FilesApiFixture)
{
    run.files.content["/tmp/x"] = std::string(100'000, 'x');
    run.files.cuts_at = 50'000;
    auto reply = run.client().get(path("files?path=/tmp/x"));
    BOOST_TEST(reply.status == 0);
    run.files.hides_length = true;
    reply = run.client().get(path("files?path=/tmp/x"));
    BOOST_TEST(reply.status == 0); // Chunks without their end.
    run.files.cuts_at = SIZE_MAX;
    reply = run.client().get(path("files?path=/tmp/x"));
    BOOST_TEST(reply.status == 200);
    BOOST_TEST(reply.body.size() == 100'000U);
    BOOST_TEST(!reply.headers.contains("content-length"));
}

BOOST_FIXTURE_TEST_CASE(a_sized_download_leaves_its_connection_usable, FilesApiFixture)
{
    run.files.content["/tmp/x"] = "abc";
    const RawSocket client{run.server.port()};
    const auto get = "GET " + path("files?path=/tmp/x") + " HTTP/1.1\r\n" + authorized + "\r\n";
    client.send(get);
    BOOST_TEST(client.receive("abc").find("Content-Length: 3\r\n") != std::string::npos);
    client.send(get);
    BOOST_TEST(client.receive("abc").starts_with("HTTP/1.1 200"));
}

BOOST_FIXTURE_TEST_CASE(each_action_asks_for_what_it_says, FilesApiFixture)
{
    auto& answer = run.files.answer;
    FileInfo info;
    info.path = "/etc/hosts";
    info.kind = "file";
    info.mode = 0644;
    info.size = 9;
    answer.entries = {info};
    answer.text = "some text";
    answer.total = 3;
    answer.count = 2;
    const auto post = [&](const std::string& what, const nlohmann::json& body) {
        auto reply = run.client().post(path("file/" + what), body);
        BOOST_TEST(reply.status == 200, what << " " << reply.body);
        return reply.json();
    };
    const auto lines = post("read", {{"path", "/etc/hosts"}, {"from_line", 2}, {"max_lines", 5}});
    BOOST_TEST(lines["content"] == "some text");
    BOOST_TEST(lines["mode"] == "0644");
    BOOST_TEST(lines["total_lines"] == 3);
    BOOST_TEST(asked().from == 2U);
    BOOST_TEST(asked().limit == 5U);
    const auto list = post("list", {{"path", "/etc"}, {"recursive", true}, {"max_depth", 4}});
    BOOST_TEST(list["files"][0]["name"] == "hosts");
    BOOST_TEST(list["files"][0]["is_dir"] == false);
    BOOST_TEST(asked().depth == 4U);
    BOOST_TEST(post("exists", path_alone)["info"]["size"] == 9);
    const auto edit =
        post("edit", {{"path", "/x"}, {"old_text", "a"}, {"new_text", ""}, {"all", true}});
    BOOST_TEST(edit["replacements"] == 2);
    BOOST_TEST(edit["diff"] == "some text");
    BOOST_TEST(asked().all);
    post("copy", {{"source", "/a"}, {"destination", "/b"}, {"recursive", true}});
    BOOST_TEST(asked().to == "/b");
    BOOST_TEST(asked().recursive);
    BOOST_TEST(post("move", {{"source", "/a"}, {"destination", "/b"}})["moved"] == true);
    BOOST_TEST(post("delete", path_alone)["deleted"] == true);
    BOOST_TEST(post("mkdir", {{"path", "/a"}, {"mode", "700"}})["created"] == false);
    BOOST_TEST(asked().mode.value() == 0700U);
    post("hash", path_alone);
    const auto written = post("write", {{"path", "/w"}, {"content", "hi"}, {"create_dir", true}});
    BOOST_TEST(written["bytes_written"] == 2);
    BOOST_TEST(!asked().overwrite);
    BOOST_TEST(asked().parents);
    BOOST_TEST(run.files.content["/w"] == "hi");
}

BOOST_FIXTURE_TEST_CASE(what_is_no_text_is_refused_as_such, FilesApiFixture)
{
    run.files.answer.text = "\xFF\xFE";
    check_error(run.client().post(path("file/read"), path_alone), 422, "binary_file");
}

BOOST_FIXTURE_TEST_CASE(wrong_requests_name_their_field_and_ask_no_guest, FilesApiFixture)
{
    using Json = nlohmann::json;
    const std::vector<std::pair<std::string, Json>> wrong{
        {"read", {{"path", "relative"}}},
        {"read", Json::object()},
        {"read", {{"path", "/x"}, {"from_line", 5}, {"to_line", 2}}},
        {"read", {{"path", "/x"}, {"user", "0"}}},
        {"list", {{"path", "/x"}, {"max_depth", 2}}},
        {"list", {{"path", "/x"}, {"recursive", true}, {"max_depth", 33}}},
        {"edit", {{"path", "/x"}, {"old_text", ""}, {"new_text", "a"}}},
        {"edit", {{"path", "/x"}, {"old_text", "a"}}},
        {"write", {{"path", "/x"}}},
        {"write", {{"path", "/x"}, {"content", "a"}, {"mode", "999"}}},
        {"copy", {{"source", "/x"}}},
        {"move", {{"source", "/x"}, {"destination", "x"}}},
        {"delete", {{"path", "/x"}, {"force", true}}},
        {"mkdir", {{"path", std::string("/\0x", 3)}}}};
    for (const auto& [what, body] : wrong) {
        check_error(run.client().post(path("file/" + what), body), 400, "invalid_argument");
    }
    for (const auto* query :
         {"", "?path=x", "?path=/x&path=/y", "?path=/x&sha256=1", "?path=/x&a=1"}) {
        check_error(run.client().send("PUT", path(std::string{"files"} + query), "x"),
                    400,
                    "invalid_argument");
    }
    check_error(run.client().get(path("files")), 400, "invalid_argument");
    check_error(run.client().get(path("file/watch")), 400, "invalid_argument");
    check_error(run.client().get("/v1/sandboxes/x/files?path=/x"), 404, "not_found");
    BOOST_TEST(run.files.asked.empty());
}

BOOST_FIXTURE_TEST_CASE(a_watch_tells_each_change_and_its_end, FilesApiFixture)
{
    run.files.changes = {{"created", "/tmp/x", "", false, false},
                         {"moved", "/tmp/x", "/tmp/y", false, true}};
    const auto reply = run.client().get(path("file/watch?path=/tmp&recursive=true"));
    BOOST_TEST(reply.status == 200);
    BOOST_TEST(reply.headers.at("content-type") == "text/event-stream");
    BOOST_TEST(reply.body ==
               "event: connected\nid: 0\ndata: {}\n\n"
               "event: change\nid: 1\n"
               "data: {\"change\":\"created\",\"path\":\"/tmp/x\",\"is_dir\":false}\n\n"
               "event: change\nid: 2\n"
               "data: {\"change\":\"moved\",\"path\":\"/tmp/x\",\"is_dir\":false,"
               "\"to\":\"/tmp/y\",\"partial\":true}\n\n"
               "event: end\nid: 2\ndata: {}\n\n");
    BOOST_TEST(asked().recursive);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace coordinator::http
