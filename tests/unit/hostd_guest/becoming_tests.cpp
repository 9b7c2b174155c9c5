#include "tests/unit/hostd_guest/channel_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;

namespace {

proto::GuestHello hello_of(const std::string& identity, bool frozen)
{
    auto hello = ScriptedAgent::hello();
    hello.identity = identity;
    hello.frozen = frozen;
    return hello;
}

hostd::guest::ChannelLimits hasty()
{
    auto limits = quick_limits();
    limits.become_timeout = std::chrono::milliseconds{30};
    return limits;
}

struct BecomingFixture : ChannelFixture {
    explicit BecomingFixture(hostd::guest::ChannelLimits limits = quick_limits())
        : ChannelFixture{limits}
    {}
    /// The hello of a guest that was loaded; what it is told to become.
    proto::GuestBecome greet_as(const std::string& identity, bool frozen)
    {
        agent.accept();
        agent.echo();
        agent.send(0, hello_of(identity, frozen));
        return agent.expect_body<proto::GuestBecome>();
    }
    /// Nothing starts: it is not ready.
    void expect_not_ready()
    {
        exec(shell("op-early", "true"));
        BOOST_TEST(outcomes.take().error().reason == "agent_not_ready");
        BOOST_TEST(events.empty());
    }
};

struct HastyFixture : BecomingFixture {
    HastyFixture() : BecomingFixture{hasty()} {}
};

} // namespace

BOOST_AUTO_TEST_SUITE(becoming_tests)

BOOST_FIXTURE_TEST_CASE(a_copy_is_ready_once_it_has_become_itself, BecomingFixture)
{
    BOOST_TEST(greet_as("sbx-parent", true).identity == "sbx-1");
    expect_not_ready();
    agent.send(0, proto::GuestBecame{"sbx-1"});
    static_cast<void>(await(Kind::ready));
    exec(shell("op-1", "true"));
    static_cast<void>(agent.expect(proto::GuestExec::kind));
}

BOOST_FIXTURE_TEST_CASE(a_copy_that_does_not_stand_still_has_to_become_itself_too, BecomingFixture)
{
    static_cast<void>(greet_as("sbx-parent", false));
    expect_not_ready();
    agent.send(0, proto::GuestBecame{"sbx-1"});
    static_cast<void>(await(Kind::ready));
}

BOOST_FIXTURE_TEST_CASE(one_that_was_suspended_is_ready_once_it_goes_on, BecomingFixture)
{
    static_cast<void>(greet_as("sbx-1", true));
    expect_not_ready();
    agent.send(0, proto::GuestBecame{"sbx-1"});
    static_cast<void>(await(Kind::ready));
}

BOOST_FIXTURE_TEST_CASE(one_that_is_itself_is_ready_at_once, BecomingFixture)
{
    static_cast<void>(greet_as("sbx-1", false));
    static_cast<void>(await(Kind::ready));
}

BOOST_FIXTURE_TEST_CASE(no_two_seeds_are_the_same, BecomingFixture)
{
    const auto first = greet_as("sbx-1", false);
    agent.drop();
    const auto second = greet_as("sbx-1", false);
    BOOST_TEST((first.seed != second.seed));
    BOOST_TEST(first.seed.size() == second.seed.size());
}

BOOST_FIXTURE_TEST_CASE(one_that_is_claimed_is_ready_once_it_has_become_it, BecomingFixture)
{
    static_cast<void>(greet_as("sbx-1", false));
    static_cast<void>(await(Kind::ready));
    agent.send(0, proto::GuestBecame{"sbx-1"});
    channels.pause(id);
    channels.become(id, {"claimed", "", ""});
    const auto become = agent.expect_body<proto::GuestBecome>();
    BOOST_TEST(become.hostname == "claimed");
    BOOST_TEST(!become.seed.empty());
    expect_not_ready();
    agent.send(0, proto::GuestBecame{"sbx-1"});
    static_cast<void>(await(Kind::ready));
    exec(shell("op-1", "true"));
    static_cast<void>(agent.expect(proto::GuestExec::kind));
}

