#include "tests/unit/coordinator_core/core_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;
using coordinator::CloseReaderOnHost;
using coordinator::ExecFeed;
using coordinator::GrantReaderOnHost;
using coordinator::HostReaderNews;
using coordinator::InputOnHost;
using coordinator::OpenReaderOnHost;
using Kind = HostReaderNews::Kind;

namespace {

struct LiveFixture : CoreFixture {
    LiveFixture()
    {
        run_with({"h1"});
        box = running().id;
    }

    Later<Command> begin(bool is_read = true)
    {
        coordinator::LiveRequest what;
        what.argv = {"echo", "it's"};
        what.has_stdin = true;
        what.is_read = is_read;
        return Later<Command>{[this, what] { return core->live_execs().begin(me, box, what); }};
    }
    std::shared_ptr<ExecFeed> read(const common::CommandId& id, std::uint64_t from = 0)
    {
        auto feed = core->live_execs().read(me, box, id, from);
        BOOST_REQUIRE(feed);
        return *feed;
    }
    Later<std::monostate> write(const common::CommandId& id, const std::string& data)
    {
        return Later<std::monostate>{[this, id, data]() -> Result<std::monostate> {
            COMMON_CHECK(
                core->live_execs().input(me, box, id, coordinator::StdinPiece{data, false}));
            return std::monostate{};
        }};
    }
    /// One that has started, and the number of the reader that waited for that.
    Command started(bool is_read = true)
    {
        auto asked = begin(is_read);
        exec = expect<ExecOnHost>();
        const auto opened = expect<OpenReaderOnHost>();
        tell(opened, Kind::started);
        const auto record = asked.get();
        BOOST_REQUIRE(record);
        return *record;
    }
    void tell(const FakeLink::Sent& opened,
              Kind kind,
              std::uint64_t position = 0,
              const std::string& data = {})
    {
        const auto& reader = std::get<OpenReaderOnHost>(opened.command.what);
        link.say(HostReaderNews{
            opened.host, reader.operation, reader.reader, kind, false, position, data});
    }
    template <typename T>
    T next(const std::shared_ptr<ExecFeed>& feed)
    {
        std::optional<ExecFeed::Event> event;
        eventually([&] { return (event = feed->take()).has_value(); }, "an event");
        BOOST_REQUIRE(std::holds_alternative<T>(*event));
        return std::get<T>(*event);
    }

