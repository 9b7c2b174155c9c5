#include "coordinator/guest/call.hpp"

#include "coordinator/guest/file_words.hpp"
#include "proto/guest_calls.hpp"
#include "tests/support/fake_live_execs.hpp"

#include <boost/test/unit_test.hpp>

using coordinator::guest::Call;
using namespace std::chrono_literals;

namespace {

// What a guest may send, whoever it is.
struct CallFixture {
    CallFixture()
    {
        coordinator::LiveRequest request;
        request.call = "files";
        auto begun = Call::begin(execs, me, box, request);
        BOOST_REQUIRE(begun);
        call = *std::move(begun);
    }
    void say(const std::string& bytes, bool of_stderr = false)
    {
        execs.feed->put(coordinator::ExecOutput{of_stderr, position, bytes});
        position += bytes.size();
    }
    void end(int exit_code, const std::string& status = "finished", const std::string& why = "")
    {
        auto record = execs.record;
        record.status = status;
        record.exit_code = exit_code;
        record.stderr_text = why;
        execs.feed->put(coordinator::ExecEnded{position, record});
    }
    std::string refusal() { return call->head(10ms).error().reason; }

    test_support::FakeLiveExecs execs;
    coordinator::Caller me{"tester", "default", common::mint<common::RequestId>()};
    common::SandboxId box{"sbx-1"};
    std::unique_ptr<Call> call;
    std::uint64_t position = 0;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(call_tests, CallFixture)

BOOST_AUTO_TEST_CASE(whoever_is_told_of_what_comes_is_not_blocked)
{
    say(proto::call_length(3) + "one");
    BOOST_TEST(*call->head(1s) == "one");
    BOOST_TEST(!execs.not_blocked);
    call->on_news([] {});
    BOOST_TEST(execs.not_blocked);
    BOOST_TEST(!execs.receiving);
    coordinator::LiveRequest upload;
    upload.call = "files";
    upload.receives = true;
    BOOST_REQUIRE(Call::begin(execs, me, box, upload));
    BOOST_TEST(execs.receiving);
}

BOOST_AUTO_TEST_CASE(heads_and_bytes_are_told_apart_however_they_come)
{
    const auto all = proto::call_length(3) + "one" + proto::call_length(0) + "rest";
    for (const char byte : all) {
        say(std::string(1, byte));
    }
    say("not for us", true);
    BOOST_TEST(*call->head(1s) == "one");
    BOOST_TEST(*call->head(1s) == "");
    BOOST_TEST(call->take(2) == "re");
    end(0);
    BOOST_TEST(call->take(100) == "st");
    BOOST_TEST(call->take(100) == "");
    BOOST_TEST(call->ended());
    BOOST_TEST(!call->failed());
}

BOOST_AUTO_TEST_CASE(a_head_that_is_too_long_is_none)
{
    say(proto::call_length(proto::max_call_head + 1));
    BOOST_TEST(refusal() == "guest_interrupted");
}

BOOST_AUTO_TEST_CASE(what_ends_a_call_is_told)
{
    say(proto::call_length(10) + "half");
    BOOST_TEST(refusal() == "outcome_unknown"); // Not in time.
    end(0);
    BOOST_TEST(refusal() == "guest_interrupted");
}

BOOST_AUTO_TEST_CASE(one_that_died_says_so)
{
    end(137);
    BOOST_TEST(refusal() == "guest_interrupted");
    BOOST_TEST(call->failed());
}

BOOST_AUTO_TEST_CASE(one_whose_end_nobody_knows_is_unknown)
{
    end(-1, "outcome_unknown", "the guest is gone");
    const auto head = call->head(10ms);
    BOOST_TEST((head.error().code == common::ErrorCode::timeout));
    BOOST_TEST(head.error().reason == "outcome_unknown");
}

BOOST_AUTO_TEST_CASE(what_was_lost_on_the_way_cuts_it_off)
{
    say("1234");
    execs.feed->put(coordinator::ExecGap{4, 100});
    BOOST_TEST(call->take(4) == "1234");
    BOOST_TEST(call->take(4) == "");
    BOOST_TEST(call->failed());
}

BOOST_AUTO_TEST_CASE(a_body_goes_in_pieces_with_its_digest)
{
    BOOST_REQUIRE(call->put(std::string(100'000, 'x')));
    BOOST_REQUIRE(call->put("end"));
    BOOST_REQUIRE(call->put_end());
    std::string sent;
    bool eof = false;
    for (const auto& input : execs.inputs()) {
        const auto& piece = std::get<coordinator::StdinPiece>(input);
        BOOST_TEST(piece.data.size() <= 64U << 10U);
        sent += piece.data;
        eof = piece.eof;
    }
    BOOST_TEST(eof);
    std::string body;
    std::size_t at = 0;
    while (const auto size = proto::call_length_of(sent.substr(at))) {
        body += sent.substr(at + 4, size);
        at += 4 + size;
    }
    BOOST_TEST((body == std::string(100'000, 'x') + "end"));
    const auto digest = common::digest::of(body);
    BOOST_TEST((sent.substr(at + 4) == std::string{digest.begin(), digest.end()}));
}

BOOST_AUTO_TEST_CASE(nobody_else_is_spoken_for_by_a_guest)
{
    proto::FileReply reply;
    reply.error = proto::CallError{"internal", "bad\nwords\x1b[31m", "No Reason!", ""};
    const auto error = coordinator::guest::reply_of(proto::encode_call(reply)).error();
    BOOST_TEST((error.code == common::ErrorCode::refused));
    BOOST_TEST(error.message == "bad?words?[31m");
    BOOST_TEST(error.reason == "");
    BOOST_TEST(coordinator::guest::reply_of("junk").error().reason == "guest_misbehaved");
    proto::FileReply many;
    many.entries.resize(proto::most_entries + 1, {"/x", "file", 0, 0, 0, 0, 0, ""});
    BOOST_TEST(!coordinator::guest::reply_of(proto::encode_call(many)));
}

BOOST_AUTO_TEST_CASE(what_nobody_wants_any_more_is_closed)
{
    call.reset();
    BOOST_TEST(execs.closed.load());
}

BOOST_AUTO_TEST_SUITE_END()
