#include "hostd/link/session.hpp"

#include "proto/wire_fencing.hpp"
#include "proto/wire_images.hpp"
#include "proto/wire_messages.hpp"
#include "proto/wire_reading.hpp"

#include <boost/test/unit_test.hpp>

using namespace hostd;
using namespace hostd::link;

namespace {

class SetClock final : public common::Clock {
public:
    [[nodiscard]] common::SteadyTime steady() const override { return now; }
    [[nodiscard]] common::WallTime wall() const override { return {}; }
    common::SteadyTime now{};
};

struct SessionFixture {
    SessionFixture()
        : session{settings(),
                  clock,
                  {[this](std::string bytes) { sent.push_back(*proto::decode_envelope(bytes)); },
                   [this](Command command) {
                       if (std::holds_alternative<hostd::CloseReadersCommand>(command.what)) {
                           ++closings;
                       } else {
                           commands.push_back(std::move(command));
                       }
                   },
                   [] { return HostReport{}; },
                   [this] { return boot; }}}
    {}
    static SessionSettings settings()
    {
        SessionSettings some;
        some.answers_kept = 2;
        return some;
    }
    template <typename Message>
    void receive(const Message& message, std::uint64_t epoch = 1, const std::string& operation = {})
    {
        proto::Envelope envelope;
        envelope.kind = Message::kind;
        envelope.epoch = epoch;
        envelope.operation_id = operation;
        envelope.body = proto::encode_body(message);
        session.receive(proto::encode(envelope));
    }
    void welcome(std::uint64_t epoch = 1)
    {
        proto::Welcome message;
        message.version = proto::protocol_max;
        message.coordinator = "c";
        message.host_name = "h1";
        message.heartbeat_interval_ms = 1000;
        session.connected();
        receive(message, epoch);
    }
    static SandboxStatus status(const std::string& id)
    {
        SandboxStatus one;
        one.spec.id = common::SandboxId{id};
        return one;
    }
    static Answer answer(const std::string& operation)
    {
        Answer one;
        one.operation = common::OperationId{operation};
        return one;
    }
    [[nodiscard]] std::vector<std::string> kinds() const
    {
        std::vector<std::string> all;
        for (const auto& envelope : sent) {
            all.push_back(envelope.kind);
        }
        return all;
    }

    /// Sends the next heartbeat, at this second since the machine started.
    std::uint64_t beat(int second)
    {
        boot = BootTime{std::chrono::seconds{second}};
        clock.now = session.on_time(clock.now);
        session.on_time(clock.now);
        return proto::decode_body<proto::Heartbeat>(sent.back().body)->seq;
    }
    [[nodiscard]] std::string instance() const
    {
        return proto::decode_body<proto::Hello>(sent.front().body)->instance;
    }
    /// At which seconds that was sent which a leader has heard.
    [[nodiscard]] std::vector<std::int64_t> heard() const
    {
        std::vector<std::int64_t> all;
        for (const auto& command : commands) {
            if (const auto* one = std::get_if<HeardCommand>(&command.what); one != nullptr) {
                all.push_back(one->sent.time_since_epoch() / std::chrono::seconds{1});
            }
        }
        return all;
    }

    SetClock clock;
    BootTime boot{};
    std::vector<proto::Envelope> sent;
    std::vector<Command> commands;
    int closings = 0;
    Session session;
};

using Kinds = std::vector<std::string>;
using Seconds = std::vector<std::int64_t>;

} // namespace

BOOST_FIXTURE_TEST_SUITE(session_tests, SessionFixture)

BOOST_AUTO_TEST_CASE(a_connection_begins_with_hello_and_a_welcome_asks_the_core_for_an_inventory)
{
    session.connected();
    BOOST_TEST(kinds() == (Kinds{"hello"}), boost::test_tools::per_element());
    const auto hello = proto::decode_body<proto::Hello>(sent[0].body);
    BOOST_TEST(hello->version_max == proto::protocol_max);
    welcome();
    BOOST_CHECK(session.state() == Session::State::welcomed);
    BOOST_REQUIRE(commands.size() == 1U);
    BOOST_TEST(std::holds_alternative<SyncCommand>(commands[0].what));
}

