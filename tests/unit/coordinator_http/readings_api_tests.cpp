#include "running_server.hpp"

namespace coordinator::http {

namespace {

struct ReadingsFixture : RunningServer {
    std::string path = "/v1/sandboxes/" + service.add(Phase::running, "").str();
};

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
