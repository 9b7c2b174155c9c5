#include "tests/contract/coordinator_link/router_fixture.hpp"

#include <zmq.hpp>

using namespace coordinator;
using namespace coordinator::link;

BOOST_FIXTURE_TEST_SUITE(host_router_tests, RouterFixture)

BOOST_AUTO_TEST_CASE(an_enrolled_host_is_named_by_its_key_and_carries_commands_and_answers)
{
    Peer host{"calls-itself-root"};
    enrol(host, "h1");
    start();
    connect(host);
    const auto connected = expect<HostConnected>();
    BOOST_TEST(connected.host.str() == "h1");
    BOOST_TEST(connected.facts.hostname == "calls-itself-root");
    const auto inventory = expect<HostInventory>();
    BOOST_TEST(inventory.host.str() == "h1");
    BOOST_TEST(inventory.sandboxes.at(0).id.str() == sandbox);
    BOOST_TEST(expect<HostBeat>().facts.capacity_vcpus == 4U);

    BOOST_TEST(router->send(HostName{"h1"}, destroy("op-aaaaaaaaaaaaaaaa")).has_value());
    const auto command = host.commands.take_until(
        [](const auto& one) { return std::holds_alternative<hostd::DestroyCommand>(one.what); });
    hostd::Answer answer;
    answer.operation = command.operation;
    answer.request = command.request;
    answer.value = Peer::status(hostd::Phase::destroyed);
    host.link->answer(answer);
    const auto answered = expect<HostAnswer>();
    BOOST_TEST(answered.host.str() == "h1");
    BOOST_TEST(answered.operation.str() == "op-aaaaaaaaaaaaaaaa");
    BOOST_CHECK(std::get<SandboxReport>(answered.value).phase == Phase::destroyed);

    router->request_sync(HostName{"h1"});
    static_cast<void>(expect<HostInventory>());
}

BOOST_AUTO_TEST_CASE(an_unknown_key_does_not_get_in_until_it_is_enrolled)
{
    Peer stranger{"stranger"};
    Peer known{"known"};
    enrol(known, "h1");
    start();
    connect(stranger);
    connect(known);
    BOOST_TEST(expect<HostConnected>().host.str() == "h1");
    // What comes is from the known one; its heartbeats show that time passes.
    for (int i = 0; i < 10; ++i) {
        BOOST_TEST(expect<HostBeat>().host.str() == "h1");
    }
    BOOST_TEST(stranger.commands.empty());
    enrol(stranger, "h2"); // While everything runs.
    BOOST_TEST(expect<HostConnected>().host.str() == "h2");
}

BOOST_AUTO_TEST_CASE(a_coordinator_without_the_pinned_key_hears_nothing)
{
    Peer host{"host"};
    enrol(host, "h1");
    start();
    host.connect(endpoint, common::curve::generate_keys()->public_key);
    Peer right{"right"};
    enrol(right, "h2");
    connect(right);
    BOOST_TEST(expect<HostConnected>().host.str() == "h2");
    for (int i = 0; i < 5; ++i) {
        BOOST_TEST(expect<HostBeat>().host.str() == "h2");
    }
    BOOST_TEST(host.commands.empty());
}

BOOST_AUTO_TEST_CASE(a_connection_without_curve_is_not_heard)
{
    Peer host{"host"};
    enrol(host, "h1");
    start();
    zmq::context_t context{1};
    zmq::socket_t plain{context, zmq::socket_type::dealer};
    plain.set(zmq::sockopt::linger, 0);
    plain.connect(endpoint);
    proto::Envelope envelope;
    envelope.kind = proto::Hello::kind;
    plain.send(zmq::buffer(proto::encode(envelope)), zmq::send_flags::dontwait);
    connect(host);
    BOOST_TEST(expect<HostConnected>().host.str() == "h1");
    for (int i = 0; i < 5; ++i) {
        BOOST_TEST(expect<HostBeat>().host.str() == "h1");
    }
    zmq::message_t nothing;
    BOOST_TEST(!plain.recv(nothing, zmq::recv_flags::dontwait).has_value());
}

BOOST_AUTO_TEST_CASE(a_coordinator_that_restarts_is_told_again_what_the_host_has)
{
    Peer host{"host"};
    enrol(host, "h1");
    start(1);
    connect(host);
    const auto first = expect<HostConnected>();
    static_cast<void>(expect<HostInventory>());
    host.link->status(Peer::status(hostd::Phase::stopped));
    BOOST_TEST(expect<HostStatus>().seq == 1U);
    router.reset();
    host.link->status(Peer::status(hostd::Phase::running)); // While nobody listens.
    start(2);
    const auto again = expect<HostConnected>();
    BOOST_TEST(again.instance == first.instance);
    // The statuses that were not acknowledged and the inventory, in either order.
    std::vector<std::uint64_t> seqs;
    bool inventoried = false;
    while (seqs.size() < 2 || !inventoried) {
        const auto event = events.take();
        if (const auto* status = std::get_if<HostStatus>(&event); status != nullptr) {
            seqs.push_back(status->seq);
        }
        inventoried = inventoried || std::holds_alternative<HostInventory>(event);
    }
    BOOST_TEST(seqs == (std::vector<std::uint64_t>{1, 2}), boost::test_tools::per_element());
    BOOST_TEST(router->send(HostName{"h1"}, destroy("op-aaaaaaaaaaaaaaaa")).has_value());
    static_cast<void>(host.commands.take_until(
        [](const auto& one) { return std::holds_alternative<hostd::DestroyCommand>(one.what); }));
}

