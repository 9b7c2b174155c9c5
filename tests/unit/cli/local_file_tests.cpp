#include "cli/local_file.hpp"

#include "tests/support/temp_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/stat.h>

using namespace cli;
using namespace std::chrono_literals;

namespace {

struct Fixture {
    [[nodiscard]] std::string at(const std::string& name) const
    {
        return (temp.path() / name).string();
    }
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
    [[nodiscard]] std::size_t names() const
    {
        const std::filesystem::directory_iterator all{temp.path()};
        return static_cast<std::size_t>(std::distance(begin(all), end(all)));
    }

    tests::TempFolder temp;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(local_file_tests, Fixture)

BOOST_AUTO_TEST_CASE(a_source_gives_all_of_a_file_and_no_more)
{
    put("file", "0123456789");
    auto source = LocalSource::open(at("file"));
    BOOST_REQUIRE(source);
    BOOST_TEST(source->size().value() == 10U);
    put("file", "0123456789 and what came later");
    BOOST_TEST(source->read(4).value() == "0123");
    BOOST_TEST(source->read(100).value() == "456789");
    BOOST_TEST(source->read(100).value() == "");
}

BOOST_AUTO_TEST_CASE(a_source_that_becomes_shorter_fails)
{
    put("file", "0123456789");
    auto source = LocalSource::open(at("file"));
    BOOST_REQUIRE(source);
    std::filesystem::resize_file(at("file"), 3);
    BOOST_TEST(source->read(100).value() == "012");
    BOOST_TEST(!source->read(100).has_value());
    BOOST_TEST(source->failure().ends_with("has become shorter"));
}

BOOST_AUTO_TEST_CASE(what_is_no_file_is_no_source)
{
    BOOST_CHECK(LocalSource::open(at("none")).error().code == common::ErrorCode::not_found);
    BOOST_TEST(LocalSource::open(temp.path().string()).error().message.find("tar -c ") !=
               std::string::npos);
    BOOST_REQUIRE(::mkfifo(at("fifo").c_str(), 0600) == 0);
    BOOST_TEST(!LocalSource::open(at("fifo"))); // And nobody was waited for.
}

BOOST_AUTO_TEST_CASE(a_target_is_there_whole_with_its_mode_or_not_at_all)
{
    {
        auto target = LocalTarget::open(at("file"), false);
        BOOST_REQUIRE(target);
        BOOST_TEST(target->write("half"));
        BOOST_TEST(!std::filesystem::exists(at("file")));
    }
    BOOST_TEST(names() == 0U);
    auto target = LocalTarget::open(at("file"), false);
    BOOST_REQUIRE(target);
    BOOST_TEST(target->write("all of it"));
    BOOST_REQUIRE(target->finish("4750"));
    BOOST_TEST(content("file") == "all of it");
    struct stat status {};
    BOOST_REQUIRE(::stat(at("file").c_str(), &status) == 0);
    BOOST_TEST((status.st_mode & 07777U) == (0750U & ~022U));
    BOOST_TEST(names() == 1U);
}

BOOST_AUTO_TEST_CASE(what_is_to_be_kept_is_kept)
{
    auto late = LocalTarget::open(at("file"), true);
    BOOST_REQUIRE(late);
    put("file", "old");
    BOOST_TEST(!LocalTarget::open(at("file"), true));
    BOOST_TEST(late->write("new"));
    BOOST_TEST(!late->finish(""));
    BOOST_TEST(content("file") == "old");
}

BOOST_AUTO_TEST_CASE(a_link_leads_to_what_is_replaced_and_a_fifo_is_written_to)
{
    put("file", "old");
    std::filesystem::create_symlink("file", at("link"));
    auto target = LocalTarget::open(at("link"), false);
    BOOST_REQUIRE(target);
    BOOST_TEST(target->write("new"));
    BOOST_REQUIRE(target->finish("0644"));
    BOOST_TEST(content("file") == "new");
    BOOST_TEST(std::filesystem::is_symlink(at("link")));
    auto nowhere = LocalTarget::open("/dev/null", false);
    BOOST_REQUIRE(nowhere);
    BOOST_TEST(nowhere->write("new"));
    BOOST_REQUIRE(nowhere->finish("0644"));
    BOOST_TEST(std::filesystem::is_character_file("/dev/null"));
}

BOOST_AUTO_TEST_CASE(progress_says_how_far_and_how_fast)
{
    BOOST_TEST(progress_text("a", 1U << 20U, 4U << 20U, 2000ms) ==
               "a 1.0 MiB of 4.0 MiB, 25%, 512 KiB/s");
    BOOST_TEST(progress_text("a", 0, std::nullopt, 0ms) == "a 0 B, 0 B/s");
    BOOST_TEST(progress_text("a", 5, 0, 1000ms) == "a 5 B, 5 B/s");
}

BOOST_AUTO_TEST_CASE(a_private_folder_goes_with_all_in_it)
{
    std::string path;
    {
        const auto folder = PrivateFolder::make();
        BOOST_REQUIRE(folder);
        path = (*folder)->path();
        std::ofstream{path + "/file"} << "x";
    }
    BOOST_TEST(!std::filesystem::exists(path));
}

BOOST_AUTO_TEST_SUITE_END()
