#include "hostd/link/wire.hpp"

#include "proto/wire_fencing.hpp"
#include "tests/unit/hostd_link/envelopes.hpp"

#include <boost/test/unit_test.hpp>

using namespace hostd;
using common::ErrorCode;
using link::command_of;
using link::to_wire;
using tests::envelope_of;

namespace {

const std::string sandbox = "sbx-aaaaaaaaaaaaaaaa";
const std::string snapshot = "snp-aaaaaaaaaaaaaaaa";

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

Checkpoint a_checkpoint()
{
    Checkpoint checkpoint;
    checkpoint.id = common::SnapshotId{snapshot};
    checkpoint.name = "before";
    checkpoint.spec.id = common::SandboxId{sandbox};
    checkpoint.has_memory = true;
    checkpoint.engine = EngineKind::portable;
    checkpoint.files.folder = "/snapshots/" + snapshot;
    checkpoint.digests = {{"memory", std::string(64, 'c')}};
    checkpoint.paused = std::chrono::microseconds{156000};
    return checkpoint;
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
    BOOST_TEST(!create.from_snapshot.has_value());
}

BOOST_AUTO_TEST_CASE(a_coordinator_from_before_there_were_kinds_of_disks_means_a_durable_one)
{
    auto create = a_create();
    const auto durable = command_of(envelope_of(create));
    BOOST_REQUIRE(durable);
    BOOST_CHECK(std::get<CreateCommand>(durable->what).spec.disk == DiskKind::durable);
    create.disk = "floppy";
    BOOST_CHECK(command_of(envelope_of(create)).error().code == ErrorCode::unimplemented);
}

BOOST_AUTO_TEST_CASE(a_create_may_be_a_clone_of_a_checkpoint)
{
    auto create = a_create();
    create.from_snapshot = snapshot;
    const auto command = command_of(envelope_of(create));
    BOOST_REQUIRE(command);
    BOOST_TEST(std::get<CreateCommand>(command->what).from_snapshot.value().str() == snapshot);
    create.from_snapshot = sandbox;
    const auto error = command_of(envelope_of(create)).error();
    BOOST_CHECK(error.code == ErrorCode::invalid_argument);
    BOOST_TEST(error.message.find("from_snapshot") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(who_may_go_on_is_told_by_id)
{
    const auto lift = command_of(envelope_of(proto::LiftFence{{sandbox}}));
    BOOST_REQUIRE(lift);
    BOOST_TEST(std::get<LiftFenceCommand>(lift->what).sandboxes.at(0).str() == sandbox);
    BOOST_TEST(!command_of(envelope_of(proto::LiftFence{{sandbox, "../etc"}})).has_value());
}

BOOST_AUTO_TEST_CASE(a_snapshot_becomes_a_command)
{
    const std::string parent = "snp-bbbbbbbbbbbbbbbb";
    for (const bool memory : {true, false}) {
        const auto command = command_of(
            envelope_of(proto::TakeSnapshot{sandbox, snapshot, "before", parent, memory}));
        BOOST_REQUIRE(command);
        const auto& take = std::get<SnapshotCommand>(command->what);
        BOOST_TEST(take.id.str() == sandbox);
        BOOST_TEST(take.snapshot.str() == snapshot);
        BOOST_TEST(take.name == "before");
        BOOST_TEST(take.parent.str() == parent);
        BOOST_TEST(take.memory == memory);
    }
    // The first of a sandbox has no parent, and one made for a fork alone has no name.
    const auto first =
        command_of(envelope_of(proto::TakeSnapshot{sandbox, snapshot, "", "", true}));
    BOOST_REQUIRE(first);
    BOOST_TEST(std::get<SnapshotCommand>(first->what).parent.str().empty());
}

BOOST_AUTO_TEST_CASE(hostile_ids_and_names_of_snapshots_are_refused_at_the_border)
{
    const auto refused = [](const auto& message, std::string_view field) {
        const auto command = command_of(envelope_of(message));
        BOOST_REQUIRE(!command);
        BOOST_CHECK(command.error().code == ErrorCode::invalid_argument);
        BOOST_TEST(command.error().message.find(field) != std::string::npos);
    };
    for (const std::string id : {"",
                                 "../etc",
                                 "snp-../../x",
                                 "SNP-AAAAAAAAAAAAAAAA",
                                 "snp-short",
                                 "sbx-aaaaaaaaaaaaaaaa"}) {
        refused(proto::TakeSnapshot{sandbox, id, "n", "", true}, "snapshot_id");
        refused(proto::RestoreSnapshot{sandbox, id, 1}, "snapshot_id");
        refused(proto::DeleteSnapshot{sandbox, id}, "snapshot_id");
        refused(proto::VerifySnapshot{sandbox, id}, "snapshot_id");
        if (!id.empty()) {
            refused(proto::TakeSnapshot{sandbox, snapshot, "n", id, true}, "parent");
        }
    }
    for (const auto* id : {"", "../etc", "snp-aaaaaaaaaaaaaaaa"}) {
        refused(proto::SuspendSandbox{id}, "'id'");
        refused(proto::TakeSnapshot{id, snapshot, "n", "", true}, "'id'");
        refused(proto::RestoreSnapshot{id, snapshot, 1}, "'id'");
        refused(proto::DeleteSnapshot{id, snapshot}, "'id'");
        refused(proto::VerifySnapshot{id, snapshot}, "'id'");
    }
    for (const auto& name : {std::string{"../n"}, std::string{"<x/>"}, std::string(64, 'n')}) {
        refused(proto::TakeSnapshot{sandbox, snapshot, name, "", true}, "name");
    }
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
    BOOST_TEST(is.operator()<hostd::ClaimCommand>(proto::ClaimSandbox{sandbox, "t", "mine", 1}));
    BOOST_TEST(!command_of(envelope_of(proto::ClaimSandbox{sandbox, "t", "../x", 1})));
    BOOST_TEST(is.operator()<StartCommand>(proto::StartSandbox{sandbox, 1}));
    BOOST_TEST(is.operator()<StopCommand>(proto::StopSandbox{sandbox, true, 1}));
    BOOST_TEST(is.operator()<PauseCommand>(proto::PauseSandbox{sandbox}));
    BOOST_TEST(is.operator()<SuspendCommand>(proto::SuspendSandbox{sandbox}));
    BOOST_TEST(is.operator()<RestoreCommand>(proto::RestoreSnapshot{sandbox, snapshot, 1}));
    BOOST_TEST(is.operator()<DeleteSnapshotCommand>(proto::DeleteSnapshot{sandbox, snapshot}));
    BOOST_TEST(is.operator()<VerifySnapshotCommand>(proto::VerifySnapshot{sandbox, snapshot}));
    BOOST_TEST(is.operator()<DestroyCommand>(proto::DestroySandbox{sandbox}));
    BOOST_TEST(is.operator()<AckExecCommand>(proto::ExecAck{sandbox}));
    BOOST_TEST(is.operator()<ReadCommand>(proto::ReadSandbox{sandbox, 1}));
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
    report.state_engine = std::string(5000, 'e');
    report.state_engine_reason = std::string(50000, 'e');
    report.warnings.assign(100, std::string(5000, 'w'));
    report.images.resize(300);
    proto::Heartbeat beat{1, to_wire(report)};
    BOOST_TEST(proto::decode_body<proto::Heartbeat>(proto::encode_body(beat)).has_value());
    auto checkpoint = a_checkpoint();
    checkpoint.name = std::string(1000, 'n');
    checkpoint.files.folder = std::string(50000, '/');
    checkpoint.hypervisor = {std::string(1000, 'l'), std::string(1000, 'q')};
    for (int i = 0; i < 100; ++i) {
        checkpoint.digests[std::to_string(i) + std::string(1000, 'f')] = std::string(1000, 'd');
    }
    answer = {};
    answer.value = checkpoint;
    const auto reply = proto::decode_body<proto::Reply>(proto::encode_body(to_wire(answer)));
    BOOST_REQUIRE(reply);
    BOOST_TEST(reply->checkpoint->digests.size() == 64U);
}

BOOST_AUTO_TEST_CASE(a_checkpoint_survives_the_wire)
{
    Answer answer;
    answer.value = a_checkpoint();
    const auto reply = proto::decode_body<proto::Reply>(proto::encode_body(to_wire(answer)));
    BOOST_REQUIRE(reply);
    BOOST_REQUIRE(reply->checkpoint.has_value());
    const auto& report = *reply->checkpoint;
    BOOST_TEST(report.id == snapshot);
    BOOST_TEST(report.sandbox_id == sandbox);
    BOOST_TEST(report.name == "before");
    BOOST_TEST(report.parent == "");
    BOOST_TEST(report.has_memory);
    BOOST_TEST(!report.frozen);
    BOOST_TEST(report.engine == "portable");
    BOOST_TEST(report.path == "/snapshots/" + snapshot);
    BOOST_TEST(report.digests.at("memory") == std::string(64, 'c'));
    BOOST_TEST(report.paused_us == 156000U);
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
