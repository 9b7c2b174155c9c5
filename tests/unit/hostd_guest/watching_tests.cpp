#include "proto/wire_reading.hpp"
#include "tests/unit/hostd_guest/channel_fixture.hpp"

#include <boost/test/unit_test.hpp>
#include <set>

using namespace tests;
using hostd::ReaderNews;

namespace {

constexpr std::uint32_t plenty = 16U << 20U;

hostd::guest::ChannelLimits hasty_limits()
{
    auto limits = quick_limits();
    limits.watch_patience = std::chrono::milliseconds{100};
    return limits;
}

struct WatchingFixture : ChannelFixture {
    WatchingFixture() : ChannelFixture{hasty_limits()}
    {
        channels.observe_readers([all = news_](const ReaderNews& told) { all->add(told); });
        greet();
    }

    void greet()
    {
        agent.accept();
        agent.echo();
        auto hello = ScriptedAgent::hello();
        hello.live = true;
        hello.calls = true;
        agent.send(0, hello);
        static_cast<void>(agent.expect(proto::GuestBecome::kind));
        static_cast<void>(await(Kind::ready));
    }
    /// One that runs, which nobody reads or is to.
    std::uint32_t begin(const std::string& name)
    {
        auto spec = shell(name, "x");
        spec.timeout = {};
        spec.live = true;
        exec(spec);
        std::uint32_t stream = 0;
        static_cast<void>(agent.expect_body<proto::GuestExec>(&stream));
        const hostd::ExecReader starter{common::OperationId{name}, 1000 + stream};
        channels.open_reader(id, starter, 0, 0);
        agent.send(stream, proto::GuestStarted{7, 0, 0, proto::initial_credit});
        static_cast<void>(take(starter.number, ReaderNews::Kind::started));
        channels.close_reader(id, starter);
        return stream;
    }
    void write(std::uint32_t stream,
               std::uint64_t at,
               const std::string& data,
               const std::string& channel = "stdout")
    {
        agent.send(stream, proto::GuestOutput{channel, at, data});
    }
    void watch(std::uint64_t number,
               std::uint32_t credit,
               std::map<common::OperationId, std::uint64_t> from = {})
    {
        channels.watch_output(id, {number, credit, std::move(from)});
    }
    ReaderNews take(std::uint64_t number, ReaderNews::Kind kind)
    {
        return news_->take_until(
            [&](const auto& told) { return told.reader.number == number && told.kind == kind; });
    }
    ReaderNews output(std::uint64_t number) { return take(number, ReaderNews::Kind::output); }
    void exit(std::uint32_t stream, std::uint64_t stdout_bytes = 0)
    {
        proto::GuestExit exit;
        exit.stdout_bytes = stdout_bytes;
        agent.send(stream, exit);
    }
    /// All that the agent said so far has been taken.
    void settle()
    {
        exec(shell("op-settle", "true"));
        auto frame = agent.next();
        while (frame.kind == proto::GuestCredit::kind) {
            frame = agent.next();
        }
        BOOST_TEST(frame.kind == proto::GuestExec::kind);
        exit(frame.stream);
        BOOST_TEST(outcomes.take().has_value());
    }

