#include "tests/unit/hostd_guest/channel_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;
using common::ErrorCode;

namespace {

struct FreezingFixture : ChannelFixture {
    explicit FreezingFixture(hostd::guest::ChannelLimits limits = quick_limits())
        : ChannelFixture{limits}
    {
        ready();
    }
    void freeze()
    {
        channels.freeze(id, [this](auto result) { frozen.add(std::move(result)); });
    }
    std::uint64_t expect_freeze() { return agent.expect_body<proto::GuestFreeze>().token; }
    void stand_still()
    {
        freeze();
        agent.send(0, proto::GuestFrozen{expect_freeze(), true, 0, ""});
        BOOST_REQUIRE(frozen.take());
    }
    void expect_refused()
    {
        const auto result = frozen.take();
        BOOST_REQUIRE(!result);
        BOOST_CHECK(result.error().code == ErrorCode::unavailable);
        BOOST_TEST(result.error().reason == "guest_not_frozen");
    }
    /// The channels' thread has done all that it was asked for, and sent nothing else.
    void settle()
    {
        channels.acknowledge(id, common::OperationId{"op-0"});
        static_cast<void>(agent.expect_body<proto::GuestExecAck>());
    }

    Arrivals<common::Result<std::chrono::microseconds>> frozen;
};

hostd::guest::ChannelLimits hasty()
{
    auto limits = quick_limits();
    limits.freeze_limit = std::chrono::milliseconds{30};
    return limits;
}

struct HastyFixture : FreezingFixture {
    HastyFixture() : FreezingFixture{hasty()} {}
};

hostd::guest::ChannelLimits short_grace()
{
    auto limits = quick_limits();
    limits.exec_grace = std::chrono::milliseconds{30};
    return limits;
}

struct ShortGraceFixture : FreezingFixture {
    ShortGraceFixture() : FreezingFixture{short_grace()} {}
};

} // namespace

BOOST_AUTO_TEST_SUITE(freezing_tests)

BOOST_FIXTURE_TEST_CASE(how_long_it_stood_still_is_its_word_within_what_can_be, FreezingFixture)
{
    const auto answered = [this](std::uint64_t still_us) {
        const auto begun = std::chrono::steady_clock::now();
        freeze();
        const auto token = expect_freeze();
        const auto asked = std::chrono::steady_clock::now(); // At the latest.
        while (std::chrono::steady_clock::now() - asked < std::chrono::milliseconds{5}) {
            std::this_thread::yield();
        }
        agent.send(0, proto::GuestFrozen{token, true, still_us, ""});
        const auto still = frozen.take();
        BOOST_REQUIRE(still);
        BOOST_CHECK(*still <= std::chrono::steady_clock::now() - begun);
        channels.thaw(id);
        static_cast<void>(agent.expect(proto::GuestThaw::kind));
        return *still;
    };
    BOOST_CHECK(answered(7) == std::chrono::microseconds{7});
    // Not told: all of the time since it was asked.
    BOOST_CHECK(answered(0) >= std::chrono::milliseconds{5});
    for (const auto lie : {std::uint64_t{1} << 40U, std::uint64_t{1} << 62U}) {
        BOOST_CHECK(answered(lie) >= std::chrono::milliseconds{5});
    }
}

BOOST_FIXTURE_TEST_CASE(a_guest_stands_still_when_its_agent_says_so, FreezingFixture)
{
    freeze();
    const auto token = expect_freeze();
    settle();
    BOOST_TEST(frozen.empty());
    agent.send(0, proto::GuestFrozen{token, true, 0, ""});
    BOOST_TEST(frozen.take().has_value());
    channels.thaw(id);
    const auto told = agent.expect_body<proto::GuestThaw>().time_unix_us; // Its clock stood still.
    const auto now = common::to_unix_us(std::chrono::system_clock::now());
    BOOST_TEST(told <= now);
    BOOST_TEST(told >= now - 10'000'000);
}

BOOST_FIXTURE_TEST_CASE(a_refusal_says_why_and_all_goes_on, FreezingFixture)
{
    freeze();
    agent.send(0, proto::GuestFrozen{expect_freeze(), false, 0, "there is no\ncgroup2"});
    const auto result = frozen.take();
    BOOST_REQUIRE(!result);
    BOOST_TEST(result.error().reason == "guest_not_frozen");
    BOOST_TEST(result.error().message.find("there is no?cgroup2") != std::string::npos);
    static_cast<void>(agent.expect(proto::GuestThaw::kind));
}

BOOST_FIXTURE_TEST_CASE(an_agent_that_does_not_answer_is_told_to_thaw, HastyFixture)
{
    freeze();
    const auto token = expect_freeze();
    expect_refused();
    static_cast<void>(agent.expect(proto::GuestThaw::kind));
    // Its answer to the first is none to the second.
    freeze();
    const auto second = expect_freeze();
    agent.send(0, proto::GuestFrozen{token, true, 0, ""});
    expect_refused();
    static_cast<void>(agent.expect(proto::GuestThaw::kind));
    agent.send(0, proto::GuestFrozen{second, true, 0, ""});
    settle();
    BOOST_TEST(frozen.empty());
}

