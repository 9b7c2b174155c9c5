#include "guest/files/folders.hpp"

#include "guest/files/folder.hpp"
#include "tests/unit/guest_files/files_fixture.hpp"
#include "tests/unit/guest_files/interposed.hpp"

#include <fcntl.h>

using namespace guest::files;
namespace fs = std::filesystem;

namespace {

struct FoldersFixture : FilesFixture {
    std::string make(const std::string& name, const MakeFolderOptions& options = {})
    {
        return reason_of(make_folder(policy, path(name), options));
    }
    std::string go(const std::string& name, Recursive recursive = Recursive::yes)
    {
        const auto done = guest::files::remove(policy, path(name), recursive);
        removed = done ? *done : Removed{};
        return reason_of(done);
    }
    std::string
    rename(const std::string& from, const std::string& to, Overwrite overwrite = Overwrite::no)
    {
        return reason_of(guest::files::move(policy, path(from), path(to), overwrite));
    }
    void make_deep(const std::string& name, unsigned depth) const
    {
        common::UniqueFd folder{::open(in().c_str(), O_PATH | O_DIRECTORY)};
        auto next = name;
        for (unsigned i = 0; i < depth; ++i) {
            BOOST_REQUIRE(::mkdirat(folder.get(), next.c_str(), 0755) == 0);
            folder = common::UniqueFd{::openat(folder.get(), next.c_str(), O_PATH | O_DIRECTORY)};
            next = "d";
        }
    }

