#include "cli/completion.hpp"

#include "cli/command_line.hpp"

#include <boost/test/unit_test.hpp>

namespace cli {

namespace {

struct Typing {
    CommandLine line;
    std::string asked_for; ///< What the coordinator was asked for: a kind, and the words before.

    std::vector<std::string> after(const std::vector<std::string>& words)
    {
        asked_for.clear();
        return completions(line.app, words, [this](const auto& kind, const auto& before) {
            asked_for = kind;
            for (const auto& word : before) {
                asked_for += " " + word;
            }
            return std::vector<std::string>{"web", "worker", "db"};
        });
    }
    std::string joined(const std::vector<std::string>& words)
    {
        std::string text;
        for (const auto& one : after(words)) {
            text += (text.empty() ? "" : " ") + one;
        }
        return text;
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(completion_tests, Typing)

BOOST_AUTO_TEST_CASE(commands_by_their_beginning_and_hidden_ones_never)
{
    BOOST_TEST(joined({"sna"}) == "snapshot");
    BOOST_TEST(joined({"snapshot", "re"}) == "restore");
    BOOST_TEST(joined({"_"}).empty());
    BOOST_TEST(after({""}).size() > 20U);
}

BOOST_AUTO_TEST_CASE(options_of_the_command_and_those_of_all)
{
    BOOST_TEST(joined({"ls", "--la"}) == "--label");
    BOOST_TEST(joined({"ls", "--out"}) == "--output");
    BOOST_TEST(joined({"--tok"}) == "--token-file");
}

BOOST_AUTO_TEST_CASE(an_options_value_is_of_its_kind)
{
    BOOST_TEST(joined({"ls", "--state", "RU"}) == "RUNNING");
    BOOST_TEST(joined({"ls", "--state", "=", "ST"}) == "STARTING STOPPED");
    BOOST_TEST(joined({"-o", ""}) == "table json");
    BOOST_TEST(joined({"create", "tiny", "--host", "w"}) == "web worker");
    BOOST_TEST(asked_for == "HOST tiny");
}

BOOST_AUTO_TEST_CASE(names_are_asked_for_by_what_they_are_of)
{
    BOOST_TEST(joined({"get", "w"}) == "web worker");
    BOOST_TEST(asked_for == "SANDBOX");
    BOOST_TEST(joined({"rm", "db", "--force", "w"}) == "web worker");
    BOOST_TEST(asked_for == "SANDBOX db");
    BOOST_TEST(joined({"screenshot", "w"}) == "web worker");
    joined({"snapshot", "restore", "web", ""});
    BOOST_TEST(asked_for == "SNAPSHOT web");
    joined({"images", "create", "new", "web", ""});
    BOOST_TEST(asked_for == "SNAPSHOT new web");
    joined({"create", ""});
    BOOST_TEST(asked_for == "IMAGE");
}

BOOST_AUTO_TEST_CASE(what_has_both_commands_and_a_name_is_offered_both)
{
    BOOST_TEST(joined({"audit", ""}) == "export verify web worker db");
    BOOST_TEST(joined({"audit", "e"}) == "export");
    BOOST_TEST(joined({"audit", "w"}) == "web worker");
    BOOST_TEST(asked_for == "SANDBOX");
    BOOST_TEST(joined({"audit", "web", ""}).empty());
    BOOST_TEST(joined({"audit", "--kind", "in"}) == "intent");
    BOOST_TEST(joined({"audit", "export", "--fr"}) == "--from");
}

BOOST_AUTO_TEST_CASE(what_is_behind_two_dashes_is_the_guests)
{
    BOOST_TEST(joined({"run", "web", "--", "-"}).empty());
    BOOST_TEST(joined({"run", "--user", "root", "d"}) == "db");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cli
