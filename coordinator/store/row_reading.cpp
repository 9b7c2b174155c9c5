#include "coordinator/store/row_reading.hpp"

#include "coordinator/store/text.hpp"

#include <algorithm>
#include <stdexcept>

namespace coordinator::store {

namespace {

/// Exact: extract() is numeric since PostgreSQL 14.
#define PADDOCK_US(column) "(extract(epoch FROM " column ") * 1000000)::bigint"
#define PADDOCK_MAP(column)                                                                        \
    "ARRAY(SELECT unnest(ARRAY[key, value]) FROM jsonb_each_text(" column "))"

/// The fields of a row, taken one after another in the order of the SELECT.
class Fields {
public:
    explicit Fields(const pqxx::row& row) : row_{row} {}

    std::string text() { return from_column(next().c_str()); }
    std::string bytes() { return pqxx::binarystring{next()}.str(); }
    template <typename T>
    T number()
    {
        return next().as<T>();
    }
    common::Bytes size() { return common::Bytes{number<std::uint64_t>()}; }
    common::WallTime time() { return common::from_unix_us(number<std::int64_t>()); }
    std::optional<common::WallTime> maybe_time()
    {
        const auto field = next();
        return field.is_null() ? std::nullopt
                               : std::optional{common::from_unix_us(field.as<std::int64_t>())};
    }
    std::optional<std::chrono::seconds> maybe_seconds()
    {
        const auto field = next();
        return field.is_null() ? std::nullopt
                               : std::optional{std::chrono::seconds{field.as<std::int64_t>()}};
    }
    std::vector<std::string> list()
    {
        std::vector<std::string> items;
        auto parser = next().as_array();
        for (auto item = parser.get_next(); item.first != pqxx::array_parser::done;
             item = parser.get_next()) {
            if (item.first == pqxx::array_parser::string_value) {
                items.push_back(from_column(item.second));
            }
        }
        return items;
    }
    std::map<std::string, std::string> map()
    {
        const auto items = list();
        std::map<std::string, std::string> map;
        for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
            map[items[i]] = items[i + 1];
        }
        return map;
    }
    std::map<std::string, std::uint64_t> numbers()
    {
        std::map<std::string, std::uint64_t> numbers;
        for (const auto& [key, value] : map()) {
            numbers[key] = std::stoull(value);
        }
        return numbers;
    }
    /// By a function like phase_from.
    template <typename Parse>
    auto word(Parse parse)
    {
        const auto field = next();
        const auto value = parse(std::string_view{field.c_str()});
        if (!value) {
            throw std::runtime_error{std::string{field.name()} + " of " + row_[0].c_str() +
                                     " is no value that this version knows"};
        }
        return *value;
    }
    pqxx::field next() { return row_[at_++]; }

private:
    const pqxx::row& row_;
    pqxx::row::size_type at_ = 0;
};

std::optional<HostHealth> health_from(std::string_view text)
{
    for (const auto health :
         {HostHealth::joining, HostHealth::ready, HostHealth::suspect, HostHealth::lost}) {
        if (to_string(health) == text) {
            return health;
        }
    }
    return std::nullopt;
}

template <typename Row, typename Make>
std::vector<Row> read(pqxx::transaction_base& sql, const std::string& query, Make make)
{
    std::vector<Row> rows;
    for (const auto& row : sql.exec(query)) {
        Fields fields{row};
        rows.push_back(make(fields));
    }
    return rows;
}

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
    box.labels = in.map();
    box.env = in.map();
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
    box.timings_us = in.numbers();
    return box;
}
constexpr const char*
    sandbox_columns = "id, job_id, tenant, agent_id, sandbox_name, image, image_digest, host, "
                      "vcpus, memory_bytes, "
                      "overhead_bytes, network_mode, " PADDOCK_MAP("labels") ", " PADDOCK_MAP("env") ", ttl_seconds, " PADDOCK_US("created_at") ", " PADDOCK_US(
                          "updated_at") ", " PADDOCK_US("expires_at") ", " PADDOCK_US("deleted_at") ", phase, desired, generation, "
                                                                                                    "ip_address, error, " PADDOCK_MAP(
                                                                                                        "timings_us");

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
    return command;
}
constexpr const char* command_columns =
    "id, sandbox_id, operation_id, command, username, cwd, " PADDOCK_MAP(
        "env") ", stdout, stderr, "
               "exit_code, "
               "truncated, "
               "timed_out, "
               "status,"
               " " PADDOCK_US("sta"
                              "rte"
                              "d_"
                              "at") ", " PADDOCK_US("ended_at") ","
                                                                " " PADDOCK_MAP("timings_us");

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
constexpr const char* operation_columns =
    "id, sandbox_id, kind, status, request_id, generation, " PADDOCK_US(
        "created_at") ", " PADDOCK_US("ended_at") ", error";

