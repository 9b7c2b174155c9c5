#include "cli/draining.hpp"

#include "cli/command_line.hpp"
#include "cli/exit_status.hpp"
#include "cli/show.hpp"
#include "cli/text.hpp"
#include "tests/support/scripted_server.hpp"

#include <boost/test/unit_test.hpp>

namespace cli {

using test_support::ScriptedServer;

namespace {

const auto drain_time = *parse_time("2026-01-31T12:00:00Z");

Json drain_of(const std::string& state, int moved, int remaining)
{
    Json drain{{"state", state},
               {"since", "2026-01-31T11:50:00Z"},
               {"until", "2026-01-31T12:50:00Z"},
               {"moved", moved},
               {"remaining", remaining},
               {"left", Json::array()}};
    for (int i = 0; i < remaining; ++i) {
        drain["left"].push_back({{"sandbox_id", "sbx-" + std::to_string(i)},
                                 {"reason", "no_room"},
                                 {"message", "no host\thas room"}});
    }
    return drain;
}

std::string reply(int status, const Json& body)
{
    const auto text = body.dump();
    return "HTTP/1.1 " + std::to_string(status) +
           " Told\r\nConnection: close\r\nContent-Length: " + std::to_string(text.size()) +
           "\r\n\r\n" + text;
}

Json host_of(const Json& drain)
{
    Json host{{"name", "h1"}, {"cordoned", true}};
    if (!drain.is_null()) {
        host["drain"] = drain;
    }
    return {{"host", host}};
}

/// A drain that is followed at once, and what is heard of it.
struct Followed {
    explicit Followed(std::vector<std::string> replies) : server{std::move(replies)} {}

    common::Result<std::string> from(const Json& first)
    {
        return follow_drain(
            session,
            "h1",
            first.dump(),
            {.told = [this](const Json& now) { told += drain_progress(now) + "; "; },
             .pause = [this] { ++pauses; }});
    }

    ScriptedServer server;
    client::Session session{{server.url(), "", "req-1", [](auto) {}}};
    std::string told;
    int pauses = 0;
};

/// What the command says, without the coordinator's part of it.
struct AskedHost {
    explicit AskedHost(const std::string& answer) : server{{answer}} {}

    common::Result<int> run(const std::vector<std::string>& words)
    {
        CommandLine line;
        client::Session session{{server.url(), "", "req-1", [](auto) {}}};
        Context context{{}, {}, session, {}};
        return line.parse(words)(context);
    }
    [[nodiscard]] std::string request() const
    {
        const auto text = server.requests().at(0);
        return text.substr(0, text.find(" HTTP/")) + text.substr(text.find("\r\n\r\n") + 3);
    }

