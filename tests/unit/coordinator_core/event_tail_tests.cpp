#include "coordinator/core/event_tail.hpp"

#include "tests/unit/coordinator_core/fake_store.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;
using coordinator::AuditEvent;
using coordinator::AuditRow;
using coordinator::EventFeed;
using coordinator::EventFilter;
using coordinator::EventTail;

namespace {

struct TailFixture {
    TailFixture() { tail.start(); }
    ~TailFixture()
    {
        tail.stop();
        store.let_go();
    }

    void happens(const std::string& action,
                 const std::string& target,
                 const std::string& tenant = "t",
                 AuditRow::Kind kind = AuditRow::Kind::outcome)
    {
        AuditRow row;
        row.kind = kind;
        row.action = action;
        row.caller.tenant = tenant;
        row.target = target;
        row.host = "h1";
        store.write({row}, [](const common::Result<>&) {});
    }
    std::shared_ptr<EventFeed> follow(std::optional<std::uint64_t> from, EventFilter filter = {})
    {
        auto following = tail.follow({"me", "t", {}}, std::move(filter), from);
        BOOST_REQUIRE(following);
        return following->feed;
    }
    static AuditEvent next(const std::shared_ptr<EventFeed>& feed)
    {
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{60};
        while (std::chrono::steady_clock::now() < until) {
            if (auto event = feed->take()) {
                return *event;
            }
            std::this_thread::yield();
        }
        throw std::runtime_error{"no event came"};
    }

