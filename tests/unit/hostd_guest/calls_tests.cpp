#include "tests/unit/hostd_guest/channel_fixture.hpp"

#include <boost/test/unit_test.hpp>
#include <csignal>

using namespace tests;
using hostd::ReaderNews;

namespace {

hostd::guest::ChannelLimits impatient_limits()
{
    auto limits = quick_limits();
    limits.reader_patience = std::chrono::seconds{2};
    limits.stdin_patience = std::chrono::seconds{2};
    return limits;
}

constexpr std::size_t piece = 60'000;

struct CallFixture : ChannelFixture {
    CallFixture() : ChannelFixture{impatient_limits()}
    {
        channels.observe_readers([all = news_](const ReaderNews& told) { all->add(told); });
    }

    void greet(bool knows_calls = true)
    {
        agent.accept();
        agent.echo();
        auto hello = ScriptedAgent::hello();
        hello.live = true;
        hello.calls = knows_calls;
        agent.send(0, hello);
        static_cast<void>(agent.expect(proto::GuestBecome::kind));
        static_cast<void>(await(Kind::ready));
    }
    static hostd::ExecSpec call(const std::string& operation)
    {
        auto spec = shell(operation, "");
        spec.timeout = {};
        spec.live = true;
        spec.has_stdin = true;
        spec.call = "files";
        spec.request = "what is wanted";
        return spec;
    }
    /// One that has begun, with reader 1.
    void begin(const std::string& name = "op-1")
    {
        operation = common::OperationId{name};
        exec(call(name));
        const auto sent = agent.expect_body<proto::GuestExec>(&stream);
        BOOST_TEST(sent.call == "files");
        BOOST_TEST(sent.request == "what is wanted");
        BOOST_TEST(sent.live);
        open(1);
        agent.send(stream, proto::GuestStarted{7, 0, 0, proto::initial_credit});
        await_news(ReaderNews::Kind::started);
    }
    void open(std::uint64_t reader) { channels.open_reader(id, {operation, reader}, 0, 1U << 20U); }
    void await_news(ReaderNews::Kind kind)
    {
        static_cast<void>(news.take_until([kind](const auto& told) { return told.kind == kind; }));
    }
    void end()
    {
        agent.send(stream, proto::GuestExit{});
        BOOST_TEST(outcomes.take().has_value());
    }
    void write(std::size_t size)
    {
        channels.input(id,
                       operation,
                       hostd::StdinPiece{std::string(size, 'x'), false},
                       [all = taken_](common::Result<> result) { all->add(std::move(result)); });
    }
    /// What the agent has credit for, and as much that waits for more.
    void fill()
    {
        for (std::size_t i = 0; i < 2 * proto::initial_credit / piece; ++i) {
            write(piece);
            BOOST_TEST(taken.take().has_value());
        }
    }

