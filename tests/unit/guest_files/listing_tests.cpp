#include "guest/files/listing.hpp"

#include "guest/files/acting_as.hpp"
#include "tests/unit/guest_files/files_fixture.hpp"

using namespace guest::files;
namespace fs = std::filesystem;

namespace {

struct ListingFixture : FilesFixture {
    Listing look(unsigned depth, std::size_t at_most = 1000)
    {
        return *list(policy, in().string(), {depth, at_most});
    }
    std::vector<std::string> paths(const Listing& listing)
    {
        std::vector<std::string> found;
        for (const auto& each : listing.entries) {
            found.push_back(each.path.substr(in().string().size() + 1));
        }
        return found;
    }
};

using Paths = std::vector<std::string>;

} // namespace

BOOST_FIXTURE_TEST_SUITE(listing_tests, ListingFixture)

BOOST_AUTO_TEST_CASE(entries_are_sorted_and_go_as_deep_as_asked)
{
    write(in() / "b/y", "12");
    write(in() / "b/x/deep", "1");
    write(in() / "c", "1");
    write(in() / "a", "123");
    fs::create_symlink("b", in() / "d");
    BOOST_TEST(paths(look(1)) == (Paths{"a", "b", "c", "d"}));
    BOOST_TEST(paths(look(2)) == (Paths{"a", "b", "b/x", "b/y", "c", "d"}));
    const auto all = look(32);
    BOOST_TEST(paths(all) == (Paths{"a", "b", "b/x", "b/x/deep", "b/y", "c", "d"}));
    BOOST_TEST(!all.truncated);
    BOOST_TEST(all.entries.front().size == 3U);
    BOOST_TEST(all.entries.back().target == "b"); // Not entered: it is a link.
    BOOST_TEST(paths(*list(policy, path("d"), {1})).size() == 2U);
}

BOOST_AUTO_TEST_CASE(of_too_many_the_first_ones_are_listed)
{
    for (int i = 0; i < 300; ++i) {
        write(in() / ("f" + std::to_string(1000 + i)), "");
    }
    write(in() / "a/one", "");
    write(in() / "a/two", "");
    const auto some = look(2, 3);
    BOOST_TEST(some.truncated);
    BOOST_TEST(paths(some) == (Paths{"a", "f1000", "f1001"})); // Before what is deeper.
    BOOST_TEST(look(1, 301).truncated == false);
    BOOST_TEST(look(1, 300).truncated);
    BOOST_TEST(look(1, 0).entries.empty());
}

BOOST_AUTO_TEST_CASE(what_may_not_be_read_is_named_and_not_entered)
{
    write(in() / "hidden/key", "k");
    write(in() / "closed/file", "x");
    fs::permissions(in() / "closed", fs::perms{0700});
    fs::permissions(base, fs::perms{0755});
    policy = *PathPolicy::of({{in()}, {path("hidden")}});
    const auto acting = ActingAs::user({"somebody", 12345, 12345, {12345}, "/", ""});
    const auto seen = look(5);
    BOOST_TEST(paths(seen) == (Paths{"closed", "hidden"}));
    BOOST_TEST(seen.unreadable == 1U);
    BOOST_TEST(reason_of(list(policy, path("closed"), {})) == "permission_denied");
    BOOST_TEST(reason_of(list(policy, path("hidden"), {})) == "path_not_allowed");
}

BOOST_AUTO_TEST_CASE(a_folder_that_shows_its_names_alone_is_unreadable)
{
    write(in() / "names/one", "x");
    write(in() / "names/two", "x");
    fs::permissions(in() / "names", fs::perms{0744});
    fs::permissions(base, fs::perms{0755});
    const auto acting = ActingAs::user({"somebody", 12345, 12345, {12345}, "/", ""});
    const auto seen = look(2);
    BOOST_TEST(paths(seen) == Paths{"names"});
    BOOST_TEST(seen.unreadable == 1U);
}

BOOST_AUTO_TEST_CASE(memory_is_bounded_whatever_links_say)
{
    const std::string long_target(4000, 't');
    for (int i = 0; i < 9000; ++i) {
        fs::create_symlink(long_target, in() / std::to_string(i));
    }
    const auto some = look(1, 10'000);
    BOOST_TEST(some.truncated);
    BOOST_TEST(some.entries.size() > 8000U);
    BOOST_TEST(some.entries.size() < 9000U);
}

BOOST_AUTO_TEST_CASE(names_are_bytes)
{
    for (const auto* each : {"\xff\xfe", "new\nline", " ", "-rf", "\x1b[2J"}) {
        write(in() / each, "x");
    }
    BOOST_TEST(paths(look(1)) == (Paths{"\x1b[2J", " ", "-rf", "new\nline", "\xff\xfe"}));
    BOOST_TEST(guest::files::stat(policy, path("\xff\xfe"), LastLink::kept)->size == 1U);
}

BOOST_AUTO_TEST_CASE(what_is_no_folder_is_not_listed)
{
    write(in() / "file", "x");
    fs::create_symlink("../out", in() / "way-out");
    BOOST_TEST(reason_of(list(policy, path("file"), {})) == "not_a_folder");
    BOOST_TEST(reason_of(list(policy, path("missing"), {})) == "not_found");
    BOOST_TEST(reason_of(list(policy, path("way-out"), {})) == "path_escapes");
    BOOST_TEST(reason_of(list(policy, path(""), {0})) == "invalid");
    BOOST_TEST(reason_of(list(policy, path(""), {33})) == "invalid");
}

BOOST_AUTO_TEST_SUITE_END()
