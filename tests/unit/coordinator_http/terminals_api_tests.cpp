#include "running_server.hpp"

namespace coordinator::http {

BOOST_AUTO_TEST_SUITE(terminals_api_tests)

namespace {

struct TerminalsApiFixture {
    [[nodiscard]] std::string path(const std::string& rest) const
    {
        return "/v1/sandboxes/" + id + "/tmux/" + rest;
    }
    client::ApiClient::Reply
    send(const std::string& method, const std::string& rest, const std::string& body = "")
    {
        client::ApiClient::Headers headers;
        if (!body.empty()) {
            headers["Content-Type"] = "application/json";
        }
        return run.client().send(method, path(rest), body, headers);
    }
    nlohmann::json
    ok(const std::string& method, const std::string& rest, const std::string& body = "")
    {
        const auto reply = send(method, rest, body);
        BOOST_TEST(reply.status == 200, reply.body);
        return reply.json();
    }
    TerminalRequest asked()
    {
        BOOST_REQUIRE(!run.terminals.asked.empty());
        return run.terminals.asked.back();
    }

    RunningServer run;
    std::string id = run.service.add(Phase::running, "").str();
};

TerminalPane a_pane()
{
    TerminalPane pane;
    pane.id = "%1";
    pane.session = "work";
    pane.window_index = 2;
    pane.index = 1;
    pane.ended = true;
    pane.end = TerminalEnd{143, 15};
    return pane;
}

} // namespace

BOOST_FIXTURE_TEST_CASE(lists_have_the_shapes_of_the_tmux_client, TerminalsApiFixture)
{
    run.terminals.answer.sessions = {{"$0", "work", {}, 2, true, 3, 4}};
    run.terminals.answer.windows = {{"@0", "work", 1, "sh", true, 2, 24, 80}};
    run.terminals.answer.panes = {a_pane()};
    const auto sessions = ok("GET", "sessions");
    BOOST_REQUIRE(sessions.is_array());
    BOOST_TEST(sessions.at(0).at("id") == "$0");
    BOOST_TEST(sessions.at(0).at("last_pane_x") == 3);
    BOOST_TEST(sessions.at(0).at("last_pane_y") == 4);
    const auto windows = ok("GET", "windows?session=work&user=root");
    BOOST_TEST(windows.at(0).at("width") == 80);
    BOOST_TEST(windows.at(0).at("height") == 24);
    BOOST_TEST(asked().target == "work");
    BOOST_TEST(asked().user == "root");
    const auto pane = ok("GET", "panes").at("panes").at(0);
    BOOST_TEST(pane.at("pane_id") == "%1");
    BOOST_TEST(pane.at("exit_code") == 143);
    BOOST_TEST(pane.at("signal") == 15);
    BOOST_TEST(asked().target == "");
    BOOST_TEST(asked().user == "sandbox");
}

BOOST_FIXTURE_TEST_CASE(what_creates_says_what_it_made, TerminalsApiFixture)
{
    run.terminals.answer.sessions = {{"$3", "made-up", {}, 1, false, 0, 0}};
    run.terminals.answer.panes = {a_pane()};
    BOOST_TEST(ok("POST", "sessions/create").at("session_name") == "made-up");
    BOOST_TEST(asked().rows == 0U);
    ok("POST",
       "sessions/create",
       R"({"name":"work","command":"top","cwd":"/tmp","env":{"A":"b"},"rows":40,"cols":120})");
    BOOST_TEST(asked().name == "work");
    BOOST_TEST(asked().command == "top");
    BOOST_TEST(asked().env.at("A") == "b");
    BOOST_TEST(asked().columns == 120U);
    const auto made = ok(
        "POST", "panes/create", R"({"session_name":"work","new_window":true,"horizontal":true})");
    BOOST_TEST(made.at("pane_id") == "%1");
    BOOST_TEST(made.at("window_index") == 2);
    BOOST_TEST(asked().new_window);
    BOOST_TEST(asked().beside);
}

BOOST_FIXTURE_TEST_CASE(text_goes_before_keys, TerminalsApiFixture)
{
    const auto sent = ok(
        "POST", "panes/send-keys", R"({"pane_id":"%1","keys":["Up"],"key":"Enter","text":"ls"})");
    BOOST_TEST(sent.at("sent") == true);
    const auto keys = asked().keys;
    BOOST_REQUIRE(keys.size() == 3U);
    BOOST_TEST(keys[0].is_text);
    BOOST_TEST(keys[0].value == "ls");
    BOOST_TEST(keys[1].value == "Enter");
    BOOST_TEST(keys[2].value == "Up");
}

BOOST_FIXTURE_TEST_CASE(panes_are_read_sized_switched_to_and_killed, TerminalsApiFixture)
{
    run.terminals.answer.text = "$ ls\n";
    run.terminals.answer.lines = 1;
    run.terminals.answer.name = "work";
    BOOST_TEST(ok("POST", "panes/read", R"({"pane_id":"%1","last_n_lines":7})").at("lines") == 1);
    BOOST_TEST(asked().last_lines == 7U);
    ok("POST", "panes/resize", R"({"pane_id":"%1","rows":10,"cols":20})");
    BOOST_TEST(asked().rows == 10U);
    ok("POST", "panes/switch", R"({"pane_id":"%1"})");
    BOOST_TEST((asked().action == TerminalAction::switch_to));
    ok("DELETE", "panes/%251");
    BOOST_TEST(asked().target == "%1");
    ok("DELETE", "windows/@0");
    BOOST_TEST(asked().target == "@0");
    BOOST_TEST(ok("DELETE", "sessions/work").at("session_name") == "work");
    BOOST_TEST(ok("POST", "sessions/$0/release").at("success") == true);
    BOOST_TEST(asked().target == "$0");
    BOOST_TEST((asked().action == TerminalAction::kill_session));
}

BOOST_FIXTURE_TEST_CASE(what_makes_no_sense_is_asked_of_nobody, TerminalsApiFixture)
{
    const std::vector<std::array<std::string, 3>> wrong{
        {"POST", "sessions/create", R"({"rows":10})"},
        {"POST", "sessions/create", R"({"rows":0,"cols":10})"},
        {"POST", "sessions/create", R"({"name":"a b"})"},
        {"POST", "sessions/create", R"({"color":"red"})"},
        {"POST", "panes/create", "{}"},
        {"POST", "sessions/create", R"({"env":{"A":")" + std::string(8200, 'x') + R"("}})"},
        {"POST", "panes/read", R"({"pane_id":"%1","last_n_lines":2001})"},
        {"POST", "panes/send-keys", R"({"pane_id":"%1"})"},
        {"POST", "panes/send-keys", R"({"pane_id":"%1","text":"a\u0000b"})"},
        {"POST", "panes/send-keys", R"({"pane_id":1,"key":"Enter"})"},
        {"POST", "panes/resize", R"({"pane_id":"%1"})"},
        {"POST", "panes/switch?x=1", R"({"pane_id":"%1"})"},
        {"GET", "panes?session=a%20b", ""},
        {"GET", "panes/watch", ""},
        {"GET", "sessions?limit=1", ""},
        {"DELETE", "panes/%20", ""}};
    for (const auto& [method, rest, body] : wrong) {
        const auto reply = send(method, rest, body);
        BOOST_TEST(reply.status == 400, method << " " << rest << " " << body << reply.body);
    }
    BOOST_TEST(run.terminals.asked.empty());
}

BOOST_FIXTURE_TEST_CASE(a_guests_refusal_has_its_status, TerminalsApiFixture)
{
    run.terminals.refusal =
        common::Error{common::ErrorCode::not_found, "no pane %7", "no_such_pane"};
    check_error(send("POST", "panes/read", R"({"pane_id":"%7"})"), 404, "no_such_pane");
    check_error(send("GET", "panes/watch?pane_id=%257"), 404, "no_such_pane");
}

BOOST_FIXTURE_TEST_CASE(who_looks_on_gets_events_to_the_end, TerminalsApiFixture)
{
    TerminalPiece ended{"ended", "", 0, 0, TerminalEnd{3, 0}, ""};
    run.terminals.pieces = {{"screen", "$ ", 24, 80, {}, ""},
                            {"output", "\xff", 0, 0, {}, ""},
                            {"size", "", 30, 90, {}, ""},
                            ended};
    const auto reply = send("GET", "panes/watch?pane_id=%251");
    BOOST_TEST(reply.status == 200);
    BOOST_TEST(reply.body ==
               "event: connected\nid: 0\ndata: {\"pane_id\":\"%1\"}\n\n"
               "event: screen\nid: 1\n"
               "data: {\"rows\":24,\"cols\":80,\"data\":\"$ \",\"encoding\":\"utf-8\"}\n\n"
               "event: output\nid: 2\ndata: {\"data\":\"/w==\",\"encoding\":\"base64\"}\n\n"
               "event: size\nid: 3\ndata: {\"rows\":30,\"cols\":90}\n\n"
               "event: ended\nid: 4\ndata: {\"exit_code\":3}\n\n");
    run.terminals.pieces.pop_back();
    const auto broken = send("GET", "panes/watch?pane_id=%251").body;
    BOOST_TEST(broken.ends_with("event: ended\nid: 4\ndata: {\"reason\":\"watch_broken\"}\n\n"));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace coordinator::http
