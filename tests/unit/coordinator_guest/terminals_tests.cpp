#include "coordinator/guest/terminals.hpp"

#include "guest/calls/terminal_keepers.hpp"
#include "tests/unit/coordinator_guest/service_execs.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <condition_variable>
#include <mutex>

// Terminals from the coordinator's side, over the real service of the agent and its keeper: tmux
// where there is one.

using coordinator::TerminalAction;
using coordinator::TerminalAnswer;
using coordinator::TerminalRequest;

namespace {

struct TerminalsFixture {
    TerminalsFixture()
    {
        std::signal(SIGPIPE, SIG_IGN);
        BOOST_TEST_REQUIRE(::geteuid() == 0U);
    }
    ~TerminalsFixture()
    {
        if (made) {
            static_cast<void>(terminals.ask(me, box, about(TerminalAction::kill_session, name)));
        }
    }

    static TerminalRequest about(TerminalAction action, const std::string& target)
    {
        TerminalRequest request;
        request.action = action;
        request.user = "root";
        request.target = target;
        return request;
    }
    TerminalAnswer ask(const TerminalRequest& request)
    {
        auto answer = terminals.ask(me, box, request);
        BOOST_REQUIRE_MESSAGE(answer.has_value(), (answer ? "" : answer.error().message));
        return *std::move(answer);
    }
    common::Error refusal(const TerminalRequest& request)
    {
        auto answer = terminals.ask(me, box, request);
        BOOST_REQUIRE(!answer);
        return answer.error();
    }
    /// The pane of a new session of this test's.
    std::string start(const std::string& command)
    {
        auto request = about(TerminalAction::create_session, "");
        request.name = name;
        request.command = command;
        BOOST_TEST(ask(request).sessions.at(0).name == name);
        made = true;
        return ask(about(TerminalAction::panes, name)).panes.at(0).id;
    }
    std::string shown(const std::string& pane)
    {
        return ask(about(TerminalAction::read, pane)).text;
    }
    bool comes_to_show(const std::string& pane, const std::string& text)
    {
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{60};
        while (std::chrono::steady_clock::now() < until) { // Each look is a process.
            if (shown(pane).find(text) != std::string::npos) {
                return true;
            }
        }
        return false;
    }

