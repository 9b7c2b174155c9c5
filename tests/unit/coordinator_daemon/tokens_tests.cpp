#include "coordinator/daemon/tokens.hpp"

#include "common/digest/digest.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <set>
#include <sstream>

using namespace coordinator::daemon;
using common::ErrorCode;
namespace fs = std::filesystem;

namespace {

struct TokensFixture {
    TokensFixture()
    {
        std::string pattern = (fs::temp_directory_path() / "tokens-XXXXXX").string();
        folder = ::mkdtemp(pattern.data());
        file = folder / "tokens";
    }
    ~TokensFixture() { fs::remove_all(folder); }

    void write(const std::string& text) const
    {
        std::ofstream{file} << text;
        fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
    }
    [[nodiscard]] std::string text() const
    {
        std::stringstream all;
        all << std::ifstream{file}.rdbuf();
        return all.str();
    }

    fs::path folder;
    fs::path file;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(tokens_tests, TokensFixture)

BOOST_AUTO_TEST_CASE(a_token_is_given_once_and_only_its_digest_is_kept)
{
    const auto token = make_token(file, "me");
    BOOST_REQUIRE(token);
    BOOST_TEST(token->starts_with("pdk_"));
    BOOST_TEST(token->size() >= 52U); // 256 bits of base32 and more.
    BOOST_TEST(text().find(*token) == std::string::npos);
    const auto tokens = read_tokens(file);
    BOOST_REQUIRE(tokens);
    BOOST_REQUIRE(tokens->size() == 1U);
    BOOST_TEST(tokens->front().name == "me");
    BOOST_CHECK(tokens->front().sha256 == common::digest::of(*token));
    BOOST_CHECK((fs::status(file).permissions() & fs::perms::mask) ==
                (fs::perms::owner_read | fs::perms::owner_write));
}

BOOST_AUTO_TEST_CASE(a_new_token_replaces_the_one_of_its_name_and_spares_the_others)
{
    const auto first = *make_token(file, "me");
    const auto other = *make_token(file, "you");
    const auto second = *make_token(file, "me");
    BOOST_TEST(first != second);
    const auto tokens = *read_tokens(file);
    BOOST_REQUIRE(tokens.size() == 2U);
    std::set<std::string> kept;
    for (const auto& one : tokens) {
        kept.insert(common::digest::to_hex(one.sha256));
    }
    const auto has = [&kept](const std::string& token) {
        return kept.contains(common::digest::to_hex(common::digest::of(token)));
    };
    BOOST_TEST(has(second));
    BOOST_TEST(has(other));
    BOOST_TEST(!has(first));
}

BOOST_AUTO_TEST_CASE(a_name_must_be_one)
{
    for (const auto* name : {"", "a b", "../x", "a\nb", "#a"}) {
        BOOST_CHECK(make_token(file, name).error().code == ErrorCode::invalid_argument);
    }
    BOOST_TEST(!fs::exists(file));
}

BOOST_AUTO_TEST_CASE(comments_and_blank_lines_are_passed_over)
{
    write("# one\n\n  me " + std::string(64, 'a') + "  \n#you rubbish\n");
    BOOST_TEST(read_tokens(file)->size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_bad_line_is_named_by_its_number_and_never_shown)
{
    for (const auto& bad : {std::string{"me"},
                            "me " + std::string(63, 'a'),
                            "me " + std::string(64, 'g'),
                            "me " + std::string(64, 'a') + " more",
                            "m/e " + std::string(64, 'a')}) {
        write("# one\n" + bad + "\n");
        const auto tokens = read_tokens(file);
        BOOST_REQUIRE(!tokens);
        BOOST_CHECK(tokens.error().code == ErrorCode::invalid_argument);
        BOOST_TEST(tokens.error().message.find("line 2") != std::string::npos);
        BOOST_TEST(tokens.error().message.find("aaaa") == std::string::npos);
        BOOST_TEST(!make_token(file, "me").has_value()); // Not overwritten either.
        BOOST_TEST(text().find(bad) != std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(a_file_that_others_may_write_is_refused)
{
    write("me " + std::string(64, 'a') + "\n");
    for (const auto who : {fs::perms::group_write, fs::perms::others_write}) {
        fs::permissions(file, fs::perms::owner_read | who);
        BOOST_CHECK(read_tokens(file).error().code == ErrorCode::failed_precondition);
    }
}

BOOST_AUTO_TEST_CASE(a_missing_file_says_how_to_make_one)
{
    const auto tokens = read_tokens(file);
    BOOST_CHECK(tokens.error().code == ErrorCode::not_found);
    BOOST_TEST(tokens.error().message.find("paddock-coordinator token") != std::string::npos);
    BOOST_TEST(!make_token(folder / "none/tokens", "me").has_value());
}

BOOST_AUTO_TEST_SUITE_END()
