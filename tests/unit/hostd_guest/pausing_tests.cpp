#include "tests/unit/hostd_guest/channel_fixture.hpp"

#include <atomic>
#include <boost/test/unit_test.hpp>

using namespace tests;
using common::ErrorCode;

namespace {

/// The true time, with more on top.
class LeapingClock final : public common::Clock {
public:
    [[nodiscard]] common::SteadyTime steady() const override
    {
        return std::chrono::steady_clock::now() + std::chrono::seconds{leapt_};
    }
    [[nodiscard]] common::WallTime wall() const override
    {
        return std::chrono::system_clock::now();
    }
    void leap(std::chrono::seconds time) { leapt_ += time.count(); }

private:
    std::atomic<std::int64_t> leapt_{0};
};

struct PausingFixture {
    PausingFixture()
    {
        channels.observe([this](const hostd::GuestEvent& event) { events.add(event); });
        channels.attach(id, folder.path() / "agent", ChannelFixture::self());
        agent.greet();
        static_cast<void>(events.take());
        channels.exec(id, ChannelFixture::shell("op-1", "slow"), [this](Outcome outcome) {
            outcomes.add(std::move(outcome));
        });
        static_cast<void>(agent.expect_body<proto::GuestExec>(&stream));
    }
    /// The channels' thread has done all that it was asked for.
    void settle()
    {
        channels.acknowledge(id, common::OperationId{"op-0"});
        static_cast<void>(agent.expect_body<proto::GuestExecAck>());
    }
    /// It looks at the clock only when something wakes it.
    void leap_and_wake()
    {
        clock.leap(std::chrono::hours{1});
        channels.acknowledge(id, common::OperationId{"op-0"});
    }

    TempFolder folder;
    LeapingClock clock;
    common::SandboxId id{"sbx-1"};
    ScriptedAgent agent{folder.path() / "agent"};
    Arrivals<hostd::GuestEvent> events;
    Arrivals<Outcome> outcomes;
    hostd::guest::GuestChannels channels{clock, quick_limits()};
    std::uint32_t stream = 0;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(pausing_tests, PausingFixture)

BOOST_AUTO_TEST_CASE(no_time_passes_for_the_commands_of_a_paused_guest)
{
    channels.pause(id);
    settle();
    clock.leap(std::chrono::hours{1});
    settle();
    BOOST_TEST(outcomes.empty());
    channels.pause(id); // Again changes nothing.
    channels.resume(id);
    const auto now = common::to_unix_us(clock.wall());
    BOOST_TEST(agent.expect_body<proto::GuestBecome>().time_unix_us >= now - 1'000'000);
    settle(); // No ping came before it.
    BOOST_TEST(events.empty());
    agent.send(stream, proto::GuestExit{});
    BOOST_TEST(outcomes.take().has_value());
}

BOOST_AUTO_TEST_CASE(a_guest_that_only_keeps_silent_is_given_up)
{
    leap_and_wake();
    const auto outcome = outcomes.take();
    BOOST_CHECK(outcome.error().code == ErrorCode::timeout);
    BOOST_CHECK(events.take().kind == Kind::lost);
}

BOOST_AUTO_TEST_CASE(after_a_resume_time_counts_again)
{
    channels.pause(id);
    settle();
    channels.resume(id);
    static_cast<void>(agent.expect_body<proto::GuestBecome>());
    leap_and_wake();
    BOOST_CHECK(outcomes.take().error().code == ErrorCode::timeout);
    channels.resume(id); // Of one that is not paused: nothing.
}

BOOST_AUTO_TEST_SUITE_END()
