#include "guest/files/watcher.hpp"

#include "tests/unit/guest_files/watcher_fixture.hpp"

using namespace guest::files;
namespace fs = std::filesystem;

BOOST_FIXTURE_TEST_SUITE(watcher_tests, WatcherFixture)

BOOST_AUTO_TEST_CASE(what_happens_in_a_folder_is_told)
{
    write(in() / "file", "x");
    auto watcher = watch("");
    BOOST_TEST(watcher.read()->empty()); // It does not wait.
    fs::create_directory(in() / "folder");
    std::ofstream{in() / "file", std::ios::app} << "y";
    BOOST_TEST(told(watcher) == (Told{"created folder", "modified file"}));
    fs::permissions(in() / "file", fs::perms{0600});
    fs::rename(in() / "file", in() / "moved");
    fs::remove(in() / "moved");
    BOOST_TEST(told(watcher) == (Told{"attributes file", "moved file > moved", "deleted moved"}));
    write(in() / "folder/below", "x");
    BOOST_TEST(told(watcher).empty());
    BOOST_TEST(!watcher.partial());
}

BOOST_AUTO_TEST_CASE(a_move_across_the_border_is_a_creation_or_a_deletion)
{
    write(out() / "other", "x");
    auto watcher = watch("");
    fs::rename(out() / "other", in() / "came");
    fs::rename(in() / "came", out() / "went");
    BOOST_TEST(told(watcher) == (Told{"created came", "deleted came"}));
    fs::remove(out() / "went");
}

BOOST_AUTO_TEST_CASE(a_file_is_watched_by_its_name)
{
    auto watcher = watch("file");
    write(in() / "other", "x");
    BOOST_TEST(told(watcher).empty());
    write(in() / "new", "x");
    fs::rename(in() / "new", in() / "file");
    BOOST_TEST(told(watcher) == Told{"created file"});
    write(in() / "file", "yy");
    BOOST_TEST(has(told(watcher), "modified file"));
    fs::remove(in() / "file");
    BOOST_TEST(told(watcher) == Told{"deleted file"});
    BOOST_TEST(!watcher.ended());
    BOOST_TEST(reason_of(Watcher::open(policy, path("no/file"), {})) == "not_found");
}

BOOST_AUTO_TEST_CASE(new_folders_are_watched_with_what_is_in_them)
{
    fs::create_directories(in() / "a/b");
    auto watcher = watch("", Recursive::yes);
    write(in() / "a/b/file", "x");
    BOOST_TEST(has(told(watcher), "created a/b/file"));
    // All of it before the watcher has looked.
    write(in() / "a/c/d/e/file", "x");
    const auto first = told(watcher);
    for (const auto* each :
         {"created a/c", "created a/c/d", "created a/c/d/e", "created a/c/d/e/file"}) {
        BOOST_TEST(has(first, each), each);
    }
    write(in() / "a/c/d/e/later", "x");
    BOOST_TEST(has(told(watcher), "created a/c/d/e/later"));
}

BOOST_AUTO_TEST_CASE(a_folder_that_moves_is_told_of_by_its_new_name)
{
    fs::create_directories(in() / "a/b");
    auto watcher = watch("", Recursive::yes);
    fs::rename(in() / "a", in() / "z");
    BOOST_TEST(told(watcher) == Told{"moved a > z"});
    write(in() / "z/b/file", "x");
    BOOST_TEST(has(told(watcher), "created z/b/file"));
    fs::rename(in() / "z", out() / "z"); // Out of what is watched.
    BOOST_TEST(told(watcher) == Told{"deleted z"});
    write(out() / "z/b/second", "x");
    BOOST_TEST(told(watcher).empty());
    fs::remove_all(out() / "z");
}

BOOST_AUTO_TEST_CASE(links_and_what_the_rules_hide_are_not_entered)
{
    fs::create_directories(in() / "hidden");
    fs::create_symlink("../out", in() / "link");
    policy = *PathPolicy::of({{in()}, {path("hidden")}});
    auto watcher = watch("", Recursive::yes);
    write(in() / "hidden/key", "k");
    write(out() / "seen", "x");
    fs::create_symlink(out(), in() / "second");
    BOOST_TEST(told(watcher) == Told{"created second"});
    write(out() / "seen", "y");
    BOOST_TEST(told(watcher).empty());
    BOOST_TEST(reason_of(Watcher::open(policy, path("link"), {})) == "path_escapes");
    BOOST_TEST(reason_of(Watcher::open(policy, path("hidden"), {})) == "path_not_allowed");
    BOOST_TEST(reason_of(Watcher::open(policy, path("hidden/key"), {})) == "path_not_allowed");
    fs::remove(out() / "seen");
}

BOOST_AUTO_TEST_CASE(too_many_folders_are_watched_in_part)
{
    for (int i = 0; i < 10; ++i) {
        fs::create_directory(in() / std::to_string(i));
    }
    const auto some = *Watcher::open(policy, in().string(), {Recursive::yes, 5});
    BOOST_TEST(some.partial());
    const auto all = *Watcher::open(policy, in().string(), {Recursive::yes, 11});
    BOOST_TEST(!all.partial());
}

BOOST_AUTO_TEST_CASE(the_end_of_what_is_watched_is_told)
{
    fs::create_directory(in() / "folder");
    auto watcher = watch("folder");
    fs::remove(in() / "folder");
    BOOST_TEST(has(told(watcher), "deleted folder"));
    BOOST_TEST(watcher.ended());
    fs::create_directory(in() / "folder");
    auto moved = watch("folder");
    fs::rename(in() / "folder", in() / "elsewhere");
    BOOST_TEST(has(told(moved), "moved folder"));
    BOOST_TEST(moved.ended());
}

BOOST_AUTO_TEST_CASE(events_that_were_lost_are_told)
{
    std::size_t queue = 0;
    std::ifstream{"/proc/sys/fs/inotify/max_queued_events"} >> queue;
    BOOST_REQUIRE(queue > 0U);
    auto watcher = watch("");
    write(in() / "a", "");
    for (std::size_t i = 0; i <= queue; ++i) { // Alternating: equal ones in a row become one.
        BOOST_REQUIRE(::rename(path(i % 2 == 0 ? "a" : "b").c_str(),
                               path(i % 2 == 0 ? "b" : "a").c_str()) == 0);
    }
    std::size_t overflows = 0;
    while (readable(watcher)) {
        const auto events = *watcher.read();
        for (const auto& each : events) {
            overflows += each.change == Change::overflow ? 1 : 0;
        }
    }
    BOOST_TEST(overflows == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
