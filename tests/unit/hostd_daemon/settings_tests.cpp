#include "hostd/daemon/settings.hpp"

#include <boost/test/unit_test.hpp>
#include <map>

using namespace hostd::daemon;
using common::ErrorCode;
using common::Result;

namespace {

/// Settings from an environment alone; a file that exists is not read.
Result<Settings> load(const std::map<std::string, std::string>& environment)
{
    return load_settings("/dev/null", [&](const std::string& name) -> std::optional<std::string> {
        const auto found = environment.find(name);
        return found == environment.end() ? std::nullopt : std::optional{found->second};
    });
}

} // namespace

BOOST_AUTO_TEST_SUITE(settings_tests)

BOOST_AUTO_TEST_CASE(the_defaults_are_those_of_the_documentation)
{
    const auto settings = load({});
    BOOST_REQUIRE(settings);
    BOOST_TEST(settings->libvirt_uri == "qemu:///system");
    BOOST_TEST(settings->state_dir.string() == "/var/lib/paddock");
    BOOST_CHECK(settings->accel == AccelChoice::automatic);
    BOOST_TEST(settings->cpu_model == "Westmere");
    BOOST_TEST(settings->vcpu_overcommit == 8U);
    BOOST_TEST(!settings->network_cidr.has_value());
    BOOST_CHECK((settings->fence ==
                 hostd::FencePromise{std::chrono::seconds{60}, hostd::FenceAction::keep}));
    BOOST_TEST(settings->coordinator_endpoints.empty());
}

BOOST_AUTO_TEST_CASE(old_names_of_variables_work_and_the_new_ones_win)
{
    BOOST_TEST(load({{"LIBVIRT_URI", "test:///default"}})->libvirt_uri == "test:///default");
    BOOST_TEST(load({{"LIBVIRT_URI", "a"}, {"PADDOCK_LIBVIRT_URI", "b"}})->libvirt_uri == "b");
    BOOST_TEST(load({{"LOG_LEVEL", "debug"}})->log_level == "debug");
}

BOOST_AUTO_TEST_CASE(networks_are_read_as_networks)
{
    const auto settings = load({{"PADDOCK_NETWORK_CIDR", "10.200.0.0/20"},
                                {"PADDOCK_NETWORK_BLOCKED", "198.51.100.0/24,203.0.113.7"}});
    BOOST_REQUIRE(settings);
    BOOST_TEST(to_string(*settings->network_cidr) == "10.200.0.0/20");
    BOOST_REQUIRE_EQUAL(settings->network_blocked.size(), 2U);
    BOOST_TEST(to_string(settings->network_blocked[1]) == "203.0.113.7/32");
}

BOOST_AUTO_TEST_CASE(a_host_fences_itself_as_it_is_told_or_never)
{
    const auto fence = [](const char* after, const char* action) {
        return load({{"PADDOCK_FENCE_AFTER_SEC", after}, {"PADDOCK_FENCE", action}})->fence;
    };
    using hostd::FenceAction;
    using hostd::FencePromise;
    BOOST_CHECK((fence("5", "pause") == FencePromise{std::chrono::seconds{5}, FenceAction::pause}));
    BOOST_CHECK((fence("0", "stop") == FencePromise{std::chrono::seconds{0}, FenceAction::stop}));
}

BOOST_AUTO_TEST_CASE(no_vm_of_others_may_be_read_unless_its_name_fits)
{
    BOOST_TEST(load({})->importable_vms.empty());
    const auto settings = load({{"PADDOCK_IMPORTABLE_VMS", "gold-*,web"}});
    BOOST_REQUIRE(settings);
    BOOST_REQUIRE_EQUAL(settings->importable_vms.size(), 2U);
    BOOST_TEST(settings->importable_vms[0] == "gold-*");
    BOOST_TEST(settings->importable_vms[1] == "web");
}

BOOST_AUTO_TEST_CASE(
    metrics_are_served_nowhere_unless_it_is_said_and_beyond_loopback_only_on_purpose)
{
    const auto at = [](const char* address, const char* plaintext = "false") {
        return load({{"PADDOCK_METRICS_LISTEN", address}, {"PADDOCK_ALLOW_PLAINTEXT", plaintext}});
    };
    BOOST_TEST(load({})->metrics_listen.empty());
    for (const auto* address : {"127.0.0.1:9420", "[::1]:0"}) {
        BOOST_TEST(at(address)->metrics_listen == address);
    }
    const auto refused = at("10.0.0.1:9420");
    BOOST_REQUIRE(!refused);
    BOOST_TEST(refused.error().message.find("allow_plaintext") != std::string::npos);
    BOOST_TEST(at("10.0.0.1:9420", "true")->metrics_listen == "10.0.0.1:9420");
    for (const auto* wrong : {"9420",
                              "localhost:9420",
                              "127.0.0.1",
                              "127.0.0.1:",
                              "127.0.0.1:70000",
                              "127.0.0.1:9420x",
                              "::1:9420",
                              ":9420"}) {
        BOOST_TEST(!at(wrong, "true").has_value(), wrong);
    }
}

BOOST_AUTO_TEST_CASE(what_makes_no_sense_is_named_with_where_it_came_from)
{
    const std::map<std::string, std::string> wrong{{"PADDOCK_ACCEL", "fast"},
                                                   {"PADDOCK_NETWORK_CIDR", "8.8.8.0/24"},
                                                   {"PADDOCK_NETWORK_BLOCKED", "everything"},
                                                   {"PADDOCK_STATE_DIR", "state"},
                                                   {"PADDOCK_FENCE", "freeze"},
                                                   {"PADDOCK_FENCE_AFTER_SEC", "4"},
                                                   {"PADDOCK_VCPU_OVERCOMMIT", "0"}};
    for (const auto& [name, value] : wrong) {
        BOOST_TEST_CONTEXT(name)
        {
            const auto settings = load({{name, value}});
            BOOST_REQUIRE(!settings);
            BOOST_CHECK(settings.error().code == ErrorCode::invalid_argument);
            BOOST_TEST(settings.error().message.find(name) != std::string::npos);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
