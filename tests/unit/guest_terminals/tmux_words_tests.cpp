#include "guest/terminals/tmux_words.hpp"

#include "guest/terminals/tmux_control.hpp"
#include "guest/terminals/tmux_records.hpp"
#include "tests/unit/guest_terminals/terminals_fixture.hpp"

using namespace guest::terminals;

namespace {

using Words = std::vector<std::string>;

/// What tmux would print by the format, with these in the places of its variables.
std::string printed_by(std::string format, const std::vector<std::string>& values)
{
    for (const auto& value : values) {
        const auto at = format.find("#{");
        BOOST_REQUIRE(at != std::string::npos);
        format.replace(at, format.find('}', at) - at + 1, value);
    }
    return format + "\n";
}

const std::vector<std::string> a_pane{
    "%5", "work", "0", "sh", "1", "title", "/root", "77", "1", "80", "24", "0", "", ""};

struct Control {
    TmuxControl control{{[this](const TmuxControl::Reply& reply) {
                             told += reply.asked ? "" : "own ";
                             told += (reply.succeeded ? "reply(" : "error(") + reply.lines + ")";
                         },
                         [this](std::string_view pane, const std::string& bytes) {
                             told += "output" + std::string{pane} + "(" + bytes + ")";
                         },
                         [this] { told += "exit"; }}};
    std::string told;
};

} // namespace

BOOST_AUTO_TEST_SUITE(tmux_words_tests)

BOOST_AUTO_TEST_CASE(no_word_ends_a_command)
{
    TmuxWords words;
    words.command("one").add({"-t", "a;", ";", "b\\;", "c;d"}).command("two");
    BOOST_TEST(words.words() == (Words{"one", "-t", "a\\;", "\\;", "b\\\\;", "c;d", ";", "two"}));
    BOOST_TEST(literal("/a#(b)#{c}") == "/a##(b)##{c}");
    BOOST_TEST(session_target("work") == "=work:");
    BOOST_TEST(session_target("$3") == "$3:");
}

BOOST_AUTO_TEST_CASE(keys_stay_in_order_and_texts_literal)
{
    TmuxWords words;
    add_keys(
        words,
        "%1",
        {TypedText{"-ls;"}, NamedKey{"Enter"}, NamedKey{"C-c"}, TypedText{""}, TypedText{"Up"}});
    BOOST_TEST(words.words() == (Words{"send-keys", "-t", "%1", "-l", "--",    "-ls\\;", ";",
                                       "send-keys", "-t", "%1", "--", "Enter", "C-c",    ";",
                                       "send-keys", "-t", "%1", "-l", "--",    "Up"}));
}

BOOST_AUTO_TEST_CASE(records_are_read_whatever_is_in_their_texts)
{
    const TmuxRecords records;
    auto values = a_pane;
    values[3] = "a\n=b.\n#(x)";
    values[5] = "\xff title";
    values[6] = "/a\nb";
    const auto line = printed_by(records.pane_format(), values);
    const auto panes = records.panes(line + line);
    BOOST_REQUIRE(panes);
    BOOST_REQUIRE(panes->size() == 2U);
    const auto& pane = panes->back();
    BOOST_TEST(pane.id == "%5");
    BOOST_TEST(pane.window == "a\n=b.\n#(x)");
    BOOST_TEST(pane.title == "\xef\xbf\xbd title");
    BOOST_TEST(pane.path == "/a\nb");
    BOOST_TEST(pane.pid == 77);
    BOOST_TEST(pane.active);
    BOOST_TEST(pane.size.columns == 80);
    BOOST_TEST(pane.size.rows == 24);
    BOOST_TEST(!pane.end);
    BOOST_TEST(records.panes("")->empty());
}

BOOST_AUTO_TEST_CASE(what_is_no_record_is_refused)
{
    const TmuxRecords records;
    const TmuxRecords others;
    BOOST_TEST(records.pane_format() != others.pane_format());
    const auto good = printed_by(records.pane_format(), a_pane);
    BOOST_TEST(reason_of(records.panes(good)) == "");
    BOOST_TEST(reason_of(others.panes(good)) == "tmux_failed");
    BOOST_TEST(reason_of(records.windows(good)) == "tmux_failed");
    BOOST_TEST(reason_of(records.panes(good + "more")) == "tmux_failed");
    BOOST_TEST(reason_of(records.panes("more" + good)) == "tmux_failed");
    for (std::size_t size = 1; size < good.size(); ++size) {
        BOOST_TEST(reason_of(records.panes(good.substr(0, size))) == "tmux_failed");
    }
    for (const auto& [field, value] :
         std::vector<std::pair<std::size_t, std::string>>{{0, "5"},
                                                          {0, "%x"},
                                                          {2, "-1"},
                                                          {2, ""},
                                                          {4, "1x"},
                                                          {7, "99999999999"},
                                                          {9, "70000"}}) {
        auto values = a_pane;
        values[field] = value;
        BOOST_TEST(reason_of(records.panes(printed_by(records.pane_format(), values))) ==
                   "tmux_failed");
    }
    std::string flood;
    for (int count = 0; count < 2000; ++count) {
        flood += good;
    }
    BOOST_TEST(reason_of(records.panes(flood)) == "tmux_failed");
    BOOST_TEST(reason_of(records.sessions(std::string(1 << 20U, '='))) == "tmux_failed");
}

