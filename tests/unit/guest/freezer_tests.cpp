#include "guest/freezer.hpp"

#include "tests/support/temp_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <set>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

using namespace guest;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

/// A tree of files that looks like cgroup2; its groups stand still at once unless told otherwise.
struct TreeFixture {
    TreeFixture() { write("cgroup.controllers", "cpu memory"); }

    void write(const fs::path& file, const std::string& text) const
    {
        fs::create_directories((root / file).parent_path());
        std::ofstream{root / file} << text;
    }
    [[nodiscard]] std::string read(const fs::path& file) const
    {
        std::ostringstream text;
        text << std::ifstream{root / file}.rdbuf();
        return text.str();
    }
    void group(const fs::path& name, const std::string& events = "populated 1\nfrozen 1\n") const
    {
        write(name / "cgroup.freeze", "0\n");
        write(name / "cgroup.events", events);
        write(name / "cgroup.procs", "");
    }
    /// What systemd makes of a machine, with the agent as a service.
    [[nodiscard]] Freezer service()
    {
        group("init.scope");
        group("user.slice");
        group("system.slice");
        group("system.slice/ssh.service");
        group("system.slice/paddock-guest.service");
        group("system.slice/paddock-guest.service/agent");
        group("system.slice/paddock-guest.service/commands");
        return freezer("system.slice/paddock-guest.service/agent");
    }
    [[nodiscard]] Freezer freezer(const fs::path& own)
    {
        return Freezer{{root, own, {}}, [this](pid_t pid) { return programs.contains(pid); }};
    }
    [[nodiscard]] std::set<std::string> stopped() const
    {
        std::set<std::string> found;
        for (const auto& each : fs::recursive_directory_iterator{root}) {
            if (each.path().filename() == "cgroup.freeze" &&
                read(each.path().lexically_relative(root)).starts_with('1')) {
                found.insert(each.path().parent_path().lexically_relative(root).string());
            }
        }
        return found;
    }

    tests::TempFolder temp;
    fs::path root = temp.path();
    std::set<pid_t> programs;
};

const std::set<std::string> all_but_the_agent{"init.scope",
                                              "user.slice",
                                              "system.slice/ssh.service",
                                              "system.slice/paddock-guest.service/commands"};

} // namespace

BOOST_FIXTURE_TEST_SUITE(freezer_tests, TreeFixture)

BOOST_AUTO_TEST_CASE(everything_beside_the_way_to_the_agent_stands_still)
{
    auto freezer = service();
    BOOST_REQUIRE(freezer.freeze(5s));
    BOOST_TEST(freezer.frozen());
    BOOST_TEST(stopped() == all_but_the_agent, boost::test_tools::per_element());
    BOOST_TEST(freezer.freeze(0s).has_value()); // Again is success.
    freezer.thaw();
    BOOST_TEST(!freezer.frozen());
    BOOST_TEST(stopped().empty());
}

