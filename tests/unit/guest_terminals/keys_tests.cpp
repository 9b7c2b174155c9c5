#include "guest/terminals/keys.hpp"

#include "guest/terminals/watch_queue.hpp"

#include <boost/test/unit_test.hpp>

using namespace guest::terminals;
using Kind = WatchPiece::Kind;

namespace {

std::string bytes(std::string_view name, CursorKeys cursor_keys = CursorKeys::normal)
{
    return bytes_of(name, cursor_keys).value_or("none");
}

} // namespace

BOOST_AUTO_TEST_SUITE(keys_tests)

BOOST_AUTO_TEST_CASE(each_key_has_its_bytes)
{
    BOOST_TEST(bytes("Enter") == "\r");
    BOOST_TEST(bytes("BTab") == "\x1b[Z");
    BOOST_TEST(bytes("BSpace") == "\x7f");
    BOOST_TEST(bytes("Space") == " ");
    BOOST_TEST(bytes("Up") == "\x1b[A");
    BOOST_TEST(bytes("Home") == "\x1b[H");
    BOOST_TEST(bytes("PageUp") == bytes("PPage"));
    BOOST_TEST(bytes("Insert") == "\x1b[2~");
    BOOST_TEST(bytes("F1") == "\x1bOP");
    BOOST_TEST(bytes("F4") == "\x1bOS");
    BOOST_TEST(bytes("F5") == "\x1b[15~");
    BOOST_TEST(bytes("F12") == "\x1b[24~");
    BOOST_TEST(bytes("a") == "a");
    BOOST_TEST(bytes("ä") == "ä");
    BOOST_TEST(bytes("-") == "-");
}

BOOST_AUTO_TEST_CASE(modifiers_change_them)
{
    BOOST_TEST(bytes("C-a") == "\x01");
    BOOST_TEST(bytes("C-A") == "\x01");
    BOOST_TEST(bytes("C-[") == "\x1b");
    BOOST_TEST(bytes("C-_") == "\x1f");
    BOOST_TEST(bytes("C-?") == "\x7f");
    BOOST_TEST(bytes("C-Space") == std::string(1, '\0'));
    BOOST_TEST(bytes("C--") == "none");
    BOOST_TEST(bytes("M--") == "\x1b-");
    BOOST_TEST(bytes("M-x") == "\x1bx");
    BOOST_TEST(bytes("C-M-x") == "\x1b\x18");
    BOOST_TEST(bytes("M-Enter") == "\x1b\r");
    BOOST_TEST(bytes("S-Up") == "\x1b[1;2A");
    BOOST_TEST(bytes("C-M-S-Left") == "\x1b[1;8D");
    BOOST_TEST(bytes("C-F1") == "\x1b[1;5P");
    BOOST_TEST(bytes("M-PageDown") == "\x1b[6;3~");
}

BOOST_AUTO_TEST_CASE(programs_that_ask_get_application_keys)
{
    BOOST_TEST(bytes("Up", CursorKeys::application) == "\x1bOA");
    BOOST_TEST(bytes("End", CursorKeys::application) == "\x1bOF");
    BOOST_TEST(bytes("C-Up", CursorKeys::application) == "\x1b[1;5A");
    BOOST_TEST(bytes("Delete", CursorKeys::application) == "\x1b[3~");
    BOOST_TEST(bytes("Enter", CursorKeys::application) == "\r");
}

BOOST_AUTO_TEST_CASE(what_is_no_key_has_none)
{
    for (const auto* name :
         {"",      "enter", "Return", "C-",   "C-Enter", "S-a",     "C-ä", "X-a",
          "F13",   "F0",    "ab",     "\x01", "\x7f",    "\xff",    "Up ", "C-M-",
          "S-Tab", "-t",    "C-é",    "\n",   "--",      "Escape;", "M-"}) {
        BOOST_TEST(!is_key(name), name);
    }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(watch_queue_tests)

BOOST_AUTO_TEST_CASE(pieces_come_in_order_and_cut_to_size)
{
    WatchQueue queue{10'000};
    BOOST_TEST(!queue.next(100));
    queue.screen("shown", {24, 80});
    queue.output("one ");
    queue.output("two");
    queue.size({10, 20});
    queue.output("three");
    queue.end({Kind::ended, {}, {}, PaneEnd{3, 0}});
    queue.output("too late");
    const auto screen = queue.next(1);
    BOOST_TEST(screen->bytes == "shown"); // Whole, whatever was asked for.
    BOOST_TEST(screen->size.columns == 80);
    BOOST_TEST(queue.next(5)->bytes == "one t");
    BOOST_TEST(queue.next(5)->bytes == "wo");
    BOOST_TEST(queue.next(5)->size.columns == 20);
    BOOST_TEST(queue.next(0)->bytes == "t");
    BOOST_TEST(queue.next(100)->bytes == "hree");
    BOOST_TEST(queue.next(100)->end->exit_code == 3);
}

BOOST_AUTO_TEST_CASE(who_is_slow_costs_so_much_and_needs_the_screen_anew)
{
    WatchQueue queue{10'000};
    queue.screen("shown", {24, 80});
    for (int count = 0; count < 1000; ++count) {
        queue.output(std::string(100, 'x'));
    }
    BOOST_TEST(queue.missed());
    BOOST_TEST(!queue.next(100));
    queue.screen("anew", {24, 80});
    BOOST_TEST(!queue.missed());
    queue.output("after");
    BOOST_TEST(queue.next(100)->bytes == "anew");
    BOOST_TEST(queue.next(100)->bytes == "after");
    // Small ones cost, too.
    for (int count = 0; count < 100'000 && !queue.missed(); ++count) {
        queue.size({1, 1});
    }
    BOOST_TEST(queue.missed());
    queue.end({Kind::ended, {}, {}, {}, "killed"});
    BOOST_TEST(queue.next(100)->reason == "killed");
}

BOOST_AUTO_TEST_SUITE_END()
