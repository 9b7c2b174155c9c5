#include "hostd/network/dhcp_hosts.hpp"

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <fstream>
#include <sstream>

using namespace hostd;
using namespace hostd::network;
using common::ErrorCode;

namespace {

struct Folder {
    std::filesystem::path path;
    Folder()
    {
        auto pattern = (std::filesystem::temp_directory_path() / "dhcp-XXXXXX").string();
        path = ::mkdtemp(pattern.data());
    }
    ~Folder() { std::filesystem::remove_all(path); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    [[nodiscard]] DhcpFolders folders() const { return {path, path}; }
    [[nodiscard]] std::string read(const std::string& file) const
    {
        std::ostringstream text;
        text << std::ifstream{file}.rdbuf();
        return text.str();
    }
};

const std::vector<NetLease> leases{
    {"paddock", "52:54:00:00:00:01", "10.64.0.2", "pdkaaaaaaaaaaaa"},
    {"paddock", "52:54:00:00:00:02", "10.64.0.3", "pdkbbbbbbbbbbbb"}};

} // namespace

BOOST_FIXTURE_TEST_SUITE(dhcp_hosts_tests, Folder)

BOOST_AUTO_TEST_CASE(each_guest_has_a_line_with_its_address_and_a_short_lease)
{
    BOOST_TEST(hosts_text(leases) == "52:54:00:00:00:01,10.64.0.2,15m\n"
                                     "52:54:00:00:00:02,10.64.0.3,15m\n");
}

BOOST_AUTO_TEST_CASE(the_file_is_replaced_whole_and_readable_for_dnsmasq)
{
    BOOST_REQUIRE(write_dhcp_hosts(folders(), "paddock", leases));
    const auto file = hosts_file(folders(), "paddock");
    BOOST_TEST(read(file) == hosts_text(leases));
    const auto mode = std::filesystem::status(file).permissions();
    BOOST_CHECK((mode & std::filesystem::perms::mask) == std::filesystem::perms{0644});
    BOOST_REQUIRE(write_dhcp_hosts(folders(), "paddock", {}));
    BOOST_TEST(read(file).empty());
}

BOOST_AUTO_TEST_CASE(the_folder_is_made_if_it_can_be)
{
    // libvirt makes it with its first network only.
    const DhcpFolders fresh{path / "fresh/dnsmasq", path};
    BOOST_TEST(write_dhcp_hosts(fresh, "paddock", leases).has_value());
    std::ofstream{path / "file"} << "x";
    const DhcpFolders blocked{path / "file/dnsmasq", path};
    BOOST_TEST(!write_dhcp_hosts(blocked, "paddock", leases).has_value());
}

BOOST_AUTO_TEST_CASE(only_the_networks_own_dnsmasq_gets_a_signal)
{
    const auto code = [this] {
        const auto sent = signal_dnsmasq(folders(), "paddock", SIGHUP);
        BOOST_REQUIRE(!sent);
        BOOST_TEST(sent.error().reason == "dnsmasq_down");
        return sent.error().code;
    };
    BOOST_CHECK(code() == ErrorCode::not_found);
    // A number that was used again: this process would end by it.
    std::ofstream{path / "paddock.pid"} << ::getpid() << "\n";
    BOOST_CHECK(code() == ErrorCode::unavailable);
    std::ofstream{path / "paddock.pid"} << "-1\n";
    BOOST_CHECK(code() == ErrorCode::not_found);
}

BOOST_AUTO_TEST_SUITE_END()
