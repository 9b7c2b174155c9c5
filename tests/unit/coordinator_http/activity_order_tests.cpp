#include "coordinator/http/rest/activity_order.hpp"

#include <boost/test/unit_test.hpp>

using coordinator::AuditEvent;
using coordinator::AuditRow;
using coordinator::Command;
using coordinator::EventFeed;
using coordinator::WatchedBegin;
using coordinator::WatchedEnd;
using coordinator::WatchedPiece;
using coordinator::WatchFeed;
using coordinator::http::rest::ActivityOrder;
using coordinator::http::rest::ToldPiece;
using Texts = std::vector<std::string>;

namespace {

struct OrderFixture {
    ActivityOrder& order(std::set<common::CommandId> running = {},
                         std::set<common::CommandId> known = {})
    {
        order_.emplace(
            rows, coordinator::OutputWatch{watched, std::move(running)}, std::move(known));
        return *order_;
    }
    void row(AuditRow::Kind kind,
             const std::string& command,
             coordinator::CommandMode mode = coordinator::CommandMode::live)
    {
        AuditEvent event;
        event.seq = ++seq;
        event.row.kind = kind;
        event.row.action = "command.run";
        event.row.detail = R"({"command_id":")" + command + "\"}";
        if (kind == AuditRow::Kind::outcome) {
            Command record;
            record.mode = mode;
            event.command = std::make_shared<const Command>(record);
        }
        rows->put(event);
    }
    void start(const std::string& command) { row(AuditRow::Kind::intent, command); }
    void end(const std::string& command) { row(AuditRow::Kind::outcome, command); }
    void mark()
    {
        AuditEvent event;
        event.ends = true;
        rows->put(event);
    }
    void begin(const std::string& command)
    {
        watched->put(WatchedBegin{common::CommandId{command}});
    }
    void write(const std::string& command, std::uint64_t at, const std::string& data)
    {
        watched->put_if_there_is_room(std::make_shared<const WatchedPiece>(
            WatchedPiece{common::CommandId{command}, false, at, data}));
    }
    void all(const std::string& command, std::optional<std::uint64_t> total)
    {
        watched->put(WatchedEnd{common::CommandId{command}, total});
    }
    /// What is told now: "1" for a row, "c@3+2:text" for a piece at 3 before which 2 are missed.
    Texts told()
    {
        Texts texts;
        while (const auto one = order_->next()) {
            if (const auto* piece = std::get_if<ToldPiece>(&*one)) {
                texts.push_back(piece->command.str() + "@" + std::to_string(piece->position) + "+" +
                                std::to_string(piece->missed) + ":" + piece->data);
            } else {
                texts.push_back(std::to_string(std::get<AuditEvent>(*one).seq));
            }
        }
        return texts;
    }

    std::uint64_t seq = 0;
    std::shared_ptr<EventFeed> rows =
        std::make_shared<EventFeed>(EventFeed::Ways{[](const AuditEvent&) {}, [] {}});
    std::shared_ptr<WatchFeed> watched = WatchFeed::make([] {});
    std::optional<ActivityOrder> order_;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(activity_order_tests, OrderFixture)

BOOST_AUTO_TEST_CASE(output_is_told_between_start_and_end)
{
    order();
    mark();
    begin("c");
    write("c", 0, "ab");
    BOOST_TEST(told().empty());
    start("c");
    BOOST_TEST(told() == (Texts{"1", "c@0+0:ab"}), boost::test_tools::per_element());
    end("c");
    write("c", 2, "cd");
    BOOST_TEST(told() == (Texts{"c@2+0:cd"}), boost::test_tools::per_element());
    start("d"); // Rows keep their order.
    BOOST_TEST(told().empty());
    all("c", 4);
    BOOST_TEST(told() == (Texts{"2", "3"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_was_missed_is_told_to_the_byte)
{
    order({common::CommandId{"c"}});
    mark();
    write("c", 10, "ab");
    write("c", 20, "cd");
    end("c");
    all("c", 25);
    BOOST_TEST(told() == (Texts{"c@10+10:ab", "c@20+8:cd", "c@25+3:", "1"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(of_one_that_runs_already_output_waits_for_the_rows_of_before)
{
    order({common::CommandId{"c"}, common::CommandId{"d"}}, {common::CommandId{"d"}});
    write("c", 0, "ab");
    write("d", 0, "xy");
    BOOST_TEST(told() == (Texts{"d@0+0:xy"}), boost::test_tools::per_element());
    start("c");
    mark();
    BOOST_TEST(told() == (Texts{"1", "c@0+0:ab"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_end_waits_for_no_output_where_none_is_to_come)
{
    order();
    mark();
    start("run");
    row(AuditRow::Kind::outcome, "run", coordinator::CommandMode::run);
    start("c");
    end("c"); // It ended before anybody watched.
    begin("d");
    start("d");
    end("d");
    all("d", std::nullopt); // Of an old host.
    BOOST_TEST(told() == (Texts{"1", "2", "3", "4", "5", "6"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(one_that_begins_and_ends_before_anybody_looks_is_told_in_order)
{
    order();
    mark();
    begin("c");
    write("c", 0, "ab");
    all("c", 2);
    start("c");
    end("c");
    BOOST_TEST(told() == (Texts{"1", "c@0+0:ab", "2"}), boost::test_tools::per_element());
    write("c", 2, "late");
    BOOST_TEST(told().empty());
}

BOOST_AUTO_TEST_CASE(what_waits_for_a_start_is_bounded)
{
    order();
    begin("c");
    const std::string much(60'000, 'x');
    for (std::uint64_t at = 0; at < 10 * much.size(); at += much.size()) {
        write("c", at, much);
        BOOST_TEST(told().empty());
    }
    start("c");
    end("c");
    all("c", 10 * much.size());
    const auto texts = told();
    BOOST_REQUIRE(texts.size() == 5U);
    BOOST_TEST(texts[3] == "c@600000+480000:");
}

BOOST_AUTO_TEST_SUITE_END()
