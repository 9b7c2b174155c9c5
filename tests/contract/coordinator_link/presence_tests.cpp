#include "tests/contract/coordinator_link/router_fixture.hpp"

#include <zmq.hpp>

using namespace coordinator;
using namespace coordinator::link;

// Who can be sent to, and what a change of the enrolment does to those who are connected.
BOOST_FIXTURE_TEST_SUITE(presence_tests, RouterFixture)

BOOST_AUTO_TEST_CASE(a_command_to_a_host_that_is_host_unreachable_is_an_error_that_says_so)
{
    Peer host{"host"};
    enrol(host, "h1");
    start();
    for (const auto* name : {"h1", "nobody"}) {
        const auto sent = router->send(HostName{name}, destroy("op-aaaaaaaaaaaaaaaa"));
        BOOST_REQUIRE(!sent);
        BOOST_CHECK(sent.error().code == ErrorCode::unavailable);
        BOOST_TEST(sent.error().reason == "host_unreachable");
        BOOST_TEST(sent.error().message.find(name) != std::string::npos);
    }
    connect(host);
    static_cast<void>(expect<HostConnected>()); // From here on it may be sent to.
    BOOST_TEST(router->send(HostName{"h1"}, destroy("op-bbbbbbbbbbbbbbbb")).has_value());
    static_cast<void>(host.commands.take_until(
        [](const auto& one) { return std::holds_alternative<hostd::DestroyCommand>(one.what); }));
}

BOOST_AUTO_TEST_CASE(a_host_that_left_is_noticed_by_the_first_thing_that_cannot_be_sent)
{
    Peer host{"host"};
    enrol(host, "h1");
    start();
    connect(host);
    static_cast<void>(expect<HostConnected>());
    host.link->stop();
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    bool refused = false;
    while (!refused && std::chrono::steady_clock::now() < until) {
        refused = !router->send(HostName{"h1"}, destroy("op-aaaaaaaaaaaaaaaa"));
    }
    BOOST_TEST(refused);
}

BOOST_AUTO_TEST_CASE(a_host_whose_enrolment_is_taken_away_is_neither_heard_nor_sent_to)
{
    Peer host{"host"};
    Peer other{"other"};
    enrol(host, "h1");
    enrol(other, "h2");
    start();
    connect(host);
    connect(other);
    static_cast<void>(expect<HostConnected>());
    static_cast<void>(expect<HostConnected>());
    const auto enrolled = folder / "next";
    std::ofstream{enrolled} << "h2 " + other.keys.public_key + "\n";
    std::filesystem::rename(enrolled, file);
    // Whatever of it was taken before is followed by nothing.
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    while (router->send(HostName{"h1"}, destroy("op-aaaaaaaaaaaaaaaa")) &&
           std::chrono::steady_clock::now() < until) {
        static_cast<void>(expect<HostBeat>());
    }
    BOOST_TEST(router->send(HostName{"h1"}, destroy("op-aaaaaaaaaaaaaaaa")).error().reason ==
               "host_unreachable");
    while (!events.empty()) {
        static_cast<void>(events.take());
    }
    for (int i = 0; i < 10; ++i) {
        BOOST_TEST(expect<HostBeat>().host.str() == "h2");
    }
    enrol(host, "h1"); // Once it is enrolled again it comes back by itself.
    BOOST_TEST(expect<HostConnected>().host.str() == "h1");
}

BOOST_AUTO_TEST_CASE(a_host_that_is_given_another_key_loses_the_session_of_the_old_one)
{
    Peer old{"old"};
    Peer fresh{"fresh"};
    enrol(old, "h1");
    start();
    connect(old);
    BOOST_TEST(expect<HostConnected>().facts.hostname == "old");
    enrol(fresh, "h1");
    connect(fresh);
    BOOST_TEST(expect<HostConnected>().facts.hostname == "fresh");
    BOOST_TEST(router->send(HostName{"h1"}, destroy("op-aaaaaaaaaaaaaaaa")).has_value());
    static_cast<void>(fresh.commands.take_until(
        [](const auto& one) { return std::holds_alternative<hostd::DestroyCommand>(one.what); }));
}

BOOST_AUTO_TEST_CASE(a_silent_host_is_told_at_once_that_it_is_not_enrolled_any_more)
{
    Peer host{"host"};
    enrol(host, "h1");
    start();
    zmq::context_t context{1};
    zmq::socket_t silent{context, zmq::socket_type::dealer};
    silent.set(zmq::sockopt::linger, 0);
    silent.set(zmq::sockopt::rcvtimeo, 10000);
    silent.set(zmq::sockopt::curve_serverkey, keys.public_key);
    silent.set(zmq::sockopt::curve_publickey, host.keys.public_key);
    silent.set(zmq::sockopt::curve_secretkey, host.keys.secret_key);
    silent.connect(endpoint);
    const auto hear = [&silent] {
        zmq::message_t message;
        BOOST_REQUIRE(silent.recv(message).has_value());
        return *proto::decode_envelope(message.to_string_view());
    };
    proto::Hello hello;
    hello.version_min = proto::protocol_min;
    hello.version_max = proto::protocol_max;
    hello.instance = "i1";
    proto::Envelope envelope;
    envelope.kind = proto::Hello::kind;
    envelope.body = proto::encode_body(hello);
    silent.send(zmq::buffer(proto::encode(envelope)), zmq::send_flags::none);
    BOOST_TEST(hear().kind == proto::Welcome::kind);
    static_cast<void>(expect<HostConnected>());
    const auto empty = folder / "next";
    std::ofstream{empty} << "# nobody\n";
    std::filesystem::rename(empty, file);
    const auto refusal = hear(); // It has said nothing more.
    BOOST_REQUIRE(refusal.kind == proto::Refused::kind);
    BOOST_TEST(proto::decode_body<proto::Refused>(refusal.body)->reason == "not_enrolled");
    // What it says now over the connection that it still has goes nowhere.
    silent.send(zmq::buffer(proto::encode(envelope)), zmq::send_flags::none);
    BOOST_TEST(proto::decode_body<proto::Refused>(hear().body)->reason == "not_enrolled");
    BOOST_TEST(events.empty());
}

BOOST_AUTO_TEST_SUITE_END()
