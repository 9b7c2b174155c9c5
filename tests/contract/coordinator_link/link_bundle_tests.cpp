#include "tests/contract/coordinator_link/router_fixture.hpp"

#include "hostd/link/link_bundle.hpp"

// Many hosts on one thread, as a simulated fleet's are.
using namespace coordinator;
using namespace coordinator::link;

namespace {

struct BundleFixture : RouterFixture {
    BundleFixture()
    {
        settings.endpoints = {endpoint};
        settings.coordinator_key = keys.public_key;
        settings.retry_first = milliseconds{10};
        settings.retry_max = milliseconds{50};
        settings.connect_timeout = milliseconds{10000};
        settings.session.hello_timeout = milliseconds{10000};
        settings.zmtp_timeout = milliseconds{10000};
        bundle.emplace(settings, clock, hosts);
        for (std::size_t i = 0; i < hosts; ++i) {
            auto pair = *common::curve::generate_keys();
            BOOST_REQUIRE(link::enrol(file, HostName{name(i)}, pair.public_key));
            static_cast<void>(
                bundle->add(std::move(pair),
                            {[this, i](hostd::Command command) { take(i, std::move(command)); },
                             [i] {
                                 hostd::HostReport report;
                                 report.hostname = name(i);
                                 return report;
                             }}));
        }
    }
    static std::string name(std::size_t number) { return "sim-" + std::to_string(number); }
    void take(std::size_t member, hostd::Command command)
    {
        if (std::holds_alternative<hostd::SyncCommand>(command.what)) {
            return bundle->push(member, hostd::link::Everything{});
        }
        hostd::Answer answer;
        answer.operation = command.operation;
        answer.request = command.request;
        bundle->push(member, std::move(answer));
    }
    /// Turns until an event of this kind has come of this host.
    template <typename Event>
    Event turn_until(std::size_t member)
    {
        const auto late = clock.steady() + std::chrono::seconds{20};
        for (;;) {
            while (!events.empty()) {
                auto event = events.take();
                if (auto* fits = std::get_if<Event>(&event);
                    fits != nullptr && fits->host.str() == name(member)) {
                    return *fits;
                }
            }
            BOOST_REQUIRE(clock.steady() < late);
            bundle->turn(clock.steady() + milliseconds{10});
        }
    }

    static constexpr std::size_t hosts = 5;
    common::SystemClock clock;
    hostd::link::LinkSettings settings;
    std::optional<hostd::link::LinkBundle> bundle;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(link_bundle_tests, BundleFixture)

BOOST_AUTO_TEST_CASE(each_of_many_is_welcomed_under_its_own_name_and_answers_for_itself)
{
    start();
    for (std::size_t i = 0; i < hosts; ++i) {
        bundle->connect(i);
    }
    for (std::size_t i = hosts; i-- > 0;) {
        static_cast<void>(turn_until<HostBeat>(i));
    }
    BOOST_TEST(bundle->welcomed() == hosts);
    BOOST_TEST(router->send(HostName{name(3)}, destroy("op-aaaaaaaaaaaaaaaa")).has_value());
    BOOST_TEST(turn_until<HostAnswer>(3).operation.str() == "op-aaaaaaaaaaaaaaaa");
}

BOOST_AUTO_TEST_CASE(one_that_is_cut_off_is_gone_and_comes_back)
{
    start();
    bundle->connect(0);
    static_cast<void>(turn_until<HostInventory>(0));
    bundle->cut(0);
    BOOST_TEST(!bundle->is_welcomed(0));
    bundle->push(0, hostd::link::Outgoing{Peer::status()}); // Kept for later.
    bundle->connect(0);
    BOOST_TEST(turn_until<HostConnected>(0).facts.hostname == name(0));
    BOOST_TEST(turn_until<HostStatus>(0).sandbox.id.str() == sandbox);
}

BOOST_AUTO_TEST_CASE(one_that_hangs_says_nothing_until_it_goes_on)
{
    start();
    bundle->connect(0);
    bundle->connect(1);
    static_cast<void>(turn_until<HostBeat>(0));
    static_cast<void>(turn_until<HostBeat>(1));
    bundle->hang(0);
    BOOST_TEST(router->send(HostName{name(0)}, destroy("op-aaaaaaaaaaaaaaaa")).has_value());
    static_cast<void>(turn_until<HostBeat>(1)); // What the first had said is through by then.
    for (int beats = 0; beats < 5;) {
        bundle->turn(clock.steady() + milliseconds{5});
        while (!events.empty()) {
            const auto event = events.take();
            BOOST_TEST(!std::holds_alternative<HostAnswer>(event));
            beats += std::holds_alternative<HostBeat>(event) ? 1 : 0;
        }
    }
    bundle->go_on(0);
    BOOST_TEST(turn_until<HostAnswer>(0).operation.str() == "op-aaaaaaaaaaaaaaaa");
}

BOOST_AUTO_TEST_CASE(a_coordinator_that_is_not_there_yet_is_found)
{
    bundle->connect(0);
    bundle->turn(clock.steady() + milliseconds{50});
    start();
    static_cast<void>(turn_until<HostConnected>(0));
}

BOOST_AUTO_TEST_SUITE_END()
