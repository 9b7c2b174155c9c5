#include "cli/live_input.hpp"

#include "cli/listing.hpp"
#include "common/digest/base64.hpp"
#include "tests/support/scripted_server.hpp"

#include <atomic>
#include <boost/test/unit_test.hpp>

namespace cli {

using test_support::ScriptedServer;

namespace {

constexpr std::chrono::seconds long_enough{20};
const std::string taken = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";

std::string refusal(const std::string& status, const std::string& reason)
{
    const auto body = R"({"error":"it cannot be","reason":")" + reason + R"("})";
    return "HTTP/1.1 " + status + "\r\nContent-Type: application/json\r\nConnection: close\r\n" +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// The threads of an input outlive it: what they use is never freed.
struct Given {
    std::atomic<int> changes = 0;
    std::mutex mutex;
    std::string told;
};

struct Sent {
    explicit Sent(std::vector<std::string> replies, bool is_typed = false)
        : server{std::move(replies)},
          input{{.path = "/exec",
                 .session =
                     [url = server.url()] {
                         return std::make_unique<client::Session>(
                             client::Session::Options{url, "", "req-1", [](auto) {}});
                     },
                 .is_typed = is_typed,
                 .on_change = [given = given] { ++given->changes; },
                 .tell =
                     [given = given](const std::string& words) {
                         const std::scoped_lock lock{given->mutex};
                         given->told += words;
                     }}}
    {}

    [[nodiscard]] std::string told() const
    {
        const std::scoped_lock lock{given->mutex};
        return given->told;
    }
    /// The path and body of a request.
    [[nodiscard]] std::string path(std::size_t number) const
    {
        const auto request = server.requests().at(number);
        return request.substr(0, request.find(" HTTP/"));
    }
    [[nodiscard]] Json body(std::size_t number) const
    {
        const auto request = server.requests().at(number);
        return Json::parse(request.substr(request.find("\r\n\r\n") + 4));
    }

    std::shared_ptr<Given> given = std::make_shared<Given>();
    ScriptedServer server;
    LiveInput input;
};

std::string bytes_of(const Json& body)
{
    return common::digest::from_base64(text_of(body, "data_base64")).value_or("?");
}

} // namespace

BOOST_AUTO_TEST_SUITE(live_input_tests)

BOOST_AUTO_TEST_CASE(all_that_is_written_arrives_in_order_and_then_its_end)
{
    Sent sent{{taken, taken, taken, taken}};
    const std::string first{"\xff\0one", 5};
    sent.input.write(first);
    BOOST_TEST(sent.input.flush(long_enough));
    sent.input.write("two");
    sent.input.write(" and three");
    BOOST_TEST(sent.input.flush(long_enough));
    sent.input.close();
    BOOST_TEST(sent.input.flush(long_enough));
    std::string all;
    const auto count = sent.server.requests().size();
    for (std::size_t i = 0; i < count; ++i) {
        BOOST_TEST(sent.path(i) == "POST /exec/stdin");
        all += sent.body(i).contains("data_base64") ? bytes_of(sent.body(i)) : "";
        BOOST_TEST(sent.body(i).contains("eof") == (i + 1 == count));
    }
    BOOST_TEST(all == first + "two and three");
    BOOST_TEST(sent.told().empty());
    BOOST_TEST(sent.given->changes > 0);
}

BOOST_AUTO_TEST_CASE(a_command_that_does_not_read_is_asked_again_with_the_same)
{
    const auto full = refusal("429 Too Many", "stdin_full");
    Sent sent{{full, full, refusal("503 Unavailable", "agent_not_ready"), taken}};
    sent.input.write("once");
    BOOST_TEST(sent.input.flush(long_enough));
    BOOST_REQUIRE(sent.server.requests().size() == 4U);
    BOOST_TEST(bytes_of(sent.body(3)) == "once");
    BOOST_TEST(sent.told().empty());
}

BOOST_AUTO_TEST_CASE(what_was_typed_and_may_be_lost_is_told_and_typing_goes_on)
{
    Sent sent{{ScriptedServer::hangs_up, taken}, true};
    sent.input.write("perhaps");
    BOOST_TEST(sent.input.flush(long_enough));
    BOOST_TEST(sent.told().find("may not have arrived") != std::string::npos);
    sent.input.write("on");
    BOOST_TEST(sent.input.flush(long_enough));
    BOOST_REQUIRE(sent.server.requests().size() == 2U);
    BOOST_TEST(bytes_of(sent.body(1)) == "on");
}

BOOST_AUTO_TEST_CASE(a_pipe_of_which_a_part_may_be_missing_ends_its_command_and_is_not_sent_twice)
{
    Sent sent{{ScriptedServer::hangs_up, taken}};
    sent.input.write("perhaps");
    sent.input.close();
    BOOST_TEST(sent.input.flush(long_enough));
    BOOST_TEST(sent.told().find("a part of stdin may be missing") != std::string::npos);
    BOOST_TEST(sent.input.room() == 0U);
    BOOST_REQUIRE(sent.server.requests().size() == 2U);
    BOOST_TEST(sent.path(1) == "POST /exec/signal");
    BOOST_TEST(text_of(sent.body(1), "signal") == "HUP");
}

BOOST_AUTO_TEST_CASE(the_end_of_the_command_is_the_end_of_its_stdin_and_nothing_to_tell)
{
    Sent sent{{refusal("409 Conflict", "exec_ended"), taken}};
    BOOST_TEST(sent.input.room() == LiveInput::most_waiting);
    sent.input.write("too late");
    BOOST_TEST(sent.input.flush(long_enough));
    BOOST_TEST(sent.input.room() == 0U);
    sent.input.write("later still");
    sent.input.close();
    BOOST_TEST(sent.input.flush(long_enough));
    BOOST_TEST(sent.server.requests().size() == 1U);
    BOOST_TEST(sent.told().empty());
}

BOOST_AUTO_TEST_CASE(a_refusal_of_stdin_is_told)
{
    Sent sent{{refusal("403 Forbidden", "not_allowed"), taken}};
    sent.input.write("x");
    BOOST_TEST(sent.input.flush(long_enough));
    BOOST_TEST(sent.told().find("it cannot be") != std::string::npos);
    BOOST_TEST(sent.input.room() == 0U);
}

BOOST_AUTO_TEST_CASE(signals_and_sizes_go_beside_stdin)
{
    Sent sent{{taken, taken}};
    sent.input.resize({40, 120});
    BOOST_TEST(sent.input.flush(long_enough));
    sent.input.signal("INT");
    BOOST_TEST(sent.input.flush(long_enough));
    BOOST_TEST(sent.path(0) == "POST /exec/resize");
    BOOST_TEST(number_of(sent.body(0), "rows") == 40);
    BOOST_TEST(number_of(sent.body(0), "cols") == 120);
    BOOST_TEST(sent.path(1) == "POST /exec/signal");
    BOOST_TEST(text_of(sent.body(1), "signal") == "INT");
}

BOOST_AUTO_TEST_CASE(a_signal_that_may_be_lost_is_told_and_not_sent_twice)
{
    Sent sent{{ScriptedServer::hangs_up, taken}};
    sent.input.signal("INT");
    BOOST_TEST(sent.input.flush(long_enough));
    BOOST_TEST(sent.told().find("SIGINT may not have arrived") != std::string::npos);
    BOOST_TEST(sent.server.requests().size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cli