BOOST_AUTO_TEST_CASE(a_deposed_coordinator_is_not_obeyed)
{
    Peer host{"host"};
    enrol(host, "h1");
    start(2);
    connect(host);
    static_cast<void>(expect<HostInventory>());
    router.reset();
    start(1);
    static_cast<void>(expect<HostConnected>()); // It says hello, but does not take the welcome.
    BOOST_TEST(router->send(HostName{"h1"}, destroy("op-aaaaaaaaaaaaaaaa")).has_value());
    router.reset();
    start(3);
    static_cast<void>(expect<HostInventory>());
    BOOST_TEST(router->send(HostName{"h1"}, destroy("op-bbbbbbbbbbbbbbbb")).has_value());
    const auto obeyed = host.commands.take_until(
        [](const auto& one) { return std::holds_alternative<hostd::DestroyCommand>(one.what); });
    BOOST_TEST(obeyed.operation.str() == "op-bbbbbbbbbbbbbbbb");
}

BOOST_AUTO_TEST_CASE(an_acknowledged_status_is_not_said_again)
{
    Peer host{"host"};
    enrol(host, "h1");
    start(1);
    connect(host);
    const auto connected = expect<HostConnected>();
    host.link->status(Peer::status(hostd::Phase::stopped));
    host.link->status(Peer::status(hostd::Phase::running));
    static_cast<void>(expect<HostStatus>());
    static_cast<void>(expect<HostStatus>());
    router->acknowledge(HostName{"h1"}, connected.instance, 1);
    // The next command comes after the acknowledgement, so that both are there.
    BOOST_TEST(router->send(HostName{"h1"}, destroy("op-aaaaaaaaaaaaaaaa")).has_value());
    static_cast<void>(host.commands.take_until(
        [](const auto& one) { return std::holds_alternative<hostd::DestroyCommand>(one.what); }));
    router.reset();
    start(2);
    BOOST_TEST(expect<HostStatus>().seq == 2U);
}

BOOST_AUTO_TEST_CASE(a_second_connection_with_one_key_displaces_the_first)
{
    Peer first{"first"};
    Peer second{"second"};
    second.keys = first.keys;
    enrol(first, "h1");
    start();
    connect(first);
    static_cast<void>(expect<HostConnected>());
    connect(second);
    BOOST_TEST(expect<HostDisplaced>().host.str() == "h1");
    BOOST_TEST(expect<HostConnected>().facts.hostname == "second");
}

BOOST_AUTO_TEST_CASE(many_hosts_connect_at_once_and_each_gets_its_own_commands)
{
    constexpr int many = 8;
    std::vector<std::unique_ptr<Peer>> hosts;
    for (int i = 0; i < many; ++i) {
        hosts.push_back(std::make_unique<Peer>("host"));
        enrol(*hosts.back(), "h" + std::to_string(i));
    }
    start();
    for (auto& host : hosts) {
        connect(*host);
    }
    for (int i = 0; i < many; ++i) {
        static_cast<void>(expect<HostInventory>());
    }
    for (int i = 0; i < many; ++i) {
        BOOST_TEST(router
                       ->send(HostName{"h" + std::to_string(i)},
                              destroy("op-aaaaaaaaaaaaaaa" + std::string(1, char('a' + i))))
                       .has_value());
    }
    for (int i = 0; i < many; ++i) {
        const auto command =
            hosts[static_cast<std::size_t>(i)]->commands.take_until([](const auto& one) {
                return std::holds_alternative<hostd::DestroyCommand>(one.what);
            });
        BOOST_TEST(command.operation.str().back() == char('a' + i));
    }
}

BOOST_AUTO_TEST_CASE(a_taken_address_is_an_error_that_names_it)
{
    start();
    RouterSettings settings;
    settings.address = endpoint;
    settings.keys = keys;
    HostRouter other{std::move(settings), *enrolment};
    const auto started = other.start(1);
    BOOST_CHECK(started.error().code == ErrorCode::unavailable);
    BOOST_TEST(started.error().message.find(endpoint) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(it_ends_promptly_and_may_be_ended_twice)
{
    Peer host{"host"};
    enrol(host, "h1");
    start();
    connect(host);
    static_cast<void>(expect<HostConnected>());
    const auto before = std::chrono::steady_clock::now();
    router->stop();
    router->stop();
    BOOST_TEST((std::chrono::steady_clock::now() - before < std::chrono::seconds{5}));
    const auto late = router->send(HostName{"h1"}, destroy("op-aaaaaaaaaaaaaaaa"));
    BOOST_TEST(late.error().reason == "host_unreachable"); // Nobody is there to send it.
}

BOOST_AUTO_TEST_SUITE_END()
