#include "cli/settings.hpp"

#include "tests/support/temp_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <map>

namespace cli {

namespace {

namespace fs = std::filesystem;

struct Case {
    tests::TempFolder folder;
    std::map<std::string, std::string> variables{{"HOME", folder.path() / "home"},
                                                 {"PADDOCK_HOME", folder.path() / "quick"}};
    Flags flags;

    fs::path write(const fs::path& name, const std::string& text, unsigned mode = 0600)
    {
        const auto path = folder.path() / name;
        fs::create_directories(path.parent_path());
        std::ofstream{path} << text;
        fs::permissions(path, fs::perms{mode});
        return path;
    }
    fs::path write_own(const std::string& text, unsigned mode = 0600)
    {
        return write("home/.config/paddock/config", text, mode);
    }
    common::Result<Settings> load()
    {
        return load_settings(flags, [this](const std::string& name) {
            const auto found = variables.find(name);
            return found == variables.end() ? std::nullopt : std::optional{found->second};
        });
    }
    Settings loaded()
    {
        auto settings = load();
        BOOST_REQUIRE_MESSAGE(settings.has_value(), (settings ? "" : settings.error().message));
        return *std::move(settings);
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(settings_tests, Case)

BOOST_AUTO_TEST_CASE(nothing_said_is_the_local_coordinator_without_a_token)
{
    const auto settings = loaded();
    BOOST_TEST(settings.url == "http://127.0.0.1:8080");
    BOOST_TEST(settings.url_from == "default");
    BOOST_TEST(settings.token.empty());
}

BOOST_AUTO_TEST_CASE(flags_go_before_the_environment_and_that_before_a_file)
{
    const auto own = write_own("PADDOCK_URL=http://file:1\nPADDOCK_TOKEN=of-file\n");
    auto settings = loaded();
    BOOST_TEST(settings.url == "http://file:1");
    BOOST_TEST(settings.url_from == own.string());
    BOOST_TEST(settings.token == "of-file");

    variables["PADDOCK_URL"] = "http://variable:2/";
    variables["PADDOCK_TOKEN"] = "of-variable";
    settings = loaded();
    BOOST_TEST(settings.url == "http://variable:2");
    BOOST_TEST(settings.token == "of-variable");
    BOOST_TEST(settings.token_from == "PADDOCK_TOKEN");

    flags.url = "http://a:1/, https://b:2";
    BOOST_TEST(loaded().url == "http://a:1,https://b:2");
    flags.url = "http://flag:3";
    flags.token_file = write("token", " of-flag\n");
    settings = loaded();
    BOOST_TEST(settings.url == "http://flag:3");
    BOOST_TEST(settings.token == "of-flag");
    BOOST_TEST(settings.token_from == flags.token_file);
}

BOOST_AUTO_TEST_CASE(what_quickstart_left_is_taken_as_it_is)
{
    const auto left =
        write("quick/quickstart.env", "PADDOCK_URL=http://127.0.0.1:9080\nPADDOCK_TOKEN=abc\n");
    auto settings = loaded();
    BOOST_TEST(settings.url == "http://127.0.0.1:9080");
    BOOST_TEST(settings.token == "abc");
    BOOST_TEST(settings.token_from == left.string());
    write_own("PADDOCK_URL=http://mine:1\n");
    settings = loaded();
    BOOST_TEST(settings.url == "http://mine:1");
    BOOST_TEST(settings.token.empty());
}

BOOST_AUTO_TEST_CASE(lines_are_those_that_a_shell_would_read)
{
    write_own(
        "# mine\n\nexport PADDOCK_URL=\"http://a:1\"\n  PADDOCK_TOKEN='abc'  \nPADDOCK_LATER=x\n");
    const auto settings = loaded();
    BOOST_TEST(settings.url == "http://a:1");
    BOOST_TEST(settings.token == "abc");
}

BOOST_AUTO_TEST_CASE(a_token_of_a_file_goes_to_the_url_of_that_file_alone)
{
    write_own("PADDOCK_URL=http://mine:1\nPADDOCK_TOKEN=abc\n");
    flags.url = "http://other:2";
    BOOST_TEST(loaded().token.empty());
    BOOST_TEST(loaded().warnings.at(0).find("is for http://mine:1") != std::string::npos);
    flags.url = "http://mine:1/";
    BOOST_TEST(loaded().token == "abc");
    const auto elsewhere = write("token", "def").string();
    write_own("PADDOCK_URL=http://mine:1/\nPADDOCK_TOKEN_FILE=" + elsewhere + "\n");
    BOOST_TEST(loaded().token == "def");
    flags.url = "http://other:2";
    BOOST_TEST(loaded().token.empty());
    write_own("PADDOCK_TOKEN=abc\n"); // It says of no URL that it is for it.
    flags.url = "http://other:2";
    BOOST_TEST(loaded().token == "abc");
}

BOOST_AUTO_TEST_CASE(a_token_that_others_can_read_is_refused_and_not_shown)
{
    flags.token_file = write("token", "secret-token", 0640);
    auto settings = load();
    BOOST_REQUIRE(!settings.has_value());
    BOOST_TEST(settings.error().reason == "token_exposed");
    BOOST_TEST(settings.error().message.find("chmod 600 " + flags.token_file) != std::string::npos);
    BOOST_TEST(settings.error().message.find("secret-token") == std::string::npos);

    flags.token_file.clear();
    write_own("PADDOCK_TOKEN=secret-token\n", 0644);
    settings = load();
    BOOST_REQUIRE(!settings.has_value());
    BOOST_TEST(settings.error().reason == "token_exposed");
    write_own("PADDOCK_URL=http://a:1\n", 0644); // There is nothing in it to hide.
    BOOST_TEST(loaded().url == "http://a:1");
}

BOOST_AUTO_TEST_CASE(a_file_that_was_named_must_be_there)
{
    flags.config = folder.path() / "none";
    auto settings = load();
    BOOST_REQUIRE(!settings.has_value());
    BOOST_TEST((settings.error().code == common::ErrorCode::not_found));
    flags.config.clear();
    variables["PADDOCK_TOKEN_FILE"] = folder.path() / "none";
    BOOST_TEST(!load().has_value());
}

BOOST_AUTO_TEST_CASE(a_line_that_is_none_is_named_by_its_number_and_not_shown)
{
    write_own("PADDOCK_URL=http://a:1\nsecret-token\n");
    const auto settings = load();
    BOOST_REQUIRE(!settings.has_value());
    BOOST_TEST(settings.error().message.find("config:2:") != std::string::npos);
    BOOST_TEST(settings.error().message.find("secret-token") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_url_is_a_scheme_a_host_and_perhaps_a_port)
{
    for (const char* wrong :
         {"127.0.0.1:8080", "ftp://a", "http://", "http://a/b", "http://u@a", "http://a?b"}) {
        flags.url = wrong;
        const auto settings = load();
        BOOST_REQUIRE_MESSAGE(!settings.has_value(), wrong);
        BOOST_TEST(settings.error().message.find("--url") != std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(a_token_that_would_break_its_header_is_refused)
{
    variables["PADDOCK_TOKEN"] = "abc\r\nX-Other: 1";
    BOOST_TEST(!load().has_value());
    flags.token_file = write("token", "one\ntwo\n");
    BOOST_TEST(!load().has_value());
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cli
