#include "guest/files/copying.hpp"

#include "guest/files/folder.hpp"
#include "tests/unit/guest_files/files_fixture.hpp"

using namespace guest::files;
namespace fs = std::filesystem;

namespace {

struct CopyingFixture : FilesFixture {
    std::string
    copy(const std::string& from, const std::string& to, const CopyOptions& options = {})
    {
        const auto done = guest::files::copy(policy, path(from), path(to), options);
        copied = done ? *done : Copied{};
        return reason_of(done);
    }

    Copied copied;
};

CopyOptions whole_tree()
{
    CopyOptions options;
    options.recursive = Recursive::yes;
    return options;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(copying_tests, CopyingFixture)

BOOST_AUTO_TEST_CASE(a_file_is_copied_with_its_mode)
{
    const std::string text(3'000'000, 'x');
    write(in() / "file", text);
    BOOST_REQUIRE(::chmod(path("file").c_str(), 04750) == 0);
    fs::create_symlink("file", in() / "link");
    BOOST_TEST(copy("link", "copy") == "");
    BOOST_TEST(copied.bytes == text.size());
    BOOST_TEST((content(in() / "copy") == text));
    BOOST_TEST(mode(in() / "copy") == 0750U);
    BOOST_TEST(!fs::is_symlink(in() / "copy"));
}

BOOST_AUTO_TEST_CASE(a_copy_overwrites_only_if_told)
{
    write(in() / "a", "a");
    write(in() / "b", "b");
    fs::create_directory(in() / "folder");
    BOOST_TEST(copy("a", "b") == "already_exists");
    CopyOptions options;
    options.overwrite = Overwrite::yes;
    BOOST_TEST(copy("a", "b", options) == "");
    BOOST_TEST(content(in() / "b") == "a");
    BOOST_TEST(copy("a", "folder", options) == "is_a_folder");
    BOOST_TEST(copy("folder", "new", options) == "is_a_folder");
    options.recursive = Recursive::yes;
    fs::create_directory(in() / "other");
    BOOST_TEST(copy("folder", "other", options) == "already_exists");
    BOOST_TEST(names(in()) == (std::set<std::string>{"a", "b", "folder", "other"}));
}

BOOST_AUTO_TEST_CASE(a_tree_is_copied_with_its_links_as_links)
{
    write(in() / "tree/a/file", "text");
    write(in() / "tree/empty", "");
    fs::permissions(in() / "tree/a", fs::perms{0500});
    fs::create_symlink("../../out", in() / "tree/way-out");
    BOOST_REQUIRE(::mkfifo(path("tree/pipe").c_str(), 0600) == 0);
    BOOST_TEST(copy("tree", "copy", whole_tree()) == "");
    BOOST_TEST(copied.bytes == 4U);
    BOOST_TEST(copied.entries == 5U);
    BOOST_TEST(copied.skipped == 1U);
    BOOST_TEST(content(in() / "copy/a/file") == "text");
    BOOST_TEST(mode(in() / "copy/a") == 0500U);
    BOOST_TEST(fs::read_symlink(in() / "copy/way-out") == "../../out");
    BOOST_TEST(names(in() / "copy") == (std::set<std::string>{"a", "empty", "way-out"}));
    BOOST_TEST(names(in()) == (std::set<std::string>{"copy", "tree"}));
}

BOOST_AUTO_TEST_CASE(nothing_stays_of_a_copy_that_fails)
{
    write(in() / "tree/a/one", "1234");
    write(in() / "tree/a/two", "1234");
    write(in() / "big", std::string(10, 'x'));
    auto options = whole_tree();
    options.bytes_at_most = 7;
    BOOST_TEST(copy("tree", "copy", options) == "too_large");
    BOOST_TEST(copy("big", "copy", options) == "too_large");
    options = whole_tree();
    options.entries_at_most = 3;
    BOOST_TEST(copy("tree", "copy", options) == "too_many_entries");
    BOOST_TEST(names(in()) == (std::set<std::string>{"big", "tree"}));
}

BOOST_AUTO_TEST_CASE(a_tree_is_not_copied_into_itself)
{
    write(in() / "tree/a/file", "x");
    fs::create_symlink("tree/a", in() / "way");
    BOOST_TEST(copy("tree", "tree/copy", whole_tree()) == "invalid");
    BOOST_TEST(copy("tree", "way/copy", whole_tree()) == "invalid");
    BOOST_TEST(copy("tree", "tree", whole_tree()) == "invalid");
    BOOST_TEST(names(in() / "tree") == std::set<std::string>{"a"});
}

BOOST_AUTO_TEST_CASE(a_copy_leads_neither_out_nor_past_the_rules)
{
    write(in() / "file", "x");
    write(in() / "tree/hidden/key", "k");
    fs::create_symlink("../out", in() / "way-out");
    fs::create_symlink("../out/new", in() / "dangling");
    CopyOptions over;
    over.overwrite = Overwrite::yes;
    BOOST_TEST(copy("way-out/secret", "copy") == "path_escapes");
    BOOST_TEST(copy("file", "way-out/copy") == "path_escapes");
    // The link is in the way, not followed.
    BOOST_TEST(copy("file", "dangling", over) == "not_a_file");
    policy = *PathPolicy::of({{in()}, {path("tree/hidden")}});
    BOOST_TEST(copy("tree", "copy", whole_tree()) == "path_not_allowed");
    BOOST_TEST(copy("tree/hidden/key", "copy") == "path_not_allowed");
    BOOST_TEST(outside_is_untouched());
}

BOOST_AUTO_TEST_CASE(what_the_kernel_makes_up_can_be_copied)
{
    const auto all = *PathPolicy::of({});
    BOOST_REQUIRE(guest::files::copy(all, "/proc/self/cmdline", path("copy")));
    BOOST_TEST(content(in() / "copy").find("guest_files_tests") != std::string::npos);
    const std::string early = "/sys/devices/system/cpu/online"; // Shorter than its size.
    if (fs::exists(early)) {
        const auto copied_early = guest::files::copy(all, early, path("early"));
        BOOST_REQUIRE(reason_of(copied_early) == "");
        BOOST_TEST(content(in() / "early") == content(early));
        BOOST_TEST(copied_early->bytes == content(early).size());
    }
    BOOST_TEST(reason_of(guest::files::copy(all, "/dev/zero", path("zero"))) == "not_a_file");
}

BOOST_AUTO_TEST_CASE(file_systems_are_copied_across_and_a_full_one_is_told,
                     *boost::unit_test::precondition(mounts_are_possible))
{
    std::string small;
    std::string big;
    std::string got;
    std::set<std::string> left;
    with_mounts([&] {
        fs::create_directory(in() / "other");
        BOOST_REQUIRE(::mount("tmpfs", path("other").c_str(), "tmpfs", 0, "size=64k") == 0);
        write(in() / "small/file", "text");
        write(in() / "big/file", std::string(200'000, 'x'));
        small = copy("small", "other/small", whole_tree());
        got = content(in() / "other/small/file");
        big = copy("big", "other/big", whole_tree());
        left = names(in() / "other");
    });
    BOOST_TEST(small == "");
    BOOST_TEST(got == "text");
    BOOST_TEST(big == "disk_full");
    BOOST_TEST(left == std::set<std::string>{"small"});
}

BOOST_AUTO_TEST_SUITE_END()
