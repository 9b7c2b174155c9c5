#include "guest/files/acting_as.hpp"
#include "guest/files/copying.hpp"
#include "tests/unit/guest_files/files_fixture.hpp"
#include "tests/unit/guest_files/interposed.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <utility>

using namespace guest::files;
namespace fs = std::filesystem;

namespace {

const guest::User copier{"copier", 12345, 12345, {12345}, "/", ""};

/// Somebody, whom modes stop, copies trees that cannot be copied to their end.
struct DiscardingFixture : FilesFixture {
    DiscardingFixture()
    {
        fs::permissions(base, fs::perms{0755});
        give(in());
        options.recursive = Recursive::yes;
    }
    static void give(const fs::path& path)
    {
        BOOST_REQUIRE(::lchown(path.c_str(), copier.uid, copier.gid) == 0);
    }
    /// Folders "0", "1" …, each with a file in it and closed to writing.
    void make_closed(int count, std::size_t bytes)
    {
        for (int i = 0; i < count; ++i) {
            const auto each = in() / "tree" / std::to_string(i);
            write(each / "deep" / "file", std::string(bytes, 'x'));
            fs::permissions(each / "deep", fs::perms{i % 2 == 0 ? 0500U : 0555U});
            fs::permissions(each, fs::perms{0555});
        }
    }
    std::string copy(const std::string& to = "copy")
    {
        const auto acting = ActingAs::user(copier);
        BOOST_REQUIRE(bool{acting});
        const auto done = guest::files::copy(policy, path("tree"), path(to), options);
        copied = done ? *done : Copied{};
        return reason_of(done);
    }

    const interposed::Reset reset{};
    CopyOptions options;
    Copied copied;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(discarding_tests, DiscardingFixture)

BOOST_AUTO_TEST_CASE(a_copy_that_fails_anywhere_leaves_nothing)
{
    make_closed(4, 10);
    for (const auto& each : fs::recursive_directory_iterator{in() / "tree"}) {
        give(each.path());
    }
    for (options.entries_at_most = 1; options.entries_at_most < 13; ++options.entries_at_most) {
        BOOST_TEST(copy() == "too_many_entries");
        BOOST_TEST(names(in()) == std::set<std::string>{"tree"});
    }
    BOOST_TEST(copy() == "");
    BOOST_TEST(copied.entries == 13U);
    BOOST_TEST(mode(in() / "copy/0/deep") == 0500U);
}

BOOST_AUTO_TEST_CASE(what_takes_the_name_meanwhile_keeps_it)
{
    make_closed(1, 10);
    give(in() / "tree/0/deep");
    fs::permissions(in() / "tree", fs::perms{0555});
    interposed::hooks().after_mkdirat = [this](int /*folder*/, const char* /*name*/) {
        write(in() / "copy", "somebody else's");
    };
    BOOST_TEST(copy() == "already_exists");
    BOOST_TEST(content(in() / "copy") == "somebody else's");
    BOOST_TEST(names(in()) == (std::set<std::string>{"copy", "tree"}));
}

BOOST_AUTO_TEST_CASE(a_tree_too_deep_leaves_nothing)
{
    common::UniqueFd folder{::open(in().c_str(), O_PATH | O_DIRECTORY)};
    std::string next = "tree";
    for (unsigned i = 0; i <= depth_at_most; ++i) {
        BOOST_REQUIRE(::mkdirat(folder.get(), next.c_str(), 0755) == 0);
        folder = common::UniqueFd{::openat(folder.get(), next.c_str(), O_PATH | O_DIRECTORY)};
        next = "d";
    }
    BOOST_TEST(copy() == "too_deep");
    BOOST_TEST(names(in()) == std::set<std::string>{"tree"});
}

BOOST_AUTO_TEST_CASE(a_lack_of_descriptors_leaves_nothing)
{
    write(in() / "tree/file", "x");
    rlimit usual{};
    BOOST_REQUIRE(::getrlimit(RLIMIT_NOFILE, &usual) == 0);
    interposed::hooks().after_mkdirat = [&usual](int /*folder*/, const char* /*name*/) {
        const rlimit none{0, usual.rlim_max};
        BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    };
    const auto reason = reason_of(guest::files::copy(policy, path("tree"), path("copy"), options));
    BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &usual) == 0);
    BOOST_TEST(reason == "no_resources");
    BOOST_TEST(names(in()) == std::set<std::string>{"tree"});
}

