#include "hostd/link/wire.hpp"

#include "hostd/link/wire_fields.hpp"
#include "hostd/link/wire_images.hpp"
#include "hostd/link/wire_moves.hpp"
#include "hostd/link/wire_reading.hpp"
#include "proto/wire_fencing.hpp"

namespace hostd::link {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

Result<Command> create_of(const proto::Envelope& envelope)
{
    COMMON_TRY(const auto wire, proto::decode_body<proto::CreateSandbox>(envelope.body));
    CreateCommand create;
    COMMON_TRY(create.spec.id, sandbox_id(wire.id));
    if (!common::is_name(wire.image) || (!wire.name.empty() && !common::is_name(wire.name))) {
        return Error{ErrorCode::invalid_argument, "field 'image' or 'name': not a name"};
    }
    const auto network = network_mode_from(wire.network_mode);
    if (!network) {
        return Error{ErrorCode::unimplemented,
                     "network mode '" + wire.network_mode + "' is not known to this hostd"};
    }
    const auto disk = disk_kind_from(wire.disk.empty() ? "durable" : wire.disk);
    if (!disk) {
        return Error{ErrorCode::unimplemented,
                     "a disk that is '" + wire.disk + "' is not known to this hostd"};
    }
    create.spec.tenant = wire.tenant;
    create.spec.name = wire.name;
    create.spec.image = common::ImageName{wire.image};
    create.spec.vcpus = wire.vcpus;
    create.spec.memory = common::Bytes{wire.memory_bytes};
    create.spec.network = *network;
    create.spec.disk = *disk;
    create.image_digest = wire.image_digest;
    create.start = wire.start;
    create.boot_timeout = std::chrono::milliseconds{wire.boot_timeout_ms};
    if (!wire.from_snapshot.empty()) {
        COMMON_TRY(create.from_snapshot, snapshot_id(wire.from_snapshot, "from_snapshot"));
    }
    create.warm = wire.warm;
    return with(envelope, std::move(create));
}

Result<Command> claim_of(const proto::Envelope& envelope)
{
    COMMON_TRY(const auto wire, proto::decode_body<proto::ClaimSandbox>(envelope.body));
    ClaimCommand claim;
    COMMON_TRY(claim.id, sandbox_id(wire.id));
    if (!common::is_name(wire.name)) {
        return Error{ErrorCode::invalid_argument, "field 'name': not a name"};
    }
    claim.tenant = wire.tenant;
    claim.name = wire.name;
    claim.timeout = std::chrono::milliseconds{wire.timeout_ms};
    return with(envelope, std::move(claim));
}

Result<Command> exec_of(const proto::Envelope& envelope)
{
    COMMON_TRY(auto wire, proto::decode_body<proto::Exec>(envelope.body));
    ExecCommand exec;
    COMMON_TRY(exec.id, sandbox_id(wire.id));
    const auto ways =
        (wire.argv.empty() ? 0 : 1) + (wire.shell.empty() ? 0 : 1) + (wire.call.empty() ? 0 : 1);
    if (ways != 1 || (!wire.call.empty() && !wire.live)) {
        return Error{ErrorCode::invalid_argument,
                     "exec needs one of 'argv', 'shell' and, live, 'call'"};
    }
    exec.exec.operation = common::OperationId{envelope.operation_id};
    exec.exec.argv = std::move(wire.argv);
    exec.exec.shell = std::move(wire.shell);
    exec.exec.user = std::move(wire.user);
    exec.exec.cwd = std::move(wire.cwd);
    exec.exec.env = std::move(wire.env);
    exec.exec.stdin_bytes = std::move(wire.stdin_bytes);
    exec.exec.timeout = std::chrono::milliseconds{wire.timeout_ms};
    exec.exec.output_limit = common::Bytes{wire.output_limit_bytes};
    exec.exec.resumed = wire.resumed;
    exec.exec.live = wire.live;
    exec.exec.call = std::move(wire.call);
    exec.exec.request = std::move(wire.request);
    exec.exec.has_stdin = wire.has_stdin;
    if (wire.terminal) {
        exec.exec.terminal = {wire.rows, wire.columns};
    }
    return with(envelope, std::move(exec));
}

Result<Command> start_of(const proto::Envelope& envelope)
{
    COMMON_TRY(const auto wire, proto::decode_body<proto::StartSandbox>(envelope.body));
    COMMON_TRY(auto id, sandbox_id(wire.id));
    return with(envelope,
                StartCommand{std::move(id), std::chrono::milliseconds{wire.boot_timeout_ms}});
}

Result<Command> stop_of(const proto::Envelope& envelope)
{
    COMMON_TRY(const auto wire, proto::decode_body<proto::StopSandbox>(envelope.body));
    COMMON_TRY(auto id, sandbox_id(wire.id));
    return with(envelope,
                StopCommand{std::move(id), wire.force, std::chrono::milliseconds{wire.timeout_ms}});
}

Result<Command> snapshot_of(const proto::Envelope& envelope)
{
    COMMON_TRY(const auto wire, proto::decode_body<proto::TakeSnapshot>(envelope.body));
    SnapshotCommand snapshot;
    COMMON_TRY(snapshot.id, sandbox_id(wire.id));
    COMMON_TRY(snapshot.snapshot, snapshot_id(wire.snapshot_id, "snapshot_id"));
    if (!wire.name.empty() && !common::is_name(wire.name)) {
        return Error{ErrorCode::invalid_argument, "field 'name': not a name"};
    }
    if (!wire.parent.empty()) {
        COMMON_TRY(snapshot.parent, snapshot_id(wire.parent, "parent"));
    }
    snapshot.name = wire.name;
    snapshot.memory = wire.memory;
    return with(envelope, std::move(snapshot));
}

Result<Command> restore_of(const proto::Envelope& envelope)
{
    COMMON_TRY(const auto wire, proto::decode_body<proto::RestoreSnapshot>(envelope.body));
    COMMON_TRY(auto id, sandbox_id(wire.id));
    COMMON_TRY(auto snapshot, snapshot_id(wire.snapshot_id, "snapshot_id"));
    return with(envelope,
                RestoreCommand{std::move(id),
                               std::move(snapshot),
                               std::chrono::milliseconds{wire.boot_timeout_ms}});
}

Result<Command> lift_fence_of(const proto::Envelope& envelope)
{
    COMMON_TRY(const auto wire, proto::decode_body<proto::LiftFence>(envelope.body));
    LiftFenceCommand lift;
    for (const auto& text : wire.sandboxes) {
        COMMON_TRY(auto id, sandbox_id(text));
        lift.sandboxes.push_back(std::move(id));
    }
    return with(envelope, std::move(lift));
}

/// Of the kinds that say which sandbox, and nothing else.
template <typename Message, typename What>
Result<Command> of_sandbox(const proto::Envelope& envelope)
{
    COMMON_TRY(const auto wire, proto::decode_body<Message>(envelope.body));
    COMMON_TRY(auto id, sandbox_id(wire.id));
    return with(envelope, What{std::move(id)});
}

/// Of those that say which of its checkpoints.
template <typename Message, typename What>
Result<Command> of_snapshot(const proto::Envelope& envelope)
{
    COMMON_TRY(const auto wire, proto::decode_body<Message>(envelope.body));
    COMMON_TRY(auto id, sandbox_id(wire.id));
    COMMON_TRY(auto snapshot, snapshot_id(wire.snapshot_id, "snapshot_id"));
    return with(envelope, What{std::move(id), std::move(snapshot)});
}

} // namespace

