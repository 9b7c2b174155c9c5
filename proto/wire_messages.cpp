// What hosts say.
#include "proto/wire_codec.hpp"

namespace proto {

// Not in an unnamed namespace: Packer and Unpacker find these by argument.

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, ImageReport>
void fields(V& v, M& m)
{
    v.need("name", m.name, word);
    v.need("digest", m.digest, word);
    v.opt("size", m.size_bytes);
    v.opt("virtual_size", m.virtual_bytes);
    v.opt("boot", m.boot, word);
    v.opt("agent", m.agent, word);
    v.opt("vcpus", m.default_vcpus);
    v.opt("memory", m.default_memory_bytes);
    v.opt("registered_at_us", m.registered_at_us);
    v.opt("tenant", m.tenant, word);
    v.opt("from_snapshot", m.from_snapshot, word);
    v.opt("registration", m.registration, word);
    v.opt("from_vm", m.from_vm, path);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, HostFacts>
void fields(V& v, M& m)
{
    v.opt("hostname", m.hostname, word);
    v.opt("arch", m.arch, word);
    v.opt("kernel", m.kernel);
    v.opt("cpu_model", m.cpu_model);
    v.opt("libvirt", m.libvirt_version, word);
    v.opt("qemu", m.qemu_version, word);
    v.opt("hostd", m.hostd_version, word);
    v.opt("accel", m.accel, word);
    v.opt("accel_reason", m.accel_reason, sentence);
    v.opt("state_engine", m.state_engine, word);
    v.opt("state_engine_reason", m.state_engine_reason, sentence);
    v.opt("network_cidr", m.network_cidr, word);
    v.opt("peer_endpoint", m.peer_endpoint, word);
    v.opt("cores", m.cores);
    v.opt("memory", m.memory_bytes);
    v.opt("memory_available", m.memory_available_bytes);
    v.need("capacity_vcpus", m.capacity_vcpus);
    v.need("capacity_memory", m.capacity_memory_bytes);
    v.need("overhead", m.overhead_bytes);
    v.opt("disk", m.disk_bytes);
    v.opt("disk_free", m.disk_free_bytes);
    v.opt("load1_milli", m.load1_milli);
    v.opt("sandboxes", m.sandboxes);
    v.opt("fence_after_ms", m.fence_after_ms);
    v.opt("fence_action", m.fence_action, word);
    v.opt("warnings", m.warnings, many(32, 1024));
    v.opt("images", m.images, images);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, WireError>
void fields(V& v, M& m)
{
    v.need("code", m.code, word);
    v.need("message", m.message, sentence);
    v.opt("reason", m.reason, word);
    v.opt("details", m.details, up_to(16384));
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, SandboxReport>
void fields(V& v, M& m)
{
    v.need("id", m.id, word);
    v.opt("tenant", m.tenant, word);
    v.opt("image", m.image, word);
    v.need("phase", m.phase, word);
    v.opt("ip", m.ip, word);
    v.opt("mac", m.mac, word);
    v.opt("agent", m.agent, word);
    v.opt("agent_ready", m.agent_ready);
    v.opt("incarnation", m.incarnation);
    v.opt("generation", m.generation);
    v.opt("spec_digest", m.spec_digest, word);
    v.opt("vcpus", m.vcpus);
    v.opt("memory", m.memory_bytes);
    v.opt("network_mode", m.network_mode, word);
    v.opt("error", m.error);
    v.opt("timings_us", m.timings_us, many(32, 64));
    v.opt("name", m.name, word);
    v.opt("disk", m.disk, word);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, CheckpointReport>
void fields(V& v, M& m)
{
    v.need("id", m.id, word);
    v.need("sandbox_id", m.sandbox_id, word);
    v.need("name", m.name, word);
    v.opt("parent", m.parent, word);
    v.need("has_memory", m.has_memory);
    v.opt("frozen", m.frozen);
    v.opt("engine", m.engine, word);
    v.opt("libvirt", m.libvirt_version, word);
    v.opt("qemu", m.qemu_version, word);
    v.opt("memory", m.memory_bytes);
    v.opt("disk", m.disk_bytes);
    v.opt("paused_us", m.paused_us);
    v.opt("digests", m.digests, many(64, 128));
    v.opt("path", m.path, path);
    v.opt("created_at_us", m.created_at_us);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, Hello>
void fields(V& v, M& m)
{
    v.need("version_min", m.version_min);
    v.need("version_max", m.version_max);
    v.need("instance", m.instance, word);
    v.need("facts", m.facts);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, Heartbeat>
void fields(V& v, M& m)
{
    v.need("seq", m.seq);
    v.need("facts", m.facts);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, Inventory>
void fields(V& v, M& m)
{
    v.need("instance", m.instance, word);
    v.need("sandboxes", m.sandboxes, sandboxes);
    v.opt("checkpoints", m.checkpoints, checkpoints);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, Status>
void fields(V& v, M& m)
{
    v.need("instance", m.instance, word);
    v.need("seq", m.seq);
    v.need("sandbox", m.sandbox);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, Activity>
void fields(V& v, M& m)
{
    v.need("sandboxes", m.sandboxes, many(8192, 128));
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, ExecResult>
void fields(V& v, M& m)
{
    v.need("stdout", m.stdout_bytes, blob);
    v.need("stderr", m.stderr_bytes, blob);
    v.opt("stdout_truncated", m.stdout_truncated);
    v.opt("stderr_truncated", m.stderr_truncated);
    v.opt("timed_out", m.timed_out);
    v.need("exit_code", m.exit_code);
    v.opt("signal", m.signal);
    v.opt("started_at_us", m.started_at_us);
    v.opt("ended_at_us", m.ended_at_us);
    v.opt("hostd_us", m.hostd_us);
    v.opt("guest_us", m.guest_us);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, VmReport>
void fields(V& v, M& m)
{
    v.need("name", m.name, up_to(1024));
    v.need("uuid", m.uuid, word);
    v.need("state", m.state, word);
    v.opt("persistent", m.persistent);
    v.opt("disk_path", m.disk_path, path);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, Reading>
void fields(V& v, M& m)
{
    v.need("running", m.running);
    v.opt("cpu_us", m.cpu_us);
    v.opt("memory_bytes", m.memory_bytes);
    v.opt("disk_bytes", m.disk_bytes);
    v.opt("disk_read_bytes", m.disk_read_bytes);
    v.opt("disk_written_bytes", m.disk_written_bytes);
    v.opt("received_bytes", m.received_bytes);
    v.opt("sent_bytes", m.sent_bytes);
    v.opt("console", m.console, up_to(max_console_bytes));
    v.opt("console_cut", m.console_cut);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, Reply>
void fields(V& v, M& m)
{
    v.opt("error", m.error);
    v.opt("undone", m.undone);
    v.opt("sandbox", m.sandbox);
    v.opt("exec", m.exec);
    v.opt("vms", m.vms, sandboxes);
    v.opt("checkpoint", m.checkpoint);
    v.opt("image", m.image);
    v.opt("reading", m.reading);
    v.opt("offer", m.offer);
}

#define PROTO_MESSAGE(type)                                                                        \
    template std::string encode_body<type>(const type&);                                           \
    template common::Result<type> decode_body<type>(std::string_view);
PROTO_MESSAGE(Hello)
PROTO_MESSAGE(Heartbeat)
PROTO_MESSAGE(Inventory)
PROTO_MESSAGE(Status)
PROTO_MESSAGE(Activity)
PROTO_MESSAGE(Reply)
#undef PROTO_MESSAGE

} // namespace proto
