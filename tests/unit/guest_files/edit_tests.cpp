#include "guest/files/edit.hpp"

#include "tests/unit/guest_files/files_fixture.hpp"
#include "tests/unit/guest_files/interposed.hpp"

using namespace guest::files;
namespace fs = std::filesystem;

namespace {

struct EditFixture : FilesFixture {
    std::string change(std::string old_text,
                       std::string new_text,
                       Occurrences occurrences = Occurrences::one,
                       const EditLimits& limits = {})
    {
        const auto done = edit(
            policy, path("file"), {std::move(old_text), std::move(new_text), occurrences}, limits);
        edited = done ? *done : Edited{};
        details = done ? "" : done.error().details;
        return reason_of(done);
    }

    Edited edited;
    std::string details;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(edit_tests, EditFixture)

BOOST_AUTO_TEST_CASE(one_text_becomes_another_with_mode_and_owner_kept)
{
    write(in() / "file", "one\ntwo\nthree\n");
    BOOST_REQUIRE(::chown(path("file").c_str(), 1234, 2345) == 0);
    BOOST_REQUIRE(::chmod(path("file").c_str(), 0640) == 0);
    BOOST_TEST(change("two", "2") == "");
    BOOST_TEST(content(in() / "file") == "one\n2\nthree\n");
    BOOST_TEST(edited.replacements == 1U);
    BOOST_TEST(edited.diff == "--- " + path("file") + "\n+++ " + path("file") +
                                  "\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n");
    BOOST_TEST((edited.sha256 == common::digest::of("one\n2\nthree\n")));
    BOOST_TEST(edited.size == 12U);
    BOOST_TEST(mode(in() / "file") == 0640U);
    struct stat status {};
    BOOST_REQUIRE(::stat(path("file").c_str(), &status) == 0);
    BOOST_TEST(status.st_uid == 1234U);
    BOOST_TEST(names(in()) == std::set<std::string>{"file"});
}

BOOST_AUTO_TEST_CASE(a_text_that_is_not_in_it_once_changes_nothing)
{
    write(in() / "file", "x\na\nb a\n");
    BOOST_TEST(change("c", "d") == "text_not_found");
    BOOST_TEST(change("a", "d") == "text_ambiguous");
    BOOST_TEST(details == "at lines 2, 3");
    BOOST_TEST(change("", "d") == "invalid");
    BOOST_TEST(content(in() / "file") == "x\na\nb a\n");
    BOOST_TEST(change("a", "aa", Occurrences::all) == "");
    BOOST_TEST(content(in() / "file") == "x\naa\nb aa\n");
    BOOST_TEST(edited.replacements == 2U);
}

BOOST_AUTO_TEST_CASE(what_is_no_text_or_too_long_is_left_alone)
{
    write(in() / "file", std::string{"a\0b", 3});
    BOOST_TEST(change("a", "b") == "binary_file");
    write(in() / "file", "a\xff");
    BOOST_TEST(change("a", "b") == "binary_file");
    write(in() / "file", "aaaaaaaaaa");
    BOOST_TEST(change("a", "b", Occurrences::all, {9}) == "too_large");
    BOOST_TEST(change("a", "bb", Occurrences::all, {19}) == "too_large");
    BOOST_TEST(change("a", "bb", Occurrences::all, {20}) == "");
    write(in() / "file", std::string(2'000'000, 'a'));
    BOOST_TEST(change("a", "b", Occurrences::all) == "too_many_replacements");
    fs::remove(in() / "file");
    BOOST_TEST(change("a", "b") == "not_found");
    fs::create_directory(in() / "file");
    BOOST_TEST(change("a", "b") == "is_a_folder");
}

BOOST_AUTO_TEST_CASE(what_somebody_else_writes_up_to_the_last_moment_is_not_lost)
{
    const interposed::Reset reset;
    // The new content is on disk, and about to take the name.
    write(in() / "file", "old");
    interposed::hooks().before_fsync = [this] { write(in() / "file", "in place, old"); };
    BOOST_TEST(change("old", "new") == "file_changed");
    BOOST_TEST(content(in() / "file") == "in place, old");

    interposed::hooks().before_fsync = [this] {
        write(in() / "second", "replaced, old");
        fs::rename(in() / "second", in() / "file");
    };
    BOOST_TEST(change("old", "new") == "file_changed");
    BOOST_TEST(content(in() / "file") == "replaced, old");

    interposed::hooks().before_fsync = [this] { fs::remove(in() / "file"); };
    BOOST_TEST(change("old", "new") == "file_changed");
    BOOST_TEST(names(in()).empty());
}

BOOST_AUTO_TEST_CASE(a_link_within_is_edited_through_and_one_out_is_not)
{
    write(in() / "sub/target", "old");
    fs::create_symlink("sub/target", in() / "file");
    BOOST_TEST(change("old", "new") == "");
    BOOST_TEST(content(in() / "sub/target") == "new");
    BOOST_TEST(fs::is_symlink(in() / "file"));
    fs::remove(in() / "file");
    fs::create_symlink("../out/secret", in() / "file");
    BOOST_TEST(change("outside", "inside") == "path_escapes");
    BOOST_TEST(outside_is_untouched());
}

BOOST_AUTO_TEST_SUITE_END()
