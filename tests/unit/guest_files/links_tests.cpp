#include "guest/files/links.hpp"

#include "guest/files/acting_as.hpp"
#include "guest/files/edit.hpp"
#include "guest/files/hash.hpp"
#include "guest/files/watcher.hpp"
#include "guest/files/writer.hpp"
#include "tests/unit/guest_files/files_fixture.hpp"

#include <unistd.h>

using namespace guest::files;
namespace fs = std::filesystem;

namespace {

const guest::User attacker{"attacker", 12345, 12345, {12345}, "/", ""};
const guest::User third_user{"third", 23456, 23456, {23456}, "/", ""};

/// "sticky" is a /tmp of root's, in which the attacker has links.
struct LinksFixture : FilesFixture {
    LinksFixture()
    {
        fs::permissions(base, fs::perms{0755});
        write(in() / "home/file", "text");
        BOOST_REQUIRE(::chmod(path("home").c_str(), 0777) == 0);
        BOOST_REQUIRE(::chmod(path("home/file").c_str(), 0666) == 0);
        fs::create_directory(in() / "sticky");
        BOOST_REQUIRE(::chmod(path("sticky").c_str(), 01777) == 0);
        link("sticky/theirs", "../home/file", attacker.uid);
        link("sticky/roots", "../home/file", 0);
        link("sticky/new", "../home/new", attacker.uid);
        link("sticky/folder", "../home", attacker.uid);
        link("to-theirs", "sticky/theirs", 0);
        link("to-theirs-slashed", "sticky/folder/", 0);
    }
    void link(const std::string& name, const std::string& target, uid_t owner)
    {
        fs::create_symlink(target, in() / name);
        BOOST_REQUIRE(::lchown(path(name).c_str(), owner, owner) == 0);
    }
    std::string find(const std::string& name)
    {
        return reason_of(policy.find(path(name), LastLink::followed));
    }
    std::string place(const std::string& name)
    {
        return reason_of(policy.place(path(name), Access::write, LastLink::followed));
    }
    std::string put(const std::string& name, Existing existing = Existing::replaced)
    {
        WriteOptions options;
        options.existing = existing;
        auto writer = Writer::open(policy, path(name), options);
        return writer ? reason_of(writer->commit()) : reason_of(writer);
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(links_tests, LinksFixture)

BOOST_AUTO_TEST_CASE(somebody_elses_link_in_a_sticky_folder_is_not_followed)
{
    for (const auto& rules : {PathRules{{in()}}, PathRules{}}) {
        policy = *PathPolicy::of(rules);
        for (const auto* each : {"sticky/theirs", "sticky/folder", "to-theirs", "sticky/folder/"}) {
            BOOST_TEST(find(each) == "permission_denied", each);
            BOOST_TEST(place(each) == "permission_denied", each);
        }
        BOOST_TEST(place("sticky/new") == "permission_denied");
        BOOST_TEST(find("to-theirs-slashed") == "permission_denied");
        BOOST_TEST(place("to-theirs-slashed") == "permission_denied");
        const auto acting = ActingAs::user(third_user);
        BOOST_TEST(find("sticky/theirs") == "permission_denied");
        BOOST_TEST(place("sticky/theirs") == "permission_denied");
    }
}

BOOST_AUTO_TEST_CASE(nothing_is_done_through_it)
{
    BOOST_TEST(put("sticky/theirs") == "permission_denied");
    BOOST_TEST(put("sticky/theirs", Existing::appended_to) == "permission_denied");
    BOOST_TEST(put("sticky/new") == "permission_denied");
    BOOST_TEST(reason_of(edit(policy, path("sticky/theirs"), {"text", "x"})) ==
               "permission_denied");
    BOOST_TEST(reason_of(hash(policy, path("sticky/theirs"))) == "permission_denied");
    BOOST_TEST(reason_of(make_folder(policy, path("sticky/new"), {})) == "permission_denied");
    BOOST_TEST(reason_of(Watcher::open(policy, path("sticky/theirs"), {})) == "permission_denied");
    BOOST_TEST(content(in() / "home/file") == "text");
    BOOST_TEST(names(in() / "home") == std::set<std::string>{"file"});
    // The link itself is nobody's way anywhere.
    BOOST_TEST(reason_of(guest::files::stat(policy, path("sticky/theirs"), LastLink::kept)) == "");
    BOOST_TEST(reason_of(guest::files::remove(policy, path("sticky/theirs"), Recursive::no)) == "");
}

BOOST_AUTO_TEST_CASE(ones_own_and_the_folders_owners_are_followed)
{
    for (const auto* each : {"sticky/roots", "home/file"}) {
        BOOST_TEST(find(each) == "", each);
        BOOST_TEST(place(each) == "", each);
    }
    const auto acting = ActingAs::user(attacker);
    for (const auto* each : {"sticky/theirs", "sticky/roots", "sticky/folder", "to-theirs"}) {
        BOOST_TEST(find(each) == "", each);
        BOOST_TEST(place(each) == "", each);
    }
    BOOST_TEST(put("sticky/new") == "");
    BOOST_TEST(fs::exists(in() / "home/new"));
}

BOOST_AUTO_TEST_CASE(elsewhere_and_on_the_way_links_are_followed_as_by_the_kernel)
{
    BOOST_TEST(find("sticky/folder/file") == "");
    BOOST_TEST(place("sticky/folder/file") == "");
    for (const mode_t mode : {0777U, 01775U, 0755U}) { // Not sticky, or not everybody's.
        BOOST_REQUIRE(::chmod(path("sticky").c_str(), mode) == 0);
        BOOST_TEST(find("sticky/theirs") == "");
        BOOST_TEST(place("sticky/theirs") == "");
    }
}

BOOST_AUTO_TEST_CASE(links_lead_where_they_do_for_the_kernel)
{
    link("dot", ".", 0);
    link("home/up", "..", 0);
    link("slashed", "home//", 0);
    link("file-slashed", "home/file/", 0);
    link("chain", "home/up/slashed/up/chain-end", 0);
    link("chain-end", "home/file", 0);
    BOOST_TEST(policy.find(path("dot"), LastLink::followed)->path == in());
    BOOST_TEST(policy.find(path("home/up"), LastLink::followed)->path == in());
    BOOST_TEST(policy.find(path("slashed"), LastLink::followed)->path == path("home"));
    BOOST_TEST(policy.find(path("chain"), LastLink::followed)->path == path("home/file"));
    BOOST_TEST(find("file-slashed") == "not_a_folder");
    const auto all = *PathPolicy::of({});
    link("top", "/", 0);
    BOOST_TEST(all.find(path("top"), LastLink::followed)->path == "/");
    BOOST_TEST(reason_of(all.find("/proc/self", LastLink::followed)) == "");
    BOOST_TEST(reason_of(all.find("/proc/self/cwd", LastLink::followed)) == "symlink_loop");
    BOOST_TEST(reason_of(all.place("/proc/self/cwd", Access::read, LastLink::followed)) ==
               "symlink_loop");
}

BOOST_AUTO_TEST_SUITE_END()