    // The channels outlive this fixture's own members.
    std::shared_ptr<Arrivals<ReaderNews>> news_ = std::make_shared<Arrivals<ReaderNews>>();
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(watching_tests, WatchingFixture)

BOOST_AUTO_TEST_CASE(what_live_commands_write_is_told_with_its_end_and_their_stderr_apart)
{
    watch(9, plenty);
    const auto one = begin("op-1");
    const auto other = begin("op-2");
    write(one, 0, "abc");
    write(other, 0, "xyz", "stderr");
    write(one, 3, "def");
    const auto first = output(9);
    BOOST_TEST(first.data == "abc");
    BOOST_TEST(first.reader.operation.str() == "op-1");
    const auto second = output(9);
    BOOST_TEST(second.data == "xyz");
    BOOST_TEST(second.of_stderr);
    BOOST_TEST(second.reader.operation.str() == "op-2");
    BOOST_TEST(output(9).position == 3U);
    exit(one);
    const auto end = take(9, ReaderNews::Kind::end);
    BOOST_TEST(end.position == 6U);
    BOOST_TEST(end.reader.operation.str() == "op-1");
    channels.unwatch_output(id, 8); // Another one.
    write(other, 3, "!");
    BOOST_TEST(output(9).data == "!");
    channels.unwatch_output(id, 9);
    settle(); // Else what is written may be read before that.
    write(other, 4, "more");
    settle();
    BOOST_TEST(news_->empty());
}

BOOST_AUTO_TEST_CASE(who_comes_later_sees_from_now_on_or_from_where_it_was)
{
    const auto one = begin("op-1");
    const auto other = begin("op-2");
    write(one, 0, "before");
    write(other, 0, "before");
    settle();
    watch(9, plenty, {{common::OperationId{"op-2"}, 2}});
    BOOST_TEST(output(9).data == "fore");
    write(one, 6, "after");
    const auto told = output(9);
    BOOST_TEST(told.data == "after");
    BOOST_TEST(told.position == 6U);
}

BOOST_AUTO_TEST_CASE(without_credit_it_is_missed_and_holds_nobody_up)
{
    watch(9, 0);
    const auto one = begin("op-1");
    constexpr std::size_t size = 50'000;
    std::uint64_t written = 0;
    std::uint64_t credit = proto::initial_credit;
    while (written < (std::size_t{2} << 20U)) {
        while (credit < size) {
            credit += agent.expect_body<proto::GuestCredit>().bytes;
        }
        write(one, written, std::string(size, 'x'));
        written += size;
        credit -= size;
    }
    BOOST_TEST(news_->empty());
    watch(9, 1000 + proto::piece_overhead); // More of it.
    const auto kept = output(9);
    BOOST_TEST(kept.data.size() == 1000U);
    BOOST_TEST(kept.position > written - (std::size_t{1} << 20U)); // The rest is gone.
    exit(one);
    BOOST_TEST(take(9, ReaderNews::Kind::end).position == written); // After a moment.
}

BOOST_AUTO_TEST_CASE(after_its_end_there_is_a_moment_for_credit)
{
    watch(9, 0);
    const auto one = begin("op-1");
    write(one, 0, "the last of it");
    exit(one);
    watch(9, plenty);
    BOOST_TEST(output(9).data == "the last of it");
    BOOST_TEST(take(9, ReaderNews::Kind::end).position == 14U);
}

BOOST_AUTO_TEST_CASE(one_that_floods_leaves_credit_for_another)
{
    watch(9, 0);
    const auto flood = begin("op-1");
    const auto quiet = begin("op-2");
    write(flood, 0, std::string(60'000, 'x'));
    write(flood, 60'000, std::string(60'000, 'x'));
    write(flood, 120'000, std::string(60'000, 'x'));
    write(quiet, 0, "quiet");
    settle();
    watch(9, 70'000);
    std::set<std::string> told;
    for (int i = 0; i < 3; ++i) {
        told.insert(output(9).reader.operation.str());
    }
    BOOST_TEST(told.size() == 2U);
}

BOOST_AUTO_TEST_CASE(what_a_call_answers_is_for_its_caller_alone)
{
    watch(9, plenty);
    auto spec = shell("op-1", "");
    spec.timeout = {};
    spec.live = true;
    spec.call = "files";
    exec(spec);
    std::uint32_t stream = 0;
    static_cast<void>(agent.expect_body<proto::GuestExec>(&stream));
    channels.open_reader(id, {common::OperationId{"op-1"}, 1}, 0, plenty);
    agent.send(stream, proto::GuestStarted{7, 0, 0, proto::initial_credit});
    write(stream, 0, "a file");
    exit(stream);
    while (true) {
        const auto told = news_->take();
        BOOST_REQUIRE(told.reader.number == 1U);
        if (told.kind == ReaderNews::Kind::end) {
            break;
        }
    }
}

BOOST_AUTO_TEST_CASE(a_watch_outlives_the_channel_and_ends_with_the_coordinators_connection)
{
    watch(9, plenty);
    channels.detach(id, std::nullopt);
    channels.attach(id, folder.path() / "agent", self());
    greet();
    const auto one = begin("op-1");
    write(one, 0, "abc");
    BOOST_TEST(output(9).data == "abc");
    channels.close_readers();
    settle(); // Likewise.
    write(one, 3, "def");
    settle();
    BOOST_TEST(news_->empty());
    watch(10, plenty, {{common::OperationId{"op-1"}, 3}});
    BOOST_TEST(output(10).data == "def");
}

BOOST_AUTO_TEST_SUITE_END()
