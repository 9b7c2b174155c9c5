#include "cli/table.hpp"

#include <boost/test/unit_test.hpp>

namespace cli {

namespace {

Table sample()
{
    Table table{{"NAME", "PHASE", "LABELS"}};
    table.add({{"web"}, {"running", Tone::good}, {"team=search,stage=test,owner=nightly"}});
    table.add({{"kůň"}, {""}, {}});
    return table;
}

} // namespace

BOOST_AUTO_TEST_SUITE(table_tests)

BOOST_AUTO_TEST_CASE(columns_are_aligned_and_what_is_empty_is_a_dash)
{
    BOOST_TEST(sample().render({}) == "NAME  PHASE    LABELS\n"
                                      "web   running  team=search,stage=test,owner=nightly\n"
                                      "kůň   -        -\n");
}

BOOST_AUTO_TEST_CASE(a_terminal_gets_colours_that_move_no_column)
{
    const auto text = sample().render({.colour = true, .width = 0});
    BOOST_TEST(text.find("web   \033[32mrunning\033[0m  team") != std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(only_the_last_column_is_cut_to_the_terminal)
{
    const auto text = sample().render({.colour = false, .width = 30});
    BOOST_TEST(text.find("web   running  team=search,st…\n") != std::string::npos, text);
    // Narrower than what stands before it, nothing is cut.
    BOOST_TEST(sample().render({.colour = false, .width = 12}) == sample().render({}));
}

BOOST_AUTO_TEST_CASE(a_cell_cannot_break_the_table_or_speak_to_the_terminal)
{
    Table table{{"COMMAND"}};
    table.add({{"echo\n\033]0;owned\a"}});
    BOOST_TEST(table.render({}) == "COMMAND\necho ?]0;owned?\n");
}

BOOST_AUTO_TEST_CASE(no_rows_have_a_heading_all_the_same)
{
    BOOST_TEST(Table({"ID", "NAME"}).render({}) == "ID  NAME\n");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cli
