#include "hostd/libvirt/agent_gate.hpp"
#include "tests/support/arrivals.hpp"

#include <boost/test/unit_test.hpp>
#include <thread>

using namespace hostd::libvirt;
using common::SandboxId;

namespace {

const SandboxId a{"sbx-a"};
const SandboxId b{"sbx-b"};

} // namespace

BOOST_AUTO_TEST_SUITE(agent_gate_tests)

BOOST_AUTO_TEST_CASE(who_has_a_question_waits_while_the_gate_is_closed)
{
    AgentGate gate;
    tests::Arrivals<std::string> order;
    gate.close(a);
    std::jthread asker{[&] {
        const auto pass = gate.enter(a);
        order.add("entered");
    }};
    static_cast<void>(gate.enter(b)); // Others are not kept.
    order.add("opening");
    gate.open(a);
    BOOST_TEST(order.take() == "opening");
    BOOST_TEST(order.take() == "entered");
}

BOOST_AUTO_TEST_CASE(closing_waits_for_who_is_inside)
{
    AgentGate gate;
    tests::Arrivals<std::string> order;
    std::optional<AgentGate::Pass> first;
    std::optional<AgentGate::Pass> second;
    first.emplace(gate.enter(a));
    second.emplace(gate.enter(a));
    std::jthread closer{[&] {
        gate.close(a);
        order.add("closed");
    }};
    first.reset();
    order.add("one left");
    second.reset();
    BOOST_TEST(order.take() == "one left");
    BOOST_TEST(order.take() == "closed");
    gate.open(a);
    static_cast<void>(gate.enter(a));
}

BOOST_AUTO_TEST_SUITE_END()
