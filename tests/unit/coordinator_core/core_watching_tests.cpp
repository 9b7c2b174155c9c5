#include "tests/unit/coordinator_core/core_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;
using coordinator::HostReaderNews;
using coordinator::OpenReaderOnHost;
using coordinator::OutputWatch;
using coordinator::UnwatchOutputOnHost;
using coordinator::WatchedBegin;
using coordinator::WatchedEnd;
using coordinator::WatchedEvent;
using coordinator::WatchFeed;
using coordinator::WatchOutputOnHost;
using Kind = HostReaderNews::Kind;
using Piece = std::shared_ptr<const coordinator::WatchedPiece>;

namespace {

constexpr std::size_t chunk = 60'000;

struct WatchingFixture : CoreFixture {
    WatchingFixture()
    {
        run_with({"h1"});
        box = running().id;
    }

    std::shared_ptr<WatchFeed> watch()
    {
        auto watching = core->live_execs().watch(me, box);
        BOOST_REQUIRE(watching);
        running_then = watching->running;
        return watching->feed;
    }
    /// One that nobody reads; what was sent for it.
    FakeLink::Sent begin(Command& record)
    {
        coordinator::LiveRequest what;
        what.argv = {"x"};
        what.is_read = false;
        auto asked =
            Later<Command>{[this, what] { return core->live_execs().begin(me, box, what); }};
        auto exec = sent<ExecOnHost>();
        const auto opened = sent<OpenReaderOnHost>();
        const auto& reader = std::get<OpenReaderOnHost>(opened.command.what);
        link.say(HostReaderNews{
            opened.host, reader.operation, reader.reader, Kind::started, false, 0, {}});
        record = *asked.get();
        return exec;
    }
    /// The next of that kind; what comes before it is about readers.
    template <typename What>
    FakeLink::Sent sent()
    {
        return link.commands.take_until(
            [](const auto& entry) { return std::holds_alternative<What>(entry.command.what); });
    }
    WatchOutputOnHost told_host()
    {
        return std::get<WatchOutputOnHost>(sent<WatchOutputOnHost>().command.what);
    }
    void tell(std::uint64_t wire,
              const FakeLink::Sent& exec,
              Kind kind,
              std::uint64_t position,
              const std::string& data = {})
    {
        link.say(HostReaderNews{
            HostName{"h1"}, exec.command.operation, wire, kind, false, position, data});
    }
    template <typename T>
    T next(const std::shared_ptr<WatchFeed>& feed)
    {
        std::optional<WatchedEvent> event;
        eventually([&] { return (event = feed->take()).has_value(); }, "an event");
        BOOST_REQUIRE(std::holds_alternative<T>(*event));
        return std::get<T>(*event);
    }

