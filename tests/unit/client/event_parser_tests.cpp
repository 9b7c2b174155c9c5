#include "client/event_parser.hpp"

#include <boost/test/unit_test.hpp>
#include <vector>

namespace client {

namespace {

using Texts = std::vector<std::string>;

constexpr std::size_t most = 1000;

/// "name|id|data" of each event of these pieces.
Texts events_of(const Texts& pieces)
{
    Texts events;
    EventParser parser{most};
    for (const auto& piece : pieces) {
        const auto taken = parser.take(piece, [&](const ServerEvent& event) {
            events.push_back(event.name + "|" + event.id + "|" + event.data);
        });
        BOOST_REQUIRE(taken.has_value());
    }
    return events;
}

const std::string two =
    "event: stdout\nid: 3\ndata: {\"a\": 1}\n\nevent: exit\nid: 4\ndata: {}\n\n";
const Texts both{"stdout|3|{\"a\": 1}", "exit|4|{}"};

} // namespace

BOOST_AUTO_TEST_SUITE(event_parser_tests)

BOOST_AUTO_TEST_CASE(events_come_whole_in_whatever_pieces)
{
    BOOST_TEST(events_of({two}) == both, boost::test_tools::per_element());
    for (std::size_t cut = 0; cut <= two.size(); ++cut) {
        const auto events = events_of({two.substr(0, cut), two.substr(cut)});
        BOOST_TEST(events == both, boost::test_tools::per_element());
    }
    Texts bytes;
    for (const char byte : two) {
        bytes.emplace_back(1, byte);
    }
    BOOST_TEST(events_of(bytes) == both, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(lines_end_in_any_of_three_ways)
{
    for (const std::string end : {"\n", "\r\n", "\r"}) {
        std::string text;
        for (const char byte : two) {
            text += byte == '\n' ? end : std::string{byte};
        }
        for (std::size_t cut = 0; cut <= text.size(); ++cut) {
            const auto events = events_of({text.substr(0, cut), text.substr(cut)});
            BOOST_TEST(events == both, boost::test_tools::per_element());
        }
    }
}

BOOST_AUTO_TEST_CASE(what_is_not_whole_at_the_end_is_no_event)
{
    BOOST_TEST(events_of({"data: a\n"}).empty());
    BOOST_TEST(events_of({"data: a\n\ndata: b"}).size() == 1U);
}

BOOST_AUTO_TEST_CASE(fields_are_as_the_standard_has_them)
{
    const Texts expected{"message||a\nb", "x|7|", "message|7| c", "message|7|d"};
    BOOST_TEST(events_of({"\xef\xbb\xbf"
                          "data: a\n: a comment\ndata:b\nretry: 5\nnonsense\n\n"
                          "event: dropped\n\n"
                          "id: 7\nevent: x\ndata\n\n"
                          "data:  c\n\n",
                          std::string{"id: 8\0\n", 7},
                          "data: d\n\n"}) == expected,
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_event_that_is_too_long_is_the_end)
{
    const auto fails = [](const std::string& text) {
        EventParser parser{most};
        std::size_t pieces = 0;
        for (; pieces < 100; ++pieces) {
            if (const auto taken = parser.take(text, [](const ServerEvent&) {}); !taken) {
                return std::string{taken.error().stable_reason()};
            }
        }
        return std::string{"taken"};
    };
    BOOST_TEST(fails("data: and so on, without an end of the line") == "event_too_large");
    BOOST_TEST(fails("data: and so on, without an end of the event\n") == "event_too_large");
    BOOST_TEST(fails("data: and so on\n\n") == "taken");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace client
