#include "tests/unit/guest_terminals/terminals_fixture.hpp"

#include <sys/stat.h>

using namespace guest::terminals;
using Kind = WatchPiece::Kind;

namespace {

pid_t parent_of(std::int64_t pid)
{
    const auto text = guest::read_file(("/proc/" + std::to_string(pid) + "/stat").c_str());
    return std::stoi(text.substr(text.rfind(") ") + 4));
}

struct InTmux : On<TmuxBackend> {
    explicit InTmux(const Limits& limits = {}) : On<TmuxBackend>{limits} {}

    pid_t server() { return parent_of(panes().front().pid); }
};

Limits impatient()
{
    Limits limits;
    limits.patience = 3s;
    limits.waiting_calls = 3;
    return limits;
}

} // namespace

BOOST_AUTO_TEST_SUITE(tmux_tests, *boost::unit_test::precondition(tmux_is_here))

BOOST_AUTO_TEST_CASE(a_server_that_was_killed_is_none_and_works_anew)
{
    InTmux on;
    const auto pane = on.start("exec cat");
    const auto watch = on.watch(pane);
    BOOST_REQUIRE(watch);
    on.watched(*watch, Kind::screen);
    BOOST_REQUIRE(::kill(on.server(), SIGKILL) == 0);
    BOOST_TEST(on.watched(*watch, Kind::ended).reason == "tmux_gone");
    BOOST_TEST(on.loop->until([&] { return reason_of(on.read(pane)) == "no_such_pane"; }));
    BOOST_TEST(on.sessions().empty());
    on.shows(on.start("printf anew; exec sleep 1000"), "anew");
}

BOOST_AUTO_TEST_CASE(a_server_that_stands_still_is_not_waited_for)
{
    InTmux on{impatient()};
    const auto pane = on.start("exec cat");
    const auto server = on.server();
    ::kill(server, SIGSTOP);
    BOOST_TEST(reason_of(on.read(pane)) == "tmux_silent");
    int busy = 0;
    int silent = 0;
    for (int call = 0; call < 6; ++call) {
        on.terminals->sessions([&](const common::Result<std::vector<SessionView>>& given) {
            busy += reason_of(given) == "busy" ? 1 : 0;
            silent += reason_of(given) == "tmux_silent" ? 1 : 0;
        });
    }
    BOOST_TEST(busy == 2); // One is asked, three wait.
    BOOST_TEST(on.loop->until([&] { return silent == 4; }));
    BOOST_TEST(on.terminals->idle());
    ::kill(server, SIGCONT);
    BOOST_TEST(on.loop->until([&] { return reason_of(on.read(pane)) == ""; }));
    BOOST_TEST(on.sessions().size() == 1U);
}

BOOST_AUTO_TEST_CASE(titles_names_and_folders_are_data)
{
    InTmux on;
    auto wanted = on.running("printf '\\033]2;a;b #{pid} #(touch made) \\347\\214\\253\\033\\\\'; "
                             "tmux rename-window 'x; ##{pid}'; printf done; exec sleep 1000");
    const auto folder =
        std::filesystem::canonical(on.temp.path()) / "with\nnewline=\t#{pid}\n%0 .\xff";
    std::filesystem::create_directory(folder);
    wanted.program.cwd = folder.string();
    const auto id = on.start(wanted);
    on.shows(id, "done");
    BOOST_TEST(on.panes().size() == 1U);
    const auto pane = on.pane(id);
    BOOST_TEST(pane.title == "a;b #{pid} #(touch made) 猫");
    BOOST_TEST(pane.path.ends_with("newline=\t#{pid}\n%0 .\xef\xbf\xbd"));
    BOOST_TEST(pane.window == "x; #{pid}");
    BOOST_TEST(on.windows().front().name == "x; #{pid}");
    BOOST_TEST(!std::filesystem::exists(folder / "made"));
}

BOOST_AUTO_TEST_CASE(a_pane_too_small_to_split_says_so)
{
    InTmux on;
    auto wanted = on.running("exec sleep 1000", "work");
    wanted.size = {2, 10};
    on.start(wanted);
    NewPane more;
    more.session = "work";
    std::string reason;
    for (int count = 0; count < 4 && reason.empty(); ++count) {
        reason = reason_of(on.create(more));
    }
    BOOST_TEST(reason == "no_space");
}