    SandboxId box;
    FakeLink::Sent exec;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(core_live_tests, LiveFixture)

BOOST_AUTO_TEST_CASE(it_is_recorded_as_a_command_and_answered_once_it_has_started)
{
    auto asked = begin();
    const auto sent = expect<ExecOnHost>();
    const auto& what = std::get<ExecOnHost>(sent.command.what);
    BOOST_REQUIRE(what.live.has_value());
    BOOST_TEST(what.live->argv.size() == 2U);
    BOOST_TEST(what.timeout.count() == 0);
    const auto opened = expect<OpenReaderOnHost>();
    BOOST_TEST(std::get<OpenReaderOnHost>(opened.command.what).credit == 0U);
    settle();
    BOOST_TEST(!asked.ready());
    tell(opened, Kind::started);
    const auto record = asked.get();
    BOOST_TEST(record->command == "echo 'it'\\''s'");
    BOOST_TEST(record->status == "running");
    BOOST_TEST(
        (store.command(sent.command.operation)->mode == coordinator::CommandMode::live_stdin));
    BOOST_TEST(core->live_execs().list(me, box)->size() == 1U);
}

BOOST_AUTO_TEST_CASE(one_that_cannot_start_says_why)
{
    auto asked = begin();
    const auto sent = expect<ExecOnHost>();
    tell(expect<OpenReaderOnHost>(), Kind::end);
    refuse(sent, ErrorCode::refused, "unknown_user");
    BOOST_TEST(asked.get().error().reason == "unknown_user");
}

BOOST_AUTO_TEST_CASE(what_it_writes_passes_and_is_granted_again_as_it_is_taken)
{
    const auto record = started();
    const auto feed = read(record.id);
    const auto opened = expect<OpenReaderOnHost>();
    BOOST_TEST(std::get<OpenReaderOnHost>(opened.command.what).credit == ExecFeed::window);
    static_cast<void>(expect<CloseReaderOnHost>()); // Of the one that waited for the start.
    const std::string piece(ExecFeed::window / 4, 'x');
    tell(opened, Kind::output, 0, piece);
    tell(opened, Kind::output, piece.size(), "abc");
    BOOST_TEST(next<ExecFeed::Output>(feed).data == piece);
    const auto grant = expect<GrantReaderOnHost>();
    BOOST_TEST(std::get<GrantReaderOnHost>(grant.command.what).bytes ==
               ExecFeed::cost(piece.size()));
    BOOST_TEST(next<ExecFeed::Output>(feed).position == piece.size());
    tell(opened, Kind::output, piece.size() + 3, "d");
    tell(
        opened, Kind::output, piece.size(), "abcde"); // As after a connection: half of it is known.
    BOOST_TEST(next<ExecFeed::Output>(feed).data == "d");
    BOOST_TEST(next<ExecFeed::Output>(feed).data == "e");
    tell(opened, Kind::output, piece.size() + 100, "later");
    const auto gap = next<ExecFeed::Gap>(feed);
    BOOST_TEST(gap.to - gap.from == 95U);
    BOOST_TEST(next<ExecFeed::Output>(feed).data == "later");
}

BOOST_AUTO_TEST_CASE(the_end_comes_after_all_of_it_and_once_it_is_recorded)
{
    const auto record = started();
    const auto feed = read(record.id);
    const auto opened = expect<OpenReaderOnHost>();
    store.hold();
    answer(exec, output("", 7));
    eventually([&] { return store.held() == 1; }, "the outcome");
    tell(opened, Kind::output, 0, "abc");
    tell(opened, Kind::end, 3);
    BOOST_TEST(next<ExecFeed::Output>(feed).data == "abc");
    settle();
    BOOST_TEST(!feed->take());
    store.let_go();
    const auto end = next<ExecFeed::Ended>(feed);
    BOOST_TEST(end.position == 3U);
    BOOST_TEST(end.record.exit_code == 7);
    BOOST_TEST(core->live_execs().list(me, box)->front().status == "finished");
}

BOOST_AUTO_TEST_CASE(a_slow_reader_of_one_that_has_ended_still_gets_the_rest)
{
    const auto record = started();
    const auto feed = read(record.id);
    const auto opened = expect<OpenReaderOnHost>();
    answer(exec, output("", 0));
    static_cast<void>(expect<CloseReaderOnHost>());
    static_cast<void>(expect<coordinator::AckExecOnHost>());
    settle();
    BOOST_TEST(!feed->take());
    tell(opened, Kind::output, 0, "the rest");
    tell(opened, Kind::end, 8);
    BOOST_TEST(next<ExecFeed::Output>(feed).data == "the rest");
    BOOST_TEST(next<ExecFeed::Ended>(feed).position == 8U);
}

BOOST_AUTO_TEST_CASE(a_reader_goes_on_over_a_new_connection_of_its_host)
{
    const auto record = started();
    const auto feed = read(record.id);
    const auto before = expect<OpenReaderOnHost>();
    tell(before, Kind::output, 0, "abc");
    static_cast<void>(next<ExecFeed::Output>(feed));
    static_cast<void>(expect<CloseReaderOnHost>());
    connect("h1", {report(box, Phase::running)});
    const auto again = expect<OpenReaderOnHost>();
    const auto& reader = std::get<OpenReaderOnHost>(again.command.what);
    BOOST_TEST(reader.from == 3U);
    BOOST_TEST(reader.reader != std::get<OpenReaderOnHost>(before.command.what).reader);
    tell(before, Kind::output, 3, "of the old connection");
    tell(again, Kind::output, 3, "def");
    BOOST_TEST(next<ExecFeed::Output>(feed).data == "def");
}

BOOST_AUTO_TEST_CASE(a_reader_that_its_host_does_not_know_is_opened_again_until_there_is_an_end)
{
    const auto record = started();
    const auto feed = read(record.id);
    const auto opened = expect<OpenReaderOnHost>();
    static_cast<void>(expect<CloseReaderOnHost>());
    tell(opened, Kind::gone);
    const auto again = expect<OpenReaderOnHost>();
    answer(exec, output("", 0));
    tell(again, Kind::gone);
    static_cast<void>(next<ExecFeed::Ended>(feed));
}

BOOST_AUTO_TEST_CASE(one_that_nobody_reads_is_let_go_at_once)
{
    static_cast<void>(started(false));
    static_cast<void>(expect<CloseReaderOnHost>());
}

BOOST_AUTO_TEST_CASE(who_closes_is_no_reader_any_more)
{
    const auto record = started();
    const auto feed = read(record.id);
    const auto opened = expect<OpenReaderOnHost>();
    static_cast<void>(expect<CloseReaderOnHost>());
    feed->close();
    const auto closed = expect<CloseReaderOnHost>();
    BOOST_TEST(std::get<CloseReaderOnHost>(closed.command.what).reader ==
               std::get<OpenReaderOnHost>(opened.command.what).reader);
    tell(opened, Kind::output, 0, "abc");
    settle();
    BOOST_TEST(!feed->take());
}

BOOST_AUTO_TEST_CASE(stdin_waits_for_room_and_errors_are_told)
{
    const auto record = started();
    auto writing = write(record.id, "abc");
    refuse(expect<InputOnHost>(), ErrorCode::rate_limited, "stdin_full");
    const auto again = expect<InputOnHost>();
    BOOST_TEST(
        std::get<coordinator::StdinPiece>(std::get<InputOnHost>(again.command.what).input).data ==
        "abc");
    answer(again, std::monostate{});
    BOOST_TEST(writing.get().has_value());
    auto refused = write(record.id, "abc");
    refuse(expect<InputOnHost>(), ErrorCode::failed_precondition, "stdin_closed");
    BOOST_TEST(refused.get().error().reason == "stdin_closed");
    answer(exec, output("", 0));
    eventually([&] { return core->live_execs().list(me, box)->front().status == "finished"; },
               "its end");
    BOOST_TEST(write(record.id, "abc").get().error().reason == "exec_ended");
}

BOOST_AUTO_TEST_CASE(nobody_elses_are_told_of)
{
    const auto record = started();
    auto stranger = me;
    stranger.tenant = "other";
    auto& execs = core->live_execs();
    BOOST_CHECK(execs.list(stranger, box).error().code == ErrorCode::not_found);
    BOOST_CHECK(execs.read(stranger, box, record.id, 0).error().code == ErrorCode::not_found);
    BOOST_TEST(execs.read(me, box, common::CommandId{"cmd-x"}, 0).error().reason == "no_such_exec");
    link.say(HostReaderNews{HostName{"h2"}, exec.command.operation, 1, Kind::gone, false, 0, {}});
    settle();
}

BOOST_AUTO_TEST_CASE(after_a_restart_it_is_found_again_and_read)
{
    const auto record = started();
    crash_and_restart();
    connect("h1", {report(box, Phase::running)});
    eventually([&] { return core->live_execs().list(me, box)->size() == 1U; }, "the exec");
    const auto feed = read(record.id, 5);
    FakeLink::Sent opened;
    do {
        opened = link.commands.take();
    } while (!std::holds_alternative<OpenReaderOnHost>(opened.command.what) ||
             std::get<OpenReaderOnHost>(opened.command.what).from != 5U ||
             std::get<OpenReaderOnHost>(opened.command.what).credit == 0U);
    tell(opened, Kind::output, 5, "abc");
    BOOST_TEST(next<ExecFeed::Output>(feed).data == "abc");
}

BOOST_AUTO_TEST_CASE(one_of_long_ago_has_its_end_from_the_record)
{
    const auto record = started();
    answer(exec, output("", 9));
    eventually([&] { return core->live_execs().list(me, box)->front().status == "finished"; },
               "its end");
    crash_and_restart();
    const auto feed = read(record.id);
    BOOST_TEST(next<ExecFeed::Ended>(feed).record.exit_code == 9);
}

BOOST_AUTO_TEST_CASE(the_end_of_the_core_has_readers_come_back)
{
    const auto record = started();
    const auto feed = read(record.id);
    core->stop();
    std::optional<ExecFeed::Event> event = feed->take();
    BOOST_REQUIRE(event);
    BOOST_TEST(std::holds_alternative<ExecFeed::Interrupted>(*event));
    core.reset();
    feed->close();
}

BOOST_AUTO_TEST_SUITE_END()
