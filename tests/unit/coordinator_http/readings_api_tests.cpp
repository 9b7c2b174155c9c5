#include "running_server.hpp"
#include "vt/picture/console.hpp"

namespace coordinator::http {

namespace {

struct ReadingsFixture : RunningServer {
    std::string path = "/v1/sandboxes/" + service.add(Phase::running, "").str();
};

std::string drawn(std::string_view said, vt::Size size)
{
    return *vt::picture::picture_of(vt::picture::terminal_after(said, size));
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(readings_api_tests, ReadingsFixture)

BOOST_AUTO_TEST_CASE(what_it_uses_is_told_in_whole_numbers)
{
    service.read = {true,
                    std::chrono::microseconds{1'234'567},
                    common::Bytes{5},
                    common::Bytes{6},
                    common::Bytes{7},
                    common::Bytes{8},
                    common::Bytes{9},
                    common::Bytes{10},
                    "",
                    false};
    const auto told = client().get(path + "/metrics").json();
    BOOST_TEST(told.at("running") == true);
    BOOST_TEST(told.at("cpu_ms") == 1234);
    BOOST_TEST(told.at("memory_bytes") == 5);
    BOOST_TEST(told.at("disk_bytes") == 6);
    BOOST_TEST(told.at("disk_written_bytes") == 8);
    BOOST_TEST(told.at("sent_bytes") == 10);
}

BOOST_AUTO_TEST_CASE(the_end_of_the_console_is_any_bytes)
{
    service.read.console = "first\r\nlast\r\n";
    auto told = client().get(path + "/logs?tail_bytes=6").json();
    BOOST_TEST(told.at("data") == "last\r\n");
    BOOST_TEST(told.at("encoding") == "utf-8");
    BOOST_TEST(told.at("truncated") == true);
    service.read.console = "\xff";
    told = client().get(path + "/logs").json();
    BOOST_TEST(told.at("data") == "/w==");
    BOOST_TEST(told.at("encoding") == "base64");
    BOOST_TEST(told.at("truncated") == false);
}

BOOST_AUTO_TEST_CASE(a_screenshot_is_the_console_as_a_picture)
{
    service.read.console = "\x1b[31mred\r\n";
    const auto usual = client().get(path + "/screenshot");
    BOOST_TEST(usual.status == 200);
    BOOST_TEST(usual.headers.at("content-type") == "image/png");
    BOOST_TEST(usual.headers.at("cache-control") == "no-store");
    BOOST_TEST(usual.headers.at("x-content-type-options") == "nosniff");
    BOOST_TEST(usual.body == drawn("\x1b[31mred\r\n", {25, 80}));
    BOOST_TEST(client().get(path + "/screenshot?columns=20&rows=100").body ==
               drawn("\x1b[31mred\r\n", {100, 20}));
    // What was cut off begins where a line does.
    const std::string rest = "1;31mthe rest of a line\r\n";
    service.read.console =
        "\x1b[" + rest + std::string((256U << 10U) - rest.size() - 3, '\r') + "end";
    BOOST_TEST(client().get(path + "/screenshot").body == drawn("end", {25, 80}));
    service.read.console.clear();
    BOOST_TEST(client().get(path + "/screenshot").body == drawn("", {25, 80}));
}

BOOST_AUTO_TEST_CASE(a_screenshot_answers_as_logs_do)
{
    const std::string none = "/v1/sandboxes/sbx-aaaaaaaaaaaaaaaa";
    check_error(client().get(none + "/screenshot"), 404, "not_found");
    check_error(client().get("/v1/sandboxes/no-such/screenshot"), 404, "not_found");
    const auto gone = "/v1/sandboxes/" + service.add(Phase::destroyed, "").str();
    BOOST_TEST(client().get(gone + "/logs").status == 200);
    BOOST_TEST(client().get(gone + "/screenshot").status == 200);
    for (const auto* query : {"?columns=19",
                              "?columns=301",
                              "?columns=80.0",
                              "?columns=",
                              "?columns=80&columns=80",
                              "?rows=4",
                              "?rows=101",
                              "?rows=-5",
                              "?rows=99999999999999999999",
                              "?tail_bytes=6"}) {
        check_error(client().get(path + "/screenshot" + query), 400, "invalid_argument");
    }
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_told)
{
    for (const auto* query : {"?tail_bytes=0", "?tail_bytes=262145", "?lines=3"}) {
        check_error(client().get(path + "/logs" + query), 400, "invalid_argument");
    }
    check_error(client().get(path + "/metrics?x=1"), 400, "invalid_argument");
    check_error(client().get("/v1/sandboxes/sbx-aaaaaaaaaaaaaaaa/logs"), 404, "not_found");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace coordinator::http