    std::uint32_t stream = 0;
    common::OperationId operation;
    // The channels outlive this fixture's own members.
    std::shared_ptr<Arrivals<ReaderNews>> news_ = std::make_shared<Arrivals<ReaderNews>>();
    std::shared_ptr<Arrivals<common::Result<>>> taken_ =
        std::make_shared<Arrivals<common::Result<>>>();
    Arrivals<ReaderNews>& news = *news_;
    Arrivals<common::Result<>>& taken = *taken_;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(calls_tests, CallFixture)

BOOST_AUTO_TEST_CASE(an_agent_that_knows_none_is_not_asked)
{
    greet(false);
    exec(call("op-1"));
    BOOST_TEST(outcomes.take().error().reason == "agent_too_old");
}

BOOST_AUTO_TEST_CASE(it_is_ended_with_its_last_reader)
{
    greet();
    begin();
    open(2);
    channels.close_reader(id, {operation, 1});
    channels.close_reader(id, {operation, 2});
    BOOST_TEST(agent.expect_body<proto::GuestSignal>().signal == SIGTERM);
    end();
}

BOOST_AUTO_TEST_CASE(one_that_wrote_more_than_its_reader_had_can_still_say_that_it_ends)
{
    greet();
    begin();
    channels.open_reader(id, {operation, 1}, 0, 0); // Its reader takes nothing.
    for (std::uint64_t at = 0; at < proto::initial_credit; at += proto::max_chunk) {
        const auto size = std::min<std::uint64_t>(proto::max_chunk, proto::initial_credit - at);
        agent.send(stream, proto::GuestOutput{"stdout", at, std::string(size, 'x')});
    }
    channels.close_reader(id, {operation, 1});
    BOOST_TEST(agent.expect_body<proto::GuestSignal>().signal == SIGTERM);
    BOOST_TEST(agent.expect_body<proto::GuestCredit>().bytes > 0U);
    end();
}

BOOST_AUTO_TEST_CASE(one_that_is_read_again_in_time_goes_on_and_another_is_ended)
{
    greet();
    begin("op-1");
    const auto first = stream;
    begin("op-2");
    channels.close_readers();
    operation = common::OperationId{"op-1"};
    open(3);
    auto signal = agent.expect(proto::GuestSignal::kind); // Patience has ended.
    BOOST_TEST(signal.stream == stream);
    channels.thaw(id);
    static_cast<void>(agent.expect(proto::GuestThaw::kind)); // And no other signal before it.
    channels.close_readers();
    signal = agent.expect(proto::GuestSignal::kind);
    BOOST_TEST(signal.stream == first);
}

BOOST_AUTO_TEST_CASE(it_is_forgotten_once_its_outcome_is_known_and_read)
{
    greet();
    begin();
    agent.send(stream, proto::GuestOutput{"stdout", 0, "answer"});
    await_news(ReaderNews::Kind::output);
    end();
    await_news(ReaderNews::Kind::end);
    channels.acknowledge(id, operation);
    static_cast<void>(agent.expect(proto::GuestExecAck::kind));
    open(2);
    await_news(ReaderNews::Kind::gone);
}

BOOST_AUTO_TEST_CASE(what_its_reader_has_not_had_outlives_the_acknowledgement)
{
    greet();
    begin();
    channels.open_reader(id, {operation, 2}, 0, 0); // It has credit for nothing.
    agent.send(stream, proto::GuestOutput{"stdout", 0, "answer"});
    end();
    channels.acknowledge(id, operation);
    static_cast<void>(agent.expect(proto::GuestExecAck::kind));
    channels.grant_reader(id, {operation, 2}, 1U << 20U);
    const auto late = news.take_until([](const auto& told) {
        return told.kind == ReaderNews::Kind::output && told.reader.number == 2;
    });
    BOOST_TEST(late.data == "answer");
}

BOOST_AUTO_TEST_CASE(a_command_has_credit_again_once_it_is_read_or_nobody_came)
{
    greet();
    for (const auto* name : {"op-read", "op-unread"}) {
        auto spec = call(name);
        spec.call.clear();
        exec(spec);
        operation = spec.operation;
        static_cast<void>(agent.expect_body<proto::GuestExec>(&stream));
        agent.send(stream, proto::GuestStarted{7, 0, 0, proto::initial_credit});
        for (std::uint64_t at = 0; at < proto::initial_credit; at += proto::max_chunk) {
            const auto size = std::min<std::uint64_t>(proto::max_chunk, proto::initial_credit - at);
            agent.send(stream, proto::GuestOutput{"stdout", at, std::string(size, 'x')});
        }
        if (name == std::string_view{"op-read"}) {
            open(1);
            await_news(ReaderNews::Kind::output);
        }
        BOOST_TEST(agent.expect_body<proto::GuestCredit>().bytes > 0U);
        end();
    }
}

BOOST_AUTO_TEST_CASE(stdin_waits_for_room_in_turn)
{
    greet();
    begin();
    fill();
    write(piece);
    BOOST_TEST(taken.empty());
    write(1);
    BOOST_TEST(taken.take().error().reason == "stdin_full"); // One waits already.
    agent.send(stream, proto::GuestCredit{"stdin", proto::initial_credit});
    BOOST_TEST(taken.take().has_value());
}

BOOST_AUTO_TEST_CASE(stdin_that_waits_is_refused_in_the_end_and_told_of_an_end)
{
    greet();
    begin();
    fill();
    write(piece);
    BOOST_TEST(taken.take().error().reason == "stdin_full");
    write(piece);
    channels.thaw(id);
    while (agent.next().kind != proto::GuestThaw::kind) {
        // What it had credit for. The piece waits by now.
    }
    end();
    BOOST_TEST(taken.take().error().reason == "stdin_closed");
}

BOOST_AUTO_TEST_CASE(stdin_that_waits_when_the_guest_goes_is_told_so)
{
    greet();
    begin();
    fill();
    write(piece);
    channels.detach(id, std::nullopt);
    BOOST_TEST(!taken.take().has_value());
    BOOST_TEST(!outcomes.take().has_value());
}

BOOST_AUTO_TEST_SUITE_END()
