#include "guest/identity.hpp"

#include "common/id.hpp"
#include "tests/support/temp_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <set>
#include <sstream>
#include <sys/stat.h>

using namespace guest;
namespace fs = std::filesystem;

namespace {

/// Writes down what is done.
class Steps final : public BecomingSteps {
public:
    common::Result<> reseed(const std::string& seed) override
    {
        done += "seed " + seed + ", ";
        if (broken) {
            return common::Error{common::ErrorCode::internal, "no randomness"};
        }
        return {};
    }
    void set_clock(std::int64_t time) override { done += "clock " + std::to_string(time) + ", "; }
    void set_hostname(const std::string& name) override { done += "name " + name + ", "; }
    void part_from_original(const proto::GuestBecome& self) override
    {
        done += "part " + self.identity + " " + self.mac + " " + self.ip + ", ";
    }
    void part_from_original_disk(const proto::GuestBecome& self) override
    {
        done += "part disk " + self.identity + ", ";
    }
    void take_new_address(const proto::GuestBecome& self) override
    {
        done += "move " + self.mac + " " + self.ip + ", ";
    }
    std::string identity_on_disk() override { return disk; }
    void keep_on_disk(const std::string& identity) override
    {
        done += "keep " + identity + ", ";
        if (writable) {
            disk = identity;
        }
    }
    void thaw() override { done += "thaw"; }
    void tell_services() override { done += ", tell"; }

