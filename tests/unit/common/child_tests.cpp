#include "common/process/child.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

using namespace common;
using namespace common::process;

namespace {

Child::Program script(std::string line)
{
    Child::Program program;
    program.command.argv = {"sh", "-c", std::move(line)};
    return program;
}

} // namespace

BOOST_AUTO_TEST_SUITE(child_tests)

BOOST_AUTO_TEST_CASE(what_is_fed_piece_by_piece_is_read_as_one)
{
    auto child = Child::start({{{"cat"}}});
    BOOST_REQUIRE(child);
    std::string all;
    for (int i = 0; i < 100; ++i) {
        const std::string piece(10'000, static_cast<char>('a' + i % 26));
        BOOST_REQUIRE((*child)->feed(piece));
        BOOST_TEST((*child)->reads());
        all += piece;
    }
    const auto outcome = (*child)->finish();
    BOOST_REQUIRE(outcome);
    BOOST_TEST(outcome->status == 0);
    BOOST_TEST((outcome->out == all));
}

BOOST_AUTO_TEST_CASE(a_child_that_has_ended_takes_no_more_and_says_why)
{
    auto child = Child::start(script("echo enough >&2; exit 3"));
    BOOST_REQUIRE(child);
    const std::string much(1U << 20U, 'x');
    while ((*child)->reads()) {
        BOOST_REQUIRE((*child)->feed(much));
    }
    const auto outcome = (*child)->finish();
    BOOST_REQUIRE(outcome);
    BOOST_TEST(outcome->status == 3);
    BOOST_TEST(outcome->err == "enough\n");
}

BOOST_AUTO_TEST_CASE(its_environment_is_ours_with_what_is_given_before_it)
{
    ::setenv("CHILD_TESTS_ONE", "ours", 1);
    ::setenv("CHILD_TESTS_TWO", "ours", 1);
    auto program = script("printf '%s %s' $CHILD_TESTS_ONE $CHILD_TESTS_TWO");
    program.environment = {"CHILD_TESTS_TWO=given"};
    auto child = Child::start(std::move(program));
    BOOST_REQUIRE(child);
    BOOST_TEST((*child)->finish()->out == "ours given");
}

BOOST_AUTO_TEST_CASE(what_it_writes_goes_to_who_takes_it)
{
    std::uint64_t taken = 0;
    auto program = script("head -c 9000000 /dev/zero"); // More than would be kept.
    program.on_output = [&taken](std::string_view piece) -> Result<> {
        taken += piece.size();
        return {};
    };
    auto child = Child::start(std::move(program));
    BOOST_REQUIRE(child);
    const auto outcome = (*child)->finish();
    BOOST_REQUIRE(outcome);
    BOOST_TEST(taken == 9'000'000U);
    BOOST_TEST(outcome->out.empty());
}

/// Every process of its group has the write end of a pipe: its end is their end.
BOOST_AUTO_TEST_CASE(who_takes_no_more_ends_it_with_its_group)
{
    std::array<int, 2> ends{};
    BOOST_REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    const UniqueFd read_end{ends[0]};
    UniqueFd write_end{ends[1]};
    ::fcntl(write_end.get(), F_SETFD, 0);
    auto program = script("sleep 1000 & echo begun; wait");
    program.on_output = [](std::string_view) -> Result<> {
        return Error{ErrorCode::refused, "no more"};
    };
    auto child = Child::start(std::move(program));
    write_end.reset();
    BOOST_REQUIRE(child);
    const auto outcome = (*child)->finish();
    BOOST_REQUIRE(!outcome);
    BOOST_TEST(outcome.error().message == "no more");
    pollfd ended{read_end.get(), POLLIN, 0};
    BOOST_TEST(::poll(&ended, 1, 20'000) == 1);
    BOOST_TEST((ended.revents & POLLHUP) != 0);
}

BOOST_AUTO_TEST_CASE(what_interrupts_it_ends_it_although_it_says_nothing)
{
    std::array<int, 2> ends{};
    BOOST_REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    const UniqueFd read_end{ends[0]};
    const UniqueFd write_end{ends[1]};
    auto program = script("exec sleep 1000");
    program.interrupt = read_end.get();
    auto child = Child::start(std::move(program));
    BOOST_REQUIRE(child);
    BOOST_REQUIRE(::write(write_end.get(), "x", 1) == 1);
    const auto outcome = (*child)->finish();
    BOOST_REQUIRE(!outcome);
    BOOST_TEST(outcome.error().stable_reason() == "interrupted");
}

BOOST_AUTO_TEST_SUITE_END()
