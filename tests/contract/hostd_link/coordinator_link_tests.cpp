#include "hostd/link/coordinator_link.hpp"

#include "proto/wire_fencing.hpp"
#include "tests/contract/hostd_link/scripted_router.hpp"
#include "tests/support/arrivals.hpp"

#include <boost/test/unit_test.hpp>

using namespace hostd;
using namespace hostd::link;
using tests::ScriptedRouter;

namespace {

struct LinkFixture {
    LinkSettings settings()
    {
        LinkSettings some;
        some.endpoints = {router->endpoint()};
        some.coordinator_key = server.public_key;
        some.keys = *generate_keys();
        some.retry_first = std::chrono::milliseconds{10};
        some.retry_max = std::chrono::milliseconds{50};
        some.connect_timeout = std::chrono::milliseconds{2000};
        some.session.hello_timeout = std::chrono::milliseconds{2000};
        some.rival_rest = std::chrono::milliseconds{20};
        return some;
    }
    void connect(LinkSettings some)
    {
        link.emplace(std::move(some), clock);
        link->start([this](Command command) { commands.add(std::move(command)); },
                    [] { return HostReport{}; });
    }
    /// Where a second coordinator may listen, and nobody does yet.
    [[nodiscard]] std::string free_endpoint() const { return ScriptedRouter{server}.endpoint(); }
    /// Whether the router's commands reach the host.
    void check_commands_of(ScriptedRouter& from, std::uint64_t epoch)
    {
        from.send(proto::DestroySandbox{"sbx-aaaaaaaaaaaaaaaa"}, "op-1", epoch);
        BOOST_TEST(std::holds_alternative<DestroyCommand>(
            commands
                .take_until([](const Command& one) {
                    return std::holds_alternative<DestroyCommand>(one.what);
                })
                .what));
    }
    static SandboxStatus status(const std::string& id)
    {
        SandboxStatus one;
        one.spec.id = common::SandboxId{id};
        return one;
    }