    // Of this process alone: a person's own may be there, too.
    const std::string name = "test-" + std::to_string(::getpid());
    bool made = false;
    tests::ServiceExecs execs;
    coordinator::guest::Terminals terminals{execs};
    coordinator::Caller me{"tester", "default", common::mint<common::RequestId>()};
    common::SandboxId box{"sbx-1"};
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(terminals_tests, TerminalsFixture)

BOOST_AUTO_TEST_CASE(a_session_outlives_the_calls_that_use_it)
{
    const auto pane = start("exec cat");
    BOOST_TEST(execs.asked.audited_as == "");
    auto keys = about(TerminalAction::send_keys, pane);
    keys.keys = {{true, "one $HOME"}, {false, "Enter"}};
    ask(keys);
    BOOST_TEST(execs.asked.audited_as == "terminal_send_keys");
    for (const auto& word : execs.asked.argv) {
        BOOST_TEST(word.find("HOME") == std::string::npos); // What is typed is nobody's business.
    }
    BOOST_TEST(comes_to_show(pane, "one $HOME\none $HOME\n"));
    auto size = about(TerminalAction::resize, pane);
    size.rows = 30;
    size.columns = 100;
    ask(size);
    const auto window = ask(about(TerminalAction::windows, name)).windows.at(0);
    BOOST_TEST(window.rows == 30U);
    BOOST_TEST(window.columns == 100U);
    BOOST_TEST(ask(about(TerminalAction::kill_session, name)).name == name);
    made = false;
    BOOST_TEST(refusal(about(TerminalAction::panes, name)).reason == "no_such_session");
}

BOOST_AUTO_TEST_CASE(what_runs_in_a_pane_has_nothing_of_its_keepers)
{
    const auto pane = start("ls -l /proc/$$/fd; echo end; exec cat");
    BOOST_TEST(comes_to_show(pane, "end\n"));
    const auto open = shown(pane);
    BOOST_TEST(open.find("/dev/pts/") != std::string::npos, open);
    BOOST_TEST(open.find("socket:") == std::string::npos, open);
    BOOST_TEST(open.find("anon_inode") == std::string::npos, open);
}

BOOST_AUTO_TEST_CASE(so_many_users_have_a_keeper_and_each_has_one)
{
    std::fflush(nullptr);
    std::vector<guest::User> users;
    for (std::uint32_t uid = 0; uid <= guest::calls::TerminalKeepers::users_at_most; ++uid) {
        users.push_back({"user", uid, 0, {0}, "/", "/bin/sh"});
    }
    const auto last = users.back();
    users.pop_back();
    guest::calls::TerminalKeepers keepers;
    for (const auto& user : users) {
        BOOST_TEST(keepers.connect(user, "").has_value());
    }
    BOOST_TEST(keepers.connect(last, "").error().reason == "too_many_users");
    BOOST_TEST(keepers.connect(users.front(), "").has_value()); // The one that is there.
}

BOOST_AUTO_TEST_CASE(an_error_says_what_was_used)
{
    ask(about(TerminalAction::sessions, ""));
    BOOST_TEST(execs.asked.attempt == "use the terminals of");
}

BOOST_AUTO_TEST_CASE(what_is_refused_is_no_success)
{
    refusal(about(TerminalAction::kill_pane, "%999999"));
    BOOST_TEST(execs.settle() == 2);
    ask(about(TerminalAction::sessions, ""));
    BOOST_TEST(execs.settle() == 0);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_is_refused_with_its_reason)
{
    BOOST_TEST(refusal(about(TerminalAction::read, "0")).reason == "invalid_id");
    const auto missing = refusal(about(TerminalAction::read, "%999999"));
    BOOST_TEST(missing.reason == "no_such_pane");
    BOOST_TEST((missing.code == common::ErrorCode::not_found));
    const auto pane = start("exec cat");
    auto keys = about(TerminalAction::send_keys, pane);
    keys.keys = {{false, "NoSuchKey"}};
    BOOST_TEST(refusal(keys).reason == "invalid_keys");
    auto again = about(TerminalAction::create_session, "");
    again.name = name;
    BOOST_TEST(refusal(again).reason == "session_exists");
    const auto watch = terminals.watch(me, box, about(TerminalAction::watch, "%999999"));
    BOOST_REQUIRE(!watch);
    BOOST_TEST(watch.error().reason == "no_such_pane");
}

BOOST_AUTO_TEST_CASE(who_looks_on_sees_it_to_its_end)
{
    const auto pane = start("echo first; read line; echo $line; exit 3");
    BOOST_TEST(comes_to_show(pane, "first\n"));
    // A look on is a call of its own, and there is one at a time here: it is told before.
    auto keys = about(TerminalAction::send_keys, pane);
    keys.keys = {{true, "second"}, {false, "Enter"}};
    ask(keys);
    const auto watch = terminals.watch(me, box, about(TerminalAction::watch, pane));
    BOOST_REQUIRE(watch);
    std::mutex mutex;
    std::condition_variable changed;
    bool news = false;
    (*watch)->on_news([&] {
        const std::scoped_lock lock{mutex};
        news = true;
        changed.notify_all();
    });
    std::string bytes;
    std::vector<std::string> kinds;
    std::optional<coordinator::TerminalEnd> end;
    while (!(*watch)->ended() && (kinds.empty() || kinds.back() != "ended")) {
        while (auto piece = (*watch)->take()) {
            bytes += piece->bytes;
            kinds.push_back(piece->what);
            end = piece->end;
        }
        std::unique_lock lock{mutex};
        BOOST_REQUIRE(changed.wait_for(lock, std::chrono::seconds{30}, [&] { return news; }) ||
                      !kinds.empty());
        news = false;
    }
    BOOST_TEST(kinds.front() == "screen");
    BOOST_TEST(kinds.back() == "ended");
    BOOST_TEST(bytes.find("first") != std::string::npos);
    BOOST_TEST(bytes.find("second") != std::string::npos);
    BOOST_REQUIRE(end);
    BOOST_TEST(end->exit_code == 3);
}

BOOST_AUTO_TEST_SUITE_END()
