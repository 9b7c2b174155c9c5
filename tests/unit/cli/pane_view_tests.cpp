#include "cli/pane_view.hpp"

#include "common/digest/base64.hpp"

#include <boost/test/unit_test.hpp>

namespace cli {

namespace {

/// A pane of 3 rows and 20 columns, looked at on a terminal of 4 rows.
struct Pane {
    PaneView view;
    const TerminalSize terminal{4, 20};

    Pane() { shows("screen", "hello", 3, 20); }

    bool shows(const std::string& event, const std::string& bytes, int rows = 0, int columns = 0)
    {
        Json data{{"data", common::digest::to_base64(bytes)}, {"encoding", "base64"}};
        if (rows > 0) {
            data["rows"] = rows;
            data["cols"] = columns;
        }
        return take(event, data.dump());
    }
    /// False: it has ended.
    bool take(const std::string& event, const std::string& data)
    {
        view.take(PaneView::piece_of({event, "1", data}));
        while (view.feed_some()) {
        }
        return !view.ended();
    }
    std::string drawn() { return view.draw(terminal, "status"); }
};

bool has(const std::string& text, const std::string& part)
{
    return text.find(part) != std::string::npos;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(pane_view_tests, Pane)

BOOST_AUTO_TEST_CASE(what_is_shown_is_drawn_and_after_that_what_changed)
{
    const auto first = drawn();
    BOOST_TEST(has(first, "\x1b[1;1H\x1b[0m\x1b[2Khello"));
    BOOST_TEST(has(first, "\x1b[4;1H\x1b[0m\x1b[2Kstatus"));
    BOOST_TEST(first.ends_with("\x1b[1;6H\x1b[?25h")); // The cursor.
    BOOST_TEST(drawn() == "\x1b[?25l\x1b[1;6H\x1b[?25h");
    BOOST_TEST(shows("output", "\r\nworld\x1b[?25l"));
    BOOST_TEST(drawn() ==
               "\x1b[?25l\x1b[2;1H\x1b[0m\x1b[2Kworld" + std::string(15, ' ') + "\x1b[2;6H");
    view.forget();
    BOOST_TEST(has(drawn(), "hello"));
    BOOST_TEST(shows("screen", "anew", 3, 20));
    const auto anew = drawn();
    BOOST_TEST(has(anew, "anew"));
    BOOST_TEST(!has(anew, "hello"));
}

BOOST_AUTO_TEST_CASE(nothing_from_inside_makes_the_terminal_do_anything)
{
    for (const std::string hostile : {"\x1b]52;c;ZXZpbA==\x07",
                                      "\x1b]0;title\x1b\\",
                                      "\x1b[6n\x1b[c\x1b[>c",
                                      "\x1bP+q544e\x1b\\",
                                      "\x1b[?1003h\x1b[?1049h\x1b[?2004h",
                                      "\x1b[20t\x1b[5i\x07\x05",
                                      "\xc2\x9b"
                                      "6n\xc2\x9d"
                                      "52;c;x\xc2\x9c"}) {
        BOOST_TEST(shows("output", hostile));
        const auto text = drawn();
        for (const auto* sign : {"\x1b]",
                                 "\x1bP",
                                 "\x07",
                                 "\x05",
                                 "\xc2\x9b",
                                 "\xc2\x9d",
                                 "[6n",
                                 "1003",
                                 "2004",
                                 "20t",
                                 "1049"}) {
            BOOST_TEST(!has(text.substr(6), sign), sign); // Behind our own "\x1b[?25l".
        }
    }
}

BOOST_AUTO_TEST_CASE(a_screen_that_does_not_fit_is_shown_around_its_cursor)
{
    std::string lines;
    for (int row = 0; row < 50; ++row) {
        lines += "line " + std::to_string(row) + (row < 49 ? "\r\n" : "");
    }
    BOOST_TEST(shows("screen", lines, 50, 100));
    auto text = drawn();
    BOOST_TEST(has(text, "line 49"));
    BOOST_TEST(has(text, "line 47"));
    BOOST_TEST(!has(text, "line 46"));
    BOOST_TEST(text.ends_with("\x1b[3;8H\x1b[?25h"));
    BOOST_TEST(shows("output", "\x1b[1;1H\x1b[90Gfar"));
    text = drawn();
    BOOST_TEST(has(text, "far"));
    BOOST_TEST(!has(text, "line 0"));
    BOOST_TEST(text.ends_with("\x1b[1;20H\x1b[?25h"));
    BOOST_TEST(take("size", R"({"rows":2,"cols":5})"));
    BOOST_TEST(has(drawn(), "line "));
    // As small as a terminal can be.
    BOOST_TEST(!has(view.draw({1, 1}, "status"), "status"));
}

BOOST_AUTO_TEST_CASE(a_flood_is_worked_through_in_small_parts)
{
    std::string costly;
    for (int count = 0; count < 500; ++count) {
        costly += "\x1b[2J";
    }
    view.take(PaneView::piece_of({"size", "1", R"({"rows":200,"cols":500})"}));
    view.take(PaneView::piece_of(
        {"output", "1", Json{{"data", costly + "the end"}, {"encoding", "utf-8"}}.dump()}));
    int parts = 1;
    while (view.feed_some()) {
        ++parts;
    }
    BOOST_TEST(parts > 200);
    BOOST_TEST(has(view.draw({10, 80}, ""), "the end"));
}

BOOST_AUTO_TEST_CASE(it_ends_once_and_takes_what_makes_no_sense)
{
    BOOST_TEST(take("output", "no JSON"));
    BOOST_TEST(take("output", R"({"data":"%%%","encoding":"base64"})"));
    BOOST_TEST(take("screen", R"({"rows":-7,"cols":99999999999,"data":"x"})"));
    BOOST_TEST(take("keepalive", "{}"));
    BOOST_TEST(take("to-come", "{}"));
    BOOST_TEST(!take("ended", R"({"exit_code":3})"));
    BOOST_TEST(view.ended()->at("exit_code") == 3);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cli