    KeyPair server = *generate_keys();
    std::optional<ScriptedRouter> router{std::in_place, server};
    common::SystemClock clock;
    tests::Arrivals<Command> commands;
    std::optional<CoordinatorLink> link;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(coordinator_link_tests, LinkFixture)

BOOST_AUTO_TEST_CASE(a_host_says_hello_is_welcomed_and_carries_commands_and_answers)
{
    connect(settings());
    router->welcome();
    BOOST_TEST(std::holds_alternative<SyncCommand>(commands.take().what));
    link->inventory({status("sbx-a")}, {});
    static_cast<void>(router->expect(proto::Inventory::kind));
    router->send(proto::DestroySandbox{"sbx-aaaaaaaaaaaaaaaa"}, "op-1");
    const auto command = commands.take();
    BOOST_TEST(std::holds_alternative<DestroyCommand>(command.what));
    BOOST_TEST(command.request.str() == "req-1");
    Answer answer;
    answer.operation = command.operation;
    answer.request = command.request;
    link->answer(answer);
    const auto reply = router->expect(proto::Reply::kind);
    BOOST_TEST(reply.operation_id == "op-1");
    BOOST_TEST(reply.request_id == "req-1");
    static_cast<void>(router->expect(proto::Heartbeat::kind));
}

BOOST_AUTO_TEST_CASE(a_host_knows_when_that_was_sent_which_its_leader_has_heard)
{
    const auto begun = BootClock::now();
    connect(settings());
    const auto hello = router->welcome();
    const auto beat =
        proto::decode_body<proto::Heartbeat>(router->expect(proto::Heartbeat::kind).body);
    const auto came = BootClock::now();
    router->send(proto::HeartbeatAck{hello.instance, beat->seq});
    router->send(proto::LiftFence{{"sbx-aaaaaaaaaaaaaaaa"}}, "op-1");
    static_cast<void>(commands.take()); // The sync of the welcome.
    const auto heard = commands.take();
    const auto sent = std::get<HeardCommand>(heard.what).sent;
    BOOST_CHECK(begun <= sent && sent <= came);
    const auto lift = commands.take();
    BOOST_TEST(std::get<LiftFenceCommand>(lift.what).sandboxes.at(0).str() ==
               "sbx-aaaaaaaaaaaaaaaa");
}

BOOST_AUTO_TEST_CASE(a_coordinator_that_restarts_is_told_again_what_it_had_not_committed)
{
    connect(settings());
    const auto first = router->welcome();
    link->status(status("sbx-a"));
    link->status(status("sbx-b"));
    static_cast<void>(router->expect(proto::Status::kind));
    static_cast<void>(router->expect(proto::Status::kind));
    const auto endpoint = router->endpoint();
    router.reset();
    link->status(status("sbx-c")); // While nobody listens.
    router.emplace(server, endpoint);
    const auto again = router->welcome();
    BOOST_TEST(again.instance == first.instance);
    for (std::uint64_t seq = 1; seq <= 3; ++seq) {
        const auto wire =
            proto::decode_body<proto::Status>(router->expect(proto::Status::kind).body);
        BOOST_TEST(wire->seq == seq);
    }
    router->send(proto::StatusAck{first.instance, 3});
}

BOOST_AUTO_TEST_CASE(a_refused_host_tries_again_later)
{
    connect(settings());
    static_cast<void>(router->expect(proto::Hello::kind));
    router->send(proto::Refused{"not_enrolled", "unknown key", 1, 1});
    router->welcome();
    static_cast<void>(commands.take());
}

BOOST_AUTO_TEST_CASE(an_impostor_without_the_pinned_key_hears_nothing)
{
    const ScriptedRouter real{server};
    ScriptedRouter impostor{*generate_keys()};
    auto some = settings();
    some.endpoints = {impostor.endpoint(), router->endpoint()};
    some.connect_timeout = std::chrono::milliseconds{300};
    connect(some);
    router->welcome(); // It went on to the true one.
    static_cast<void>(commands.take());
}

BOOST_AUTO_TEST_CASE(an_endpoint_that_is_down_is_passed_over_for_the_next)
{
    auto some = settings();
    some.endpoints = {"tcp://127.0.0.1:1", router->endpoint()};
    some.connect_timeout = std::chrono::milliseconds{100};
    connect(some);
    router->welcome();
    static_cast<void>(commands.take());
}

BOOST_AUTO_TEST_CASE(a_leader_that_hangs_is_left_for_one_of_a_later_epoch)
{
    auto some = settings();
    const auto second_endpoint = free_endpoint();
    some.endpoints.push_back(second_endpoint);
    connect(some);
    const auto hello = router->welcome(4);
    link->status(status("sbx-a"));
    static_cast<void>(router->expect(proto::Status::kind)); // Never acknowledged: it hangs.
    ScriptedRouter second{server, second_endpoint};
    second.refuse_question(5);
    BOOST_TEST(second.welcome(5).instance == hello.instance);
    static_cast<void>(second.expect(proto::Status::kind)); // Said again to the one that leads.
    check_commands_of(second, 5);
}

BOOST_AUTO_TEST_CASE(a_coordinator_of_no_later_epoch_takes_no_host_away)
{
    auto some = settings();
    const auto second_endpoint = free_endpoint();
    some.endpoints.push_back(second_endpoint);
    connect(some);
    router->welcome(4);
    ScriptedRouter second{server, second_endpoint};
    second.refuse_question(3); // One that was deposed and does not know it.
    second.refuse_question(4); // Asked again. Perhaps the same one by another address.
    check_commands_of(*router, 4);
    second.refuse_question(5);
    second.welcome(5);
    check_commands_of(second, 5);
}

BOOST_AUTO_TEST_CASE(a_leader_that_dies_is_followed_by_whichever_comes_up)
{
    auto some = settings();
    const auto second_endpoint = free_endpoint();
    some.endpoints.push_back(second_endpoint);
    some.retry_first = std::chrono::hours{1}; // Nobody waits for the one that died.
    some.retry_max = std::chrono::hours{1};
    connect(some);
    router->welcome(4);
    router.reset();
    ScriptedRouter second{server, second_endpoint};
    second.welcome(5);
    check_commands_of(second, 5);
}

BOOST_AUTO_TEST_CASE(a_leader_that_falls_silent_while_another_is_asked_is_replaced_by_it)
{
    auto some = settings();
    const auto second_endpoint = free_endpoint();
    some.endpoints.push_back(second_endpoint);
    connect(some);
    router->welcome(4);
    ScriptedRouter second{server, second_endpoint};
    BOOST_TEST(second.next().kind == proto::Heartbeat::kind);
    router.reset();
    // It knows by now, or not: the answer counts in either case.
    second.send(proto::Refused{"displaced", "no hello", 1, 1}, {}, 5);
    second.welcome(5);
    check_commands_of(second, 5);
}

BOOST_AUTO_TEST_CASE(many_threads_may_report_at_once)
{
    connect(settings());
    router->welcome();
    static_cast<void>(commands.take());
    constexpr int threads = 4;
    constexpr int each = 200;
    std::vector<std::thread> reporters;
    for (int i = 0; i < threads; ++i) {
        reporters.emplace_back([this] {
            for (int n = 0; n < each; ++n) {
                link->status(status("sbx-a"));
            }
        });
    }
    for (std::uint64_t seq = 1; seq <= threads * each; ++seq) {
        const auto wire =
            proto::decode_body<proto::Status>(router->expect(proto::Status::kind).body);
        BOOST_TEST(wire->seq == seq);
    }
    for (auto& reporter : reporters) {
        reporter.join();
    }
}

BOOST_AUTO_TEST_CASE(it_ends_promptly_with_and_without_a_coordinator)
{
    connect(settings());
    link->stop();
    router.reset();
    LinkSettings lonely;
    lonely.endpoints = {"tcp://127.0.0.1:1"};
    lonely.coordinator_key = server.public_key;
    lonely.keys = server;
    lonely.connect_timeout = std::chrono::hours{1};
    connect(lonely);
    const auto before = std::chrono::steady_clock::now();
    link->stop();
    BOOST_TEST((std::chrono::steady_clock::now() - before < std::chrono::seconds{2}));
}

BOOST_AUTO_TEST_SUITE_END()
