#include "hostd/daemon/file_lock.hpp"
#include "hostd/daemon/preflight_checks.hpp"
#include "hostd/link/keys.hpp"
#include "tests/support/temp_folder.hpp"

#include "common/unique_fd.hpp"

#include <arpa/inet.h>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sys/socket.h>

using namespace hostd::daemon;
using common::process::Outcome;

namespace {

/// A port of loopback where something listens.
struct Listening {
    Listening()
    {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* any = reinterpret_cast<sockaddr*>(&address);
        BOOST_REQUIRE(::bind(fd.get(), any, size) == 0);
        BOOST_REQUIRE(::listen(fd.get(), 1) == 0);
        BOOST_REQUIRE(::getsockname(fd.get(), any, &size) == 0);
        endpoint = "tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    }
    common::UniqueFd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    std::string endpoint;
};

} // namespace

BOOST_AUTO_TEST_SUITE(preflight_tests)

BOOST_AUTO_TEST_CASE(a_clock_that_nothing_synchronises_is_a_warning_with_its_fix)
{
    BOOST_CHECK(check_clock(false).outcome == Check::Outcome::good);
    BOOST_TEST(check_clock(false).fix.empty());
    BOOST_CHECK(check_clock(true).outcome == Check::Outcome::warning);
    BOOST_TEST(!check_clock(true).fix.empty());
}

BOOST_AUTO_TEST_CASE(qemu_without_its_sandbox_fails)
{
    const Outcome ran{0, "", ""};
    const Outcome refused{1, "", "seccomp support is disabled"};
    BOOST_CHECK(check_seccomp("", ran).outcome == Check::Outcome::good);
    BOOST_CHECK(check_seccomp("#seccomp_sandbox = 0\n", ran).outcome == Check::Outcome::good);
    BOOST_CHECK(check_seccomp("a = 1\n seccomp_sandbox=0\n", ran).outcome ==
                Check::Outcome::failed);
    const auto failed = check_seccomp("seccomp_sandbox = 1\n", refused);
    BOOST_CHECK(failed.outcome == Check::Outcome::failed);
    BOOST_TEST(failed.found.find("seccomp support is disabled") != std::string::npos);
    BOOST_CHECK(
        check_seccomp("", common::Error{common::ErrorCode::not_found, "run qemu"}).outcome ==
        Check::Outcome::failed);
}

BOOST_AUTO_TEST_CASE(versions_below_those_that_were_tried_are_a_warning)
{
    BOOST_CHECK(check_versions("9.0.0", "7.2.17").outcome == Check::Outcome::good);
    BOOST_CHECK(check_versions("10.1.0", "8.0.0").outcome == Check::Outcome::good);
    BOOST_CHECK(check_versions("8.0.0", "7.2.0").outcome == Check::Outcome::warning);
    BOOST_CHECK(check_versions("9.0.0", "6.2.0").outcome == Check::Outcome::warning);
    BOOST_CHECK(check_versions("", "").outcome == Check::Outcome::warning);
}

BOOST_AUTO_TEST_CASE(keys_are_read_and_what_is_missing_is_named_with_how_to_get_it)
{
    const tests::TempFolder folder;
    Settings settings;
    settings.host_key = folder.path() / "host.key";
    settings.coordinator_key = folder.path() / "server.pub";
    BOOST_TEST(check_keys(settings).fix.find("keygen") != std::string::npos);
    const auto keys = hostd::link::generate_keys();
    BOOST_REQUIRE(keys && hostd::link::write_keys(folder.path(), *keys));
    BOOST_TEST(check_keys(settings).fix.find("server.pub") != std::string::npos);
    std::ofstream{settings.coordinator_key} << keys->public_key << '\n';
    BOOST_CHECK(check_keys(settings).outcome == Check::Outcome::good);
    std::filesystem::permissions(settings.host_key, std::filesystem::perms::all);
    BOOST_CHECK(check_keys(settings).outcome == Check::Outcome::failed);
}

BOOST_AUTO_TEST_CASE(ports_of_its_own_are_free_or_its_own)
{
    const tests::TempFolder folder;
    Settings settings;
    settings.state_dir = folder.path();
    BOOST_CHECK(check_ports(settings).outcome == Check::Outcome::good);
    const Listening here;
    settings.peer_endpoint = here.endpoint;
    const auto taken = check_ports(settings);
    BOOST_CHECK(taken.outcome == Check::Outcome::failed);
    BOOST_TEST(taken.fix.find("peer_listen") != std::string::npos);
    {
        const auto lock = FileLock::take(folder.path() / "hostd.lock", FileLock::IfHeld::fail);
        BOOST_CHECK(check_ports(settings).outcome == Check::Outcome::good);
    }
    settings.peer_endpoint.clear();
    settings.metrics_listen = "127.0.0.1:0"; // Whichever is free.
    BOOST_CHECK(check_ports(settings).outcome == Check::Outcome::good);
    settings.metrics_listen = "192.0.2.1:9100"; // Of documentation: nobody's.
    const auto foreign = check_ports(settings);
    BOOST_CHECK(foreign.outcome == Check::Outcome::failed);
    BOOST_TEST(foreign.fix.find("metrics_listen") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(one_coordinator_that_listens_is_enough_and_none_is_a_warning)
{
    Settings settings;
    BOOST_CHECK(check_coordinators(settings).outcome == Check::Outcome::failed);
    Listening here;
    std::string gone;
    {
        const Listening once;
        gone = once.endpoint;
    }
    settings.coordinator_endpoints = {gone, here.endpoint};
    const auto some = check_coordinators(settings);
    BOOST_CHECK(some.outcome == Check::Outcome::good);
    BOOST_TEST(some.found.find(here.endpoint + ": something listens") != std::string::npos);
    BOOST_TEST(some.found.find(gone + ": Connection refused") != std::string::npos);
    settings.coordinator_endpoints = {gone, "nonsense"};
    BOOST_CHECK(check_coordinators(settings).outcome == Check::Outcome::warning);
}

BOOST_AUTO_TEST_CASE(for_programs_it_is_one_object)
{
    const auto json = nlohmann::json::parse(to_json(
        {{"a", Check::Outcome::good, "fine", ""}, {"b", Check::Outcome::warning, "hm", "mend"}}));
    BOOST_TEST(json.at("ok").get<bool>());
    BOOST_TEST(json.at("checks").at(0).at("status").get<std::string>() == "ok");
    BOOST_TEST(!json.at("checks").at(0).contains("fix"));
    BOOST_TEST(json.at("checks").at(1).at("status").get<std::string>() == "warn");
    BOOST_TEST(json.at("checks").at(1).at("message").get<std::string>() == "hm");
    BOOST_TEST(json.at("checks").at(1).at("fix").get<std::string>() == "mend");
    BOOST_TEST(!nlohmann::json::parse(to_json({{"c", Check::Outcome::failed, "no", "mend"}}))
                    .at("ok")
                    .get<bool>());
}

BOOST_AUTO_TEST_SUITE_END()
