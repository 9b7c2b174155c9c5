#include "tests/unit/hostd_guest/channel_fixture.hpp"

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>

using namespace tests;
using common::ErrorCode;

namespace {

hostd::guest::ChannelLimits impatient()
{
    auto limits = quick_limits();
    limits.hello_timeout = std::chrono::milliseconds{30};
    return limits;
}

hostd::guest::ChannelLimits soon_asked_again()
{
    auto limits = quick_limits();
    limits.echo_timeout = std::chrono::milliseconds{200};
    return limits;
}

hostd::guest::ChannelLimits little_discarded()
{
    auto limits = quick_limits();
    limits.echo_discard_bytes = 100000;
    return limits;
}

hostd::guest::ChannelLimits no_grace()
{
    auto limits = quick_limits();
    limits.exec_grace = std::chrono::milliseconds{20};
    return limits;
}

hostd::guest::ChannelLimits watchful()
{
    auto limits = quick_limits();
    limits.ping_interval = std::chrono::milliseconds{20};
    limits.silence_limit = std::chrono::seconds{2};
    return limits;
}

struct ImpatientFixture : ChannelFixture {
    ImpatientFixture() : ChannelFixture{impatient()} {}
};
struct SoonAskedAgainFixture : ChannelFixture {
    SoonAskedAgainFixture() : ChannelFixture{soon_asked_again()} {}
};
struct LittleDiscardedFixture : ChannelFixture {
    LittleDiscardedFixture() : ChannelFixture{little_discarded()} {}
};
struct NoGraceFixture : ChannelFixture {
    NoGraceFixture() : ChannelFixture{no_grace()} {}
};
struct WatchfulFixture : ChannelFixture {
    WatchfulFixture() : ChannelFixture{watchful()} {}
};

} // namespace

BOOST_AUTO_TEST_SUITE(hostile_guest_tests)

BOOST_FIXTURE_TEST_CASE(garbage_and_an_old_echo_before_the_echo_are_discarded, ChannelFixture)
{
    agent.accept();
    const auto old = proto::echo_of(proto::random_session());
    agent.raw(std::string(70000, '\xF5') + std::string{old.begin(), old.end()});
    agent.echo();
    agent.send(0, ScriptedAgent::hello());
    static_cast<void>(await(Kind::ready));
}

BOOST_FIXTURE_TEST_CASE(garbage_without_end_closes_the_channel, LittleDiscardedFixture)
{
    agent.accept();
    BOOST_CHECK_THROW(
        for (;;) { agent.raw(std::string(65536, 'x')); }, std::runtime_error);
    static_cast<void>(await(Kind::misbehaved));
    ready();
}

BOOST_FIXTURE_TEST_CASE(a_guest_that_never_echoes_is_asked_again_with_a_new_session,
                        SoonAskedAgainFixture)
{
    agent.accept();
    const auto first = agent.echo_bytes();
    agent.await_close();
    agent.accept();
    BOOST_TEST(agent.echo_bytes() != first);
}

BOOST_FIXTURE_TEST_CASE(a_hello_that_never_comes_closes_the_channel, ImpatientFixture)
{
    agent.accept();
    agent.echo();
    static_cast<void>(await(Kind::misbehaved));
}

BOOST_FIXTURE_TEST_CASE(a_frame_of_another_session_closes_the_channel, ChannelFixture)
{
    ready();
    agent.raw(proto::guest_frame(proto::random_session(), 0, proto::GuestNet{}));
    static_cast<void>(await(Kind::misbehaved));
    ready();
}

BOOST_FIXTURE_TEST_CASE(bytes_that_are_no_frame_close_the_channel, ChannelFixture)
{
    ready();
    agent.raw("hello world");
    static_cast<void>(await(Kind::misbehaved));
}

BOOST_FIXTURE_TEST_CASE(a_second_hello_closes_the_channel, ChannelFixture)
{
    ready();
    agent.send(0, ScriptedAgent::hello());
    static_cast<void>(await(Kind::misbehaved));
}

BOOST_FIXTURE_TEST_CASE(padding_without_end_closes_the_channel, ChannelFixture)
{
    ready();
    BOOST_CHECK_THROW(
        for (;;) { agent.raw(std::string(65536, '\0')); }, std::runtime_error);
    static_cast<void>(await(Kind::misbehaved));
}

BOOST_FIXTURE_TEST_CASE(useless_frames_without_end_close_the_channel, ChannelFixture)
{
    ready();
    std::string burst;
    for (int i = 0; i < 500; ++i) {
        burst += agent.frame(99, proto::GuestStarted{i});
    }
    BOOST_CHECK_THROW(
        for (;;) { agent.raw(burst); }, std::runtime_error);
    static_cast<void>(await(Kind::misbehaved));
}

