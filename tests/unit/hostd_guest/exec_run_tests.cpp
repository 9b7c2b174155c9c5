#include "hostd/guest/exec_run.hpp"

#include <boost/test/unit_test.hpp>

using hostd::ExecSpec;
using hostd::guest::ExecRun;

namespace {

ExecRun run_with(ExecSpec spec)
{
    spec.operation = common::OperationId{"op-1"};
    ExecRun run{std::move(spec), "boot-1"};
    static_cast<void>(run.begin({}, {}));
    return run;
}

ExecSpec limited_to(std::uint64_t bytes)
{
    ExecSpec spec;
    spec.output_limit = common::Bytes{bytes};
    return spec;
}

proto::GuestExit exit_after(std::uint64_t out, std::uint64_t err = 0)
{
    proto::GuestExit exit;
    exit.stdout_bytes = out;
    exit.stderr_bytes = err;
    return exit;
}

} // namespace

BOOST_AUTO_TEST_SUITE(exec_run_tests)

BOOST_AUTO_TEST_CASE(output_is_kept_per_stream_up_to_the_limit)
{
    auto run = run_with(limited_to(4));
    BOOST_REQUIRE(run.take({"stdout", 0, "abcdef"}));
    BOOST_REQUIRE(run.take({"stderr", 0, "xyz"}));
    const auto outcome = run.finish(exit_after(6, 3), {}, {});
    BOOST_REQUIRE(outcome);
    BOOST_TEST(outcome->stdout_bytes == "abcd");
    BOOST_TEST(outcome->stdout_truncated);
    BOOST_TEST(outcome->stderr_bytes == "xyz");
    BOOST_TEST(!outcome->stderr_truncated);
}

BOOST_AUTO_TEST_CASE(sent_again_it_is_said_to_be_so)
{
    ExecSpec spec;
    spec.operation = common::OperationId{"op-1"};
    ExecRun run{spec, "boot-1"};
    BOOST_TEST(!run.begin({}, {}).resumed);
    BOOST_TEST(run.begin({}, {}).resumed); // An agent that lost its memory may have run it.
}

BOOST_AUTO_TEST_CASE(a_gap_and_an_overlap_in_the_output_are_the_guests_fault)
{
    auto run = run_with(limited_to(100));
    BOOST_REQUIRE(run.take({"stdout", 0, "abc"}));
    BOOST_TEST(!run.take({"stdout", 4, "e"}));
    BOOST_TEST(!run.take({"stdout", 2, "c"}));
    BOOST_TEST(!run.take({"stdlog", 0, "c"}));
}

BOOST_AUTO_TEST_CASE(consumed_output_is_granted_back_in_pieces)
{
    auto run = run_with(limited_to(10U << 20U));
    const std::string piece(proto::initial_credit / 4, 'x');
    const auto small = run.take({"stdout", 0, "x"});
    BOOST_TEST(*small == 0U);
    const auto grant = run.take({"stdout", 1, piece});
    BOOST_TEST(*grant == piece.size() + 1);
}

BOOST_AUTO_TEST_CASE(output_beyond_the_credit_is_the_guests_fault)
{
    auto run = run_with(limited_to(0));
    const std::string piece(proto::initial_credit / 2, 'x');
    BOOST_TEST(*run.take({"stdout", 0, piece}) == 0U);
    BOOST_TEST(*run.take({"stdout", piece.size(), piece}) == 0U);
    BOOST_TEST(!run.take({"stdout", 2 * piece.size(), "x"}));
}

BOOST_AUTO_TEST_CASE(an_exit_that_contradicts_the_output_is_the_guests_fault)
{
    auto run = run_with(limited_to(100));
    BOOST_REQUIRE(run.take({"stdout", 0, "abc"}));
    BOOST_TEST(!run.finish(exit_after(2), {}, {}));
    BOOST_TEST(!run.finish({-1, 0, false, 3, 0, 0}, {}, {}));
}

BOOST_AUTO_TEST_CASE(stdin_goes_out_by_credit_and_ends_once)
{
    ExecSpec spec;
    spec.stdin_bytes.assign(proto::initial_credit + 10, 'i');
    auto run = run_with(spec);
    std::size_t sent = 0;
    while (const auto piece = run.next_stdin()) {
        BOOST_TEST(piece->offset == sent);
        BOOST_TEST(piece->data.size() <= proto::max_chunk);
        sent += piece->data.size();
        BOOST_TEST(!piece->eof);
    }
    BOOST_TEST(sent == proto::initial_credit);
    run.grant_stdin(100);
    const auto last = run.next_stdin();
    BOOST_REQUIRE(last);
    BOOST_TEST(last->data.size() == 10U);
    BOOST_TEST(last->eof);
    BOOST_TEST(!run.next_stdin());
}

BOOST_AUTO_TEST_CASE(attaching_again_collects_and_sends_from_the_start)
{
    auto spec = limited_to(100);
    spec.stdin_bytes = "in";
    auto run = run_with(spec);
    BOOST_REQUIRE(run.take({"stdout", 0, "abc"}));
    BOOST_REQUIRE(run.next_stdin());
    const auto again = run.begin({}, {});
    BOOST_TEST(again.operation_id == "op-1");
    BOOST_REQUIRE(run.take({"stdout", 0, "abc"}));
    BOOST_TEST(run.next_stdin()->offset == 0U);
    BOOST_TEST(run.finish(exit_after(3), {}, {})->stdout_bytes == "abc");
}

BOOST_AUTO_TEST_SUITE_END()
