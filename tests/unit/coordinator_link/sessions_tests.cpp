#include "proto/wire_fencing.hpp"
#include "proto/wire_images.hpp"
#include "tests/unit/coordinator_link/sessions_fixture.hpp"

using namespace coordinator;
using namespace coordinator::link;

BOOST_FIXTURE_TEST_SUITE(sessions_tests, SessionsFixture)

BOOST_AUTO_TEST_CASE(a_hello_is_welcomed_under_the_name_of_the_key)
{
    receive("h1", "r1", hello());
    BOOST_REQUIRE(sent.size() == 1U);
    BOOST_TEST(sent[0].to == "r1");
    BOOST_TEST(sent[0].envelope.epoch == 3U);
    const auto welcome = *proto::decode_body<proto::Welcome>(sent[0].envelope.body);
    BOOST_TEST(welcome.host_name == "h1");
    BOOST_TEST(welcome.version == proto::protocol_max);
    BOOST_TEST(welcome.heartbeat_interval_ms == 700U);
    BOOST_TEST(!welcome.coordinator.empty());
    const auto connected = event<HostConnected>();
    BOOST_TEST(connected.host.str() == "h1");
    BOOST_TEST(connected.instance == "i1");
    BOOST_TEST(connected.facts.capacity_vcpus == 4U);
}

BOOST_AUTO_TEST_CASE(a_host_of_another_version_is_refused_with_what_is_spoken_here)
{
    auto future = hello();
    future.version_min = proto::protocol_max + 1;
    future.version_max = proto::protocol_max + 2;
    receive("h1", "r1", future);
    BOOST_TEST(last_refusal() == "version");
    BOOST_TEST(proto::decode_body<proto::Refused>(sent[0].envelope.body)->version_max ==
               proto::protocol_max);
    BOOST_TEST(events.empty());
    receive("h1", "r1", proto::Heartbeat{1, {}});
    BOOST_TEST(last_refusal() == "displaced"); // It is not in.
}

BOOST_AUTO_TEST_CASE(a_hello_that_cannot_be_read_is_refused)
{
    receive_body(proto::Hello::kind, "\xc1");
    BOOST_TEST(last_refusal() == "version");
    BOOST_TEST(events.empty());
}

BOOST_AUTO_TEST_CASE(nothing_is_heard_on_a_connection_that_has_not_said_hello)
{
    receive("h1", "r1", proto::Heartbeat{1, {}});
    BOOST_TEST(last_refusal() == "displaced");
    receive("h1", "r1", proto::Inventory{"i1", {}, {}});
    receive("h1", "r1", proto::Status{"i1", 1, report()});
    receive("h1", "r1", proto::Reply{}, operation);
    BOOST_TEST(sent.size() == 4U);
    BOOST_TEST(events.empty());
    // Somebody else's hello is not one's own.
    welcome("h2", "r1");
    receive("h1", "r1", proto::Heartbeat{1, {}});
    BOOST_TEST(last_refusal() == "displaced");
}

BOOST_AUTO_TEST_CASE(a_second_connection_of_another_instance_displaces_the_first)
{
    welcome();
    sent.clear();
    events.clear();
    receive("h1", "r2", hello("i2"));
    BOOST_REQUIRE(sent.size() == 2U);
    BOOST_TEST(sent[0].to == "r1");
    BOOST_TEST(proto::decode_body<proto::Refused>(sent[0].envelope.body)->reason == "displaced");
    BOOST_TEST(sent[1].to == "r2");
    BOOST_REQUIRE(events.size() == 2U);
    BOOST_TEST(std::holds_alternative<HostDisplaced>(events[0]));
    BOOST_TEST(event<HostConnected>().instance == "i2");
    receive("h1", "r1", proto::Heartbeat{1, {}});
    BOOST_TEST(sent.back().to == "r1");
    BOOST_TEST(last_refusal() == "displaced");
    BOOST_TEST(events.size() == 2U);
}

BOOST_AUTO_TEST_CASE(the_same_instance_that_connects_again_is_no_displacement)
{
    welcome();
    welcome("h1", "r2");
    BOOST_TEST(events.size() == 2U);
    BOOST_TEST(std::holds_alternative<HostConnected>(events[1]));
    welcome("h1", "r2"); // And says hello twice.
    BOOST_TEST(events.size() == 3U);
}

