#include "tests/unit/guest_terminals/terminals_fixture.hpp"

using namespace guest::terminals;
using guest::User;

BOOST_AUTO_TEST_SUITE(contract_tests)

CONTRACT_CASE(a_session_is_made_listed_and_killed)
{
    On<Backend> on;
    BOOST_TEST(on.sessions().empty());
    BOOST_TEST(on.panes().empty());
    auto wanted = on.running("exec sleep 1000", "work");
    wanted.window = "first";
    wanted.size = {30, 100};
    const auto made = on.create(wanted);
    BOOST_REQUIRE(made);
    BOOST_TEST(made->name == "work");
    BOOST_TEST(made->id.front() == '$');
    BOOST_TEST(made->windows == 1U);
    BOOST_TEST(!made->attached);
    BOOST_TEST(made->created > 1'600'000'000);

    const auto sessions = on.sessions();
    BOOST_REQUIRE(sessions.size() == 1U);
    BOOST_TEST(sessions.front().id == made->id);
    const auto windows = on.windows("work");
    BOOST_REQUIRE(windows.size() == 1U);
    BOOST_TEST(windows.front().name == "first");
    BOOST_TEST(windows.front().session == "work");
    BOOST_TEST(windows.front().active);
    BOOST_TEST(windows.front().panes == 1U);
    BOOST_TEST(windows.front().size.rows == 30);
    BOOST_TEST(windows.front().size.columns == 100);
    const auto panes = on.panes(made->id);
    BOOST_REQUIRE(panes.size() == 1U);
    BOOST_TEST(panes.front().id.front() == '%');
    BOOST_TEST(panes.front().session == "work");
    BOOST_TEST(panes.front().window == "first");
    BOOST_TEST(panes.front().index == 0U);
    BOOST_TEST(panes.front().active);
    BOOST_TEST(panes.front().pid > 1);
    BOOST_TEST(panes.front().size.columns == 100);
    BOOST_TEST(!panes.front().ended);
    BOOST_TEST(!panes.front().end);

    BOOST_TEST(*on.kill_session(made->id) == "work");
    BOOST_TEST(on.sessions().empty());
    BOOST_TEST(reason_of(on.kill_session("work")) == "no_such_session");
}

CONTRACT_CASE(a_session_without_a_name_gets_one_and_none_is_taken_twice)
{
    On<Backend> on;
    const auto first = on.create(on.running("exec sleep 1000"));
    const auto second = on.create(on.running("exec sleep 1000"));
    BOOST_REQUIRE((first && second));
    BOOST_TEST(!first->name.empty());
    BOOST_TEST(first->name != second->name);
    BOOST_TEST(reason_of(on.create(on.running("exec sleep 1000", first->name))) ==
               "session_exists");
    BOOST_TEST(on.sessions().size() == 2U);
}

CONTRACT_CASE(programs_run_as_the_user)
{
    if (::geteuid() != 0) {
        BOOST_TEST_MESSAGE("skipped: only root becomes somebody else");
        return;
    }
    On<Backend> on{{}, User{"somebody", 12345, 23456, {23456, 34567}, "/", "/bin/sh"}};
    const auto pane = on.start("id -u; id -G; tty > /dev/null && printf mine; exec sleep 1000");
    on.shows(pane, "12345\n23456 34567\nmine");
}

CONTRACT_CASE(panes_and_windows_are_added_and_switched)
{
    On<Backend> on;
    const auto first = on.start(on.running("exec sleep 1000", "work"));
    NewPane beside;
    beside.session = "work";
    beside.split = Split::beside;
    beside.program.line = "exec sleep 1000";
    const auto second = on.create(beside);
    BOOST_REQUIRE_MESSAGE(second, (second ? "" : second.error().message));
    BOOST_TEST(second->session == "work");
    BOOST_TEST(second->index == 1U);
    BOOST_TEST(second->active);
    auto other = beside;
    other.new_window = "logs";
    const auto third = on.create(other);
    BOOST_REQUIRE(third);
    BOOST_TEST(third->window == "logs");
    BOOST_TEST(third->window_index == 1U);
    BOOST_TEST(third->index == 0U);

    const auto windows = on.windows();
    BOOST_REQUIRE(windows.size() == 2U);
    BOOST_TEST(!windows[0].active);
    BOOST_TEST(windows[0].panes == 2U);
    BOOST_TEST(windows[1].active);
    BOOST_TEST(on.sessions().front().windows == 2U);

    BOOST_TEST(reason_of(on.switch_to(first)) == "");
    BOOST_TEST(on.windows()[0].active);
    BOOST_TEST(on.pane(first).active);
    BOOST_TEST(!on.pane(second->id).active);

    auto named = beside;
    named.window = "logs";
    const auto fourth = on.create(named);
    BOOST_REQUIRE(fourth);
    BOOST_TEST(fourth->window == "logs");
    named.window = "none";
    BOOST_TEST(reason_of(on.create(named)) == "no_such_window");
    named.session = "none";
    BOOST_TEST(reason_of(on.create(named)) == "no_such_session");

    BOOST_TEST(reason_of(on.kill_pane(fourth->id)) == "");
    BOOST_TEST(on.panes().size() == 3U);
    BOOST_TEST(reason_of(on.kill_window(windows[0].id)) == "");
    BOOST_TEST(on.panes().size() == 1U);
    BOOST_TEST(reason_of(on.kill_pane(third->id)) == ""); // The last one takes all with it.
    BOOST_TEST(on.sessions().empty());
}

CONTRACT_CASE(what_is_not_there_is_said_so)
{
    On<Backend> on;
    for (int round = 0; round < 2; ++round) {
        BOOST_TEST(reason_of(on.read("%77")) == "no_such_pane");
        BOOST_TEST(reason_of(on.send("%77", {NamedKey{"Enter"}})) == "no_such_pane");
        BOOST_TEST(reason_of(on.resize("%77", {24, 80})) == "no_such_pane");
        BOOST_TEST(reason_of(on.switch_to("%77")) == "no_such_pane");
        BOOST_TEST(reason_of(on.kill_pane("%77")) == "no_such_pane");
        BOOST_TEST(reason_of(on.kill_window("@77")) == "no_such_window");
        BOOST_TEST(reason_of(on.kill_session("none")) == "no_such_session");
        BOOST_TEST(reason_of(on.watch("%77")) == "no_such_pane");
        BOOST_TEST(reason_of(on.template ask<std::vector<PaneView>>([&](auto then) {
                       on.terminals->panes("none", then);
                   })) == "no_such_session");
        BOOST_TEST(reason_of(on.template ask<std::vector<WindowView>>([&](auto then) {
                       on.terminals->windows("$77", then);
                   })) == "no_such_session");
        on.start("exec sleep 1000"); // And the same with a server, or other panes.
    }
}

CONTRACT_CASE(a_program_that_ended_is_kept_with_how_it_did)
{
    On<Backend> on;
    // tmux 3.3 may drop what a program has written that ends before it was read.
    const auto good = on.start("printf bye; read go");
    on.shows(good, "bye");
    BOOST_TEST(reason_of(on.send(good, {NamedKey{"Enter"}})) == "");
    const auto bad = on.start("exit 7");
    const auto killed = on.start("kill -9 $$");
    for (const auto& pane : {good, bad, killed}) {
        BOOST_REQUIRE(on.ends(pane));
        BOOST_TEST(on.pane(pane).ended);
    }
    BOOST_TEST(on.pane(good).end->exit_code == 0);
    BOOST_TEST(on.pane(bad).end->exit_code == 7);
    BOOST_TEST(on.pane(killed).end->exit_code == 137);
    BOOST_TEST(on.pane(killed).end->signal == 9);
    BOOST_TEST(on.shows(good, "bye").starts_with("bye\n"));
    BOOST_TEST(reason_of(on.send(good, {NamedKey{"Enter"}})) == "pane_ended");
    BOOST_TEST(reason_of(on.kill_pane(good)) == "");
    BOOST_TEST(on.panes().size() == 2U);
}

CONTRACT_CASE(killing_leaves_no_process)
{
    On<Backend> on;
    const auto marker = "1000." + std::to_string(::getpid());
    // One that ignores the hang-up, in the background, with one of its own.
    on.start(on.running("trap '' HUP; (trap '' HUP; sleep " + marker + "1 & sleep " + marker +
                            "2) & sleep " + marker + "3 & echo ready; wait",
                        "work"));
    NewPane second;
    second.session = "work";
    second.program.line = "sleep " + marker + "4; exit 0";
    BOOST_REQUIRE(on.create(second));
    BOOST_REQUIRE(on.loop->until([&] {
        return processes_with(marker + "1") + processes_with(marker + "2") +
                   processes_with(marker + "3") + processes_with(marker + "4") >=
               4U;
    }));
    BOOST_TEST(reason_of(on.kill_session("work")) == "");
    BOOST_TEST(processes_with(marker) == 0U);
    BOOST_TEST(::waitpid(-1, nullptr, WNOHANG) <= 0);
}

CONTRACT_CASE(killing_what_ended_ends_what_it_left_behind)
{
    On<Backend> on;
    const auto marker = "2000." + std::to_string(::getpid());
    const auto pane = on.start("trap '' HUP; sleep " + marker + " & exit 3");
    BOOST_REQUIRE(on.ends(pane));
    BOOST_TEST(processes_with(marker) == 1U);
    BOOST_TEST(reason_of(on.kill_pane(pane)) == "");
    BOOST_TEST(processes_with(marker) == 0U);
}

CONTRACT_CASE(bounds_are_kept)
{
    Limits limits;
    limits.sessions = 2;
    limits.panes = 3;
    limits.cells = 10'000;
    On<Backend> on{limits};
    on.start(on.running("exec sleep 1000", "one"));
    on.start(on.running("exec sleep 1000", "two"));
    BOOST_TEST(reason_of(on.create(on.running("exec sleep 1000"))) == "too_many_sessions");
    NewPane more;
    more.session = "one";
    more.program.line = "exec sleep 1000";
    BOOST_TEST(reason_of(on.create(more)) == "");
    BOOST_TEST(reason_of(on.create(more)) == "too_many_panes");
    BOOST_TEST(reason_of(on.kill_session("one")) == "");
    auto large = on.running("exec sleep 1000");
    large.size = {100, 100};
    BOOST_TEST(reason_of(on.create(large)) == "too_many_cells");
    large.size = {rows_at_most + 1, 100};
    BOOST_TEST(reason_of(on.create(large)) == "invalid_size");
}

CONTRACT_CASE(hostile_names_ids_and_programs_are_refused)
{
    On<Backend> on;
    const auto pane = on.start(on.running("exec sleep 1000", "work"));
    for (const std::string name :
         {"-t", "a b", "a;b", "a:b", "a.b", "=work", "#{x}", "ä", "a\nb", "%0", "@0"}) {
        BOOST_TEST(reason_of(on.create(on.running("exec sleep 1000", name))) == "invalid_name");
        BOOST_TEST(reason_of(on.kill_session(name)) == "invalid_name");
    }
    BOOST_TEST(reason_of(on.create(on.running("exec sleep 1000", std::string(65, 'a')))) ==
               "invalid_name");
    for (const std::string id : {"", "0", "%", "%-1", "%0;", "%0 ", "$0", "%99999999999", "%0x"}) {
        BOOST_TEST(reason_of(on.read(id)) == "invalid_id");
        BOOST_TEST(reason_of(on.send(id, {NamedKey{"a"}})) == "invalid_id");
        BOOST_TEST(reason_of(on.kill_pane(id)) == "invalid_id");
        BOOST_TEST(reason_of(on.watch(id)) == "invalid_id");
    }
    auto wanted = on.running("exec sleep 1000");
    wanted.program.cwd = "relative";
    BOOST_TEST(reason_of(on.create(wanted)) == "invalid_program");
    wanted = on.running(std::string(command_at_most + 1, 'a'));
    BOOST_TEST(reason_of(on.create(wanted)) == "invalid_program");
    wanted = on.running("exec sleep 1000");
    wanted.program.env = {{"A=B", "c"}};
    BOOST_TEST(reason_of(on.create(wanted)) == "invalid_program");
    BOOST_TEST(on.panes().size() == 1U);
    // The most that is allowed works: with all that goes with it.
    wanted = on.running("printf fine; exec sleep 1000; #");
    wanted.program.line.resize(command_at_most - 1, '#');
    wanted.program.cwd = "/" + std::string(folder_at_most - 1, '/');
    wanted.name = std::string(64, 'n');
    wanted.window = std::string(64, 'w');
    on.shows(on.start(wanted), "fine");
}

CONTRACT_CASE(a_line_ending_in_a_semicolon_is_one_line)
{
    On<Backend> on;
    const auto pane = on.start("printf 'one '; printf '%s' '-two'; sleep 1000;");
    on.shows(pane, "one -two");
    BOOST_TEST(on.sessions().size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
