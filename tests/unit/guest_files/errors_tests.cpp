#include "guest/files/errors.hpp"

#include "common/utf8.hpp"
#include "guest/files/acting_as.hpp"
#include "guest/files/copying.hpp"
#include "guest/files/entry.hpp"
#include "tests/unit/guest_files/files_fixture.hpp"

#include <cerrno>

using namespace guest::files;
namespace fs = std::filesystem;

BOOST_FIXTURE_TEST_SUITE(errors_tests, FilesFixture)

BOOST_AUTO_TEST_CASE(paths_are_shown_in_utf8_whatever_they_are)
{
    BOOST_TEST(printable("/tmp/äß") == "/tmp/äß");
    BOOST_TEST(printable("a\nb\x1b[2J\x7f") == "a\\x0ab\\x1b[2J\\x7f");
    BOOST_TEST(printable("\xff/\xc3") == "\\xff/\\xc3");
    const auto cut = printable(std::string(100'000, 'x'));
    BOOST_TEST(cut.size() < 1100U);
    BOOST_TEST(cut.ends_with("…"));
}

BOOST_AUTO_TEST_CASE(a_message_about_a_strange_name_can_be_sent)
{
    write(in() / "tree" / "\xff\n", "x");
    fs::permissions(in() / "tree" / "\xff\n", fs::perms{0600});
    fs::permissions(base, fs::perms{0755});
    BOOST_REQUIRE(::chmod(in().c_str(), 0777) == 0);
    const auto acting = ActingAs::user({"somebody", 12345, 12345, {12345}, "/", ""});
    CopyOptions options;
    options.recursive = Recursive::yes;
    const auto copied = guest::files::copy(policy, path("tree"), path("copy"), options);
    BOOST_TEST(reason_of(copied) == "permission_denied");
    BOOST_TEST(common::is_utf8(copied.error().message));
    BOOST_TEST(copied.error().message.find("tree/\\xff\\x0a: ") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(any_time_of_a_file_can_be_told)
{
    struct stat status {};
    status.st_mtim = {INT64_MAX, 999'999'999};
    BOOST_TEST(entry_of("/x", status).modified_ns > 9'000'000'000'000'000'000);
    status.st_mtim = {INT64_MIN, 0};
    BOOST_TEST(entry_of("/x", status).modified_ns < -9'000'000'000'000'000'000);
    status.st_mtim = {-1, 5};
    BOOST_TEST(entry_of("/x", status).modified_ns == -999'999'995);
}

BOOST_AUTO_TEST_SUITE_END()