BOOST_AUTO_TEST_CASE(hosts_do_not_disturb_each_other)
{
    welcome("h1", "r1");
    welcome("h2", "r2", "i2");
    receive("h1", "r1", proto::Heartbeat{1, {}});
    BOOST_TEST(event<HostBeat>().host.str() == "h1");
    receive("h2", "r2", proto::Heartbeat{1, {}});
    BOOST_TEST(event<HostBeat>().host.str() == "h2");
}

BOOST_AUTO_TEST_CASE(statuses_inventories_and_answers_become_events)
{
    welcome();
    receive("h1", "r1", proto::Status{"i1", 9, report()});
    BOOST_TEST(event<HostStatus>().seq == 9U);
    BOOST_CHECK(event<HostStatus>().sandbox.phase == Phase::running);
    receive("h1", "r1", proto::Inventory{"i1", {report(), report("sbx-bbbbbbbbbbbbbbbb")}, {}});
    BOOST_TEST(event<HostInventory>().sandboxes.size() == 2U);
    receive("h1", "r1", proto::Activity{{sandbox}});
    BOOST_TEST(event<HostActivity>().host.str() == "h1");
    BOOST_TEST(event<HostActivity>().sandboxes.at(0).str() == sandbox);
    proto::Reply reply;
    reply.error = proto::WireError{"refused", "why", "unknown_user", ""};
    receive("h1", "r1", reply, operation);
    BOOST_TEST(event<HostAnswer>().operation.str() == operation);
    BOOST_TEST(event<HostAnswer>().error->reason == "unknown_user");
}

BOOST_AUTO_TEST_CASE(a_heartbeat_says_which_it_is_so_that_it_can_be_acknowledged)
{
    welcome();
    receive("h1", "r1", proto::Heartbeat{17, {}});
    BOOST_TEST(event<HostBeat>().seq == 17U);
    BOOST_TEST(event<HostBeat>().instance == "i1");
    sent.clear();
    coordinator::HostCommand command;
    command.what = coordinator::HeardOnHost{"i1", 17};
    sessions.send(HostName{"h1"}, command);
    BOOST_REQUIRE(sent.size() == 1U);
    const auto ack = *proto::decode_body<proto::HeartbeatAck>(sent[0].envelope.body);
    BOOST_TEST(ack.instance == "i1");
    BOOST_TEST(ack.seq == 17U);
}

BOOST_AUTO_TEST_CASE(a_status_is_acknowledged_to_the_instance_that_said_it_and_no_other)
{
    welcome();
    sent.clear();
    sessions.acknowledge(HostName{"h1"}, "i0", 5);
    sessions.acknowledge(HostName{"h2"}, "i1", 5);
    BOOST_TEST(sent.empty());
    sessions.acknowledge(HostName{"h1"}, "i1", 5);
    BOOST_REQUIRE(sent.size() == 1U);
    const auto ack = *proto::decode_body<proto::StatusAck>(sent[0].envelope.body);
    BOOST_TEST(ack.instance == "i1");
    BOOST_TEST(ack.seq == 5U);
}

BOOST_AUTO_TEST_CASE(a_status_that_can_never_be_understood_is_acknowledged_all_the_same)
{
    welcome();
    events.clear();
    for (const auto& bad : {report("sbx-../x"), report(sandbox, "dreaming")}) {
        receive("h1", "r1", proto::Status{"i1", 6, bad});
        BOOST_TEST(sent.back().envelope.kind == proto::StatusAck::kind);
    }
    BOOST_TEST(events.empty());
}

BOOST_AUTO_TEST_CASE(a_list_that_is_wrong_in_part_is_ignored_as_a_whole)
{
    welcome();
    events.clear();
    receive("h1", "r1", proto::Inventory{"i1", {report(), report("sbx-../x")}, {}});
    receive("h1", "r1", proto::Activity{{sandbox, "sbx-../x"}});
    BOOST_TEST(events.empty());
}

