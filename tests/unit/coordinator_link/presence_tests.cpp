#include "tests/unit/coordinator_link/sessions_fixture.hpp"

using namespace coordinator;
using namespace coordinator::link;

// Who has a session, and what ends it.
BOOST_FIXTURE_TEST_SUITE(presence_tests, SessionsFixture)

BOOST_AUTO_TEST_CASE(a_host_is_present_while_it_has_a_session)
{
    BOOST_TEST(!present("h1"));
    receive("h1", "r1", proto::Heartbeat{1, {}});
    BOOST_TEST(!present("h1"));
    welcome();
    BOOST_TEST(present("h1"));
    BOOST_TEST(!present("h2"));
    welcome("h1", "r2", "i2"); // Another connection of it in the first one's place.
    BOOST_TEST(present("h1"));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_sent_ends_the_session_until_the_next_hello)
{
    const std::vector<std::function<void()>> ways{
        [this] { sessions.send(HostName{"h1"}, destroy()); },
        [this] { sessions.acknowledge(HostName{"h1"}, "i1", 5); },
        [this] { sessions.request_sync(HostName{"h1"}); },
        [this] {
            receive("h1", "r1", proto::Status{"i1", 6, report("sbx-../x")});
        },
        [this] { receive("h1", "r1", hello()); }};
    for (const auto& say : ways) {
        welcome();
        welcome("h2", "r2", "i2");
        events.clear();
        deaf = {"r1"};
        say();
        BOOST_TEST(!present("h1"));
        BOOST_TEST(present("h2"));
        deaf.clear();
        receive("h1", "r1", proto::Heartbeat{1, {}});
        BOOST_TEST(last_refusal() == "displaced"); // Which makes it say hello again.
        BOOST_TEST(events.empty());
    }
}

BOOST_AUTO_TEST_CASE(a_host_that_is_dismissed_is_told_and_neither_heard_nor_sent_to_again)
{
    welcome("h1", "r1");
    welcome("h2", "r2", "i2");
    sent.clear();
    events.clear();
    enrol({"h2"});
    BOOST_REQUIRE(sent.size() == 1U);
    BOOST_TEST(sent[0].to == "r1");
    BOOST_TEST(last_refusal() == "not_enrolled");
    BOOST_TEST(!present("h1"));
    BOOST_TEST(present("h2"));
    sessions.send(HostName{"h1"}, destroy());
    sessions.acknowledge(HostName{"h1"}, "i1", 5);
    sessions.request_sync(HostName{"h1"});
    BOOST_TEST(sent.size() == 1U);
    receive("h1", "r1", proto::Inventory{"i1", {report()}, {}});
    BOOST_TEST(last_refusal() == "not_enrolled");
    receive("h1", "r1", hello());
    BOOST_TEST(last_refusal() == "not_enrolled");
    sessions.receive(key_of("h1"), "r1", "rubbish");
    BOOST_TEST(last_refusal() == "not_enrolled");
    BOOST_TEST(events.empty());
    BOOST_TEST(!present("h1"));
    enrol({"h1", "h2"}); // And back again.
    welcome("h1", "r1");
    BOOST_TEST(present("h1"));
}

BOOST_AUTO_TEST_CASE(a_host_with_another_key_is_not_heard_under_the_old_one)
{
    welcome("h1", "r1");
    EnrolledKeys keys{{"another key", HostName{"h1"}}};
    sessions.enrolled(std::make_shared<EnrolledKeys>(keys));
    BOOST_TEST(last_refusal() == "not_enrolled");
    BOOST_TEST(!present("h1"));
    proto::Envelope envelope;
    envelope.kind = proto::Hello::kind;
    envelope.body = proto::encode_body(hello());
    sessions.receive("another key", "r2", proto::encode(envelope));
    BOOST_TEST(sent.back().envelope.kind == proto::Welcome::kind);
    BOOST_TEST(present("h1"));
    events.clear();
    receive("h1", "r1", proto::Heartbeat{1, {}});
    BOOST_TEST(last_refusal() == "not_enrolled");
    BOOST_TEST(events.empty());
}

BOOST_AUTO_TEST_CASE(a_key_that_becomes_another_hosts_has_to_say_hello_under_that_name)
{
    welcome("h1", "r1");
    events.clear();
    EnrolledKeys keys{{key_of("h1"), HostName{"h3"}}};
    sessions.enrolled(std::make_shared<EnrolledKeys>(keys));
    BOOST_TEST(last_refusal() == "not_enrolled");
    receive("h1", "r1", proto::Heartbeat{1, {}});
    BOOST_TEST(last_refusal() == "displaced");
    BOOST_TEST(events.empty());
    welcome("h1", "r1");
    BOOST_TEST(event<HostConnected>().host.str() == "h3");
    BOOST_TEST(present("h3"));
    BOOST_TEST(!present("h1"));
}

BOOST_AUTO_TEST_CASE(enrolling_others_disturbs_nobody)
{
    welcome("h1", "r1");
    const auto before = sent.size();
    enrol({"h0", "h1", "h2", "h3"});
    BOOST_TEST(sent.size() == before);
    BOOST_TEST(present("h1"));
    receive("h1", "r1", proto::Heartbeat{1, {}});
    BOOST_TEST(event<HostBeat>().host.str() == "h1");
}

BOOST_AUTO_TEST_SUITE_END()
