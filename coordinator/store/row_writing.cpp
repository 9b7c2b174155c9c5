#include "coordinator/store/row_writing.hpp"

#include "coordinator/store/text.hpp"

namespace coordinator::store {

namespace {

std::string at(common::WallTime time)
{
    return common::to_rfc3339(time);
}

/// A parameter that may be NULL; lives as long as the statement's arguments.
struct Nullable {
    std::string text;
    bool null = true;

    Nullable(const std::optional<common::WallTime>& time) : text{time ? at(*time) : ""}, null{!time}
    {}
    [[nodiscard]] const char* get() const { return null ? nullptr : text.c_str(); }
};

std::string_view bytes_of(const common::digest::Sha256& hash)
{
    // Bytes as characters: what both hashing and bytea_text take.
    return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

} // namespace

void write_row(pqxx::transaction_base& sql, const Checkpoint& checkpoint)
{
    sql.exec_prepared("checkpoint",
                      to_column(checkpoint.id.str()),
                      to_column(checkpoint.sandbox.str()),
                      to_column(checkpoint.tenant),
                      to_column(checkpoint.host.str()),
                      to_column(checkpoint.name),
                      to_column(checkpoint.parent.str()),
                      std::string{to_string(checkpoint.status)},
                      checkpoint.hidden,
                      checkpoint.has_memory,
                      checkpoint.frozen,
                      to_column(checkpoint.engine),
                      to_column(checkpoint.libvirt_version),
                      to_column(checkpoint.qemu_version),
                      checkpoint.size.count(),
                      std::int64_t{checkpoint.paused.count()},
                      pairs_array(checkpoint.digests),
                      to_column(checkpoint.path),
                      at(checkpoint.created_at),
                      Nullable{checkpoint.deleted_at}.get(),
                      to_column(checkpoint.error));
}

void write_row(pqxx::transaction_base& sql, const Pool& pool)
{
    sql.exec_prepared("pool",
                      to_column(pool.name),
                      to_column(pool.image.str()),
                      pool.vcpus,
                      pool.memory.count(),
                      std::string{to_string(pool.network)},
                      pool.min,
                      pool.max,
                      std::int64_t{pool.max_age.count()},
                      at(pool.created_at),
                      Nullable{pool.deleted_at}.get(),
                      to_column(pool.tenant));
}

void write_row(pqxx::transaction_base& sql, const Command& command)
{
    sql.exec_prepared("command",
                      to_column(command.id.str()),
                      to_column(command.sandbox.str()),
                      to_column(command.operation.str()),
                      to_column(command.command),
                      to_column(command.user),
                      to_column(command.cwd),
                      pairs_array(command.env),
                      pqxx::binarystring{command.stdout_text},
                      pqxx::binarystring{command.stderr_text},
                      command.exit_code,
                      command.truncated,
                      command.timed_out,
                      to_column(command.status),
                      at(command.started_at),
                      Nullable{command.ended_at}.get(),
                      pairs_array(command.timings_us),
                      std::string{to_string(command.mode)});
}

void write_row(pqxx::transaction_base& sql, const Host& host)
{
    const auto& facts = host.facts;
    const auto name = to_column(host.name.str());
    std::optional<common::WallTime> drain_since;
    std::optional<common::WallTime> drain_until;
    const auto& evacuation = host.wish.evacuation;
    if (host.wish.drain) {
        drain_since = host.wish.drain->since;
        drain_until = host.wish.drain->until;
    }
    sql.exec_prepared("host",
                      name,
                      std::string{to_string(host.health)},
                      host.wish.cordoned,
                      Nullable{drain_since}.get(),
                      Nullable{drain_until}.get(),
                      Nullable{evacuation ? std::optional{evacuation->since} : std::nullopt}.get(),
                      evacuation && evacuation->powered_off,
                      pairs_array(host.wish.labels),
                      pairs_array(host.wish.taints),
                      to_column(facts.hostname),
                      to_column(facts.arch),
                      to_column(facts.kernel),
                      to_column(facts.cpu_model),
                      to_column(facts.libvirt_version),
                      to_column(facts.qemu_version),
                      to_column(facts.hostd_version),
                      to_column(facts.accel),
                      to_column(facts.accel_reason),
                      to_column(facts.state_engine),
                      to_column(facts.state_engine_reason),
                      to_column(facts.network_cidr),
                      facts.cores,
                      facts.memory.count(),
                      facts.memory_available.count(),
                      facts.capacity_vcpus,
                      facts.capacity_memory.count(),
                      facts.overhead.count(),
                      facts.disk.count(),
                      facts.disk_free.count(),
                      facts.load1,
                      std::int64_t{facts.fence_after.count()},
                      to_column(facts.fence_action),
                      text_array(facts.warnings),
                      host.used_vcpus,
                      host.used_memory.count(),
                      host.sandboxes,
                      Nullable{host.last_seen}.get(),
                      at(host.first_seen));
    sql.exec_prepared("forget_host_images", name);
    for (const auto& image : facts.images) {
        sql.exec_prepared("host_image",
                          name,
                          to_column(image.name.str()),
                          to_column(image.digest),
                          image.size.count(),
                          image.virtual_size.count(),
                          to_column(image.boot),
                          to_column(image.agent),
                          image.default_vcpus,
                          image.default_memory.count(),
                          at(image.registered_at),
                          to_column(image.tenant),
                          to_column(image.from_snapshot.str()),
                          to_column(image.registration.str()),
                          to_column(image.from_vm));
    }
}

void append_audit(pqxx::transaction_base& sql, std::span<const ChainedRow> rows)
{
    if (rows.empty()) {
        return;
    }
    const auto array = [&](auto element, auto add) {
        ArrayText text;
        for (const auto& row : rows) {
            (text.*add)(element(row));
        }
        return std::move(text).finish();
    };
    const auto raw = [&](auto element) { return array(element, &ArrayText::add_raw); };
    const auto text = [&](auto element) { return array(element, &ArrayText::add); };
    using Row = const ChainedRow&;
    sql.exec_prepared("audit",
                      raw([](Row r) { return std::to_string(r.seq); }),
                      raw([](Row r) { return at(common::from_unix_us(r.at_us)); }),
                      raw([](Row r) { return to_string(r.row.kind); }),
                      text([](Row r) -> std::string_view { return r.row.action; }),
                      text([](Row r) -> std::string_view { return r.row.caller.actor; }),
                      text([](Row r) -> std::string_view { return r.row.caller.tenant; }),
                      text([](Row r) -> std::string_view { return r.row.caller.request.str(); }),
                      text([](Row r) -> std::string_view { return r.row.operation.str(); }),
                      text([](Row r) -> std::string_view { return r.row.host; }),
                      text([](Row r) -> std::string_view { return r.row.target; }),
                      text([](Row r) -> std::string_view { return r.row.result; }),
                      text([](Row r) -> std::string_view { return r.row.detail; }),
                      raw([](Row r) { return bytea_text(bytes_of(r.prev_hash)); }),
                      raw([](Row r) { return bytea_text(bytes_of(r.hash)); }),
                      raw([](Row r) { return bytea_text(r.payload); }));
}

} // namespace coordinator::store
