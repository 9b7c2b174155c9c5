#include "coordinator/store/row_reading.hpp"

#include "coordinator/store/fields.hpp"

#include <algorithm>

namespace coordinator::store {

namespace {

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

// The members are filled in the order of the SELECT beside each of these.

Host host_from(Fields& in)
{
    Host host;
    auto& facts = host.facts;
    host.name = common::HostName{in.text()};
    host.health = in.word(health_from);
    host.wish.cordoned = in.number<bool>();
    const auto since = in.maybe_time();
    const auto until = in.maybe_time();
    if (since && until) {
        host.wish.drain = Drain{*since, *until};
    }
    const auto evacuated = in.maybe_time();
    const bool powered_off = in.number<bool>();
    if (evacuated) {
        host.wish.evacuation = Evacuation{*evacuated, powered_off};
    }
    host.wish.labels = in.map();
    host.wish.taints = in.map();
    for (auto* text : {&facts.hostname,
                       &facts.arch,
                       &facts.kernel,
                       &facts.cpu_model,
                       &facts.libvirt_version,
                       &facts.qemu_version,
                       &facts.hostd_version,
                       &facts.accel,
                       &facts.accel_reason,
                       &facts.state_engine,
                       &facts.state_engine_reason,
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
    facts.fence_after = std::chrono::milliseconds{in.number<std::int64_t>()};
    facts.fence_action = in.text();
    facts.warnings = in.list();
    host.used_vcpus = in.number<unsigned>();
    host.used_memory = in.size();
    host.sandboxes = in.number<unsigned>();
    host.last_seen = in.maybe_time();
    host.first_seen = in.time();
    return host;
}
const std::string host_columns =
    "name, health, cordoned, " + us_of("drain_since") + ", " + us_of("drain_until") + ", " +
    us_of("evacuate_since") + ", evacuate_powered_off, " + pairs_of("labels") + ", " +
    pairs_of("taints") +
    ", hostname, arch, kernel, cpu_model, libvirt_version, qemu_version, "
    "hostd_version, accel, accel_reason, state_engine, state_engine_reason, network_cidr, cores, "
    "memory_bytes, memory_available_bytes, capacity_vcpus, capacity_memory_bytes, "
    "overhead_bytes, disk_bytes, disk_free_bytes, load1, fence_after_ms, fence_action, warnings, "
    "used_vcpus, used_memory_bytes, sandboxes, " +
    us_of("last_seen") + ", " + us_of("first_seen");

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
    image.tenant = in.text();
    image.from_snapshot = common::SnapshotId{in.text()};
    image.registration = common::ImageId{in.text()};
    image.from_vm = in.text();
    return found;
}
const std::string host_image_columns =
    "host, name, digest, size_bytes, virtual_size_bytes, boot, agent, default_vcpus, "
    "default_memory_bytes, " +
    us_of("registered_at") + ", tenant, from_snapshot, registration, from_vm";

} // namespace

std::vector<Host> read_hosts(pqxx::transaction_base& sql)
{
    auto hosts = read<Host>(sql, host_columns, "hosts ORDER BY name", host_from);
    for (auto& found : read<HostImage>(
             sql, host_image_columns, "host_images ORDER BY host, name", host_image_from)) {
        const auto host = std::find_if(
            hosts.begin(), hosts.end(), [&](const Host& h) { return h.name == found.host; });
        if (host != hosts.end()) {
            host->facts.images.push_back(std::move(found.image));
        }
    }
    return hosts;
}

} // namespace coordinator::store