Host host_from(Fields& in)
{
    Host host;
    auto& facts = host.facts;
    host.name = common::HostName{in.text()};
    host.health = in.word(health_from);
    for (auto* text : {&facts.hostname,
                       &facts.arch,
                       &facts.kernel,
                       &facts.cpu_model,
                       &facts.libvirt_version,
                       &facts.qemu_version,
                       &facts.hostd_version,
                       &facts.accel,
                       &facts.accel_reason,
                       &facts.network_cidr}) {
        *text = in.text();
    }
    facts.cores = in.number<unsigned>();
    facts.memory = in.size();
    facts.memory_available = in.size();
    facts.capacity_vcpus = in.number<unsigned>();
    facts.capacity_memory = in.size();
    facts.overhead = in.size();
    facts.disk = in.size();
    facts.disk_free = in.size();
    facts.load1 = in.number<double>();
    facts.warnings = in.list();
    host.used_vcpus = in.number<unsigned>();
    host.used_memory = in.size();
    host.sandboxes = in.number<unsigned>();
    host.last_seen = in.maybe_time();
    host.first_seen = in.time();
    return host;
}
constexpr const char* host_columns =
    "name, health, hostname, arch, kernel, cpu_model, libvirt_version, qemu_version, "
    "hostd_version, accel, accel_reason, network_cidr, cores, memory_bytes, "
    "memory_available_bytes, capacity_vcpus, capacity_memory_bytes, overhead_bytes, disk_bytes, "
    "disk_free_bytes, load1, warnings, used_vcpus, used_memory_bytes, sandboxes, " PADDOCK_US(
        "last_seen") ", " PADDOCK_US("first_seen");

struct HostImage {
    common::HostName host;
    Image image;
};
HostImage host_image_from(Fields& in)
{
    HostImage found;
    auto& image = found.image;
    found.host = common::HostName{in.text()};
    image.name = common::ImageName{in.text()};
    image.digest = in.text();
    image.size = in.size();
    image.virtual_size = in.size();
    image.boot = in.text();
    image.agent = in.text();
    image.default_vcpus = in.number<unsigned>();
    image.default_memory = in.size();
    image.registered_at = in.time();
    return found;
}
constexpr const char* host_image_columns =
    "host, name, digest, size_bytes, virtual_size_bytes, boot, agent, default_vcpus, "
    "default_memory_bytes, " PADDOCK_US("registered_at");

ChainedRow audit_from(Fields& in)
{
    ChainedRow chained;
    auto& row = chained.row;
    chained.seq = in.number<std::uint64_t>();
    chained.at_us = in.number<std::int64_t>();
    row.kind = audit_kind_from(in.text());
    row.action = in.text();
    row.caller.actor = in.text();
    row.caller.tenant = in.text();
    row.caller.request = common::RequestId{in.text()};
    row.operation = common::OperationId{in.text()};
    row.host = in.text();
    row.target = in.text();
    row.result = in.text();
    row.detail = in.text();
    chained.prev_hash = hash_from(in.next());
    chained.hash = hash_from(in.next());
    chained.payload = in.bytes();
    return chained;
}
constexpr const char* audit_columns =
    "seq, " PADDOCK_US("at") ", kind, action, actor, tenant, request_id, operation_id, host, "
                             "target, result, detail, prev_hash, hash, payload";

#undef PADDOCK_US
#undef PADDOCK_MAP

std::string select(const char* columns, const std::string& from)
{
    return std::string{"SELECT "} + columns + " FROM " + from;
}

} // namespace

common::digest::Sha256 hash_from(const pqxx::field& field)
{
    const pqxx::binarystring bytes{field};
    common::digest::Sha256 hash{};
    if (bytes.size() != hash.size()) {
        throw std::runtime_error{std::string{field.name()} + " does not have 32 bytes"};
    }
    std::copy(bytes.begin(), bytes.end(), hash.begin());
    return hash;
}

std::vector<Sandbox> read_sandboxes(pqxx::transaction_base& sql, const std::string& where)
{
    return read<Sandbox>(sql, select(sandbox_columns, "sandboxes " + where), sandbox_from);
}

std::vector<Command> read_commands(pqxx::transaction_base& sql, const std::string& where)
{
    return read<Command>(sql, select(command_columns, "commands " + where), command_from);
}

std::vector<Operation> read_operations(pqxx::transaction_base& sql, const std::string& where)
{
    return read<Operation>(sql, select(operation_columns, "operations " + where), operation_from);
}

std::vector<Host> read_hosts(pqxx::transaction_base& sql)
{
    auto hosts = read<Host>(sql, select(host_columns, "hosts ORDER BY name"), host_from);
    for (auto& found : read<HostImage>(
             sql, select(host_image_columns, "host_images ORDER BY host, name"), host_image_from)) {
        const auto host = std::find_if(
            hosts.begin(), hosts.end(), [&](const Host& h) { return h.name == found.host; });
        if (host != hosts.end()) {
            host->facts.images.push_back(std::move(found.image));
        }
    }
    return hosts;
}

std::vector<ChainedRow> read_audit(pqxx::transaction_base& sql, const std::string& where)
{
    return read<ChainedRow>(sql, select(audit_columns, "audit " + where), audit_from);
}

ChainHead read_audit_head(pqxx::transaction_base& sql)
{
    const auto rows = sql.exec("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1");
    if (rows.empty()) {
        return {};
    }
    return {rows[0][0].as<std::uint64_t>(), hash_from(rows[0][1])};
}

} // namespace coordinator::store