BOOST_AUTO_TEST_CASE(a_wish_for_a_piece_of_a_file_is_told_of_and_one_for_none_is_ignored)
{
    proto::WantPiece wish{operation, std::string(64, 'a'), 512, 256};
    receive("h1", "r1", wish);
    BOOST_TEST(events.empty()); // It has not said hello.
    welcome();
    receive("h1", "r1", wish);
    const auto wanted = event<HostWantsPiece>();
    BOOST_TEST(wanted.host.str() == "h1");
    BOOST_TEST(wanted.operation.str() == operation);
    BOOST_TEST(wanted.digest == wish.digest);
    BOOST_TEST(wanted.offset == 512U);
    BOOST_TEST(wanted.size == 256U);
    events.clear();
    wish.digest = "../x";
    receive("h1", "r1", wish);
    BOOST_TEST(events.empty());
}

BOOST_AUTO_TEST_CASE(a_piece_that_a_host_gives_is_told_of_and_one_of_nothing_is_ignored)
{
    proto::Piece piece{operation, std::string(64, 'a'), 512, "data", 0, "", ""};
    receive("h1", "r1", piece);
    BOOST_TEST(events.empty()); // It has not said hello.
    welcome();
    receive("h1", "r1", piece);
    const auto given = event<HostGivesPiece>();
    BOOST_TEST(given.host.str() == "h1");
    BOOST_TEST(given.operation.str() == operation);
    BOOST_TEST(given.digest == piece.digest);
    BOOST_TEST(given.offset == 512U);
    BOOST_REQUIRE(given.data);
    BOOST_TEST(*given.data == "data");
    events.clear();
    piece.data.clear();
    receive("h1", "r1", piece);
    BOOST_TEST(events.empty());
}

BOOST_AUTO_TEST_CASE(rubbish_is_ignored)
{
    welcome();
    events.clear();
    const auto before = sent.size();
    for (const auto& bytes :
         {std::string{}, std::string(1000, '\xff'), std::string("\x97"), std::string(1, '\0')}) {
        sessions.receive(key_of("h1"), "r1", bytes);
    }
    for (const auto kind : {proto::Heartbeat::kind,
                            proto::Status::kind,
                            proto::Inventory::kind,
                            proto::Activity::kind,
                            proto::Reply::kind,
                            proto::Exec::kind,
                            proto::WantPiece::kind,
                            proto::Piece::kind,
                            std::string_view{"from the future"}}) {
        receive_body(kind, "\xc1");
        receive_body(kind, "");
    }
    receive("h1", "r1", proto::Reply{}, "not an operation");
    BOOST_TEST(events.empty());
    BOOST_TEST(sent.size() == before);
    receive("h1", "r1", proto::Heartbeat{1, {}});
    BOOST_TEST(events.size() == 1U);
}

BOOST_AUTO_TEST_CASE(commands_go_to_the_connection_of_their_host_or_nowhere)
{
    sessions.send(HostName{"h1"}, destroy());
    BOOST_TEST(sent.empty());
    welcome();
    sessions.send(HostName{"h1"}, destroy());
    BOOST_TEST(sent.back().to == "r1");
    BOOST_TEST(sent.back().envelope.kind == proto::DestroySandbox::kind);
    BOOST_TEST(sent.back().envelope.generation == 4U);
    BOOST_TEST(sent.back().envelope.epoch == 3U);
    sessions.request_sync(HostName{"h1"});
    BOOST_TEST(sent.back().envelope.kind == proto::SyncRequest::kind);
    sessions.request_sync(HostName{"h2"});
    BOOST_TEST(sent.size() == 3U);
}

BOOST_AUTO_TEST_CASE(a_question_beside_a_session_is_answered_with_our_epoch_and_changes_nothing)
{
    welcome();
    receive("h1", "r2", proto::Heartbeat{}, {}, 3);
    BOOST_TEST(sent.back().to == "r2");
    BOOST_TEST(last_refusal() == "displaced");
    BOOST_TEST(sent.back().envelope.epoch == 3U);
    sessions.send(HostName{"h1"}, destroy());
    BOOST_TEST(sent.back().to == "r1");
    BOOST_TEST(later_epochs.empty());
}

BOOST_AUTO_TEST_CASE(a_host_that_knows_of_a_later_epoch_is_heard_and_a_stranger_is_not)
{
    receive("h1", "r1", proto::Heartbeat{}, {}, 4);
    receive("unknown", "r2", proto::Heartbeat{}, {}, 5);
    BOOST_TEST((later_epochs == std::vector<std::uint64_t>{4}));
}

BOOST_AUTO_TEST_SUITE_END()