    ScriptedServer server;
};

} // namespace

BOOST_AUTO_TEST_SUITE(draining_tests)

BOOST_AUTO_TEST_CASE(a_drain_is_followed_to_its_end)
{
    const auto last = host_of(drain_of("drained", 3, 0));
    Followed drain{{reply(200, host_of(drain_of("draining", 2, 1))), reply(200, last)}};
    const auto end = drain.from(host_of(drain_of("draining", 0, 3)));
    BOOST_REQUIRE(end.has_value());
    BOOST_TEST(*end == last.dump());
    BOOST_TEST(drain.told == "moved 0, 3 left; moved 2, 1 left; moved 3, 0 left; ");
    BOOST_TEST(drain.pauses == 2);
    BOOST_TEST(drain.server.requests().at(0).starts_with("GET /v1/hosts/h1 HTTP/"));
}

BOOST_AUTO_TEST_CASE(one_that_is_over_at_once_is_not_asked_for)
{
    Followed drain{{}};
    BOOST_TEST(drain.from(host_of(drain_of("incomplete", 0, 1))).has_value());
    BOOST_TEST(drain.pauses == 0);
}

BOOST_AUTO_TEST_CASE(a_coordinator_that_is_away_is_waited_for)
{
    const auto away =
        reply(503, {{"error", "it ends"}, {"code", 503}, {"reason", "coordinator_ending"}});
    Followed drain{{away,
                    ScriptedServer::hangs_up,
                    ScriptedServer::hangs_up,
                    ScriptedServer::hangs_up,
                    reply(200, host_of(drain_of("drained", 0, 0)))}};
    BOOST_TEST(drain.from(host_of(drain_of("draining", 0, 1))).has_value());
    BOOST_TEST(drain.pauses == 3);
}

BOOST_AUTO_TEST_CASE(what_else_fails_ends_the_waiting)
{
    Followed drain{{reply(401, {{"error", "no"}, {"code", 401}, {"reason", "unauthenticated"}})}};
    const auto end = drain.from(host_of(drain_of("draining", 0, 1)));
    BOOST_REQUIRE(!end.has_value());
    BOOST_TEST(end.error().reason == "unauthenticated");
}

BOOST_AUTO_TEST_CASE(a_host_that_was_uncordoned_meanwhile_is_not_waited_for)
{
    Followed drain{{reply(200, host_of(nullptr))}};
    const auto end = drain.from(host_of(drain_of("draining", 0, 1)));
    BOOST_REQUIRE(!end.has_value());
    BOOST_TEST(end.error().reason == "drain_ended");
    BOOST_TEST(exit_status_of(end.error()) == exit_conflict);
}

BOOST_AUTO_TEST_CASE(a_drain_is_told_in_a_line_and_what_is_left_in_a_table)
{
    BOOST_TEST(drain_text(drain_of("draining", 3, 2), drain_time) ==
               "draining, moved 3, 2 left, until 2026-01-31T12:50:00Z (in 50m)");
    BOOST_TEST(drain_text(drain_of("drained", 5, 0), drain_time) == "drained, moved 5, 0 left");
    BOOST_TEST(left_table(drain_of("incomplete", 3, 1)).render({}) ==
               "SANDBOX  REASON   MESSAGE\n"
               "sbx-0    no_room  no host has room\n");
    BOOST_TEST(drain_text(Json::object(), drain_time) == ", moved 0, 0 left");
}

BOOST_AUTO_TEST_CASE(hosts_that_are_drained_are_told_beside_their_cordon)
{
    const auto health = [](const Json& host) {
        const auto line = hosts_table(Json::array({host}), drain_time).render({});
        const auto row = line.substr(line.find('\n') + 1);
        const auto begin = row.find("ready");
        return row.substr(begin, row.find("  ", begin) - begin);
    };
    Json host{{"name", "h1"}, {"health", "ready"}, {"cordoned", true}};
    BOOST_TEST(health(host) == "ready, cordoned");
    for (const auto& [state, told] : {std::pair{"draining", "ready, cordoned, draining"},
                                      std::pair{"drained", "ready, cordoned, drained"},
                                      std::pair{"incomplete", "ready, cordoned, not drained"}}) {
        host["drain"] = drain_of(state, 0, 1);
        BOOST_TEST(health(host) == told);
    }
}

BOOST_AUTO_TEST_CASE(the_command_asks_with_its_deadline_and_succeeds_once_nothing_is_left)
{
    AskedHost plain{reply(202, host_of(drain_of("drained", 1, 0)))};
    BOOST_TEST(*plain.run({"drain", "h1"}) == exit_ok);
    BOOST_TEST(plain.request() == "POST /v1/hosts/h1/drain\n{}");
    AskedHost bounded{reply(202, host_of(drain_of("draining", 0, 1)))};
    BOOST_TEST(*bounded.run({"drain", "h 1", "--deadline", "10m", "--no-wait"}) == exit_ok);
    BOOST_TEST(bounded.request() == "POST /v1/hosts/h%201/drain\n{\"deadline_sec\":600}");
    AskedHost nothing{""};
    const auto wrong = nothing.run({"drain", "h1", "--deadline", "soon"});
    BOOST_REQUIRE(!wrong.has_value());
    BOOST_TEST(exit_status_of(wrong.error()) == exit_usage);
}

BOOST_AUTO_TEST_CASE(the_command_fails_if_something_is_left)
{
    AskedHost asked{reply(202, host_of(drain_of("incomplete", 1, 2)))};
    const auto end = asked.run({"drain", "h1"});
    BOOST_REQUIRE(!end.has_value());
    BOOST_TEST(end.error().reason == "drain_incomplete");
    BOOST_TEST(end.error().message == "host h1 is not empty as its time is over: 2 left");
    BOOST_TEST(exit_status_of(end.error()) == exit_conflict);
    AskedHost of_others{reply(202, host_of(drain_of("incomplete", 1, 0)))};
    BOOST_TEST(of_others.run({"drain", "h1"}).error().reason == "drain_incomplete");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cli
