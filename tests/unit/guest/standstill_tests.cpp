// What the agent answers to freeze, thaw and become; what those do is behind Surroundings.
#include "tests/unit/guest/running_agent.hpp"

using namespace guest;

namespace {

struct StandstillFixture {
    template <typename Message>
    Message next()
    {
        while (const auto frame = agent.client->next(RunningAgent::soon())) {
            if (frame->kind == Message::kind) {
                return *proto::decode_guest_body<Message>(frame->body);
            }
        }
        throw std::runtime_error{"the agent went away"};
    }
    proto::GuestFrozen freeze(std::uint64_t token = 1)
    {
        BOOST_REQUIRE(agent.client->send(0, proto::GuestFreeze{token}));
        return next<proto::GuestFrozen>();
    }

    RunningAgent agent;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(standstill_tests, StandstillFixture)

BOOST_AUTO_TEST_CASE(freezing_is_answered_with_its_token_and_thawing_undoes_it)
{
    const auto frozen = freeze(77);
    BOOST_TEST(frozen.ok);
    BOOST_TEST(frozen.token == 77U);
    BOOST_TEST(frozen.still_us == 1234U);
    BOOST_TEST(agent.surroundings.still);
    BOOST_REQUIRE(agent.client->send(0, proto::GuestThaw{5}));
    BOOST_TEST(agent.pongs());
    BOOST_TEST(!agent.surroundings.still);
    BOOST_TEST(agent.surroundings.time == 5);
}

BOOST_AUTO_TEST_CASE(a_guest_that_cannot_says_why)
{
    agent.surroundings.refusal = std::string(2000, 'w');
    const auto frozen = freeze();
    BOOST_TEST(!frozen.ok);
    BOOST_TEST(frozen.message == std::string(1000, 'w'));
}

BOOST_AUTO_TEST_CASE(no_command_starts_while_all_stands_still)
{
    static_cast<void>(freeze());
    BOOST_TEST(agent.refusal(RunningAgent::shell("op", "true")) == "busy");
    BOOST_REQUIRE(agent.client->send(0, proto::GuestThaw{}));
    BOOST_TEST(agent.run(RunningAgent::shell("op", "echo again")).out == "again\n");
}

BOOST_AUTO_TEST_CASE(becoming_is_answered_with_who_it_became_and_then_the_addresses)
{
    static_cast<void>(freeze());
    proto::GuestBecome become;
    become.identity = "sbx-b";
    BOOST_REQUIRE(agent.client->send(0, become));
    BOOST_TEST(next<proto::GuestBecame>().identity == "sbx-b");
    BOOST_TEST(!agent.surroundings.still);
    static_cast<void>(next<proto::GuestNet>());
}

BOOST_AUTO_TEST_CASE(what_did_not_become_itself_does_not_say_so)
{
    agent.surroundings.refusal = "no randomness";
    BOOST_REQUIRE(agent.client->send(0, proto::GuestBecome{}));
    BOOST_REQUIRE(agent.client->send(0, proto::GuestPing{5}));
    while (const auto frame = agent.client->next(RunningAgent::soon())) {
        BOOST_TEST(frame->kind != proto::GuestBecame::kind);
        if (frame->kind == proto::GuestPong::kind) {
            break;
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