BOOST_FIXTURE_TEST_CASE(a_lost_channel_ends_it_and_the_next_session_thaws, FreezingFixture)
{
    freeze();
    static_cast<void>(expect_freeze());
    agent.drop();
    expect_refused();
    static_cast<void>(await(Kind::lost));
    ready(); // With `become`.
    stand_still();
}

BOOST_FIXTURE_TEST_CASE(a_pause_or_a_detach_ends_it, FreezingFixture)
{
    freeze();
    static_cast<void>(expect_freeze());
    channels.pause(id);
    expect_refused();
    static_cast<void>(agent.expect(proto::GuestThaw::kind));
    freeze();
    expect_refused();
    channels.resume(id);
    static_cast<void>(agent.expect(proto::GuestBecome::kind));
    freeze();
    static_cast<void>(expect_freeze());
    channels.detach(id, std::nullopt);
    expect_refused();
    freeze();
    expect_refused();
}

BOOST_FIXTURE_TEST_CASE(only_one_at_a_time_but_again_when_it_stands_still, FreezingFixture)
{
    freeze();
    const auto token = expect_freeze();
    freeze();
    expect_refused();
    agent.send(0, proto::GuestFrozen{token, true, 0, ""});
    BOOST_TEST(frozen.take().has_value());
    stand_still();
}

BOOST_FIXTURE_TEST_CASE(a_command_waits_until_the_guest_goes_on, FreezingFixture)
{
    stand_still();
    exec(shell("op-1", "true"));
    settle();
    channels.thaw(id);
    static_cast<void>(agent.expect(proto::GuestThaw::kind));
    std::uint32_t stream = 0;
    const auto sent = agent.expect_body<proto::GuestExec>(&stream);
    BOOST_TEST(sent.operation_id == "op-1");
    BOOST_TEST(!sent.resumed);
    agent.send(stream, proto::GuestExit{});
    BOOST_TEST(outcomes.take().has_value());
}

BOOST_FIXTURE_TEST_CASE(a_command_that_waits_survives_a_lost_channel, FreezingFixture)
{
    stand_still();
    exec(shell("op-1", "true"));
    settle();
    agent.drop();
    agent.greet();
    std::uint32_t stream = 0;
    BOOST_TEST(!agent.expect_body<proto::GuestExec>(&stream).resumed);
    agent.send(stream, proto::GuestExit{});
    BOOST_TEST(outcomes.take().has_value());
}

BOOST_FIXTURE_TEST_CASE(no_time_passes_for_commands_while_the_guest_stands_still, ShortGraceFixture)
{
    auto spec = shell("op-1", "true");
    spec.timeout = std::chrono::seconds{2};
    exec(spec);
    std::uint32_t stream = 0;
    static_cast<void>(agent.expect_body<proto::GuestExec>(&stream));
    stand_still();
    // A neighbour's command with the same time-out ends first: all of that time has passed.
    const common::SandboxId other{"sbx-2"};
    ScriptedAgent neighbour{folder.path() / "other"};
    channels.attach(other, folder.path() / "other", {"neighbour", "", ""});
    neighbour.greet();
    static_cast<void>(await(Kind::ready));
    Arrivals<Outcome> others;
    channels.exec(other, spec, [&](Outcome outcome) { others.add(std::move(outcome)); });
    BOOST_CHECK(others.take().error().code == ErrorCode::timeout);
    BOOST_TEST(outcomes.empty());
    channels.thaw(id);
    BOOST_CHECK(outcomes.take().error().code == ErrorCode::timeout);
}

BOOST_FIXTURE_TEST_CASE(after_a_pause_the_guest_goes_on_with_who_it_is, FreezingFixture)
{
    stand_still();
    exec(shell("op-1", "true"));
    channels.pause(id);
    channels.resume(id);
    static_cast<void>(agent.expect(proto::GuestBecome::kind));
    static_cast<void>(agent.expect(proto::GuestExec::kind));
}

BOOST_FIXTURE_TEST_CASE(a_guest_that_says_without_end_that_it_stands_still_is_closed,
                        FreezingFixture)
{
    std::string burst;
    for (std::uint64_t i = 0; i < 500; ++i) {
        burst += agent.frame(0, proto::GuestFrozen{i, true, 0, "still"});
        burst += agent.frame(0, proto::GuestBecame{"sbx-1"});
    }
    BOOST_CHECK_THROW(
        for (;;) { agent.raw(burst); }, std::runtime_error);
    static_cast<void>(await(Kind::misbehaved));
}

BOOST_AUTO_TEST_SUITE_END()
