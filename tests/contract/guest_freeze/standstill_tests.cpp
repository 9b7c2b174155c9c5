// The agent in a real kernel: what stands still, and how it goes on.
#include "tests/contract/guest_freeze/tiny_vm.hpp"

#include <boost/test/unit_test.hpp>

using namespace std::chrono_literals;

namespace {

struct CountingVm {
    CountingVm()
    {
        // Appends what the clock that never stops says.
        vm.start(1000, "while :; do cut -d' ' -f1 /proc/uptime >>/tmp/ticks; done");
        while (vm.run("wc -l </tmp/ticks") == "0") {
        }
    }
    /// The longest time between two ticks, in seconds.
    double longest_gap()
    {
        return std::stod(vm.run("awk 'NR > 1 && $1 - last > gap { gap = $1 - last } { last = $1 } "
                                "END { print gap + 0 }' /tmp/ticks"));
    }
    /// Waits for `count` more lines than there are now.
    void await_ticks(int count)
    {
        const auto had = std::stoi(vm.run("wc -l </tmp/ticks"));
        while (std::stoi(vm.run("wc -l </tmp/ticks")) < had + count) {
        }
    }
    /// Talks to the agent, which goes on, for a while.
    void let_time_pass(std::chrono::milliseconds time)
    {
        const auto until = std::chrono::steady_clock::now() + time;
        while (std::chrono::steady_clock::now() < until) {
            vm.send(0, proto::GuestPing{1});
            static_cast<void>(vm.next<proto::GuestPong>());
        }
    }
    static proto::GuestBecome self(const std::string& identity)
    {
        proto::GuestBecome become;
        become.hostname = "box-" + identity;
        become.identity = identity;
        become.seed = std::string(32, 's');
        become.mac = "52:54:00:00:00:01";
        become.ip = "10.0.2.15";
        return become;
    }

    tests::TinyVm vm;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(standstill_tests, CountingVm)

BOOST_AUTO_TEST_CASE(all_stands_still_but_the_agent_and_goes_on_after_thaw_or_become)
{
    vm.become(self("sbx-a"));
    const auto before = longest_gap();
    auto frozen = vm.freeze();
    BOOST_REQUIRE_MESSAGE(frozen.ok, frozen.message);
    let_time_pass(3s);
    vm.send(0, proto::GuestThaw{});
    await_ticks(2);
    BOOST_TEST_MESSAGE("longest gap before: " << before << " s, then: " << longest_gap() << " s");
    BOOST_TEST(longest_gap() > 2.9);

    // A host that comes back finds it as it was, and lets it go on.
    BOOST_REQUIRE(vm.freeze().ok);
    auto hello = vm.greet();
    BOOST_TEST(hello.frozen);
    BOOST_TEST(hello.identity == "sbx-a");
    vm.become(self("sbx-a"));
    hello = vm.greet();
    BOOST_TEST(!hello.frozen);
    await_ticks(2);
}

BOOST_AUTO_TEST_CASE(no_command_starts_while_all_stands_still_and_the_agent_does_not_hang)
{
    BOOST_REQUIRE(vm.freeze().ok);
    proto::GuestExec exec;
    exec.operation_id = "op-early";
    exec.shell = "true";
    exec.user = "root";
    exec.output_limit_bytes = 100;
    BOOST_TEST(vm.client->exec(exec, vm.soon()).error().reason == "busy");
    let_time_pass(1ms);
    vm.send(0, proto::GuestThaw{2'000'000'000'000'000});
    BOOST_TEST(vm.run("echo again") == "again");
    BOOST_TEST(vm.run("date +%s").starts_with("20000000"));
}

BOOST_AUTO_TEST_CASE(a_process_of_a_command_is_in_the_group_that_stands_still)
{
    BOOST_TEST(vm.run("cat /proc/self/cgroup") == "0::/guest");
    BOOST_TEST(vm.run("cat /proc/1/cgroup") == "0::/");
}

BOOST_AUTO_TEST_SUITE_END()
