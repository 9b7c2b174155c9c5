#include "guest/files/path_policy.hpp"

#include "guest/files/entry.hpp"
#include "tests/unit/guest_files/files_fixture.hpp"

#include <cstddef>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

using namespace guest::files;
namespace fs = std::filesystem;

namespace {

struct PolicyFixture : FilesFixture {
    std::string find(const std::string& wanted)
    {
        return reason_of(policy.find(wanted, LastLink::followed));
    }
    std::string place(const std::string& wanted, LastLink last = LastLink::followed)
    {
        return reason_of(policy.place(wanted, Access::write, last));
    }
};

/// From now on openat2 is unknown to this thread, as to an older kernel.
bool forget_openat2()
{
    std::array filter{
        sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(path_policy_tests, PolicyFixture)

BOOST_AUTO_TEST_CASE(a_path_is_brought_into_its_normal_form)
{
    BOOST_TEST(*normal_path("/") == "/");
    BOOST_TEST(*normal_path("//a/./b//c/.") == "/a/b/c");
    BOOST_TEST(*normal_path("/a/../b/") == "/a/../b"); // Only the kernel knows what that is.
    for (const auto& bad : {std::string{},
                            std::string{"a/b"},
                            std::string{"/a\0b", 4},
                            "/" + std::string(4096, 'a')}) {
        BOOST_TEST(reason_of(normal_path(bad)) == "invalid_path");
    }
}

BOOST_AUTO_TEST_CASE(a_rule_that_is_a_link_holds_where_that_leads_to)
{
    fs::create_directories(path("real/secret"));
    fs::create_directory_symlink("real", path("link"));
    write(in() / "real/secret/file", "text");
    write(in() / "real/other", "text");
    auto linked = PathPolicy::of({{"/"}, {path("link/secret")}, {path("link/new/deep")}});
    BOOST_REQUIRE(linked.has_value());
    const auto find_in = [&](const char* name) {
        return reason_of(linked->find(path(name), LastLink::followed));
    };
    BOOST_TEST(find_in("real/secret/file") == "path_not_allowed");
    BOOST_TEST(find_in("link/secret/file") == "path_not_allowed");
    BOOST_TEST(find_in("link/other") == "");
    BOOST_TEST(!linked->allows(path("real/new/deep/file"), Access::write)); // Not there yet.
    BOOST_TEST(linked->allows(path("real/new/other"), Access::write));
}

BOOST_AUTO_TEST_CASE(rules_are_absolute_and_plain)
{
    BOOST_TEST(!PathPolicy::of({{}}));
    BOOST_TEST(!PathPolicy::of({{"a"}}));
    BOOST_TEST(!PathPolicy::of({{"/a/../b"}}));
    BOOST_TEST(!PathPolicy::of({{"/a"}, {"/b/.."}}));
    BOOST_TEST(bool{PathPolicy::of({{"/a//b/"}})});
}

BOOST_AUTO_TEST_CASE(what_is_below_no_root_is_refused)
{
    BOOST_TEST(find(out() / "secret") == "path_not_allowed");
    BOOST_TEST(find(in().string() + "side") == "path_not_allowed"); // A prefix is no folder.
    BOOST_TEST(find("/etc/passwd") == "path_not_allowed");
    BOOST_TEST(find(in().string()) == "");
    BOOST_TEST(find(in().string() + "/") == "");
}

BOOST_AUTO_TEST_CASE(links_and_dots_that_lead_out_are_refused)
{
    fs::create_directory(in() / "sub");
    fs::create_symlink("../out", in() / "relative");
    fs::create_symlink(out(), in() / "absolute");
    fs::create_symlink("relative", in() / "chain");
    fs::create_symlink("../../out/secret", in() / "sub/file");
    for (const auto* each : {"relative",
                             "absolute",
                             "chain",
                             "relative/secret",
                             "absolute/secret",
                             "sub/file",
                             "sub/../../out/secret",
                             "..",
                             "../out"}) {
        BOOST_TEST(find(path(each)) == "path_escapes", each);
    }
    for (const auto* each : {"relative/new",
                             "absolute/new",
                             "chain/new",
                             "sub/file",
                             "../out/new",
                             "relative",
                             "absolute"}) {
        BOOST_TEST(place(path(each)) == "path_escapes", each);
    }
    // The link itself is inside.
    BOOST_TEST(place(path("relative"), LastLink::kept) == "");
    BOOST_TEST(place(path("sub/file"), LastLink::kept) == "");
}

BOOST_AUTO_TEST_CASE(links_within_the_root_are_followed)
{
    write(in() / "sub/file", "inside");
    fs::create_symlink("sub", in() / "folder");
    fs::create_symlink("../sub/./file", in() / "sub/again");
    fs::create_symlink("missing", in() / "sub/dangling");
    BOOST_TEST(policy.find(path("folder/again"), LastLink::followed)->path == path("sub/file"));
    const auto placed = policy.place(path("folder/again"), Access::write, LastLink::followed);
    BOOST_TEST(placed->name == "file");
    BOOST_TEST(placed->path == path("sub/file"));
    const auto dangling = policy.place(path("folder/dangling"), Access::write, LastLink::followed);
    BOOST_TEST(dangling->path == path("sub/missing"));
}

BOOST_AUTO_TEST_CASE(below_everything_absolute_links_are_followed)
{
    const auto all = *PathPolicy::of({});
    fs::create_symlink(out(), in() / "link");
    fs::create_symlink("/", in() / "top");
    fs::create_symlink(out() / "new", in() / "file");
    BOOST_TEST(all.find(path("link/secret"), LastLink::followed)->path == out() / "secret");
    BOOST_TEST(all.place(path("file"), Access::write, LastLink::followed)->path == out() / "new");
    BOOST_TEST(all.place(path("top"), Access::write, LastLink::followed)->name == ".");
    BOOST_TEST(all.find("/../..", LastLink::followed)->path == "/");
}

BOOST_AUTO_TEST_CASE(loops_end)
{
    fs::create_symlink("b", in() / "a");
    fs::create_symlink("a", in() / "b");
    BOOST_TEST(find(path("a")) == "symlink_loop");
    BOOST_TEST(place(path("a")) == "symlink_loop");
    BOOST_TEST(place(path("a/x")) == "symlink_loop");
}

BOOST_AUTO_TEST_CASE(links_of_proc_into_other_processes_are_no_way)
{
    const auto all = *PathPolicy::of({});
    BOOST_TEST(reason_of(all.find("/proc/self/root/etc", LastLink::followed)) == "symlink_loop");
    BOOST_TEST(reason_of(all.find("/proc/self/fd/0", LastLink::followed)) == "symlink_loop");
    BOOST_TEST(reason_of(all.find("/proc/self/status", LastLink::followed)) == "");
}

BOOST_AUTO_TEST_CASE(where_it_really_is_counts_for_what_is_never_touched)
{
    write(in() / "hidden/key", "k");
    write(in() / "fixed/file", "f");
    fs::create_symlink("hidden", in() / "way");
    fs::create_symlink("fixed", in() / "other");
    policy = *PathPolicy::of({{in()}, {path("hidden")}, {path("fixed")}});
    BOOST_TEST(find(path("hidden/key")) == "path_not_allowed");
    BOOST_TEST(find(path("way/key")) == "path_not_allowed");
    BOOST_TEST(find(path("way")) == "path_not_allowed");
    BOOST_TEST(find(path("other/file")) == "");
    BOOST_TEST(place(path("other/file")) == "path_not_allowed");
    BOOST_TEST(place(path("other"), LastLink::followed) == "path_not_allowed");
    BOOST_TEST(place(path("way/new")) == ""); // Never read; nothing was said of writing.
    BOOST_TEST(reason_of(policy.check_tree("x", in().string(), Access::read)) ==
               "path_not_allowed");
    BOOST_TEST(reason_of(policy.check_tree("x", path("other"), Access::read)) == "");
}

BOOST_AUTO_TEST_CASE(by_default_all_but_what_the_kernel_makes_up_is_written)
{
    const auto all = *PathPolicy::of({});
    for (const auto* each : {"/proc/sys/kernel/hostname", "/sys/power/state", "/dev/null"}) {
        BOOST_TEST(reason_of(all.place(each, Access::write, LastLink::followed)) ==
                       "path_not_allowed",
                   each);
    }
    BOOST_TEST(reason_of(all.place("/etc/hostname", Access::write, LastLink::followed)) == "");
}

BOOST_AUTO_TEST_CASE(the_longest_root_is_the_one)
{
    fs::create_directories(in() / "deep");
    fs::create_symlink("..", in() / "deep/up");
    policy = *PathPolicy::of({{in(), path("deep")}});
    BOOST_TEST(find(path("deep/up")) == "path_escapes");
    BOOST_TEST(find(path("deep")) == "");
}

BOOST_AUTO_TEST_CASE(a_root_that_has_become_a_link_is_none)
{
    fs::remove(in());
    fs::create_symlink("out", in());
    BOOST_TEST(find(path("secret")) == "symlink_loop");
    BOOST_TEST(place(path("new")) == "symlink_loop");
    BOOST_TEST(outside_is_untouched());
}

BOOST_AUTO_TEST_CASE(what_is_missing_is_not_found)
{
    BOOST_TEST(find(path("no")) == "not_found");
    BOOST_TEST(place(path("no/no")) == "not_found");
    BOOST_TEST(place(path("no")) == "");
    BOOST_TEST(place(path("no/..")) == "not_found");
    BOOST_TEST(place(path("..")) == "invalid_path");
    write(in() / "file", "x");
    BOOST_TEST(find(path("file/x")) == "not_a_folder");
    BOOST_TEST(!*exists(policy, path("file/x"), LastLink::followed));
    BOOST_TEST(!*exists(policy, path("no"), LastLink::followed));
    BOOST_TEST(bool{*exists(policy, path("file"), LastLink::followed)});
    BOOST_TEST(find(path(std::string(300, 'n'))) == "name_too_long");
}

BOOST_AUTO_TEST_CASE(what_there_is_is_told_without_opening_it)
{
    write(in() / "file", "12345");
    fs::permissions(in() / "file", fs::perms{04640});
    fs::create_symlink("file", in() / "link");
    BOOST_REQUIRE(::mkfifo(path("pipe").c_str(), 0600) == 0);
    const auto file = *guest::files::stat(policy, path("link"), LastLink::followed);
    BOOST_TEST(to_string(file.kind) == "file");
    BOOST_TEST(file.mode == 04640U);
    BOOST_TEST(file.size == 5U);
    BOOST_TEST(file.uid == ::getuid());
    BOOST_TEST(file.path == path("link"));
    BOOST_TEST(file.modified_ns > 1'700'000'000'000'000'000);
    const auto link = *guest::files::stat(policy, path("link"), LastLink::kept);
    BOOST_TEST(to_string(link.kind) == "symlink");
    BOOST_TEST(link.target == "file");
    BOOST_TEST(to_string(guest::files::stat(policy, path("pipe"), LastLink::kept)->kind) == "fifo");
}

BOOST_AUTO_TEST_CASE(a_kernel_without_openat2_gets_nothing_done)
{
    const auto all = *PathPolicy::of({});
    std::string found = "not tried";
    std::string placed;
    std::thread{[&] {
        if (forget_openat2()) {
            found = reason_of(all.find(path("x"), LastLink::followed));
            placed = reason_of(policy.place(path("x"), Access::write, LastLink::kept));
        }
    }}.join();
    BOOST_TEST(found == "no_openat2");
    BOOST_TEST(placed == "no_openat2");
}

BOOST_AUTO_TEST_SUITE_END()
