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
    arguments.insert(arguments.begin(), {"--url", "run"}); // What comes after this word is guarded.
    line.parse(arguments);
    std::ranges::transform(words, words.begin(), &as_typed);
    BOOST_TEST(words == typed, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