Result<Command> command_of(const proto::Envelope& envelope)
{
    const auto& kind = envelope.kind;
    // It is a file name in nobody's hands, but it is logged and keys the agent's table.
    if (kind != proto::SyncRequest::kind && !common::parse_request_id(envelope.operation_id)) {
        return Error{ErrorCode::invalid_argument, "the operation id is missing or malformed"};
    }
    if (kind == proto::CreateSandbox::kind) {
        return create_of(envelope);
    }
    if (kind == proto::ClaimSandbox::kind) {
        return claim_of(envelope);
    }
    if (kind == proto::Exec::kind) {
        return exec_of(envelope);
    }
    if (kind == proto::StopSandbox::kind) {
        return stop_of(envelope);
    }
    if (kind == proto::StartSandbox::kind) {
        return start_of(envelope);
    }
    if (kind == proto::PauseSandbox::kind) {
        return of_sandbox<proto::PauseSandbox, PauseCommand>(envelope);
    }
    if (kind == proto::SuspendSandbox::kind) {
        return of_sandbox<proto::SuspendSandbox, SuspendCommand>(envelope);
    }
    if (kind == proto::TakeSnapshot::kind) {
        return snapshot_of(envelope);
    }
    if (kind == proto::RestoreSnapshot::kind) {
        return restore_of(envelope);
    }
    if (kind == proto::DeleteSnapshot::kind) {
        return of_snapshot<proto::DeleteSnapshot, DeleteSnapshotCommand>(envelope);
    }
    if (kind == proto::VerifySnapshot::kind) {
        return of_snapshot<proto::VerifySnapshot, VerifySnapshotCommand>(envelope);
    }
    if (kind == proto::OfferSnapshot::kind) {
        return of_snapshot<proto::OfferSnapshot, OfferSnapshotCommand>(envelope);
    }
    if (kind == proto::FetchSnapshot::kind) {
        return fetch_snapshot_of(envelope);
    }
    if (kind == proto::GivePiece::kind) {
        return give_piece_of(envelope);
    }
    if (kind == proto::MakeImage::kind) {
        return make_image_of(envelope);
    }
    if (kind == proto::AddImage::kind) {
        return add_image_of(envelope);
    }
    if (kind == proto::ShareImage::kind) {
        return share_image_of(envelope);
    }
    if (kind == proto::RemoveImage::kind) {
        return remove_image_of(envelope);
    }
    if (kind == proto::ImportVm::kind) {
        return import_vm_of(envelope);
    }
    if (kind == proto::Piece::kind) {
        return piece_of(envelope);
    }
    if (kind == proto::DestroySandbox::kind) {
        return of_sandbox<proto::DestroySandbox, DestroyCommand>(envelope);
    }
    if (kind == proto::ExecAck::kind) {
        return of_sandbox<proto::ExecAck, AckExecCommand>(envelope);
    }
    if (kind == proto::OpenReader::kind) {
        return open_reader_of(envelope);
    }
    if (kind == proto::GrantReader::kind) {
        return grant_reader_of(envelope);
    }
    if (kind == proto::CloseReader::kind) {
        return close_reader_of(envelope);
    }
    if (kind == proto::WatchOutput::kind) {
        return watch_output_of(envelope);
    }
    if (kind == proto::UnwatchOutput::kind) {
        return unwatch_output_of(envelope);
    }
    if (kind == proto::Input::kind) {
        return input_of(envelope);
    }
    if (kind == proto::ReadSandbox::kind) {
        COMMON_TRY(const auto wire, proto::decode_body<proto::ReadSandbox>(envelope.body));
        COMMON_TRY(auto id, sandbox_id(wire.id));
        return with(
            envelope,
            ReadCommand{std::move(id),
                        std::min<std::size_t>(wire.console_bytes, proto::max_console_bytes)});
    }
    if (kind == proto::LiftFence::kind) {
        return lift_fence_of(envelope);
    }
    if (kind == proto::ListVms::kind) {
        return with(envelope, ListVmsCommand{});
    }
    if (kind == proto::SyncRequest::kind) {
        return with(envelope, SyncCommand{});
    }
    return Error{ErrorCode::unimplemented, "this hostd does not know '" + kind.substr(0, 64) + "'"};
}

} // namespace hostd::link