    SandboxId box;
    std::set<common::CommandId> running_then;
    Command one, other;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(core_watching_tests, WatchingFixture)

BOOST_AUTO_TEST_CASE(however_many_watch_a_sandbox_its_host_knows_of_one)
{
    const auto first = watch();
    const auto wire = told_host();
    BOOST_TEST(wire.id.str() == box.str());
    BOOST_TEST(wire.from.empty());
    const auto second = watch();
    const auto exec = begin(one);
    tell(wire.watch, exec, Kind::output, 0, "abc");
    for (const auto& feed : {first, second}) {
        BOOST_TEST(next<WatchedBegin>(feed).command.str() == one.id.str());
        BOOST_TEST(next<Piece>(feed)->data == "abc");
    }
    first->close();
    settle();
    tell(wire.watch, exec, Kind::output, 3, "def");
    BOOST_TEST(next<Piece>(second)->position == 3U);
    second->close();
    BOOST_TEST(std::get<UnwatchOutputOnHost>(sent<UnwatchOutputOnHost>().command.what).watch ==
               wire.watch);
    tell(wire.watch, exec, Kind::output, 6, "ghi");
    settle();
    BOOST_TEST(!second->take());
}

BOOST_AUTO_TEST_CASE(who_comes_later_is_told_what_runs)
{
    const auto exec = begin(one);
    const auto first = watch();
    const auto wire = told_host();
    BOOST_TEST(running_then.contains(one.id));
    tell(wire.watch, exec, Kind::end, 9);
    const auto second = watch();
    BOOST_TEST(running_then.contains(one.id)); // As far as anything was recorded.
    for (const auto& feed : {first, second}) {
        BOOST_TEST(next<WatchedEnd>(feed).total.value() == 9U);
    }
    answer(exec, output(""));
    eventually([&] { return core->live_execs().list(me, box)->front().status == "finished"; },
               "its end");
    const auto third = watch();
    BOOST_TEST(running_then.empty());
    BOOST_TEST(!third->take());
}

BOOST_AUTO_TEST_CASE(an_end_is_told_once_all_was_or_after_a_while)
{
    const auto feed = watch();
    const auto wire = told_host();
    const auto exec = begin(one);
    static_cast<void>(next<WatchedBegin>(feed));
    answer(exec, output(""));
    eventually([&] { return core->live_execs().list(me, box)->front().status == "finished"; },
               "its end");
    BOOST_TEST(!feed->take());
    tell(wire.watch, exec, Kind::output, 0, "abc");
    BOOST_TEST(next<Piece>(feed)->data == "abc");
    clock.stand_still(std::chrono::seconds{6});
    BOOST_TEST(!next<WatchedEnd>(feed).total.has_value());
    tell(wire.watch, exec, Kind::end, 3);
    settle();
    BOOST_TEST(!feed->take());
}

BOOST_AUTO_TEST_CASE(one_that_failed_has_no_output_to_wait_for)
{
    const auto feed = watch();
    const auto exec = begin(one);
    static_cast<void>(next<WatchedBegin>(feed));
    refuse(exec, ErrorCode::timeout, "outcome_unknown");
    BOOST_TEST(!next<WatchedEnd>(feed).total.has_value());
}

BOOST_AUTO_TEST_CASE(a_host_that_is_too_old_for_it_is_not_waited_for)
{
    const auto feed = watch();
    const auto asked = sent<WatchOutputOnHost>();
    const auto exec = begin(one);
    static_cast<void>(next<WatchedBegin>(feed));
    answer(exec, output(""));
    eventually([&] { return core->live_execs().list(me, box)->front().status == "finished"; },
               "its end");
    refuse(asked, ErrorCode::unimplemented);
    BOOST_TEST(!next<WatchedEnd>(feed).total.has_value());
    const auto second = begin(other);
    static_cast<void>(next<WatchedBegin>(feed));
    answer(second, output(""));
    static_cast<void>(next<WatchedEnd>(feed));
    connect("h1", {report(box, Phase::running)}); // It may be newer now.
    BOOST_TEST(told_host().credit > 0U);
}

BOOST_AUTO_TEST_CASE(over_a_new_connection_it_goes_on_where_it_was)
{
    const auto before = begin(one);
    const auto feed = watch();
    const auto wire = told_host();
    const auto exec = begin(other);
    static_cast<void>(next<WatchedBegin>(feed));
    tell(wire.watch, exec, Kind::output, 0, "abc");
    BOOST_TEST(next<Piece>(feed)->data == "abc");
    clock.stand_still(std::chrono::seconds{60}); // Else the new one would have no credit yet.
    connect("h1", {report(box, Phase::running)});
    const auto again = told_host();
    BOOST_TEST(again.watch != wire.watch);
    BOOST_TEST(again.from.size() == 1U); // Of the silent one: from now on.
    BOOST_TEST(again.from.at(exec.command.operation) == 3U);
    tell(wire.watch, exec, Kind::output, 3, "of the old connection");
    tell(again.watch, exec, Kind::output, 0, "abcd"); // A new agent's, or hostd's.
    BOOST_TEST(next<Piece>(feed)->data == "d");
    tell(again.watch, exec, Kind::output, 10, "later");
    const auto later = next<Piece>(feed);
    BOOST_TEST(later->position == 10U);
    BOOST_TEST(later->data == "later");
}

BOOST_AUTO_TEST_CASE(a_host_has_credit_for_a_window_and_more_at_a_rate)
{
    const auto feed = watch();
    const auto wire = told_host();
    BOOST_TEST(wire.credit == 512U << 10U);
    const auto exec = begin(one);
    static_cast<void>(next<WatchedBegin>(feed));
    std::uint64_t at = 0;
    for (int i = 0; i < 20; ++i, at += chunk) {
        tell(wire.watch, exec, Kind::output, at, std::string(chunk, 'x'));
    }
    settle();
    std::uint64_t got = 0;
    while (const auto event = feed->take()) {
        got += std::get<Piece>(*event)->data.size();
    }
    BOOST_TEST(got <= WatchFeed::most_waiting); // Of a feed that nobody empties, …
    BOOST_TEST(got > WatchFeed::most_waiting - 2 * chunk);
    tell(wire.watch, exec, Kind::output, at, std::string(chunk, 'x'));
    settle();
    BOOST_TEST(!feed->take()); // … and it had no credit for this one.
    clock.stand_still(std::chrono::seconds{60});
    std::uint64_t credit = 0;
    while (credit < 8 * chunk) {
        const auto more = told_host();
        BOOST_TEST(more.watch == wire.watch);
        BOOST_TEST(more.from.empty());
        credit += more.credit;
    }
    BOOST_TEST(credit <= 512U << 10U);
    tell(wire.watch, exec, Kind::output, at, std::string(chunk, 'x'));
    BOOST_TEST(next<Piece>(feed)->position == at);
}

BOOST_AUTO_TEST_CASE(one_who_takes_nothing_keeps_nobody_else_from_it)
{
    const auto lazy = watch();
    const auto wire = told_host();
    const auto eager = watch();
    const auto exec = begin(one);
    static_cast<void>(next<WatchedBegin>(eager));
    for (std::uint64_t at = 0; at < 8 * chunk; at += chunk) {
        tell(wire.watch, exec, Kind::output, at, std::string(chunk, 'x'));
        BOOST_TEST(next<Piece>(eager)->position == at);
    }
    tell(wire.watch, exec, Kind::end, 8 * chunk);
    static_cast<void>(next<WatchedEnd>(eager));
    static_cast<void>(next<WatchedBegin>(lazy));
    for (std::uint64_t at = 0; at + chunk < WatchFeed::most_waiting; at += chunk) {
        BOOST_TEST(next<Piece>(lazy)->position == at);
    }
    BOOST_TEST(next<WatchedEnd>(lazy).total.value() == 8 * chunk);
}

BOOST_AUTO_TEST_CASE(too_many_watch_it_or_it_is_not_theirs)
{
    std::vector<std::shared_ptr<WatchFeed>> feeds;
    for (int i = 0; i < 32; ++i) {
        feeds.push_back(watch());
    }
    BOOST_TEST(core->live_execs().watch(me, box).error().reason == "too_many_readers");
    feeds.front()->close();
    eventually([&] { return core->live_execs().watch(me, box).has_value(); }, "room");
    auto stranger = me;
    stranger.tenant = "other";
    BOOST_CHECK(core->live_execs().watch(stranger, box).error().code == ErrorCode::not_found);
}

BOOST_AUTO_TEST_SUITE_END()
