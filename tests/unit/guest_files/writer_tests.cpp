#include "guest/files/writer.hpp"

#include "guest/files/acting_as.hpp"
#include "tests/unit/guest_files/files_fixture.hpp"
#include "tests/unit/guest_files/interposed.hpp"

#include <atomic>
#include <utility>

using namespace guest::files;
namespace fs = std::filesystem;

namespace {

struct WriterFixture : FilesFixture {
    /// "", or why not.
    std::string
    put(const std::string& name, std::string_view text, const WriteOptions& options = {})
    {
        auto writer = Writer::open(policy, path(name), options);
        if (!writer) {
            return reason_of(writer);
        }
        if (const auto done = writer->write(text); !done) {
            return reason_of(done);
        }
        const auto committed = writer->commit();
        written = committed ? *committed : Written{};
        return reason_of(committed);
    }
    static WriteOptions with(Existing existing)
    {
        WriteOptions options;
        options.existing = existing;
        return options;
    }

    Written written;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(writer_tests, WriterFixture)

BOOST_AUTO_TEST_CASE(a_file_is_made_and_replaced_as_a_whole)
{
    BOOST_TEST(put("file", "one") == "");
    BOOST_TEST(written.created);
    BOOST_TEST(written.bytes == 3U);
    BOOST_TEST((written.sha256 == common::digest::of("one")));
    BOOST_TEST(mode(in() / "file") == 0644U);
    std::ifstream old{in() / "file"};
    BOOST_TEST(put("file", "two and more") == "");
    BOOST_TEST(!written.created);
    BOOST_TEST(content(in() / "file") == "two and more");
    std::string seen;
    old >> seen;
    BOOST_TEST(seen == "one"); // Who had it open keeps the old one.
    BOOST_TEST(names(in()) == std::set<std::string>{"file"});
}

BOOST_AUTO_TEST_CASE(nothing_is_seen_before_the_commit_and_nothing_left_without)
{
    write(in() / "file", "old");
    {
        auto writer = *Writer::open(policy, path("file"), {});
        BOOST_REQUIRE(writer.write(std::string(100'000, 'x')));
        BOOST_TEST(content(in() / "file") == "old");
        BOOST_TEST(names(in()).size() == 2U);
        const auto moved = std::move(writer); // Neither is it when the writer moves.
        BOOST_TEST(names(in()).size() == 2U);
    }
    BOOST_TEST(names(in()) == std::set<std::string>{"file"});
    BOOST_TEST(content(in() / "file") == "old");
}

BOOST_AUTO_TEST_CASE(a_broken_promise_leaves_all_as_it_was)
{
    write(in() / "file", "old");
    WriteOptions options;
    options.size = 4;
    BOOST_TEST(put("file", "new", options) == "size_mismatch");
    options.size = 3;
    options.sha256 = common::digest::of("other");
    BOOST_TEST(put("file", "new", options) == "digest_mismatch");
    options.at_most = 2;
    BOOST_TEST(put("file", "new", options) == "too_large");
    BOOST_TEST(content(in() / "file") == "old");
    BOOST_TEST(names(in()) == std::set<std::string>{"file"});
    options.at_most = 3;
    options.sha256 = common::digest::of("new");
    BOOST_TEST(put("file", "new", options) == "");
}

BOOST_AUTO_TEST_CASE(mode_and_owner_are_kept_unless_given)
{
    write(in() / "file", "old");
    BOOST_REQUIRE(::chown(path("file").c_str(), 1234, 2345) == 0);
    BOOST_REQUIRE(::chmod(path("file").c_str(), 06751) == 0);
    BOOST_TEST(put("file", "new") == "");
    auto entry = *guest::files::stat(policy, path("file"), LastLink::kept);
    BOOST_TEST(entry.uid == 1234U);
    BOOST_TEST(entry.gid == 2345U);
    BOOST_TEST(entry.mode == 0751U); // New content is not run with the old one's rights.
    WriteOptions options;
    options.mode = 0600;
    options.owner = Owner{7, 8};
    BOOST_TEST(put("file", "new", options) == "");
    entry = *guest::files::stat(policy, path("file"), LastLink::kept);
    BOOST_TEST(entry.uid == 7U);
    BOOST_TEST(entry.gid == 8U);
    BOOST_TEST(entry.mode == 0600U);
}

BOOST_AUTO_TEST_CASE(a_file_only_made_is_not_replaced_even_at_the_last_moment)
{
    write(in() / "file", "old");
    BOOST_TEST(put("file", "new", with(Existing::refused)) == "already_exists");
    auto writer = *Writer::open(policy, path("late"), with(Existing::refused));
    write(in() / "late", "other");
    BOOST_TEST(reason_of(writer.commit()) == "already_exists");
    BOOST_TEST(content(in() / "late") == "other");
}

BOOST_AUTO_TEST_CASE(appending_goes_to_the_file_that_is_there)
{
    BOOST_TEST(put("log", "one\n", with(Existing::appended_to)) == "");
    BOOST_TEST(written.created);
    const auto inode = fs::hard_link_count(in() / "log");
    fs::create_hard_link(in() / "log", in() / "second");
    BOOST_TEST(inode == 1U);
    BOOST_TEST(put("log", "two\n", with(Existing::appended_to)) == "");
    BOOST_TEST(!written.created);
    BOOST_TEST(written.bytes == 4U);
    BOOST_TEST(content(in() / "second") == "one\ntwo\n");
    auto promised = with(Existing::appended_to);
    promised.sha256 = common::digest::of("x");
    BOOST_TEST(put("log", "x", promised) == "invalid");
    promised = with(Existing::appended_to);
    promised.unchanged_since = policy.find(path("log"), LastLink::kept)->status;
    BOOST_TEST(put("log", "x", promised) == "invalid");
    BOOST_REQUIRE(::mkfifo(path("pipe").c_str(), 0600) == 0);
    BOOST_TEST(put("pipe", "x", with(Existing::appended_to)) == "not_a_file");
}

BOOST_AUTO_TEST_CASE(what_is_there_at_the_commit_counts)
{
    fs::permissions(base, fs::perms{0755});
    BOOST_REQUIRE(::chmod(in().c_str(), 0777) == 0);
    auto piped = *Writer::open(policy, path("file"), {});
    BOOST_REQUIRE(::mkfifo(path("file").c_str(), 0600) == 0);
    BOOST_TEST(reason_of(piped.commit()) == "not_a_file");
    fs::remove(in() / "file");
    {
        const auto acting = ActingAs::user({"somebody", 12345, 12345, {12345}, "/", ""});
        auto writer = *Writer::open(policy, path("file"), {});
        write(in() / "file", "to be written to");
        BOOST_REQUIRE(::chmod(path("file").c_str(), 0444) == 0);
        BOOST_TEST(reason_of(writer.commit()) == "permission_denied");
    }
    BOOST_TEST(content(in() / "file") == "to be written to");
    auto writer = *Writer::open(policy, path("late"), {});
    write(in() / "late", "");
    BOOST_REQUIRE(::chmod(path("late").c_str(), 0640) == 0);
    BOOST_TEST(!writer.commit()->created);
    BOOST_TEST(mode(in() / "late") == 0640U);
}

BOOST_AUTO_TEST_CASE(a_file_system_that_takes_nothing_is_an_error)
{
    const interposed::Reset reset;
    interposed::writes_of_nothing() = 3; // As a FUSE server can have it.
    const auto reason = put("file", "text");
    BOOST_TEST(std::exchange(interposed::writes_of_nothing(), 0) == 2);
    BOOST_TEST(reason == "io_error");
    BOOST_TEST(names(in()).empty());
}

BOOST_AUTO_TEST_CASE(what_is_no_file_is_not_replaced)
{
    fs::create_directory(in() / "folder");
    BOOST_REQUIRE(::mkfifo(path("pipe").c_str(), 0600) == 0);
    BOOST_TEST(put("folder", "x") == "is_a_folder");
    BOOST_TEST(put("", "x") == "is_a_folder");
    BOOST_TEST(put("pipe", "x") == "not_a_file");
    BOOST_TEST(put("missing/file", "x") == "not_found");
    BOOST_TEST(put(std::string(300, 'n'), "x") == "name_too_long");
    BOOST_TEST(names(in()) == (std::set<std::string>{"folder", "pipe"}));
}

BOOST_AUTO_TEST_CASE(through_a_link_its_target_is_written)
{
    write(in() / "sub/target", "old");
    fs::create_symlink("sub/target", in() / "link");
    fs::create_symlink("sub/new", in() / "dangling");
    fs::create_symlink("../out/secret", in() / "way-out");
    BOOST_TEST(put("link", "new") == "");
    BOOST_TEST(content(in() / "sub/target") == "new");
    BOOST_TEST(fs::is_symlink(in() / "link"));
    BOOST_TEST(put("dangling", "made") == "");
    BOOST_TEST(content(in() / "sub/new") == "made");
    BOOST_TEST(put("way-out", "x") == "path_escapes");
    BOOST_TEST(outside_is_untouched());
}

BOOST_AUTO_TEST_CASE(parents_are_made_if_asked_for)
{
    WriteOptions options;
    options.parents = Parents::made;
    BOOST_TEST(put("a/b/c/file", "x", options) == "");
    BOOST_TEST(content(in() / "a/b/c/file") == "x");
    BOOST_TEST(mode(in() / "a/b") == 0755U);
    BOOST_TEST(put("a/b/c/file/d/file", "x", options) == "not_a_folder");
    fs::create_symlink("../out", in() / "way-out");
    BOOST_TEST(put("way-out/new/file", "x", options) == "path_escapes");
    BOOST_TEST(outside_is_untouched());
}

BOOST_AUTO_TEST_CASE(what_changed_since_is_not_overwritten)
{
    write(in() / "file", "old");
    WriteOptions options;
    options.unchanged_since = policy.find(path("file"), LastLink::kept)->status;
    write(in() / "file", "somebody else's");
    BOOST_TEST(put("file", "new", options) == "file_changed");
    BOOST_TEST(content(in() / "file") == "somebody else's");
}

BOOST_AUTO_TEST_CASE(a_folder_that_is_moved_meanwhile_takes_its_file_along)
{
    fs::create_directory(in() / "before");
    auto writer = *Writer::open(policy, path("before/file"), {});
    fs::rename(in() / "before", in() / "after");
    fs::create_symlink("../out", in() / "before");
    BOOST_REQUIRE(writer.write("x"));
    BOOST_REQUIRE(writer.commit());
    BOOST_TEST(content(in() / "after/file") == "x");
    BOOST_TEST(outside_is_untouched());
}

BOOST_AUTO_TEST_CASE(readers_see_the_old_content_or_the_new)
{
    const std::string a(200'000, 'a');
    const std::string b(100'000, 'b');
    write(in() / "file", a);
    std::atomic<bool> done{false};
    std::atomic<int> seen_in_part{0};
    std::atomic<int> reads{0};
    std::thread reader{[&] {
        while (!done || reads == 0) {
            const auto text = content(in() / "file");
            seen_in_part += text != a && text != b ? 1 : 0;
            ++reads;
        }
    }};
    for (int i = 0; i < 100; ++i) {
        static_cast<void>(put("file", i % 2 == 0 ? b : a));
    }
    done = true;
    reader.join();
    BOOST_TEST(seen_in_part == 0);
}

BOOST_AUTO_TEST_CASE(a_full_disk_is_told_and_leaves_nothing_behind,
                     *boost::unit_test::precondition(mounts_are_possible))
{
    std::string reason;
    std::set<std::string> left;
    std::string kept;
    with_mounts([&] {
        if (::mount("tmpfs", in().c_str(), "tmpfs", 0, "size=64k") != 0) {
            reason = "not mounted";
            return;
        }
        write(in() / "file", "old");
        reason = put("file", std::string(1'000'000, 'x'));
        left = names(in());
        kept = content(in() / "file");
    });
    BOOST_TEST(reason == "disk_full");
    BOOST_TEST(left == std::set<std::string>{"file"});
    BOOST_TEST(kept == "old");
}

BOOST_AUTO_TEST_SUITE_END()
