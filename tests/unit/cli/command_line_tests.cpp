#include "cli/command_line.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>

using namespace cli;

BOOST_AUTO_TEST_SUITE(command_line_tests)

BOOST_AUTO_TEST_CASE(words_of_a_command_come_as_they_were_typed)
{
    CommandLine line;
    std::vector<std::string> words;
    auto* command = line.add(line.app, "run-like", "a test's own", {});
    command->add_option("WORDS", words);
    line.runs(command, {});
    const std::vector<std::string> typed{"echo", "[1,2,3]", "[]", "[ -e /tmp/a ]", "]x[", "[open"};
    std::vector<std::string> arguments{"run-like", "--"};
    arguments.insert(arguments.end(), typed.begin(), typed.end());
    for (const auto* guarded : {"run", "exec"}) { // What comes after this word.
        words.clear();
        auto with_url = arguments;
        with_url.insert(with_url.begin(), {"--url", guarded});
        line.parse(with_url);
        std::ranges::transform(words, words.begin(), &as_typed);
        BOOST_TEST(words == typed, boost::test_tools::per_element());
    }
}

BOOST_AUTO_TEST_CASE(a_command_below_another_runs_instead_of_it)
{
    CommandLine line;
    std::string ran;
    auto* above = line.add(line.app, "above", "a test's own", {});
    std::string word;
    above->add_option("WORD", word);
    auto* below = line.add(*above, "below", "a test's own", {});
    const auto notes = [&ran](const char* name) {
        return [&ran, name](Context&) -> common::Result<int> {
            ran = name;
            return 0;
        };
    };
    line.runs(above, notes("above"));
    line.runs(below, notes("below"));
    client::Session session{{"http://127.0.0.1:1", "", "req-1", {}}};
    Context context{{}, {}, session, {}};
    BOOST_TEST(line.parse({"above", "below"})(context).has_value());
    BOOST_TEST(ran == "below");
    BOOST_TEST(line.parse({"above", "a-word"})(context).has_value());
    BOOST_TEST(ran == "above");
    BOOST_TEST(word == "a-word");
}

BOOST_AUTO_TEST_SUITE_END()
