#include "coordinator/store/row_reading.hpp"

#include "coordinator/store/fields.hpp"

namespace coordinator::store {

namespace {

// The members are filled in the order of the SELECT beside each of these.

Sandbox sandbox_from(Fields& in)
{
    Sandbox box;
    box.id = common::SandboxId{in.text()};
    box.job = common::JobId{in.text()};
    box.tenant = in.text();
    box.agent_id = in.text();
    box.name = in.text();
    box.image = common::ImageName{in.text()};
    box.image_digest = in.text();
    box.host = common::HostName{in.text()};
    box.vcpus = in.number<unsigned>();
    box.memory = in.size();
    box.overhead = in.size();
    box.network = in.word(network_mode_from);
    box.disk = in.word(disk_kind_from);
    box.labels = in.map();
    box.env = in.map();
    box.files.roots = in.list();
    box.files.never_read = in.list();
    box.files.never_written = in.list();
    box.ttl = in.maybe_seconds();
    box.created_at = in.time();
    box.updated_at = in.time();
    box.expires_at = in.maybe_time();
    box.deleted_at = in.maybe_time();
    box.phase = in.word(phase_from);
    box.desired = in.word(desired_from);
    box.generation = in.number<std::uint64_t>();
    box.ip = in.text();
    box.error = in.text();
    box.pool = in.text();
    box.pool_source = in.number<bool>();
    box.timings_us = in.numbers();
    box.moving_to = common::HostName{in.text()};
    box.left_host = common::HostName{in.text()};
    for (auto& host : in.list()) {
        box.remains_on.insert(common::HostName{std::move(host)});
    }
    box.wants.labels = in.map();
    const auto tolerates = in.list();
    box.wants.tolerates = {tolerates.begin(), tolerates.end()};
    box.wants.accelerator = in.text();
    box.wants.group = in.text();
    box.wants.spread_by = in.text();
    box.wants.apart = in.number<bool>();
    box.replicas.count = in.number<unsigned>();
    box.replicas.every = std::chrono::seconds{in.number<std::int64_t>()};
    box.replicas.memory = in.number<bool>();
    return box;
}
const std::string sandbox_columns =
    "id, job_id, tenant, agent_id, sandbox_name, image, image_digest, host, vcpus, memory_bytes, "
    "overhead_bytes, network_mode, disk, " +
    pairs_of("labels") + ", " + pairs_of("env") +
    ", file_roots, files_never_read, files_never_written, ttl_seconds, " + us_of("created_at") +
    ", " + us_of("updated_at") + ", " + us_of("expires_at") + ", " + us_of("deleted_at") +
    ", phase, desired, generation, ip_address, error, pool, pool_source, " +
    pairs_of("timings_us") + ", moving_to, left_host, remains_on, " + pairs_of("wants_labels") +
    ", wants_tolerates, wants_accelerator, wants_group, wants_spread_by, wants_apart, "
    "replica_count, replica_every_seconds, replica_memory";

Checkpoint checkpoint_from(Fields& in)
{
    Checkpoint checkpoint;
    checkpoint.id = common::SnapshotId{in.text()};
    checkpoint.sandbox = common::SandboxId{in.text()};
    checkpoint.tenant = in.text();
    checkpoint.host = common::HostName{in.text()};
    checkpoint.name = in.text();
    checkpoint.parent = common::SnapshotId{in.text()};
    checkpoint.status = in.word(checkpoint_status_from);
    checkpoint.hidden = in.number<bool>();
    checkpoint.has_memory = in.number<bool>();
    checkpoint.frozen = in.number<bool>();
    checkpoint.engine = in.text();
    checkpoint.libvirt_version = in.text();
    checkpoint.qemu_version = in.text();
    checkpoint.size = in.size();
    checkpoint.paused = std::chrono::microseconds{in.number<std::int64_t>()};
    checkpoint.digests = in.map();
    checkpoint.path = in.text();
    checkpoint.created_at = in.time();
    checkpoint.deleted_at = in.maybe_time();
    checkpoint.error = in.text();
    return checkpoint;
}
const std::string checkpoint_columns =
    "id, sandbox_id, tenant, host, name, parent_id, status, hidden, has_memory, frozen, engine, "
    "libvirt_version, qemu_version, size_bytes, paused_us, " +
    pairs_of("digests") + ", path, " + us_of("created_at") + ", " + us_of("deleted_at") + ", error";

Pool pool_from(Fields& in)
{
    Pool pool;
    pool.name = in.text();
    pool.image = common::ImageName{in.text()};
    pool.vcpus = in.number<unsigned>();
    pool.memory = in.size();
    pool.network = in.word(network_mode_from);
    pool.min = in.number<unsigned>();
    pool.max = in.number<unsigned>();
    pool.max_age = std::chrono::seconds{in.number<std::int64_t>()};
    pool.created_at = in.time();
    pool.deleted_at = in.maybe_time();
    pool.tenant = in.text();
    return pool;
}
const std::string pool_columns = "name, image, vcpus, memory_bytes, network_mode, min_ready, "
                                 "max_ready, max_age_seconds, " +
                                 us_of("created_at") + ", " + us_of("deleted_at") + ", tenant";

Command command_from(Fields& in)
{
    Command command;
    command.id = common::CommandId{in.text()};
    command.sandbox = common::SandboxId{in.text()};
    command.operation = common::OperationId{in.text()};
    command.command = in.text();
    command.user = in.text();
    command.cwd = in.text();
    command.env = in.map();
    command.stdout_text = in.bytes();
    command.stderr_text = in.bytes();
    command.exit_code = in.number<int>();
    command.truncated = in.number<bool>();
    command.timed_out = in.number<bool>();
    command.status = in.text();
    command.started_at = in.time();
    command.ended_at = in.maybe_time();
    command.timings_us = in.numbers();
    command.mode = in.word(command_mode_from);
    return command;
}
const std::string command_columns =
    "id, sandbox_id, operation_id, command, username, cwd, " + pairs_of("env") +
    ", stdout, stderr, exit_code, truncated, timed_out, status, " + us_of("started_at") + ", " +
    us_of("ended_at") + ", " + pairs_of("timings_us") + ", mode";

Operation operation_from(Fields& in)
{
    Operation operation;
    operation.id = common::OperationId{in.text()};
    operation.sandbox = common::SandboxId{in.text()};
    operation.kind = in.text();
    operation.status = in.text();
    operation.request = common::RequestId{in.text()};
    operation.generation = in.number<std::uint64_t>();
    operation.created_at = in.time();
    operation.ended_at = in.maybe_time();
    operation.error = in.text();
    return operation;
}
const std::string operation_columns = "id, sandbox_id, kind, status, request_id, generation, " +
                                      us_of("created_at") + ", " + us_of("ended_at") + ", error";

} // namespace

std::vector<Sandbox> read_sandboxes(pqxx::transaction_base& sql, const std::string& where)
{
    return read<Sandbox>(sql, sandbox_columns, "sandboxes " + where, sandbox_from);
}

std::vector<Checkpoint> read_checkpoints(pqxx::transaction_base& sql, const std::string& where)
{
    return read<Checkpoint>(sql, checkpoint_columns, "checkpoints " + where, checkpoint_from);
}

std::vector<Pool> read_pools(pqxx::transaction_base& sql, const std::string& where)
{
    return read<Pool>(sql, pool_columns, "pools " + where, pool_from);
}

std::vector<Command> read_commands(pqxx::transaction_base& sql, const std::string& where)
{
    return read<Command>(sql, command_columns, "commands " + where, command_from);
}

std::vector<Operation> read_operations(pqxx::transaction_base& sql, const std::string& where)
{
    return read<Operation>(sql, operation_columns, "operations " + where, operation_from);
}

} // namespace coordinator::store
