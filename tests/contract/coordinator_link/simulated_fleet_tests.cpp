#include "tests/contract/coordinator_link/router_fixture.hpp"

#include "hostd/simulated/fleet.hpp"

#include <set>

// A simulated fleet on threads of its own, as the coordinator's end of the link sees it.
using namespace coordinator;
using namespace coordinator::link;

namespace {

struct SimulatedFixture : RouterFixture {
    SimulatedFixture()
    {
        settings.link.endpoints = {endpoint};
        settings.link.coordinator_key = keys.public_key;
        settings.link.retry_first = milliseconds{10};
        settings.link.connect_timeout = milliseconds{10000};
        settings.link.session.hello_timeout = milliseconds{10000};
        settings.link.zmtp_timeout = milliseconds{10000};
        settings.shape.images = {*hostd::simulated::parse_image("tiny")};
        settings.ways.make = settings.ways.boot = {milliseconds{1}, milliseconds{2}};
        settings.threads = 2;
        for (const auto& name : hostd::simulated::member_names("sim-", 3)) {
            members.push_back({name, *common::curve::generate_keys()});
            BOOST_REQUIRE(link::enrol(file, HostName{name}, members.back().keys.public_key));
        }
    }
    HostCommand create(const std::string& host)
    {
        CreateOnHost what;
        what.sandbox.id = common::SandboxId{sandbox};
        what.sandbox.name = "box";
        what.sandbox.tenant = "default";
        what.sandbox.host = HostName{host};
        what.sandbox.image = common::ImageName{"tiny"};
        what.sandbox.vcpus = 1;
        what.sandbox.memory = common::Bytes::mib(256);
        what.start = true;
        HostCommand command;
        command.operation = common::mint<common::OperationId>();
        command.request = common::RequestId{"req-1"};
        command.generation = 1;
        command.what = std::move(what);
        return command;
    }
    void expect_inventories(std::size_t count)
    {
        for (std::set<std::string> hosts; hosts.size() < count;) {
            hosts.insert(expect<HostInventory>().host.str());
        }
    }

    common::SystemClock clock;
    hostd::simulated::FleetSettings settings;
    std::vector<hostd::simulated::Member> members;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(simulated_fleet_tests, SimulatedFixture)

BOOST_AUTO_TEST_CASE(hosts_on_several_threads_are_welcomed_and_make_what_they_are_asked_for)
{
    start();
    hostd::simulated::Fleet fleet{settings, clock, members};
    fleet.start();
    expect_inventories(3);
    BOOST_REQUIRE(router->send(HostName{"sim-0002"}, create("sim-0002")));
    const auto answer = expect<HostAnswer>();
    BOOST_TEST(answer.host.str() == "sim-0002");
    BOOST_CHECK(std::get<SandboxReport>(answer.value).phase == Phase::running);
    const auto view = fleet.view();
    BOOST_REQUIRE_EQUAL(view.size(), 3U);
    BOOST_TEST(view[1].name == "sim-0002");
    BOOST_REQUIRE_EQUAL(view[1].sandboxes.size(), 1U);
    BOOST_TEST(view[1].sandboxes[0].first == sandbox);
    BOOST_TEST(fleet.summary().counts.creates == 1U);
    fleet.stop();
    BOOST_TEST(fleet.summary().sandboxes == 1U); // Also once it has ended.
}

BOOST_AUTO_TEST_CASE(what_is_done_to_hosts_is_over_when_they_return)
{
    using hostd::simulated::Deed;
    start();
    hostd::simulated::Fleet fleet{settings, clock, members};
    fleet.start();
    expect_inventories(3);
    BOOST_TEST(fleet.do_to("sim-*2", Deed::die) == 1U);
    BOOST_TEST(fleet.do_to("sim-*3", Deed::cut) == 1U);
    BOOST_TEST(fleet.do_to("other-*", Deed::hang) == 0U);
    BOOST_TEST(fleet.summary().in_trouble == 2U);
    BOOST_TEST(fleet.view()[1].trouble == "die");
    BOOST_TEST(fleet.do_to("*", Deed::go_on) == 3U);
    expect_inventories(2);
    BOOST_TEST(fleet.summary().in_trouble == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
