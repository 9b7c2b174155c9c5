#include "guest/files/copying.hpp"
#include "guest/files/edit.hpp"
#include "guest/files/hash.hpp"
#include "guest/files/listing.hpp"
#include "guest/files/watcher.hpp"
#include "guest/files/writer.hpp"
#include "tests/unit/guest_files/files_fixture.hpp"

#include <atomic>
#include <cstdio>
#include <fcntl.h>

using namespace guest::files;
namespace fs = std::filesystem;

namespace {

/// "in/swap" is a folder and a link to "out" in turn, without a moment in between.
struct RacingFixture : FilesFixture {
    RacingFixture()
    {
        for (const auto* each : {"secret", "a", "b", "tree/file"}) {
            write(out() / each, "outside");
        }
        fs::create_directory(in() / "swap");
        fs::create_symlink("../out", in() / "other");
    }

    /// Until the work met a folder as well as a link, often.
    void race(const std::function<std::string()>& work)
    {
        int worked = 0;
        int refused = 0;
        std::atomic<bool> done{false};
        std::atomic<int> swaps{0};
        std::thread swapper{[&] { swap_until(done, path("swap"), path("other"), swaps); }};
        for (int i = 0; i < 100'000 && (i < 500 || worked < 20 || refused < 20); ++i) {
            const auto reason = work();
            worked += reason.empty() ? 1 : 0;
            refused += reason == "path_escapes" ? 1 : 0;
            seen_.insert(reason);
        }
        done = true;
        swapper.join();
        BOOST_TEST(worked >= 20);
        BOOST_TEST(refused >= 20);
        const std::set<std::string> outside{"a", "b", "secret", "tree"};
        BOOST_TEST(names(out()) == outside);
        for (const auto* each : {"secret", "a", "b", "tree/file"}) {
            BOOST_TEST(content(out() / each) == "outside", each);
        }
    }

    static void swap_until(const std::atomic<bool>& done,
                           const std::string& a,
                           const std::string& b,
                           std::atomic<int>& swaps)
    {
        while (!done) {
            ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE);
            ++swaps;
        }
    }

    std::set<std::string> seen_; ///< What the work said.
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(racing_tests, RacingFixture)

BOOST_AUTO_TEST_CASE(writes_stay_inside)
{
    WriteOptions options;
    options.parents = Parents::made;
    race([&] {
        auto writer = Writer::open(policy, path("swap/a"), options);
        if (!writer) {
            return reason_of(writer);
        }
        BOOST_REQUIRE(writer->write("inside"));
        return reason_of(writer->commit());
    });
}

BOOST_AUTO_TEST_CASE(removals_stay_inside)
{
    race([&] {
        static_cast<void>(make_folder(policy, path("swap/tree"), {}));
        auto removed = guest::files::remove(policy, path("swap/tree"), Recursive::yes);
        if (reason_of(removed) == "not_found") {
            return std::string{"not_found"};
        }
        return reason_of(removed);
    });
}

BOOST_AUTO_TEST_CASE(a_removal_does_not_follow_what_is_swapped_below_it)
{
    // All of "in" but itself, while "swap" and "other" change places.
    for (int i = 0; i < 1000; ++i) {
        fs::create_directories(in() / "all");
        const auto swap = path("all/swap");
        const auto other = path("all/other");
        fs::create_directories(swap);
        write(swap + "/a", "inside");
        fs::create_symlink("../../out", other);
        std::atomic<bool> done{false};
        std::atomic<int> swaps{0};
        std::thread swapper{[&] { swap_until(done, swap, other, swaps); }};
        while (swaps < 3) {
            std::this_thread::yield();
        }
        const auto removed = guest::files::remove(policy, path("all"), Recursive::yes);
        done = true;
        swapper.join();
        BOOST_TEST(reason_of(removed) == "");
    }
    BOOST_TEST(names(out()) == (std::set<std::string>{"a", "b", "secret", "tree"}));
}

BOOST_AUTO_TEST_CASE(moves_stay_inside)
{
    race([&] {
        write(in() / "file", "inside");
        const auto there = guest::files::move(policy, path("file"), path("swap/b"), Overwrite::yes);
        static_cast<void>(
            guest::files::move(policy, path("swap/a"), path("swap/b"), Overwrite::yes));
        return reason_of(there);
    });
}

BOOST_AUTO_TEST_CASE(copies_stay_inside_and_bring_nothing_in)
{
    write(in() / "tree/file", "inside");
    CopyOptions options;
    options.recursive = Recursive::yes;
    race([&] {
        const auto there = guest::files::copy(policy, path("tree"), path("swap/copy"), options);
        static_cast<void>(guest::files::copy(policy, path("swap"), path("back"), options));
        if (fs::exists(in() / "back/secret")) {
            return std::string{"brought in"};
        }
        static_cast<void>(guest::files::remove(policy, path("back"), Recursive::yes));
        static_cast<void>(guest::files::remove(policy, path("swap/copy"), Recursive::yes));
        return reason_of(there);
    });
    BOOST_TEST(!seen_.contains("brought in"));
}

BOOST_AUTO_TEST_CASE(edits_stay_inside)
{
    write(in() / "swap/a", "side");
    race([&] { return reason_of(edit(policy, path("swap/a"), {"side", "side"})); });
}

BOOST_AUTO_TEST_CASE(reads_hashes_lists_and_watches_see_nothing_of_the_outside)
{
    write(in() / "swap/a", "inside");
    const auto inside = common::digest::of("inside");
    int wrong = 0;
    int turn = 0;
    race([&] {
        const auto hashed = hash(policy, path("swap/a"));
        wrong += hashed && hashed->sha256 != inside ? 1 : 0;
        const auto listed = list(policy, in().string(), {3});
        for (const auto& each : listed->entries) {
            wrong += each.path.ends_with("/secret") ? 1 : 0;
        }
        if (++turn % 20 == 0) { // The kernel takes milliseconds to end one.
            const auto watched = Watcher::open(policy, path("swap"), {Recursive::yes});
            wrong += !watched && reason_of(watched) != "path_escapes" ? 1 : 0;
        }
        return reason_of(hashed);
    });
    BOOST_TEST(wrong == 0);
}

BOOST_AUTO_TEST_SUITE_END()