BOOST_FIXTURE_TEST_CASE(one_that_is_claimed_before_it_says_hello_is_told_then, BecomingFixture)
{
    channels.become(id, {"claimed", "", ""});
    expect_not_ready(); // Which is answered after that was taken in.
    agent.accept();
    agent.echo();
    agent.send(0, hello_of("sbx-1", false));
    BOOST_TEST(agent.expect_body<proto::GuestBecome>().hostname == "claimed");
    static_cast<void>(await(Kind::ready));
}

BOOST_FIXTURE_TEST_CASE(becoming_somebody_else_closes_the_channel, BecomingFixture)
{
    static_cast<void>(greet_as("sbx-parent", true));
    agent.send(0, proto::GuestBecame{"sbx-parent"});
    BOOST_CHECK(events.take().kind == Kind::misbehaved);
    // Still the copy: it is told again.
    BOOST_TEST(greet_as("sbx-parent", true).identity == "sbx-1");
    agent.send(0, proto::GuestBecame{"sbx-1"});
    static_cast<void>(await(Kind::ready));
}

BOOST_FIXTURE_TEST_CASE(a_lost_channel_or_too_long_a_silence_begins_again, HastyFixture)
{
    static_cast<void>(greet_as("sbx-parent", true));
    agent.drop();
    static_cast<void>(greet_as("sbx-parent", true));
    agent.await_close();
    BOOST_TEST(events.empty()); // It was never ready, so it was not lost.
    static_cast<void>(greet_as("sbx-1", false));
    static_cast<void>(await(Kind::ready));
}

BOOST_FIXTURE_TEST_CASE(another_host_process_goes_on_where_one_left_off, BecomingFixture)
{
    static_cast<void>(greet_as("sbx-parent", true));
    channels.detach(id, std::nullopt);
    agent.await_close();
    hostd::guest::GuestChannels next{clock, quick_limits()};
    Arrivals<hostd::GuestEvent> seen;
    next.observe([&seen](const hostd::GuestEvent& event) { seen.add(event); });
    next.attach(id, folder.path() / "agent", self());
    BOOST_TEST(greet_as("sbx-parent", true).identity == "sbx-1");
    agent.send(0, proto::GuestBecame{"sbx-1"});
    BOOST_CHECK(seen.take().kind == Kind::ready);
}

BOOST_FIXTURE_TEST_CASE(addresses_of_the_guest_that_it_was_copied_from_are_not_its_own,
                        BecomingFixture)
{
    static_cast<void>(greet_as("sbx-parent", true));
    agent.send(0, proto::GuestNet{{"eth0 52:54:00:00:00:09 10.64.0.9"}});
    agent.send(0, proto::GuestBecame{"sbx-1"});
    agent.send(0, proto::GuestNet{{"eth0 52:54:00:00:00:01 10.64.0.2"}});
    BOOST_CHECK(events.take().kind == Kind::ready);
    const auto event = events.take();
    BOOST_CHECK(event.kind == Kind::addresses);
    BOOST_TEST(event.addresses == std::vector<std::string>{"10.64.0.2"},
               boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(commands_go_on_in_a_guest_that_stood_still, BecomingFixture)
{
    static_cast<void>(greet_as("", false));
    static_cast<void>(await(Kind::ready));
    exec(shell("op-1", "true"));
    static_cast<void>(agent.expect(proto::GuestExec::kind));
    agent.drop();
    static_cast<void>(greet_as("sbx-1", true));
    agent.send(0, proto::GuestBecame{"sbx-1"});
    std::uint32_t stream = 0;
    BOOST_TEST(agent.expect_body<proto::GuestExec>(&stream).resumed);
    agent.send(stream, proto::GuestExit{});
    BOOST_TEST(outcomes.take().has_value());
}

BOOST_FIXTURE_TEST_CASE(a_second_hello_while_becoming_closes_the_channel, BecomingFixture)
{
    static_cast<void>(greet_as("sbx-parent", true));
    agent.send(0, hello_of("sbx-1", false));
    static_cast<void>(await(Kind::misbehaved));
}

BOOST_AUTO_TEST_SUITE_END()