BOOST_AUTO_TEST_CASE(ends_are_read_from_what_each_tmux_says)
{
    BOOST_TEST(!pane_end({"0", "", "", "3.3a"}));
    BOOST_TEST(!pane_end({"", "", "", ""}));
    BOOST_TEST(pane_end({"1", "7", "", "3.1c"})->exit_code == 7);
    BOOST_TEST(pane_end({"1", "0", "", "3.3a"})->exit_code == 0);
    BOOST_TEST(pane_end({"1", "", "9", "3.4"})->exit_code == 137);
    BOOST_TEST(pane_end({"1", "", "9", "3.4"})->signal == 9);
    BOOST_TEST(pane_end({"1", "", "", "3.1c"})->exit_code == 128);
    BOOST_TEST(pane_end({"1", "999", "x", "3.2a"})->exit_code == 128);
    BOOST_TEST(!pane_end({"1", "", "", "3.3a"})); // It has yet to hear.
    BOOST_TEST(!pane_end({"1", "", "", "next-3.5"}));
}

BOOST_AUTO_TEST_CASE(complaints_have_reasons)
{
    BOOST_TEST(tmux_error("can't find pane: %5\n").reason == "no_such_pane");
    BOOST_TEST(tmux_error("can't find window: x\n").reason == "no_such_window");
    BOOST_TEST(tmux_error("can't find session: x\n").reason == "no_such_session");
    BOOST_TEST(tmux_error("duplicate session: x\n").reason == "session_exists");
    BOOST_TEST(tmux_error("create pane failed: pane too small\n").reason == "no_space");
    BOOST_TEST(tmux_error("no space for new pane\n").reason == "no_space");
    BOOST_TEST(tmux_error("no server running on /tmp/x\n").reason == no_server);
    BOOST_TEST(tmux_error("error connecting to /tmp/x (No such file)\n").reason == no_server);
    BOOST_TEST(tmux_error("server exited unexpectedly\n").reason == "tmux_gone");
    BOOST_TEST(tmux_error("lost server\n").reason == "tmux_gone");
    const auto other = tmux_error("\xff what?\nmore");
    BOOST_TEST(other.reason == "tmux_failed");
    BOOST_TEST(other.message == "tmux: \xef\xbf\xbd what?");
    BOOST_TEST(tmux_error(std::string(100'000, 'x')).message.size() < 400U);
}

BOOST_AUTO_TEST_CASE(control_mode_is_read_however_it_is_cut)
{
    const std::string_view bytes = "%begin 1 2 0\n%end 1 2 0\n%output %5 a\\033[m\\134b\\015\\012\n"
                                   "%begin 1 3 1\nline\n%output %5 no\n%end 1 2 1\n%end 1 3 1\n"
                                   "%begin 1 4 1\nwrong\n%error 1 4 1\n%layout-change @0\nnoise\n"
                                   "%output %6\n%exit\n";
    const std::string wanted =
        "own reply()output%5(a\x1b[m\\b\r\n)reply(line\n%output %5 no\n%end 1 2 1\n)"
        "error(wrong\n)output%6()exit";
    Control whole;
    BOOST_TEST(whole.control.feed(bytes));
    BOOST_TEST(whole.told == wanted);
    Control cut;
    for (const char byte : bytes) {
        BOOST_TEST(cut.control.feed({&byte, 1}));
    }
    BOOST_TEST(cut.told == wanted);
    BOOST_TEST(without_octal("\\12\\9999\\") == "\\12\\9999\\");
}

BOOST_AUTO_TEST_CASE(control_mode_without_measure_is_broken_off)
{
    const auto broken = [](const std::string& beginning, const std::string& piece) {
        Control control;
        bool good = control.control.feed(beginning);
        for (int count = 0; good && count < 1000; ++count) {
            good = control.control.feed(piece);
        }
        return !good;
    };
    BOOST_TEST(broken("%output %5 ", std::string(100'000, 'x')));
    BOOST_TEST(broken("%begin 1 1 1\n", std::string(100'000, 'x') + "\n"));
}

BOOST_AUTO_TEST_SUITE_END()