BOOST_FIXTURE_TEST_CASE(a_lie_about_an_offset_closes_the_channel_and_the_command_goes_on,
                        ChannelFixture)
{
    ready();
    exec(shell("op-1", "true"));
    std::uint32_t stream = 0;
    static_cast<void>(agent.expect_body<proto::GuestExec>(&stream));
    agent.send(stream, proto::GuestOutput{"stdout", 5, "x"});
    static_cast<void>(await(Kind::misbehaved));
    agent.greet();
    static_cast<void>(agent.expect_body<proto::GuestExec>(&stream));
    agent.send(stream, proto::GuestExit{});
    BOOST_TEST(outcomes.take().has_value());
}

BOOST_FIXTURE_TEST_CASE(output_beyond_its_credit_closes_the_channel, ChannelFixture)
{
    ready();
    auto spec = shell("op-1", "yes");
    spec.output_limit = common::Bytes{1000};
    exec(spec);
    std::uint32_t stream = 0;
    static_cast<void>(agent.expect_body<proto::GuestExec>(&stream));
    const std::string piece(proto::max_chunk, 'y');
    std::uint64_t offset = 0;
    BOOST_CHECK_THROW(
        for (;;) {
            agent.send(stream, proto::GuestOutput{"stdout", offset, piece});
            offset += piece.size();
        },
        std::runtime_error);
    static_cast<void>(await(Kind::misbehaved));
}

BOOST_FIXTURE_TEST_CASE(a_second_exit_is_ignored, ChannelFixture)
{
    ready();
    exec(shell("op-1", "true"));
    std::uint32_t stream = 0;
    static_cast<void>(agent.expect_body<proto::GuestExec>(&stream));
    agent.send(stream, proto::GuestExit{});
    agent.send(stream, proto::GuestExit{1, 0, false, 0, 0, 0});
    BOOST_TEST(outcomes.take()->exit_code == 0);
    exec(shell("op-2", "true"));
    static_cast<void>(agent.expect_body<proto::GuestExec>(&stream));
    agent.send(stream, proto::GuestExit{4, 0, false, 0, 0, 0});
    BOOST_TEST(outcomes.take()->exit_code == 4);
    BOOST_TEST(outcomes.empty());
}

BOOST_FIXTURE_TEST_CASE(a_command_that_is_never_answered_becomes_unknown_and_may_be_asked_for_again,
                        NoGraceFixture)
{
    ready();
    auto spec = shell("op-1", "true");
    spec.timeout = std::chrono::milliseconds{10};
    exec(spec);
    std::uint32_t stream = 0;
    static_cast<void>(agent.expect_body<proto::GuestExec>(&stream));
    BOOST_TEST(outcomes.take().error().reason == "outcome_unknown");
    spec.timeout = std::chrono::seconds{20};
    exec(spec);
    exec(shell("op-2", "true")); // Its frame shows that the one before was taken too.
    BOOST_TEST(agent.expect_body<proto::GuestExec>().operation_id == "op-2");
    agent.send(stream, proto::GuestExit{});
    BOOST_TEST(outcomes.take().has_value());
}

BOOST_FIXTURE_TEST_CASE(a_silent_guest_is_pinged_and_then_lost, WatchfulFixture)
{
    ready();
    static_cast<void>(agent.expect(proto::GuestPing::kind));
    static_cast<void>(await(Kind::lost));
    ready();
}

BOOST_FIXTURE_TEST_CASE(a_flooding_guest_does_not_starve_its_neighbour, ChannelFixture)
{
    ready();
    const common::SandboxId other{"sbx-2"};
    ScriptedAgent neighbour{folder.path() / "other"};
    channels.attach(other, folder.path() / "other", {"neighbour", "", ""});
    neighbour.greet();
    std::atomic<bool> stop{false};
    std::thread flood{[&] {
        while (!stop) {
            try {
                agent.raw(std::string(1U << 20U, 'z'));
            } catch (const std::runtime_error&) {
                agent.accept();
            }
        }
    }};
    for (int i = 0; i < 50; ++i) {
        const auto operation = "op-n" + std::to_string(i);
        channels.exec(other, shell(operation, "true"), [this](Outcome outcome) {
            outcomes.add(std::move(outcome));
        });
        std::uint32_t stream = 0;
        static_cast<void>(neighbour.expect_body<proto::GuestExec>(&stream));
        neighbour.send(stream, proto::GuestExit{});
        BOOST_TEST(outcomes.take().has_value());
    }
    stop = true;
    flood.join();
}

BOOST_AUTO_TEST_SUITE_END()
