#include "hostd/link/wire.hpp"

#include <boost/test/unit_test.hpp>

using namespace hostd;
using common::ErrorCode;
using link::command_of;
using link::to_wire;

namespace {

const std::string sandbox = "sbx-aaaaaaaaaaaaaaaa";

template <typename Message>
proto::Envelope envelope_of(const Message& message, const std::string& operation = "op-1")
{
    proto::Envelope envelope;
    envelope.kind = Message::kind;
    envelope.operation_id = operation;
    envelope.request_id = "req-1";
    envelope.generation = 4;
    envelope.body = proto::encode_body(message);
    return envelope;
}

proto::CreateSandbox a_create()
{
    proto::CreateSandbox create;
    create.id = sandbox;
    create.tenant = "t";
    create.name = "box";
    create.image = "tiny";
    create.vcpus = 2;
    create.memory_bytes = 1U << 28U;
    create.network_mode = "nat";
    create.start = true;
    create.boot_timeout_ms = 5000;
    return create;
}

} // namespace

BOOST_AUTO_TEST_SUITE(wire_tests)

BOOST_AUTO_TEST_CASE(a_create_becomes_a_command)
{
    const auto command = command_of(envelope_of(a_create()));
    BOOST_REQUIRE(command);
    BOOST_TEST(command->operation.str() == "op-1");
    BOOST_TEST(command->generation == 4U);
    const auto& create = std::get<CreateCommand>(command->what);
    BOOST_TEST(create.spec.id.str() == sandbox);
    BOOST_TEST(create.spec.memory.mib() == 256U);
    BOOST_TEST(create.start);
    BOOST_TEST(create.boot_timeout.count() == 5000);
}

BOOST_AUTO_TEST_CASE(hostile_ids_and_names_are_refused_at_the_border)
{
    for (const auto* id : {"", "../etc", "sbx-../../x", "SBX-AAAAAAAAAAAAAAAA", "sbx-short"}) {
        auto create = a_create();
        create.id = id;
        BOOST_CHECK(command_of(envelope_of(create)).error().code == ErrorCode::invalid_argument);
        BOOST_CHECK(command_of(envelope_of(proto::DestroySandbox{id})).error().code ==
                    ErrorCode::invalid_argument);
    }
    auto create = a_create();
    create.image = "../tiny";
    BOOST_CHECK(command_of(envelope_of(create)).error().code == ErrorCode::invalid_argument);
    create = a_create();
    create.name = "<x/>";
    BOOST_CHECK(command_of(envelope_of(create)).error().code == ErrorCode::invalid_argument);
    BOOST_TEST(!command_of(envelope_of(a_create(), "")));
    BOOST_TEST(!command_of(envelope_of(a_create(), "a b\n")));
}

BOOST_AUTO_TEST_CASE(what_a_newer_coordinator_knows_is_unimplemented)
{
    auto create = a_create();
    create.network_mode = "bridge";
    BOOST_CHECK(command_of(envelope_of(create)).error().code == ErrorCode::unimplemented);
    auto envelope = envelope_of(a_create());
    envelope.kind = "teleport";
    BOOST_CHECK(command_of(envelope).error().code == ErrorCode::unimplemented);
}

BOOST_AUTO_TEST_CASE(an_exec_needs_argv_or_shell_and_not_both)
{
    proto::Exec exec;
    exec.id = sandbox;
    exec.user = "sandbox";
    BOOST_TEST(!command_of(envelope_of(exec)));
    exec.shell = "ls";
    exec.timeout_ms = 1000;
    exec.output_limit_bytes = 77;
    const auto command = command_of(envelope_of(exec));
    BOOST_REQUIRE(command);
    const auto& spec = std::get<ExecCommand>(command->what).exec;
    BOOST_TEST(spec.operation.str() == "op-1");
    BOOST_TEST(spec.output_limit.count() == 77U);
    exec.argv = {"ls"};
    BOOST_TEST(!command_of(envelope_of(exec)));
}

BOOST_AUTO_TEST_CASE(the_other_kinds_become_commands)
{
    const auto is = []<typename Command, typename Message>(const Message& message) {
        return std::holds_alternative<Command>(command_of(envelope_of(message))->what);
    };
    BOOST_TEST(is.operator()<StartCommand>(proto::StartSandbox{sandbox, 1}));
    BOOST_TEST(is.operator()<StopCommand>(proto::StopSandbox{sandbox, true, 1}));
    BOOST_TEST(is.operator()<PauseCommand>(proto::PauseSandbox{sandbox}));
    BOOST_TEST(is.operator()<DestroyCommand>(proto::DestroySandbox{sandbox}));
    BOOST_TEST(is.operator()<AckExecCommand>(proto::ExecAck{sandbox}));
    BOOST_TEST(is.operator()<ListVmsCommand>(proto::ListVms{}));
    BOOST_TEST(std::holds_alternative<SyncCommand>(
        command_of(envelope_of(proto::SyncRequest{}, ""))->what));
}

BOOST_AUTO_TEST_CASE(texts_are_cut_so_that_the_peer_can_decode_what_is_sent)
{
    Answer answer;
    answer.error = common::Error{ErrorCode::internal,
                                 std::string(100000, 'm'),
                                 std::string(1000, 'r'),
                                 {},
                                 std::string(100000, 'd')};
    BOOST_TEST(proto::decode_body<proto::Reply>(proto::encode_body(to_wire(answer))).has_value());
    HostReport report;
    report.cpu_model = std::string(5000, 'c');
    report.accel_reason = std::string(50000, 'a');
    report.warnings.assign(100, std::string(5000, 'w'));
    report.images.resize(300);
    proto::Heartbeat beat{1, to_wire(report)};
    BOOST_TEST(proto::decode_body<proto::Heartbeat>(proto::encode_body(beat)).has_value());
}

BOOST_AUTO_TEST_CASE(an_outcome_and_a_status_survive_the_wire)
{
    Answer answer;
    ExecOutcome outcome;
    outcome.stdout_bytes = std::string{"a\0b", 3};
    outcome.exit_code = 137;
    outcome.signal = 9;
    outcome.in_guest = std::chrono::microseconds{12};
    answer.value = outcome;
    answer.took = std::chrono::microseconds{34};
    const auto reply = proto::decode_body<proto::Reply>(proto::encode_body(to_wire(answer)));
    BOOST_REQUIRE(reply);
    BOOST_REQUIRE(reply->exec.has_value());
    BOOST_TEST(reply->exec->stdout_bytes.size() == 3U);
    BOOST_TEST(reply->exec->guest_us == 12U);
    BOOST_TEST(reply->exec->hostd_us == 34U);

    SandboxStatus status;
    status.spec.id = common::SandboxId{sandbox};
    status.phase = Phase::running;
    status.timings["start"] = std::chrono::microseconds{5};
    status.error = common::Error{ErrorCode::internal, "why"};
    const auto report = to_wire(status);
    BOOST_TEST(report.phase == "running");
    BOOST_TEST(report.timings_us.at("start") == 5U);
    BOOST_TEST(report.error->code == "internal");
}

BOOST_AUTO_TEST_SUITE_END()