BOOST_AUTO_TEST_CASE(a_full_disk_leaves_nothing,
                     *boost::unit_test::precondition(mounts_are_possible))
{
    std::string reason;
    std::set<std::string> left{"not looked"};
    make_closed(10, 20'000);
    for (const auto& each : fs::recursive_directory_iterator{in() / "tree"}) {
        give(each.path());
    }
    with_mounts([&] {
        fs::create_directory(in() / "small");
        if (::mount("tmpfs", path("small").c_str(), "tmpfs", 0, "size=100k,mode=777") == 0) {
            reason = copy("small/copy");
            left = names(in() / "small");
        }
    });
    BOOST_TEST(reason == "disk_full");
    BOOST_TEST(left.empty());
}

BOOST_AUTO_TEST_CASE(what_goes_while_it_is_copied_is_not_missed)
{
    write(in() / "tree/folder/file", "x");
    interposed::hooks().after_fstatat = [this](int /*folder*/, const char* /*name*/) {
        fs::remove_all(in() / "tree/folder"); // Seen as a folder, then gone.
    };
    BOOST_TEST(reason_of(guest::files::copy(policy, path("tree"), path("copy"), options)) == "");
    BOOST_TEST(names(in() / "copy").empty());
    BOOST_TEST(names(in() / "tree").empty());
    write(in() / "tree/file", "x");
    interposed::hooks().after_fstatat = [this](int /*folder*/, const char* /*name*/) {
        fs::remove(in() / "tree/file"); // Seen as a file, then a FIFO.
        BOOST_REQUIRE(::mkfifo(path("tree/file").c_str(), 0600) == 0);
    };
    BOOST_TEST(reason_of(guest::files::copy(policy, path("tree"), path("second"), options)) == "");
    BOOST_TEST(names(in() / "second").empty());
    BOOST_TEST(names(in()) == (std::set<std::string>{"copy", "second", "tree"}));
}

BOOST_AUTO_TEST_CASE(a_folder_put_in_the_place_of_the_copy_is_neither_filled_nor_removed)
{
    make_closed(1, 10);
    give(in() / "tree/0/deep");
    write(in() / "theirs/key", "k");
    fs::permissions(in() / "theirs", fs::perms{0700});
    give(in() / "theirs");
    interposed::next_tick();
    std::string temporary;
    const auto swap = [&](int /*folder*/, const char* name) {
        temporary = name;
        fs::rename(in() / name, in() / "aside");
        fs::rename(in() / "theirs", in() / name);
    };
    interposed::hooks().after_mkdirat = swap;
    BOOST_TEST(copy() == "file_changed");
    BOOST_TEST(content(in() / temporary / "key") == "k");
    BOOST_TEST(names(in() / temporary) == std::set<std::string>{"key"});
    BOOST_TEST(mode(in() / temporary) == 0700U);

    // Later: what is removed is what was made, wherever it is by now.
    fs::rename(in() / temporary, in() / "theirs");
    fs::remove(in() / "aside");
    interposed::hooks().after_mkdirat = [&](int /*folder*/, const char* name) {
        temporary = name;
        interposed::hooks().after_mkdirat = [&](int /*folder*/, const char* /*name*/) {
            swap(0, temporary.c_str());
        };
    };
    options.bytes_at_most = 1;
    BOOST_TEST(copy() == "too_large");
    BOOST_TEST(content(in() / temporary / "key") == "k");
    BOOST_TEST(names(in() / "aside").empty());
}

BOOST_AUTO_TEST_CASE(a_file_system_that_takes_nothing_is_an_error)
{
    interposed::writes_of_nothing() = 3;
    const auto all = *PathPolicy::of({});
    const auto reason = reason_of(guest::files::copy(all, "/proc/self/cmdline", path("copy")));
    BOOST_TEST(std::exchange(interposed::writes_of_nothing(), 0) == 2);
    BOOST_TEST(reason == "io_error");
    BOOST_TEST(names(in()).empty());
}

BOOST_AUTO_TEST_SUITE_END()