    Removed removed;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(folders_tests, FoldersFixture)

BOOST_AUTO_TEST_CASE(a_folder_has_the_mode_that_was_asked_for_whatever_the_umask)
{
    const auto before = ::umask(077);
    BOOST_TEST(make("a", {Parents::must_exist, 01777}) == "");
    BOOST_TEST(make("b/c/d", {Parents::made, 0700}) == "");
    ::umask(before);
    BOOST_TEST(mode(in() / "a") == 01777U);
    BOOST_TEST(mode(in() / "b/c") == 0755U);
    BOOST_TEST(mode(in() / "b/c/d") == 0700U);
}

BOOST_AUTO_TEST_CASE(what_is_there_is_told)
{
    fs::create_directory(in() / "a");
    write(in() / "file", "x");
    BOOST_TEST(make("a") == "already_exists");
    BOOST_TEST(make("a", {Parents::made}) == "");
    BOOST_TEST(make("file", {Parents::made}) == "not_a_folder");
    BOOST_TEST(make("file/b", {Parents::made}) == "not_a_folder");
    BOOST_TEST(make("b/c") == "not_found");
    BOOST_TEST(!*make_folder(policy, in().string(), {Parents::made}));
    fs::create_symlink("../out/new", in() / "way-out");
    BOOST_TEST(make("way-out") == "path_escapes");
    BOOST_TEST(make("way-out/b", {Parents::made}) == "path_escapes");
    BOOST_TEST(outside_is_untouched());
}

BOOST_AUTO_TEST_CASE(a_folder_put_in_the_place_of_a_new_one_keeps_its_mode)
{
    const interposed::Reset reset;
    write(in() / "theirs/key", "k");
    fs::permissions(in() / "theirs", fs::perms{0700});
    interposed::next_tick();
    interposed::hooks().after_mkdirat = [this](int /*folder*/, const char* name) {
        fs::rename(in() / name, in() / "aside");
        fs::rename(in() / "theirs", in() / name);
    };
    BOOST_TEST(make("new", {Parents::must_exist, 0777}) == "file_changed");
    BOOST_TEST(mode(in() / "new") == 0700U);
    // What others make in it at once does no harm.
    interposed::hooks().after_mkdirat = [this](int /*folder*/, const char* name) {
        write(in() / name / "early", "x");
    };
    BOOST_TEST(make("second", {Parents::must_exist, 0750}) == "");
    BOOST_TEST(mode(in() / "second") == 0750U);
}

BOOST_AUTO_TEST_CASE(files_links_and_trees_go)
{
    write(in() / "file", "x");
    fs::create_symlink("../out", in() / "link");
    write(in() / "tree/a/b", "x");
    write(in() / "tree/c", "x");
    fs::create_symlink(out(), in() / "tree/a/link");
    BOOST_REQUIRE(::mkfifo(path("tree/pipe").c_str(), 0600) == 0);
    BOOST_TEST(go("file") == "");
    BOOST_TEST(!removed.was_folder);
    BOOST_TEST(go("link") == "");
    BOOST_TEST(!removed.was_folder);
    BOOST_TEST(go("tree", Recursive::no) == "folder_not_empty");
    BOOST_TEST(go("tree") == "");
    BOOST_TEST(removed.was_folder);
    BOOST_TEST(removed.entries == 6U);
    BOOST_TEST(names(in()).empty());
    BOOST_TEST(outside_is_untouched());
    fs::create_directory(in() / "empty");
    BOOST_TEST(go("empty", Recursive::no) == "");
    BOOST_TEST(go("empty") == "not_found");
}

BOOST_AUTO_TEST_CASE(a_root_and_what_is_around_the_never_written_stay)
{
    write(in() / "a/kept/file", "x");
    BOOST_TEST(go("") == "path_not_allowed");
    BOOST_TEST(reason_of(guest::files::remove(*PathPolicy::of({}), "/", Recursive::yes)) ==
               "path_not_allowed");
    policy = *PathPolicy::of({{in()}, {}, {path("a/kept")}});
    BOOST_TEST(go("a") == "path_not_allowed");
    BOOST_TEST(go("a/kept/file") == "path_not_allowed");
    BOOST_TEST(content(in() / "a/kept/file") == "x");
}

BOOST_AUTO_TEST_CASE(a_tree_too_deep_to_be_walked_is_refused)
{
    make_deep("deep", depth_at_most);
    BOOST_TEST(go("deep") == "");
    BOOST_TEST(removed.entries == depth_at_most);
    make_deep("deeper", depth_at_most + 1);
    BOOST_TEST(go("deeper") == "too_deep");
}

BOOST_AUTO_TEST_CASE(mount_points_stay, *boost::unit_test::precondition(mounts_are_possible))
{
    std::string bound;
    std::string around;
    std::string mounted_file;
    std::string moved_across;
    with_mounts([&] {
        fs::create_directories(in() / "tree/bound");
        fs::create_directories(in() / "other");
        write(in() / "tree/file", "x");
        write(in() / "movable", "x");
        // Of the same file system: its number tells nothing.
        BOOST_REQUIRE(
            ::mount(out().c_str(), path("tree/bound").c_str(), nullptr, MS_BIND, nullptr) == 0);
        BOOST_REQUIRE(::mount("tmpfs", path("other").c_str(), "tmpfs", 0, "size=64k") == 0);
        write(in() / "bound-file", "");
        BOOST_REQUIRE(::mount((out() / "secret").c_str(),
                              path("bound-file").c_str(),
                              nullptr,
                              MS_BIND,
                              nullptr) == 0);
        bound = go("tree/bound");
        around = go("tree");
        mounted_file = go("bound-file");
        moved_across = rename("movable", "other/movable");
    });
    BOOST_TEST(bound == "mount_point");
    BOOST_TEST(around == "mount_point");
    BOOST_TEST(mounted_file == "mount_point");
    BOOST_TEST(moved_across == "cross_device");
    BOOST_TEST(outside_is_untouched());
}

BOOST_AUTO_TEST_CASE(a_move_is_a_rename)
{
    write(in() / "file", "x");
    fs::create_symlink("../out", in() / "link");
    write(in() / "tree/a", "x");
    BOOST_TEST(rename("file", "moved") == "");
    BOOST_TEST(rename("link", "moved-link") == "");
    BOOST_TEST(fs::read_symlink(in() / "moved-link") == "../out");
    BOOST_TEST(rename("tree", "folder") == "");
    BOOST_TEST(content(in() / "folder/a") == "x");
    BOOST_TEST(names(in()) == (std::set<std::string>{"folder", "moved", "moved-link"}));
}

BOOST_AUTO_TEST_CASE(a_move_overwrites_only_if_told)
{
    write(in() / "a", "a");
    write(in() / "b", "b");
    write(in() / "folder/x", "x");
    fs::create_directory(in() / "empty");
    BOOST_TEST(rename("a", "b") == "already_exists");
    BOOST_TEST(content(in() / "b") == "b");
    BOOST_TEST(rename("a", "b", Overwrite::yes) == "");
    BOOST_TEST(content(in() / "b") == "a");
    BOOST_TEST(rename("b", "folder", Overwrite::yes) == "is_a_folder");
    BOOST_TEST(rename("empty", "folder", Overwrite::yes) == "folder_not_empty");
    BOOST_TEST(rename("folder", "empty", Overwrite::yes) == "");
    BOOST_TEST(rename("empty", "empty/below") == "invalid");
    BOOST_TEST(rename("missing", "b") == "not_found");
}

BOOST_AUTO_TEST_CASE(a_move_leads_neither_out_nor_past_the_rules)
{
    write(in() / "file", "x");
    write(in() / "a/hidden/key", "k");
    fs::create_symlink("../out", in() / "way-out");
    BOOST_TEST(rename("file", "way-out/file") == "path_escapes");
    BOOST_TEST(rename("way-out/secret", "file") == "path_escapes");
    BOOST_TEST(rename("", "file") == "path_not_allowed");
    BOOST_TEST(rename("file", "", Overwrite::yes) == "path_not_allowed");
    policy = *PathPolicy::of({{in()}, {path("a/hidden")}, {}});
    BOOST_TEST(rename("a", "b") == "path_not_allowed");
    BOOST_TEST(rename("a/hidden/key", "key") == "path_not_allowed");
    BOOST_TEST(outside_is_untouched());
}

BOOST_AUTO_TEST_SUITE_END()