BOOST_AUTO_TEST_CASE(as_pid_1_all_groups_stand_still)
{
    group("guest");
    auto freezer = this->freezer("");
    BOOST_REQUIRE(freezer.freeze(5s));
    BOOST_TEST(stopped() == std::set<std::string>{"guest"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_cannot_stand_still_in_time_lets_all_go_on)
{
    auto freezer = service();
    group("system.slice/stuck.service", "populated 1\nfrozen 0\n");
    const auto result = freezer.freeze(20ms);
    BOOST_REQUIRE(!result);
    BOOST_TEST(result.error().message == "system.slice/stuck.service goes on");
    BOOST_TEST(!freezer.frozen());
    BOOST_TEST(stopped().empty());
    group("system.slice/stuck.service");
    BOOST_TEST(freezer.freeze(5s).has_value());
}

BOOST_AUTO_TEST_CASE(one_look_may_take_all_the_time)
{
    auto freezer = service();
    BOOST_TEST(freezer.freeze(0s).has_value());
    BOOST_TEST(freezer.frozen());
}

BOOST_AUTO_TEST_CASE(whoever_makes_new_groups_without_end_is_not_waited_for)
{
    group("init.scope");
    group("guest");
    write("cgroup.procs", "4711\n");
    int made = 0;
    Freezer freezer{{root, "", {}}, [&](pid_t) {
                        group("more-" + std::to_string(++made));
                        return false;
                    }};
    const auto result = freezer.freeze(20ms);
    BOOST_REQUIRE(!result);
    BOOST_TEST(result.error().message == "new groups without end");
    BOOST_TEST(stopped().empty());
    BOOST_TEST(!freezer.frozen());
}

BOOST_AUTO_TEST_CASE(what_others_stopped_stays_so)
{
    auto freezer = service();
    write("user.slice/cgroup.freeze", "1\n");
    BOOST_REQUIRE(freezer.freeze(5s));
    freezer.thaw();
    BOOST_TEST(stopped() == std::set<std::string>{"user.slice"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_program_beside_the_agent_is_not_left_running_in_silence)
{
    auto freezer = service();
    write("cgroup.procs", "2\n33\n");
    write("system.slice/paddock-guest.service/agent/cgroup.procs", "100\n4711\n");
    BOOST_TEST(freezer.freeze(5s).has_value());
    freezer.thaw();
    programs = {4711};
    BOOST_TEST(freezer.freeze(20ms).error().message == "process 4711 is in the agent's own group");
    BOOST_TEST(stopped().empty());
    programs = {33};
    BOOST_TEST(!freezer.freeze(20ms));
}

BOOST_AUTO_TEST_CASE(without_cgroup2_it_is_refused)
{
    fs::remove(root / "cgroup.controllers");
    Freezer freezer{settle_into_groups(root, "0::/\n"), is_other_program};
    BOOST_TEST(!freezer.freeze(5s));
    freezer.thaw();
}

BOOST_AUTO_TEST_CASE(pid_1_stays_in_the_root_and_its_children_get_a_group)
{
    const auto groups = settle_into_groups(root, "0::/\n");
    BOOST_TEST(groups.own.empty());
    BOOST_TEST(groups.commands == root / "guest");
    BOOST_TEST(fs::is_directory(root / "guest"));
}

BOOST_AUTO_TEST_CASE(a_service_divides_its_group_between_itself_and_its_commands)
{
    write("system.slice/a.service/agent/cgroup.procs", "");
    const auto groups = settle_into_groups(root, "1:name=systemd:/x\n0::/system.slice/a.service\n");
    BOOST_TEST(groups.own == "system.slice/a.service/agent");
    BOOST_TEST(read(groups.own / "cgroup.procs") == "0");
    BOOST_TEST(groups.commands == root / "system.slice/a.service/commands");
    BOOST_TEST(fs::is_directory(groups.commands));
}

BOOST_AUTO_TEST_CASE(a_service_that_may_not_divide_its_group_stays_where_it_is)
{
    group("a.service"); // There, moving fails: the new group has no cgroup.procs.
    BOOST_TEST(settle_into_groups(root, "0::/a.service").own == "a.service");
}

BOOST_AUTO_TEST_CASE(hierarchies_of_cgroup1_are_none)
{
    BOOST_TEST(settle_into_groups(root, "4:memory:/x\n1:name=systemd:/x\n").root.empty());
}

BOOST_AUTO_TEST_CASE(only_other_running_programs_count)
{
    BOOST_TEST(!is_other_program(::getpid()));
    BOOST_TEST(!is_other_program(2));        // kthreadd, or nobody.
    BOOST_TEST(!is_other_program(0x3FFFFF)); // Nobody.
    const pid_t child = ::fork();
    if (child == 0) {
        ::pause();
        ::_exit(0);
    }
    BOOST_TEST(is_other_program(child));
    ::kill(child, SIGKILL);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
    BOOST_TEST(!is_other_program(child)); // A corpse.
    ::waitpid(child, nullptr, 0);
}

BOOST_AUTO_TEST_SUITE_END()