BOOST_AUTO_TEST_CASE(heartbeats_come_at_the_interval_of_the_welcome)
{
    welcome();
    const auto next = session.on_time(clock.now);
    BOOST_CHECK(next == clock.now + std::chrono::milliseconds{1000});
    clock.now = next;
    BOOST_CHECK(session.on_time(clock.now) > clock.now);
    BOOST_TEST(sent.back().kind == "heartbeat");
}

BOOST_AUTO_TEST_CASE(an_acknowledged_heartbeat_tells_when_it_was_sent)
{
    welcome();
    const auto first = beat(100);
    const auto second = beat(102);
    const auto third = beat(104);
    receive(proto::HeartbeatAck{instance(), second});
    receive(proto::HeartbeatAck{instance(), first}); // Older than what is known.
    receive(proto::HeartbeatAck{instance(), second});
    receive(proto::HeartbeatAck{"another run", third});
    receive(proto::HeartbeatAck{instance(), third + 1});
    BOOST_TEST(heard() == (Seconds{102}), boost::test_tools::per_element());
    receive(proto::HeartbeatAck{instance(), third});
    BOOST_TEST(heard() == (Seconds{102, 104}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_deposed_coordinator_hears_no_heartbeat)
{
    welcome(5);
    const auto number = beat(100);
    receive(proto::HeartbeatAck{instance(), number}, 4);
    BOOST_TEST(heard().empty());
    session.disconnected();
    welcome(6);
    receive(proto::HeartbeatAck{instance(), number}, 6); // It was sent to another one.
    BOOST_TEST(heard().empty());
}

BOOST_AUTO_TEST_CASE(of_heartbeats_that_nobody_acknowledges_the_last_are_remembered)
{
    welcome();
    const auto first = beat(0);
    for (int second = 1; second <= 64; ++second) {
        static_cast<void>(beat(second));
    }
    receive(proto::HeartbeatAck{instance(), first});
    BOOST_TEST(heard().empty());
    receive(proto::HeartbeatAck{instance(), first + 64});
    BOOST_TEST(heard() == (Seconds{64}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_hello_that_is_not_answered_gives_the_connection_up)
{
    session.connected();
    clock.now += std::chrono::seconds{6};
    session.on_time(clock.now);
    BOOST_TEST(session.given_up());
}

BOOST_AUTO_TEST_CASE(a_refusal_and_a_strange_version_give_the_connection_up)
{
    session.connected();
    receive(proto::Refused{"not_enrolled", "ask your operator", 1, 1});
    BOOST_TEST(session.given_up());
    session.connected();
    BOOST_TEST(!session.given_up());
    proto::Welcome message;
    message.version = 99;
    receive(message);
    BOOST_TEST(session.given_up());
}

BOOST_AUTO_TEST_CASE(statuses_are_said_again_until_they_are_acknowledged)
{
    session.push(status("sbx-a")); // Before any connection.
    welcome();
    session.push(status("sbx-b"));
    BOOST_TEST(kinds() == (Kinds{"hello", "status", "status"}), boost::test_tools::per_element());
    const auto first = proto::decode_body<proto::Status>(sent[1].body);
    receive(proto::StatusAck{"another run", 2});
    receive(proto::StatusAck{first->instance, 1});
    session.disconnected();
    sent.clear();
    welcome();
    BOOST_TEST(kinds() == (Kinds{"hello", "status"}), boost::test_tools::per_element());
    BOOST_TEST(proto::decode_body<proto::Status>(sent[1].body)->seq == 2U);
}

BOOST_AUTO_TEST_CASE(who_is_in_use_is_said_to_who_listens_and_then_forgotten)
{
    session.push(Active{{common::SandboxId{"sbx-a"}}}); // Before any connection.
    welcome();
    BOOST_TEST(kinds() == (Kinds{"hello"}), boost::test_tools::per_element());
    session.push(Active{{common::SandboxId{"sbx-a"}, common::SandboxId{"sbx-b"}}});
    BOOST_REQUIRE(sent.back().kind == proto::Activity::kind);
    BOOST_TEST((proto::decode_body<proto::Activity>(sent.back().body)->sandboxes ==
                std::vector<std::string>{"sbx-a", "sbx-b"}));
    session.disconnected();
    sent.clear();
    session.push(Active{{common::SandboxId{"sbx-a"}}});
    welcome();
    BOOST_TEST(kinds() == (Kinds{"hello"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(more_in_use_than_the_wire_carries_are_cut)
{
    welcome();
    session.push(Active{std::vector(9000, common::SandboxId{"sbx-a"})});
    BOOST_TEST(proto::decode_body<proto::Activity>(sent.back().body)->sandboxes.size() == 8192U);
}

BOOST_AUTO_TEST_CASE(answers_wait_for_a_welcome_up_to_a_bound)
{
    session.push(answer("op-1"));
    session.push(answer("op-2"));
    session.push(answer("op-3"));
    welcome();
    BOOST_TEST(kinds() == (Kinds{"hello", "reply", "reply"}), boost::test_tools::per_element());
    BOOST_TEST(sent[1].operation_id == "op-2");
}

BOOST_AUTO_TEST_CASE(a_deposed_coordinator_is_refused)
{
    welcome(5);
    receive(proto::DestroySandbox{"sbx-aaaaaaaaaaaaaaaa"}, 4, "op-1");
    BOOST_TEST(commands.size() == 1U); // The sync of the welcome.
    BOOST_REQUIRE(sent.back().kind == "reply");
    BOOST_TEST(proto::decode_body<proto::Reply>(sent.back().body)->error->reason == "stale_epoch");
    session.disconnected();
    welcome(4);
    BOOST_TEST(session.given_up());
}

BOOST_AUTO_TEST_CASE(a_kind_that_is_not_known_is_answered)
{
    welcome();
    proto::Envelope envelope;
    envelope.kind = "teleport";
    envelope.epoch = 1;
    envelope.operation_id = "op-1";
    session.receive(proto::encode(envelope));
    const auto reply = proto::decode_body<proto::Reply>(sent.back().body);
    BOOST_TEST(reply->error->code == "unimplemented");
    BOOST_TEST(sent.back().operation_id == "op-1");
}

BOOST_AUTO_TEST_CASE(garbage_is_ignored)
{
    welcome();
    const auto before = sent.size();
    session.receive("");
    session.receive(std::string(1000, '\xff'));
    BOOST_TEST(sent.size() == before);
    BOOST_CHECK(session.state() == Session::State::welcomed);
}

BOOST_AUTO_TEST_CASE(an_inventory_is_sent_with_this_runs_instance)
{
    welcome();
    Checkpoint checkpoint;
    checkpoint.id = common::SnapshotId{"snp-a"};
    session.push(Everything{{status("sbx-a"), status("sbx-b")}, {checkpoint}});
    const auto inventory = proto::decode_body<proto::Inventory>(sent.back().body);
    const auto hello = proto::decode_body<proto::Hello>(sent.front().body);
    BOOST_TEST(inventory->sandboxes.size() == 2U);
    BOOST_REQUIRE(inventory->checkpoints.size() == 1U);
    BOOST_TEST(inventory->checkpoints[0].id == "snp-a");
    BOOST_TEST(inventory->instance == hello->instance);
}

BOOST_AUTO_TEST_CASE(an_inventory_is_not_kept_for_the_next_connection)
{
    session.push(Everything{{status("sbx-a")}, {Checkpoint{}}});
    welcome();
    BOOST_TEST(kinds() == (Kinds{"hello"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(readers_end_with_their_connection_however_it_ends)
{
    welcome();
    BOOST_TEST(closings == 0);
    session.disconnected();
    BOOST_TEST(closings == 1);
    session.connected();
    session.disconnected();
    BOOST_TEST(closings == 1); // It had none.
    welcome();
    receive(proto::Refused{"displaced", "another took its place", 1, 1});
    BOOST_TEST(session.given_up());
    session.disconnected();
    BOOST_TEST(closings == 2);
}

BOOST_AUTO_TEST_CASE(what_a_command_wrote_is_told_while_somebody_listens)
{
    const hostd::ReaderNews news{
        {common::OperationId{"op-1"}, 7}, hostd::ReaderNews::Kind::output, true, 40, "data"};
    session.push(news);
    BOOST_TEST(sent.empty());
    welcome();
    session.push(news);
    BOOST_TEST(sent.back().kind == proto::ReaderNews::kind);
    const auto wire = proto::decode_body<proto::ReaderNews>(sent.back().body);
    BOOST_REQUIRE(wire);
    BOOST_TEST(wire->operation == "op-1");
    BOOST_TEST(wire->reader == 7U);
    BOOST_TEST(wire->what == "output");
    BOOST_TEST(wire->stdio == "stderr");
    BOOST_TEST(wire->position == 40U);
    BOOST_TEST(wire->data == "data");
}

BOOST_AUTO_TEST_CASE(a_wish_for_a_piece_is_sent_to_who_listens_and_else_forgotten)
{
    const PieceWish wish{common::OperationId{"op-1"}, std::string(64, 'd'), 262'144, 77};
    session.push(wish); // Before any connection.
    session.connected();
    session.push(wish); // Before the welcome.
    welcome();
    BOOST_TEST(kinds() == (Kinds{"hello", "hello"}), boost::test_tools::per_element());
    session.push(wish);
    BOOST_REQUIRE(sent.back().kind == proto::WantPiece::kind);
    const auto wire = proto::decode_body<proto::WantPiece>(sent.back().body);
    BOOST_REQUIRE(wire);
    BOOST_TEST(wire->operation == "op-1");
    BOOST_TEST(wire->digest == std::string(64, 'd'));
    BOOST_TEST(wire->offset == 262'144U);
    BOOST_TEST(wire->size == 77U);
    session.disconnected();
    sent.clear();
    session.push(wish);
    welcome();
    BOOST_TEST(kinds() == (Kinds{"hello"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_piece_for_another_host_is_sent_to_who_listens_and_else_forgotten)
{
    const Piece piece{common::OperationId{"op-1"}, std::string(64, 'd'), 5, "data", {}};
    session.push(piece);
    welcome();
    BOOST_TEST(kinds() == (Kinds{"hello"}), boost::test_tools::per_element());
    session.push(piece);
    BOOST_REQUIRE(sent.back().kind == proto::Piece::kind);
    const auto wire = proto::decode_body<proto::Piece>(sent.back().body);
    BOOST_REQUIRE(wire);
    BOOST_TEST(wire->operation == "op-1");
    BOOST_TEST(wire->data == "data");
}

BOOST_AUTO_TEST_CASE(a_piece_goes_to_the_core_and_a_damaged_one_ends_nothing_but_itself)
{
    welcome();
    commands.clear();
    proto::Piece piece{"op-aaaaaaaaaaaaaaaa", std::string(64, 'a'), 7, "data", 0, "", ""};
    receive(piece, 1, "op-1");
    BOOST_REQUIRE(commands.size() == 1U);
    BOOST_TEST(std::get<PieceCommand>(commands[0].what).piece.data == "data");
    piece.digest = "../etc";
    receive(piece, 1, "op-2");
    BOOST_TEST(commands.size() == 1U);
    BOOST_REQUIRE(sent.back().kind == proto::Reply::kind);
    BOOST_TEST(sent.back().operation_id == "op-2");
    BOOST_CHECK(session.state() == Session::State::welcomed);
}

BOOST_AUTO_TEST_SUITE_END()
