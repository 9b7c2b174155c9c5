#include "hostd/guest/live_run.hpp"

#include "proto/wire_reading.hpp"

#include <boost/test/unit_test.hpp>

using hostd::ReaderNews;
using hostd::guest::LiveRun;

namespace {

constexpr std::uint32_t overhead = proto::piece_overhead;

struct Fixture {
    LiveRun run;
    common::OperationId operation{"op-1"};
    std::map<std::uint64_t, std::string> read;
    std::map<std::uint64_t, std::vector<ReaderNews::Kind>> told;

    Fixture() { BOOST_REQUIRE(run.attached({1, 0, 0, proto::initial_credit})); }
    void tell()
    {
        run.tell(operation, [this](const ReaderNews& news) {
            if (news.kind == ReaderNews::Kind::output) {
                read[news.reader.number] += news.data;
            } else {
                told[news.reader.number].push_back(news.kind);
            }
        });
    }
    bool write(std::uint64_t offset, const std::string& data, const std::string& channel = "stdout")
    {
        const bool taken = run.take({channel, offset, data}).has_value();
        tell();
        return taken;
    }
    /// As an agent that writes while it has credit; how much that was.
    std::uint64_t write_all_it_may(std::uint64_t most)
    {
        std::uint64_t credit = proto::initial_credit;
        std::uint64_t written = run.end();
        const auto begin = written;
        while (credit >= 1000 && written - begin < most) {
            BOOST_REQUIRE(write(written, std::string(1000, 'x')));
            written += 1000;
            credit += run.take_grant();
            credit -= 1000;
        }
        return written - begin;
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(live_run_tests, Fixture)

BOOST_AUTO_TEST_CASE(each_reader_gets_all_from_where_it_asked_within_its_credit)
{
    BOOST_TEST(write(0, "abcdef"));
    BOOST_REQUIRE(run.open(1, 0, 4 + overhead));
    BOOST_REQUIRE(run.open(2, 3, 100 + 4 * overhead));
    tell();
    BOOST_TEST(read[1] == "abcd");
    BOOST_TEST(read[2] == "def");
    BOOST_TEST(write(6, "gh", "stderr"));
    run.grant(1, 2 + overhead);
    tell();
    BOOST_TEST(read[1] == "abcdef");
    run.grant(1, 1 + overhead);
    tell();
    BOOST_TEST(read[1] == "abcdefg");
    BOOST_TEST(read[2] == "defgh");
    run.set_ended();
    tell();
    BOOST_TEST((told[2] == std::vector{ReaderNews::Kind::started, ReaderNews::Kind::end}));
    BOOST_TEST(told[1].size() == 1U); // It has not had all.
    run.grant(1, 100 + overhead);
    tell();
    BOOST_TEST(read[1] == "abcdefgh");
    BOOST_TEST((told[1].back() == ReaderNews::Kind::end));
    BOOST_TEST(!run.is_read());
}

BOOST_AUTO_TEST_CASE(what_a_guest_may_not_send_is_refused)
{
    BOOST_TEST(!write(1, "x"));                                         // A hole.
    BOOST_TEST(!write(0, "x", "stdin"));                                // An unknown stream.
    BOOST_TEST(!write(0, std::string(proto::initial_credit + 1, 'x'))); // Beyond its credit.
    BOOST_TEST(write(0, "abc"));
    BOOST_TEST(!write(0, "abc"));            // Twice.
    BOOST_TEST(!run.attached({1, 2, 0, 0})); // From before what is known.
    BOOST_TEST(run.attached({1, 10, 0, 0}).has_value());
    BOOST_TEST(run.end() == 10U);
}

BOOST_AUTO_TEST_CASE(it_waits_for_its_first_reader_who_gets_all)
{
    const auto first = write_all_it_may(4'000'000);
    BOOST_TEST(first <= proto::initial_credit);
    BOOST_TEST(run.is_expecting());
    BOOST_REQUIRE(run.open(1, 0, 8'000'000));
    tell();
    BOOST_TEST(run.take_grant() > 0U);
    BOOST_TEST(!run.is_expecting());
    BOOST_TEST(read[1].size() == first);
    run.close(2); // An unknown one is nobody.
    run.close(1);
    BOOST_TEST(!run.is_expecting());
    BOOST_TEST(!run.holds_up());
}

BOOST_AUTO_TEST_CASE(readers_of_a_lost_coordinator_are_waited_for)
{
    run.close_all();
    run.expect_none();
    run.close_all();
    BOOST_TEST(!run.holds_up()); // It had none.
    BOOST_REQUIRE(run.open(1, 0, 8'000'000));
    run.close_all();
    const auto first = write_all_it_may(4'000'000);
    BOOST_TEST(first <= 2 * proto::initial_credit);
    BOOST_REQUIRE(run.open(2, 0, 8'000'000));
    tell();
    BOOST_TEST(read[2].size() == first);
}

BOOST_AUTO_TEST_CASE(who_only_waits_for_the_start_ends_no_waiting_for_those_who_come_back)
{
    BOOST_REQUIRE(run.open(1, 0, 8'000'000));
    run.close_all();
    BOOST_REQUIRE(run.open(2, 0, 0)); // As a coordinator has that has just begun.
    run.close(2);
    BOOST_TEST(run.is_expecting());
    BOOST_REQUIRE(run.open(3, 0, 0));
    run.grant(3, 1000);
    run.close(3);
    BOOST_TEST(!run.is_expecting());
    LiveRun detached;
    BOOST_REQUIRE(detached.open(1, 0, 0));
    detached.close(1);
    BOOST_TEST(!detached.is_expecting());
    BOOST_TEST(!detached.holds_up());
}

BOOST_AUTO_TEST_CASE(what_was_on_its_way_to_a_reader_is_kept_for_it)
{
    BOOST_REQUIRE(run.open(1, 0, 1'000'000));
    write_all_it_may(4'000'000);
    const auto had = read[1].size();
    BOOST_TEST(had > 700'000U); // Each piece costs beside its bytes.
    BOOST_TEST(run.end() >= had + 200'000U);
    run.close_all();
    const auto from = had - 200'000; // So much never arrived.
    BOOST_REQUIRE(run.open(2, from, 8'000'000));
    tell();
    BOOST_TEST(read[2].size() == run.end() - from);
}

BOOST_AUTO_TEST_CASE(one_that_has_ended_and_was_read_waits_for_nobody)
{
    BOOST_REQUIRE(run.open(1, 0, 1'000'000));
    BOOST_TEST(write(0, "all"));
    run.set_ended();
    BOOST_TEST(run.is_wanted());
    tell();
    BOOST_TEST(!run.is_wanted());
}

BOOST_AUTO_TEST_CASE(without_a_reader_it_goes_on_and_the_newest_are_kept)
{
    run.expect_none();
    BOOST_TEST(write_all_it_may(4'000'000) >= 4'000'000U);
    BOOST_REQUIRE(run.open(1, 0, 8'000'000));
    tell();
    BOOST_TEST(read[1].size() >= 256U << 10U);
    BOOST_TEST(read[1].size() <= 1024U << 10U);
}

BOOST_AUTO_TEST_CASE(a_slow_reader_makes_it_wait_until_it_reads_or_goes)
{
    BOOST_REQUIRE(run.open(1, 0, 1000 + overhead));
    BOOST_REQUIRE(run.open(2, 0, 100'000'000));
    const auto first = write_all_it_may(4'000'000);
    BOOST_TEST(first <= proto::initial_credit);
    BOOST_TEST(run.take_grant() == 0U);
    run.grant(1, 420'000);
    tell();
    BOOST_TEST(run.take_grant() > 0U);
    BOOST_TEST(read[1].size() == first);
    BOOST_TEST(write_all_it_may(4'000'000) > 0U);
    BOOST_TEST(read[1].size() < 421'000U);
    BOOST_TEST(run.take_grant() == 0U);
    run.close(1);
    BOOST_TEST(run.take_grant() > 0U); // Nobody is behind any more.
}

BOOST_AUTO_TEST_CASE(an_unknown_reader_is_nobody_and_there_are_not_too_many)
{
    run.grant(7, 100);
    run.close(7);
    for (std::uint64_t reader = 1; reader <= 16; ++reader) {
        BOOST_REQUIRE(run.open(reader, 0, 10));
    }
    BOOST_TEST(!run.open(17, 0, 10));
    BOOST_TEST(run.open(16, 0, 10).has_value());
    run.give_up(operation,
                [this](const ReaderNews& news) { told[news.reader.number].push_back(news.kind); });
    BOOST_TEST((told[16] == std::vector{ReaderNews::Kind::gone}));
    BOOST_TEST(!run.is_read());
}

BOOST_AUTO_TEST_CASE(stdin_goes_as_far_as_credit_and_whole_or_not_at_all)
{
    const std::string much(200'000, 'a');
    BOOST_TEST(run.write({much, false}).has_value());
    std::uint64_t sent = 0;
    while (const auto piece = run.next_stdin()) {
        BOOST_TEST(piece->offset == sent);
        BOOST_TEST(!piece->eof);
        sent += piece->data.size();
    }
    BOOST_TEST(sent == 200'000U);
    BOOST_TEST(run.write({much, false}).has_value());
    while (const auto piece = run.next_stdin()) {
        sent += piece->data.size();
    }
    BOOST_TEST(sent == proto::initial_credit);
    BOOST_TEST(run.write({std::string(130'000, 'a'), false}).error().stable_reason() ==
               "stdin_full");
    run.grant_stdin(200'000);
    BOOST_TEST(run.write({"end", true}).has_value());
    std::string last;
    while (const auto piece = run.next_stdin()) {
        last = piece->data;
        sent += piece->data.size();
        BOOST_TEST(piece->eof == (sent == 400'003U));
    }
    BOOST_TEST(last.ends_with("end"));
    BOOST_TEST(run.write({"more", false}).error().stable_reason() == "stdin_closed");
    BOOST_TEST(!run.next_stdin());
}

BOOST_AUTO_TEST_CASE(after_a_lost_channel_stdin_goes_on_where_the_agent_has_it)
{
    BOOST_REQUIRE(run.write({"0123456789", true}));
    BOOST_TEST(run.next_stdin()->data == "0123456789");
    run.grant_stdin(2); // The command has read two, the agent has four.
    BOOST_REQUIRE(run.attached({1, 0, 4, proto::initial_credit - 2}));
    auto again = run.next_stdin();
    BOOST_REQUIRE(again);
    BOOST_TEST(again->offset == 4U);
    BOOST_TEST(again->data == "456789");
    BOOST_TEST(again->eof);
    run.grant_stdin(2); // Those that the agent had.
    run.grant_stdin(3);
    BOOST_REQUIRE(run.attached({1, 0, 7, proto::initial_credit}));
    BOOST_TEST(run.next_stdin()->data == "789");
}

BOOST_AUTO_TEST_SUITE_END()
