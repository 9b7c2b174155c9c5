#include "common/files/durable.hpp"

#include "tests/support/temp_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <sys/stat.h>

using namespace common::files;
using common::ErrorCode;
namespace fs = std::filesystem;

namespace {

struct DurableFixture : tests::TempFolder {
    [[nodiscard]] fs::path at(const std::string& name) const { return path() / name; }
    void put(const std::string& name, const std::string& text) const
    {
        std::ofstream{at(name)} << text;
    }
    [[nodiscard]] std::string content(const std::string& name) const
    {
        std::ostringstream text;
        text << std::ifstream{at(name)}.rdbuf();
        return text.str();
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(durable_tests, DurableFixture)

BOOST_AUTO_TEST_CASE(a_full_disk_is_told_from_any_other_trouble)
{
    for (const int error : {ENOSPC, EDQUOT}) {
        BOOST_CHECK(file_error("write", "/x", error).code == ErrorCode::resource_exhausted);
        BOOST_TEST(file_error("write", "/x", error).reason == "disk_full");
    }
    const auto other = file_error("write", "/x", EIO);
    BOOST_CHECK(other.code == ErrorCode::internal);
    BOOST_TEST(other.message == "write /x: Input/output error");
}

BOOST_AUTO_TEST_CASE(a_file_is_replaced_whole_with_its_mode_and_nothing_beside_it)
{
    put("file", "what was there, which is longer");
    BOOST_REQUIRE(replace_durably(at("file"), "new", 0600));
    BOOST_TEST(content("file") == "new");
    BOOST_CHECK(fs::status(at("file")).permissions() ==
                (fs::perms::owner_read | fs::perms::owner_write));
    BOOST_TEST(!fs::exists(at("file.new")));
    BOOST_REQUIRE(replace_durably(at("another"), "", 0644));
    BOOST_TEST(fs::file_size(at("another")) == 0U);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_replaced_stays)
{
    fs::create_directory(at("folder"));
    put("folder/inside", "it");
    const auto replaced = replace_durably(at("folder"), "new", 0644);
    BOOST_REQUIRE(!replaced);
    BOOST_CHECK(replaced.error().code == ErrorCode::internal);
    BOOST_TEST(content("folder/inside") == "it");
    BOOST_TEST(!replace_durably(at("none/file"), "new", 0644));
}

BOOST_AUTO_TEST_CASE(files_and_folders_are_renamed_over_what_may_be_there)
{
    put("a", "a");
    put("b", "b");
    BOOST_REQUIRE(rename_durably(at("a"), at("b")));
    BOOST_TEST(content("b") == "a");
    BOOST_TEST(!fs::exists(at("a")));
    fs::create_directory(at("folder"));
    BOOST_REQUIRE(rename_durably(at("folder"), at("moved")));
    BOOST_TEST(fs::is_directory(at("moved")));
    const auto none = rename_durably(at("none"), at("b"));
    BOOST_REQUIRE(!none);
    BOOST_CHECK(none.error().code == ErrorCode::not_found);
    BOOST_TEST(content("b") == "a");
    BOOST_CHECK(rename_durably(at("b"), at("moved")).error().code == ErrorCode::internal);
}

BOOST_AUTO_TEST_CASE(what_is_removed_is_gone_and_what_it_links_to_is_not)
{
    put("kept", "it");
    fs::create_directories(at("folder/inside"));
    fs::create_symlink(at("kept"), at("folder/link"));
    BOOST_TEST(remove_tree(at("folder")).has_value());
    BOOST_TEST(!fs::exists(at("folder")));
    BOOST_TEST(content("kept") == "it");
    BOOST_TEST(remove_tree(at("folder")).has_value()); // There is none.
    BOOST_TEST(remove_file(at("kept")).has_value());
    BOOST_TEST(!fs::exists(at("kept")));
    BOOST_TEST(remove_file(at("kept")).has_value());
    fs::create_directory(at("folder"));
    BOOST_TEST(!remove_file(at("folder")));
}

BOOST_AUTO_TEST_CASE(what_is_synced_is_a_file_or_a_folder_and_no_link)
{
    put("file", "text");
    BOOST_TEST(sync_file(at("file")).has_value());
    BOOST_TEST(sync_folder(path()).has_value());
    BOOST_TEST(!sync_folder(at("file")));
    BOOST_TEST(!sync_file(at("none")));
    fs::create_symlink("file", at("link"));
    BOOST_TEST(!sync_file(at("link")));
}

BOOST_AUTO_TEST_CASE(holes_take_no_room)
{
    put("file", std::string(100'000, 'x'));
    put("hole", "");
    fs::resize_file(at("hole"), std::uintmax_t{1} << 30U);
    BOOST_TEST(allocated(at("file"))->count() >= 100'000U);
    BOOST_TEST(allocated(at("hole"))->count() < 100'000U);
    BOOST_TEST(!allocated(at("none")));
}

BOOST_AUTO_TEST_SUITE_END()
