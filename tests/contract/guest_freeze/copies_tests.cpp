// Two guests that were loaded from the same memory.
#include "tests/contract/guest_freeze/tiny_vm.hpp"

#include <boost/test/unit_test.hpp>
#include <sys/random.h>

namespace {

proto::GuestBecome self(const std::string& identity, int number)
{
    proto::GuestBecome become;
    become.hostname = "box-" + identity;
    become.identity = identity;
    become.seed.resize(32);
    BOOST_REQUIRE(::getrandom(become.seed.data(), become.seed.size(), 0) == 32);
    become.mac = "52:54:00:00:00:0" + std::to_string(number);
    become.ip = "10.0.2.1" + std::to_string(number);
    return become;
}

/// A copy that was told who it is; nothing in it ran before.
struct Copy {
    Copy(const tests::TinyVm& original, const std::string& identity, int number) : vm{original}
    {
        const auto hello = vm.greet();
        BOOST_TEST(hello.frozen);
        BOOST_TEST(hello.identity == "sbx-a");
        auto become = self(identity, number);
        become.time_unix_us = 2'000'000'000'000'000;
        vm.become(become);
        BOOST_TEST(vm.greet().identity == identity);
    }
    tests::TinyVm vm;
};

} // namespace

BOOST_AUTO_TEST_SUITE(copies_tests)

BOOST_AUTO_TEST_CASE(copies_share_their_past_but_nothing_that_must_be_their_own)
{
    tests::TinyVm original;
    original.become(self("sbx-a", 5));
    while (original.run("ip -4 -o addr show eth0").empty()) {
    }
    original.run("echo old >/etc/machine-id; echo before >/tmp/memory; echo before >/var/disk; "
                 "ip route add default via 10.0.2.2 metric 7");
    // A copy's clock is set before anything in it goes on: this draws at the first moment after.
    original.start(1000,
                   "while [ $(date +%s) -lt 2000000000 ]; do :; done; "
                   "head -c 16 /dev/urandom | hexdump -e '16/1 \"%02x\"' >/tmp/number");
    // Just reseeded, so that the kernel has no reason to do it by itself for some seconds more.
    original.become(self("sbx-a", 5));
    BOOST_REQUIRE(original.freeze().ok);
    original.save();

    Copy one{original, "sbx-b", 6};
    Copy two{original, "sbx-c", 7};
    for (auto* copy : {&one, &two}) {
        BOOST_TEST(copy->vm.run("cat /tmp/memory /var/disk") == "before\nbefore");
        BOOST_TEST(copy->vm.run("date +%s").substr(0, 5) == "20000");
    }
    const auto differ = [&](const std::string& line) {
        const auto first = one.vm.run(line);
        const auto second = two.vm.run(line);
        BOOST_TEST_MESSAGE(line << ": " << first << " and " << second);
        BOOST_TEST(first != second);
        return first;
    };
    BOOST_TEST(differ("hostname") == "box-sbx-b");
    BOOST_TEST(differ("cat /etc/machine-id").size() == 32U);
    BOOST_TEST(differ("cat /sys/class/net/eth0/address") == "52:54:00:00:00:06");
    BOOST_TEST(differ("ip -4 -o addr show eth0").find("10.0.2.16/24") != std::string::npos);
    BOOST_TEST(one.vm.run("ip route").find("default via 10.0.2.2 dev eth0") != std::string::npos);
    BOOST_TEST(differ("while ! [ -s /tmp/number ]; do :; done; cat /tmp/number").size() == 32U);
}

BOOST_AUTO_TEST_SUITE_END()
