#include "tests/unit/guest_files/watcher_fixture.hpp"

#include <fcntl.h>
#include <unistd.h>

using namespace guest::files;
namespace fs = std::filesystem;

namespace {

struct WatchedFoldersFixture : WatcherFixture {
    /// More events than the kernel keeps, of a file below `in`.
    void flood(const std::string& folder)
    {
        std::size_t queue = 0;
        std::ifstream{"/proc/sys/fs/inotify/max_queued_events"} >> queue;
        BOOST_REQUIRE(queue > 0U);
        write(in() / folder / "a", "");
        for (std::size_t i = 0; i <= queue; ++i) { // Alternating: equal ones in a row become one.
            BOOST_REQUIRE(::rename(path(folder + (i % 2 == 0 ? "/a" : "/b")).c_str(),
                                   path(folder + (i % 2 == 0 ? "/b" : "/a")).c_str()) == 0);
        }
    }
    /// Folders in each other, with names of 250 bytes; the innermost one.
    common::UniqueFd make_chain(const std::string& first, int count) const
    {
        common::UniqueFd folder{::open(in().c_str(), O_PATH | O_DIRECTORY)};
        auto next = first;
        for (int i = 0; i < count; ++i) {
            BOOST_REQUIRE(::mkdirat(folder.get(), next.c_str(), 0755) == 0);
            folder = common::UniqueFd{::openat(folder.get(), next.c_str(), O_PATH | O_DIRECTORY)};
            next = std::string(250, 'd');
        }
        return folder;
    }
    static std::ptrdiff_t count_of(const Told& told, std::string_view what)
    {
        return std::ranges::count_if(told,
                                     [&what](const auto& each) { return each.starts_with(what); });
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(watched_folders_tests, WatchedFoldersFixture)

BOOST_AUTO_TEST_CASE(after_lost_events_paths_are_right_again)
{
    fs::create_directories(in() / "a/b");
    fs::create_directories(in() / "busy");
    auto watcher = watch("", Recursive::yes);
    flood("busy");
    fs::rename(in() / "a", in() / "z"); // Nobody is told of these.
    fs::create_directories(in() / "new/below");
    const auto lost = told(watcher);
    BOOST_TEST(count_of(lost, "overflow") == 1);
    BOOST_TEST(!has(lost, "moved a > z"));
    write(in() / "z/b/file", "x");
    write(in() / "new/below/file", "x");
    const auto after = told(watcher);
    BOOST_TEST(has(after, "created z/b/file"));
    BOOST_TEST(has(after, "created new/below/file"));
    BOOST_TEST(!has(after, "created a/b/file"));
    BOOST_TEST(!watcher.partial());
}

BOOST_AUTO_TEST_CASE(an_end_that_was_lost_is_told)
{
    fs::create_directory(in() / "folder");
    auto watcher = watch("folder");
    flood("folder");
    fs::rename(in() / "folder", out() / "folder");
    BOOST_TEST(has(told(watcher), "deleted folder"));
    BOOST_TEST(watcher.ended());
    fs::remove_all(out() / "folder");
}

BOOST_AUTO_TEST_CASE(much_that_is_new_is_told_in_part_and_watched_as_a_whole)
{
    for (int i = 0; i < 12; ++i) {
        for (int j = 0; j < 1000; ++j) {
            write(out() / "tree" / std::to_string(i) / std::to_string(j), "");
        }
    }
    auto watcher = watch("", Recursive::yes);
    fs::rename(out() / "tree", in() / "tree");
    const auto first = told(watcher);
    BOOST_TEST(count_of(first, "overflow") == 1);
    BOOST_TEST(count_of(first, "created") == 10'001); // The tree itself is told by the kernel.
    BOOST_TEST(!watcher.partial());
    for (int i = 0; i < 12; ++i) {
        write(in() / "tree" / std::to_string(i) / "later", "");
    }
    BOOST_TEST(count_of(told(watcher), "created") == 12);
}

BOOST_AUTO_TEST_CASE(long_paths_of_what_is_new_are_told_in_part_too)
{
    const auto innermost = make_chain("chain", 14);
    for (int i = 0; i < 2000; ++i) { // 7 MB of paths.
        const common::UniqueFd file{::openat(
            innermost.get(), std::to_string(i).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644)};
        BOOST_REQUIRE(bool{file});
    }
    fs::rename(in() / "chain", out() / "chain");
    auto watcher = watch("", Recursive::yes);
    fs::rename(out() / "chain", in() / "chain");
    std::size_t bytes = 0;
    std::size_t overflows = 0;
    const auto events = *watcher.read();
    for (const auto& each : events) {
        bytes += each.path.size();
        overflows += each.change == Change::overflow ? 1 : 0;
    }
    BOOST_TEST(overflows == 1U);
    BOOST_TEST(bytes > std::size_t{3} << 20U);
    BOOST_TEST(bytes < std::size_t{5} << 20U);
}

BOOST_AUTO_TEST_CASE(folders_with_paths_that_nothing_takes_are_not_watched)
{
    make_chain("long", 20);
    BOOST_TEST(watch("", Recursive::yes).partial());
    fs::remove_all(in() / "long");
    // Two of half the length, one put at the other's end.
    make_chain("one", 10);
    const auto end = make_chain("two", 10);
    auto watcher = watch("", Recursive::yes);
    BOOST_TEST(!watcher.partial());
    BOOST_REQUIRE(::renameat(AT_FDCWD, path("one").c_str(), end.get(), "one") == 0);
    const auto events = *watcher.read();
    BOOST_REQUIRE(events.size() == 1U);
    BOOST_TEST(to_string(events[0].change) == "moved");
    BOOST_TEST(watcher.partial());
}

BOOST_AUTO_TEST_CASE(a_new_folder_that_moves_at_once_is_watched)
{
    fs::create_directory(in() / "a");
    auto watcher = watch("", Recursive::yes);
    fs::create_directory(in() / "new");
    fs::rename(in() / "new", in() / "moved");
    fs::create_directory(in() / "a/b");
    fs::rename(in() / "a", in() / "z");
    const auto first = told(watcher);
    BOOST_TEST(has(first, "moved new > moved"));
    BOOST_TEST(has(first, "moved a > z"));
    write(in() / "moved/file", "x");
    write(in() / "z/b/file", "x");
    const auto second = told(watcher);
    BOOST_TEST(has(second, "created moved/file"));
    BOOST_TEST(has(second, "created z/b/file"));
    BOOST_TEST(!watcher.partial());
}

BOOST_AUTO_TEST_CASE(a_folder_that_becomes_a_hidden_one_is_not_watched_any_more)
{
    fs::create_directory(in() / "seen");
    policy = *PathPolicy::of({{in()}, {path("hidden")}});
    auto watcher = watch("", Recursive::yes);
    fs::rename(in() / "seen", in() / "hidden");
    BOOST_TEST(told(watcher) == Told{"moved seen > hidden"});
    write(in() / "hidden/key", "k");
    BOOST_TEST(told(watcher).empty());
}

BOOST_AUTO_TEST_CASE(what_is_mounted_below_itself_keeps_its_path,
                     *boost::unit_test::precondition(mounts_are_possible))
{
    Told seen;
    with_mounts([&] {
        fs::create_directory(in() / "loop");
        if (::mount(in().c_str(), path("loop").c_str(), nullptr, MS_BIND, nullptr) == 0) {
            auto watcher = watch("", Recursive::yes);
            fs::create_directory(in() / "folder");
            seen = told(watcher);
        }
    });
    BOOST_TEST(seen == Told{"created folder"});
}

BOOST_AUTO_TEST_SUITE_END()
