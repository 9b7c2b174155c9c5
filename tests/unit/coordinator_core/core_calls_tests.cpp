#include "tests/unit/coordinator_core/core_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;
using coordinator::CloseReaderOnHost;
using coordinator::ExecFeed;
using coordinator::HostReaderNews;
using coordinator::OpenReaderOnHost;
using Kind = HostReaderNews::Kind;

namespace {

// Calls: live execs of what the agent does itself.
struct CallsFixture : CoreFixture {
    explicit CallsFixture(unsigned most_callers = 100)
    {
        settings.most_callers = most_callers;
        run_with({"h1"});
        box = running().id;
    }

    Later<Command> begin(const std::string& audited_as)
    {
        coordinator::LiveRequest what;
        what.argv = {"file", "write", "/tmp/x"};
        what.call = "files";
        what.request = "wanted";
        what.audited_as = audited_as;
        what.receives = receives;
        return Later<Command>{[this, what] { return core->live_execs().begin(me, box, what); }};
    }
    /// Begun, and read by a feed; the host has been told of the one and the other.
    Command started(const std::string& audited_as)
    {
        auto asked = begin(audited_as);
        exec = expect<ExecOnHost>();
        const auto opened = expect<OpenReaderOnHost>();
        const auto& reader = std::get<OpenReaderOnHost>(opened.command.what);
        link.say(HostReaderNews{
            opened.host, reader.operation, reader.reader, Kind::started, false, 0, {}});
        const auto record = asked.get();
        BOOST_REQUIRE(record);
        feed = *core->live_execs().read(me, box, record->id, 0);
        static_cast<void>(expect<OpenReaderOnHost>());
        static_cast<void>(expect<CloseReaderOnHost>());
        return *record;
    }

    bool receives = false;
    SandboxId box;
    FakeLink::Sent exec;
    std::shared_ptr<ExecFeed> feed;
};

struct OneCallerFixture : CallsFixture {
    OneCallerFixture() : CallsFixture{1} {}
};
struct ThreeCallersFixture : CallsFixture {
    ThreeCallersFixture() : CallsFixture{3} {}
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(core_calls_tests, CallsFixture)

BOOST_FIXTURE_TEST_CASE(who_waits_for_its_answer_counts_for_its_host_until_he_waits_no_more,
                        OneCallerFixture)
{
    const auto call = started("");
    const auto is_full = [this] { return reason_of(core->pause(me, box)) == "host_busy"; };
    BOOST_TEST(is_full());
    core->live_execs().is_not_blocked(call.id);
    auto ran = Later<Command>{[this] {
        coordinator::RunRequest what;
        what.command = "true";
        return core->run(me, box, what);
    }};
    answer(expect<ExecOnHost>(), output(""));
    BOOST_TEST(ran.get().has_value());
    expect<coordinator::AckExecOnHost>();
    static_cast<void>(started(""));
    BOOST_TEST(is_full());
    feed->close();
    expect<CloseReaderOnHost>();
    auto again = begin("");
    expect<ExecOnHost>();
}

BOOST_FIXTURE_TEST_CASE(half_of_all_receive_bodies_for_a_host_until_they_wait_no_more,
                        ThreeCallersFixture)
{
    receives = true;
    const auto call = started("");
    core->live_execs().receives(call.id);
    settle();
    BOOST_TEST(reason_of(begin("").get()) == "host_busy");
    receives = false; // Others are as many as ever.
    auto another = begin("");
    expect<ExecOnHost>();
    expect<OpenReaderOnHost>();
    receives = true;
    core->live_execs().is_not_blocked(call.id);
    auto next = begin("");
    expect<ExecOnHost>();
}

BOOST_AUTO_TEST_CASE(one_that_changes_nothing_leaves_no_record)
{
    const auto rows = store.audit().size();
    started("");
    const auto& live = std::get<ExecOnHost>(exec.command.what).live;
    BOOST_REQUIRE(live.has_value());
    BOOST_TEST(live->call == "files");
    BOOST_TEST(live->request == "wanted");
    answer(exec, output("", 0));
    settle();
    BOOST_TEST(link.commands.empty()); // Its host keeps what it said until that was read.
    feed->close();
    static_cast<void>(expect<CloseReaderOnHost>());
    static_cast<void>(expect<coordinator::AckExecOnHost>());
    BOOST_TEST(store.audit().size() == rows);
    BOOST_TEST(!store.command(exec.command.operation).has_value());
}

BOOST_AUTO_TEST_CASE(one_that_changes_something_has_its_intent_before_and_its_outcome_after)
{
    const auto rows = store.audit().size();
    started("file_write");
    BOOST_REQUIRE(store.audit().size() == rows + 1);
    BOOST_TEST(store.audit().back().action == "file.write");
    BOOST_TEST(store.audit().back().detail.find("/tmp/x") != std::string::npos);
    BOOST_TEST((store.command(exec.command.operation)->mode == coordinator::CommandMode::call));
    answer(exec, output("", 0));
    eventually([&] { return store.audit().size() == rows + 2; }, "its outcome");
    BOOST_TEST(store.audit().back().action == "file.write");
    BOOST_TEST(store.audit().back().result == "ok");
}

BOOST_AUTO_TEST_CASE(it_is_no_command_of_anybodys)
{
    const auto record = started("file_write");
    BOOST_TEST(core->live_execs().list(me, box)->empty());
    answer(exec, output("", 0));
    settle();
    BOOST_TEST(core->live_execs().list(me, box)->empty());
    feed->close();
    eventually(
        [&] {
            const auto found = core->live_execs().read(me, box, record.id, 0);
            if (found) {
                (*found)->close(); // Else it is kept for this reader.
            }
            return !found && found.error().reason == "no_such_exec";
        },
        "it to be forgotten");
}

BOOST_AUTO_TEST_CASE(one_that_a_restart_found_under_way_is_ended_and_closed)
{
    started("file_write");
    crash_and_restart();
    connect("h1", {report(box, Phase::running)});
    FakeLink::Sent again;
    do {
        again = link.commands.take();
    } while (!std::holds_alternative<ExecOnHost>(again.command.what));
    const auto& what = std::get<ExecOnHost>(again.command.what);
    BOOST_TEST(what.resumed);
    BOOST_REQUIRE(what.live.has_value());
    BOOST_TEST(!what.live->call.empty());
    answer(again, output("", 143));
    eventually([&] { return store.command(again.command.operation)->status == "finished"; },
               "its outcome");
}

BOOST_AUTO_TEST_CASE(a_sandbox_that_does_not_run_is_told_of_in_its_words)
{
    auto stop = Later<Sandbox>{[this] { return core->stop(me, box, {}); }};
    answer(expect<StopOnHost>(), report(box, Phase::stopped, 2));
    BOOST_REQUIRE(stop.get());
    const auto refused = begin("").get();
    BOOST_TEST(refused.error().reason == "not_running");
    BOOST_TEST(refused.error().message.starts_with("call the agent of sandbox "),
               refused.error().message);
}

BOOST_AUTO_TEST_SUITE_END()
