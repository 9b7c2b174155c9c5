#include "coordinator/daemon/backup_folder.hpp"
#include "tests/support/temp_folder.hpp"

#include "common/digest/digest.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>

using namespace coordinator::daemon;
using common::ErrorCode;
namespace fs = std::filesystem;

namespace {

Manifest sample()
{
    Manifest manifest;
    manifest.id = "bkp-aaaaaaaaaaaaaaaa";
    manifest.made_at = common::from_unix_us(1'700'000'000'123'456);
    manifest.version = "1.2.3";
    manifest.database = {21, "15.1", 7, 42, std::string(64, 'a'), 1'700'000'000'000'000, 3, 2, 1};
    manifest.images = {{"up", "acme", "", {{std::string(64, 'b'), 10}, {std::string(64, 'c'), 20}}},
                       {"tiny", "", "h1", {{std::string(64, 'd'), 30}}}};
    manifest.parts = {{"database.dump", 5, std::string(64, 'e')},
                      {"blobs/acme/" + std::string(64, 'b'), 10, std::string(64, 'b')}};
    return manifest;
}

std::string with(std::string text, const std::string& what, const std::string& instead)
{
    const auto at = text.find(what);
    BOOST_REQUIRE(at != std::string::npos);
    return text.replace(at, what.size(), instead);
}

} // namespace

BOOST_AUTO_TEST_SUITE(backup_tests)

BOOST_AUTO_TEST_CASE(a_manifest_is_read_as_it_was_written)
{
    const auto read = manifest_from(to_text(sample()));
    BOOST_REQUIRE(read);
    BOOST_TEST(to_text(*read) == to_text(sample()));
    BOOST_CHECK(read->database == sample().database);
    BOOST_CHECK(read->made_at == sample().made_at);
    BOOST_REQUIRE(read->part("database.dump") != nullptr);
    BOOST_TEST(read->part("database.dump")->bytes == 5U);
    BOOST_TEST(read->part("tokens") == nullptr);
}

BOOST_AUTO_TEST_CASE(what_is_no_manifest_or_another_ones_is_refused)
{
    const auto text = to_text(sample());
    for (const auto& wrong : {std::string{"{"},
                              std::string{"[]"},
                              with(text, R"("format": 1)", R"("format": 2)"),
                              with(text, R"("epoch": 7)", R"("epoch": "seven")"),
                              with(text, "2023-11-14", "never"),
                              with(text, "bkp-", "../"),
                              with(text, "database.dump", "../../etc/passwd"),
                              with(text, "blobs/acme/", "blobs/../"),
                              with(text, "blobs/acme/bb", "blobs/acme/zz")}) {
        const auto read = manifest_from(wrong);
        BOOST_REQUIRE_MESSAGE(!read, wrong);
        BOOST_CHECK(read.error().code == ErrorCode::invalid_argument);
    }
}

BOOST_AUTO_TEST_CASE(a_draft_that_does_not_end_leaves_nothing_and_one_that_is_there_is_spared)
{
    const tests::TempFolder folder;
    {
        const auto draft = BackupDraft::begin(folder.path() / "b");
        BOOST_REQUIRE(draft);
        std::ofstream{(*draft)->path_of("tokens")} << "text";
        BOOST_TEST((*draft)->add("tokens")->bytes == 4U);
        // Another one of the same name is not taken for one that was killed.
        BOOST_REQUIRE(BackupDraft::begin(folder.path() / "b"));
        BOOST_TEST(fs::exists((*draft)->path_of("tokens")));
    }
    BOOST_TEST(fs::is_empty(folder.path()));
    fs::create_directory(folder.path() / "b");
    const auto again = BackupDraft::begin(folder.path() / "b");
    BOOST_REQUIRE(!again);
    BOOST_CHECK(again.error().code == ErrorCode::already_exists);
}

BOOST_AUTO_TEST_CASE(what_was_killed_is_swept_by_the_next_of_its_name)
{
    const tests::TempFolder folder;
    fs::create_directories(folder.path() / ".b.draft-aaaaaaaaaaaaaaaa/blobs");
    fs::create_directories(folder.path() / ".other.draft-aaaaaaaaaaaaaaaa");
    BOOST_REQUIRE(BackupDraft::begin(folder.path() / "b"));
    BOOST_TEST(!fs::exists(folder.path() / ".b.draft-aaaaaaaaaaaaaaaa"));
    BOOST_TEST(fs::exists(folder.path() / ".other.draft-aaaaaaaaaaaaaaaa"));
}

BOOST_AUTO_TEST_CASE(what_is_copied_is_digested_and_nobody_elses_to_read)
{
    const tests::TempFolder folder;
    std::ofstream{folder.path() / "from"} << "secret";
    const auto draft = BackupDraft::begin(folder.path() / "b");
    BOOST_REQUIRE(draft);
    const auto part = (*draft)->copy(folder.path() / "from", "server.key");
    BOOST_REQUIRE(part);
    BOOST_TEST(part->sha256 == common::digest::to_hex(common::digest::of("secret")));
    BOOST_CHECK(fs::status((*draft)->path_of("server.key")).permissions() ==
                (fs::perms::owner_read | fs::perms::owner_write));
    const auto none = (*draft)->copy(folder.path() / "nothing", "tokens");
    BOOST_REQUIRE(!none);
    BOOST_CHECK(none.error().code == ErrorCode::not_found);
}

BOOST_AUTO_TEST_SUITE_END()
