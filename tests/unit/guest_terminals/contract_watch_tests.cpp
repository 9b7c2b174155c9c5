#include "tests/unit/guest_terminals/terminals_fixture.hpp"

using namespace guest::terminals;
using Kind = WatchPiece::Kind;

BOOST_AUTO_TEST_SUITE(contract_watch_tests)

CONTRACT_CASE(a_flood_keeps_nobody_from_anything)
{
    On<Backend> on;
    const auto flood = on.start("exec yes 0123456789012345678901234567890123456789");
    const auto other = on.start("exec cat");
    on.shows(flood, "0123456789");
    const auto watch = on.watch(flood);
    BOOST_REQUIRE(watch);
    for (int round = 0; round < 10; ++round) {
        const auto word = "round" + std::to_string(round);
        BOOST_TEST(reason_of(on.send(other, {TypedText{word}, NamedKey{"Enter"}})) == "");
        on.shows(other, word + "\n" + word);
        BOOST_TEST(on.read(flood, 2000)->content.size() <= read_bytes_at_most);
    }
    BOOST_TEST(on.loop->longest_serve.count() < std::chrono::nanoseconds{500ms}.count());
    // The watcher, who did not come, sees the newest screen; and what follows, if it comes.
    const auto piece = on.watched(*watch, Kind::screen, "0123456789");
    BOOST_TEST(piece.size.rows == 24);
    on.watched(*watch, Kind::output, "0123456789");
    BOOST_TEST(reason_of(on.send(flood, {NamedKey{"C-c"}})) == "");
    BOOST_TEST(on.ends(flood));
}

CONTRACT_CASE(watching_shows_what_is_there_and_what_comes)
{
    On<Backend> on;
    const auto pane = on.start("printf 'already there'; exec cat");
    on.shows(pane, "already there");
    const auto watch = on.watch(pane);
    BOOST_REQUIRE(watch);
    const auto first = on.watched(*watch, Kind::screen);
    BOOST_TEST(first.bytes.find("already there") != std::string::npos);
    BOOST_TEST(first.size.columns == 80);
    BOOST_TEST(on.sessions().front().attached);
    BOOST_TEST(reason_of(on.send(pane, {TypedText{"hällo\\"}, NamedKey{"Enter"}})) == "");
    on.watched(*watch, Kind::output, "hällo\\\r\n");
    BOOST_TEST(reason_of(on.resize(pane, {20, 60})) == "");
    BOOST_TEST(on.watched(*watch, Kind::size).size.columns == 60);
    BOOST_TEST(on.windows().front().size.columns == 60); // A watcher has no size of its own.
    BOOST_TEST(reason_of(on.send(pane, {NamedKey{"C-d"}})) == "");
    const auto last = on.watched(*watch, Kind::ended);
    BOOST_REQUIRE(last.end);
    BOOST_TEST(last.end->exit_code == 0);
    BOOST_TEST(!on.terminals->next(*watch, 4096));
    BOOST_TEST(on.loop->until([&] { return !on.sessions().front().attached; }));
}

CONTRACT_CASE(watching_is_for_each_pane_alone_and_ends_with_it)
{
    On<Backend> on;
    const auto first = on.start(on.running("exec cat", "work"));
    NewPane more;
    more.session = "work";
    more.program.line = "exec cat";
    const auto second = on.create(more);
    BOOST_REQUIRE(second);
    const auto watch = on.watch(first);
    BOOST_REQUIRE(watch);
    on.watched(*watch, Kind::screen);
    BOOST_TEST(on.pane(second->id).active); // Looking on changes nothing.
    BOOST_TEST(reason_of(on.send(second->id, {TypedText{"elsewhere"}, NamedKey{"Enter"}})) == "");
    on.shows(second->id, "elsewhere");
    BOOST_TEST(reason_of(on.send(first, {TypedText{"here"}, NamedKey{"Enter"}})) == "");
    const auto seen = on.watched(*watch, Kind::output, "here\r\n");
    BOOST_TEST(seen.bytes.find("elsewhere") == std::string::npos);
    BOOST_TEST(reason_of(on.kill_pane(first)) == "");
    const auto last = on.watched(*watch, Kind::ended);
    BOOST_TEST(!last.end);
    BOOST_TEST(last.reason == "killed");
}

CONTRACT_CASE(who_stops_watching_is_forgotten)
{
    On<Backend> on{[] {
        Limits limits;
        limits.watchers = 1;
        return limits;
    }()};
    const auto pane = on.start("exec cat");
    const auto watch = on.watch(pane);
    BOOST_REQUIRE(watch);
    BOOST_TEST(reason_of(on.watch(pane)) == "too_many_watchers");
    on.terminals->unwatch(*watch);
    on.terminals->unwatch(*watch + 1);
    BOOST_TEST(!on.terminals->next(*watch, 4096));
    BOOST_TEST(reason_of(on.watch(pane)) == "");
}

BOOST_AUTO_TEST_SUITE_END()