    FakeStore store{FakeStore::Done::at_once};
    EventTail tail{store};
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(event_tail_tests, TailFixture)

BOOST_AUTO_TEST_CASE(a_reader_gets_what_comes_from_now_on_or_all_since_a_row)
{
    happens("sandbox.create", "a");
    happens("sandbox.start", "a");
    const auto from_now = follow(std::nullopt);
    const auto all = follow(0);
    const auto since = follow(1);
    happens("sandbox.stop", "a");
    BOOST_TEST(next(from_now).row.action == "sandbox.stop");
    for (std::uint64_t seq = 1; seq <= 3; ++seq) {
        BOOST_TEST(next(all).seq == seq);
    }
    BOOST_TEST(next(since).seq == 2U);
    BOOST_TEST(next(since).seq == 3U);
}

BOOST_AUTO_TEST_CASE(who_asks_for_it_is_told_when_he_has_had_what_was_there)
{
    happens("sandbox.create", "a");
    happens("sandbox.create", "b");
    EventFilter filter;
    filter.target = "a";
    filter.marks_now = true;
    const auto now = follow(std::nullopt, filter);
    BOOST_TEST(next(now).ends);
    const auto all = follow(0, filter);
    BOOST_TEST(next(all).row.action == "sandbox.create");
    const auto mark = next(all);
    BOOST_TEST(mark.ends);
    BOOST_TEST(mark.seq == 2U);
    happens("sandbox.stop", "a");
    BOOST_TEST(next(now).seq == 3U);
    BOOST_TEST(next(all).seq == 3U);
}

BOOST_AUTO_TEST_CASE(what_was_not_asked_for_and_what_is_anothers_is_left_out)
{
    const auto filtered = follow(0, {"a", "h1", "sandbox", AuditRow::Kind::outcome});
    const auto mine = follow(0);
    happens("sandbox.create", "a", "t", AuditRow::Kind::intent);
    happens("sandbox.create", "b");
    happens("sandboxes.create", "a");
    happens("sandbox.create", "a", "another");
    happens("host.connect", "h1", "");
    happens("sandbox.create", "a");
    BOOST_TEST(next(filtered).seq == 6U);
    for (const std::uint64_t seq : {1U, 2U, 3U, 5U, 6U}) {
        BOOST_TEST(next(mine).seq == seq);
    }
}

BOOST_AUTO_TEST_CASE(who_asks_for_commands_gets_each_with_its_outcome)
{
    coordinator::Command command;
    command.id = common::mint<common::CommandId>();
    command.sandbox = common::SandboxId{"a"};
    command.stdout_text = std::string(100'000, 'x');
    command.stderr_text = "short";
    AuditRow row;
    row.action = "command.run";
    row.caller.tenant = "t";
    row.target = "a";
    row.detail = R"({"command_id":")" + command.id.str() + R"("})";
    row.kind = AuditRow::Kind::intent;
    const auto plain = follow(0);
    EventFilter of_a;
    of_a.target = "a";
    of_a.with_commands = true;
    const auto with = follow(0, of_a);
    store.write({command, row}, [](const common::Result<>&) {});
    row.kind = AuditRow::Kind::outcome;
    store.write({command, row}, [](const common::Result<>&) {});
    row.detail = R"({"command_id":"cmd-unknown"})";
    store.write({command, row}, [](const common::Result<>&) {});
    BOOST_TEST(!next(with).command);
    const auto ended = next(with);
    BOOST_REQUIRE(ended.command);
    BOOST_TEST(ended.command->id == command.id);
    BOOST_TEST(ended.command->stdout_text.size() == 16384U);
    BOOST_TEST(ended.command->stderr_text == "short");
    BOOST_TEST(ended.command->truncated);
    BOOST_TEST(!next(with).command);
    for (std::uint64_t seq = 1; seq <= 3; ++seq) {
        BOOST_TEST(next(plain).seq == seq);
    }
}

BOOST_AUTO_TEST_CASE(a_reader_that_is_slow_loses_nothing_and_holds_nobody_up)
{
    const auto slow = follow(0);
    const auto quick = follow(0);
    for (int i = 0; i < 5000; ++i) {
        happens("sandbox.create", std::to_string(i));
    }
    for (std::uint64_t seq = 1; seq <= 5000; ++seq) {
        BOOST_REQUIRE(next(quick).seq == seq);
    }
    BOOST_TEST(slow->size() <= 1024U);
    for (std::uint64_t seq = 1; seq <= 5000; ++seq) {
        BOOST_REQUIRE(next(slow).seq == seq);
    }
}

BOOST_AUTO_TEST_CASE(who_wants_what_is_there_now_is_told_when_that_was_all)
{
    EventFilter now;
    now.until_now = true;
    const auto nothing = follow(0, now);
    BOOST_TEST(next(nothing).ends);
    constexpr std::uint64_t mine = 3000; // More than a feed holds.
    for (std::uint64_t i = 0; i < mine; ++i) {
        happens("sandbox.create", std::to_string(i));
    }
    happens("sandbox.create", "last", "another"); // What ends it is not theirs to see.
    const auto all = follow(0, now);
    const auto rest = follow(mine - 1, now);
    const auto none = follow(mine + 1, now);
    for (int i = 0; i < 10; ++i) {
        happens("sandbox.create", "later");
    }
    for (std::uint64_t seq = 1; seq <= mine; ++seq) {
        const auto event = next(all);
        BOOST_REQUIRE(!event.ends);
        BOOST_REQUIRE(event.seq == seq);
    }
    BOOST_TEST(next(all).ends);
    BOOST_TEST(next(rest).seq == mine);
    BOOST_TEST(next(rest).ends);
    BOOST_TEST(next(none).ends);
    // Whatever comes after that is not for them.
    const auto everything = follow(0);
    for (std::uint64_t i = 0; i < mine + 10; ++i) {
        next(everything);
    }
    for (const auto& feed : {nothing, all, rest, none}) {
        BOOST_TEST(!feed->take());
    }
}

BOOST_AUTO_TEST_CASE(there_are_only_so_many_and_who_goes_makes_room)
{
    std::vector<std::shared_ptr<EventFeed>> feeds;
    for (int i = 0; i < 256; ++i) {
        feeds.push_back(follow(0));
    }
    const coordinator::Caller me{"me", "t", {}};
    BOOST_TEST(tail.follow(me, {}, 0).error().stable_reason() == "too_many_readers");
    feeds.front()->close();
    BOOST_TEST(tail.follow(me, {}, 0).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