    std::string done;
    std::string disk;
    bool broken = false;
    bool writable = true;
};

struct IdentityFixture {
    std::string become(const std::string& id)
    {
        Steps steps;
        steps.broken = broken;
        steps.disk = disk;
        steps.writable = writable;
        became = identity.become({"web", 5, id, "S", mac, ip}, steps).has_value();
        disk = steps.disk;
        return steps.done;
    }
    Identity identity;
    std::string mac = "52:54:00:00:00:01";
    std::string ip = "10.64.0.2";
    std::string disk = "sbx-a"; ///< Who its disk says that it is.
    bool writable = true;
    bool broken = false;
    bool became = false;
};

void write(const fs::path& file, const std::string& text)
{
    fs::create_directories(file.parent_path());
    std::ofstream{file} << text;
}

std::string read(const fs::path& file)
{
    std::ostringstream text;
    text << std::ifstream{file}.rdbuf();
    return text.str();
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(identity_tests, IdentityFixture)

BOOST_AUTO_TEST_CASE(after_a_boot_it_is_only_told_who_it_is)
{
    BOOST_TEST(identity.name().empty());
    BOOST_TEST(become("sbx-a") == "seed S, clock 5, name web, thaw");
    BOOST_TEST(identity.name() == "sbx-a");
}

BOOST_AUTO_TEST_CASE(the_same_again_is_no_copy)
{
    become("sbx-a");
    BOOST_TEST(become("sbx-a") == "seed S, clock 5, name web, thaw");
}

BOOST_AUTO_TEST_CASE(a_copy_parts_before_anything_goes_on_and_has_its_own_randomness_first)
{
    become("sbx-a");
    BOOST_TEST(become("sbx-b") == "seed S, clock 5, name web, "
                                  "part sbx-b 52:54:00:00:00:01 10.64.0.2, keep sbx-b, thaw, tell");
    BOOST_TEST(identity.name() == "sbx-b");
    BOOST_TEST(become("sbx-b") == "seed S, clock 5, name web, thaw");
}

BOOST_AUTO_TEST_CASE(the_same_on_another_network_takes_its_new_address_before_it_goes_on)
{
    become("sbx-a");
    ip = "10.64.0.9";
    BOOST_TEST(become("sbx-a") ==
               "seed S, clock 5, name web, move 52:54:00:00:00:01 10.64.0.9, thaw, tell");
    BOOST_TEST(become("sbx-a") == "seed S, clock 5, name web, thaw");
    mac = "52:54:00:00:00:02";
    BOOST_TEST(become("sbx-a") ==
               "seed S, clock 5, name web, move 52:54:00:00:00:02 10.64.0.9, thaw, tell");
    mac.clear(); // It has no network there.
    BOOST_TEST(become("sbx-a") == "seed S, clock 5, name web, thaw");
}

BOOST_AUTO_TEST_CASE(a_copy_without_randomness_of_its_own_stays_as_it_is)
{
    become("sbx-a");
    broken = true;
    BOOST_TEST(become("sbx-b") == "seed S, ");
    BOOST_TEST(!became);
    BOOST_TEST(identity.name() == "sbx-a");
    BOOST_TEST(become("sbx-a") == "seed S, clock 5, name web, thaw"); // No copy: it goes on.
    BOOST_TEST(became);
    broken = false;
    become("sbx-b");
    BOOST_TEST(became);
}

BOOST_AUTO_TEST_CASE(a_disk_that_nobody_was_told_on_learns_who_it_is_and_nothing_is_renewed)
{
    disk.clear();
    BOOST_TEST(become("sbx-a") == "seed S, clock 5, name web, keep sbx-a, thaw");
    BOOST_TEST(become("sbx-a") == "seed S, clock 5, name web, thaw");
    identity = {}; // Booted again.
    BOOST_TEST(become("sbx-a") == "seed S, clock 5, name web, thaw");
}

BOOST_AUTO_TEST_CASE(a_guest_that_booted_from_a_copied_disk_parts_from_its_original_once)
{
    BOOST_TEST(become("sbx-b") ==
               "seed S, clock 5, name web, part disk sbx-b, keep sbx-b, thaw, tell");
    BOOST_TEST(disk == "sbx-b");
    BOOST_TEST(become("sbx-b") == "seed S, clock 5, name web, thaw");
    identity = {};
    BOOST_TEST(become("sbx-b") == "seed S, clock 5, name web, thaw");
}

BOOST_AUTO_TEST_CASE(a_disk_that_cannot_be_written_keeps_nobody_from_becoming)
{
    writable = false;
    disk.clear();
    BOOST_TEST(become("sbx-a") == "seed S, clock 5, name web, keep sbx-a, thaw");
    BOOST_TEST(became);
    BOOST_TEST(identity.name() == "sbx-a");
}

BOOST_AUTO_TEST_CASE(an_older_host_that_says_little_changes_little)
{
    become("sbx-a");
    Steps steps;
    BOOST_TEST(identity.become({}, steps).has_value());
    BOOST_TEST(steps.done == "thaw");
    BOOST_TEST(identity.name() == "sbx-a");
}

BOOST_AUTO_TEST_CASE(each_sandbox_has_a_machine_id_of_its_own_and_keeps_it)
{
    // Of FNV's published test vectors, 128 bits.
    BOOST_TEST(machine_id_of("") == "6c62272e07bb014262b821756295c58d");
    BOOST_TEST(machine_id_of("a") == "d228cb696f1a8caf78912b704e4a8964");
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) {
        const auto id = machine_id_of(common::mint<common::SandboxId>().str());
        BOOST_TEST(id.size() == 32U);
        BOOST_TEST(id.find_first_not_of("0123456789abcdef") == std::string::npos);
        seen.insert(id);
    }
    BOOST_TEST(seen.size() == 1000U);
}

BOOST_AUTO_TEST_CASE(files_that_name_a_machine_get_another_name_and_host_keys_go)
{
    const tests::TempFolder root;
    const auto etc = root.path() / "etc";
    write(etc / "machine-id", std::string(32, 'f') + "\nmore");
    write(root.path() / "var/lib/dbus/machine-id", "old");
    write(etc / "ssh/ssh_host_rsa_key", "secret");
    write(etc / "ssh/ssh_host_rsa_key.pub", "known");
    write(etc / "ssh/sshd_config", "kept");
    BOOST_CHECK(renew_files(root.path(), "sbx-b") == HostKeys::removed);
    BOOST_TEST(read(etc / "machine-id") == machine_id_of("sbx-b") + "\n");
    BOOST_TEST(read(root.path() / "var/lib/dbus/machine-id") == machine_id_of("sbx-b") + "\n");
    BOOST_TEST(!fs::exists(etc / "ssh/ssh_host_rsa_key"));
    BOOST_TEST(!fs::exists(etc / "ssh/ssh_host_rsa_key.pub"));
    BOOST_TEST(read(etc / "ssh/sshd_config") == "kept");
}

BOOST_AUTO_TEST_CASE(files_that_are_not_there_are_not_made_and_links_not_followed)
{
    const tests::TempFolder root;
    BOOST_CHECK(renew_files(root.path(), "sbx-b") == HostKeys::none);
    BOOST_TEST(fs::is_empty(root.path()));
    write(root.path() / "elsewhere", "kept");
    fs::create_directories(root.path() / "var/lib/dbus");
    fs::create_symlink(root.path() / "elsewhere", root.path() / "var/lib/dbus/machine-id");
    BOOST_CHECK(renew_files(root.path(), "sbx-b") == HostKeys::none);
    BOOST_TEST(read(root.path() / "elsewhere") == "kept");
}

BOOST_AUTO_TEST_CASE(what_is_kept_on_the_disk_is_read_back_and_is_for_root_alone)
{
    const tests::TempFolder root;
    BOOST_TEST(kept_identity(root.path()).empty());
    keep_identity(root.path(), "sbx-a");
    BOOST_TEST(kept_identity(root.path()) == "sbx-a");
    keep_identity(root.path(), "sbx-b");
    BOOST_TEST(kept_identity(root.path()) == "sbx-b");
    const auto folder = root.path() / "var/lib/paddock";
    BOOST_TEST(read(folder / "identity") == "sbx-b\n");
    BOOST_CHECK(fs::status(folder / "identity").permissions() ==
                (fs::perms::owner_read | fs::perms::owner_write));
    BOOST_CHECK(fs::status(folder).permissions() == fs::perms::owner_all);
    BOOST_TEST(std::distance(fs::directory_iterator{folder}, {}) == 1);
}

BOOST_AUTO_TEST_CASE(what_a_guest_puts_in_the_place_of_its_identity_is_not_followed)
{
    const tests::TempFolder root;
    write(root.path() / "elsewhere", "sbx-x");
    const auto folder = root.path() / "var/lib/paddock";
    fs::create_directories(folder);
    fs::create_symlink(root.path() / "elsewhere", folder / "identity");
    fs::create_symlink(root.path() / "elsewhere", folder / "identity.new");
    BOOST_TEST(kept_identity(root.path()).empty());
    keep_identity(root.path(), "sbx-a");
    BOOST_TEST(read(root.path() / "elsewhere") == "sbx-x");
    BOOST_TEST(kept_identity(root.path()) == "sbx-a");
    fs::remove(folder / "identity");
    BOOST_REQUIRE(::mkfifo((folder / "identity").c_str(), 0600) == 0);
    BOOST_TEST(kept_identity(root.path()).empty()); // And it does not wait.
    fs::remove(folder / "identity");
    write(folder / "identity", std::string(100000, 'i'));
    BOOST_TEST(kept_identity(root.path()).size() == 128U);
    write(folder / "identity", "");
    BOOST_TEST(kept_identity(root.path()).empty());
    fs::remove_all(folder);
    write(folder, "no folder");
    keep_identity(root.path(), "sbx-a");
    BOOST_TEST(kept_identity(root.path()).empty());
}

BOOST_AUTO_TEST_CASE(without_a_mac_the_network_is_left_alone)
{
    BOOST_CHECK(take_address("", "10.64.0.2") == Address::kept);
    BOOST_CHECK(take_address("52:54:00:00:00", "10.64.0.2") == Address::kept);
    BOOST_CHECK(take_address("no MAC", "10.64.0.2") == Address::kept);
}

BOOST_AUTO_TEST_SUITE_END()