BOOST_AUTO_TEST_CASE(a_client_that_is_no_tmux_is_an_error)
{
    On<PtyBackend> on;
    TmuxTerminals broken{on.clock, TmuxProgram{"/bin/cat", me(), "", "x"}, {}};
    TmuxTerminals missing{on.clock, TmuxProgram{"/nowhere/tmux", me(), "", "x"}, {}};
    std::string reason;
    const auto keep = [&](const common::Result<std::vector<SessionView>>& given) {
        reason = reason_of(given);
    };
    missing.sessions(keep);
    BOOST_TEST(reason == "not_executable");
    reason.clear();
    broken.sessions(keep);
    Loop<Terminals> loop{broken, on.clock};
    BOOST_TEST(loop.until([&] { return !reason.empty(); }));
    BOOST_TEST(reason == "tmux_failed");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(pty_tests)

BOOST_AUTO_TEST_CASE(keys_that_nobody_reads_are_too_many_at_last)
{
    Limits limits;
    limits.waiting_keys = 20'000;
    On<PtyBackend> on{limits};
    const auto pane = on.start("stty raw -echo; printf ready; exec sleep 1000");
    on.shows(pane, "ready");
    std::string reason;
    for (int count = 0; count < 100 && reason.empty(); ++count) {
        reason = reason_of(on.send(pane, {TypedText{std::string(text_at_most, 'x')}}));
    }
    BOOST_TEST(reason == "busy");
}

BOOST_AUTO_TEST_CASE(the_terminal_answers_its_program)
{
    On<PtyBackend> on;
    const auto pane =
        on.start("stty raw -echo; printf '\\033[3;5H\\033[6n'; head -c 6 | od -An -c; "
                 "exec sleep 1000");
    on.shows(pane, "033   [   3   ;   5   R");
}

BOOST_AUTO_TEST_CASE(a_program_that_closes_its_terminal_is_not_asked_without_end)
{
    On<PtyBackend> on;
    const auto file = (on.temp.path() / "go").string();
    const auto pane =
        on.start("exec 3</dev/tty; exec </dev/null >/dev/null 2>&1 3<&-; while ! test -e " + file +
                 "; do sleep 0.05; done; echo back > /dev/tty; sleep 1000");
    const auto waits_for = [&] {
        int count = 0;
        on.terminals->descriptors([&](int, short) { ++count; });
        return count;
    };
    BOOST_TEST(on.loop->until([&] { return waits_for() == 0; }));
    BOOST_TEST(!on.pane(pane).end);
    std::ofstream{file} << "x";
    on.shows(pane, "back");
}

BOOST_AUTO_TEST_CASE(nothing_is_left_when_they_end)
{
    const auto marker = "3000." + std::to_string(::getpid());
    On<PtyBackend> on;
    on.start("trap '' HUP; sleep " + marker + "1 & exec sleep " + marker + "2");
    BOOST_REQUIRE(on.loop->until([&] { return processes_with(marker + "2") == 1U; }));
    on.terminals = PtyBackend::make(on.clock, {}, "", me());
    on.loop.emplace(*on.terminals, on.clock);
    BOOST_TEST(on.loop->until([&] { return processes_with(marker) == 0U; }));
}

BOOST_AUTO_TEST_CASE(ids_are_not_given_twice)
{
    On<PtyBackend> on;
    const auto first = on.start("exec sleep 1000");
    BOOST_TEST(reason_of(on.kill_pane(first)) == "");
    BOOST_TEST(on.terminals->idle());
    BOOST_TEST(on.start("exec sleep 1000") != first);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(own_terminals_tests)

BOOST_AUTO_TEST_CASE(they_are_of_the_kind_that_the_guest_has)
{
    common::SystemClock clock;
    auto root = guest::find_user("root");
    BOOST_REQUIRE(root);
    OwnTerminals own{clock, *root};
    auto& terminals = own.get();
    BOOST_TEST((dynamic_cast<TmuxTerminals*>(&terminals) != nullptr) == !find_tmux().empty());
    BOOST_TEST(&own.get() == &terminals);
    BOOST_TEST(!terminals.reaped(1, 0));
    BOOST_TEST(!terminals.on_time());
    int polled = 0;
    terminals.descriptors([&](int, short) { ++polled; });
    terminals.serve();
    BOOST_TEST(polled == 0);
}

BOOST_AUTO_TEST_SUITE_END()
