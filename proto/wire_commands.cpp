// What the coordinator says.
#include "proto/wire_codec.hpp"

namespace proto {

// Not in an unnamed namespace: Packer and Unpacker find these by argument.

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, Welcome>
void fields(V& v, M& m)
{
    v.need("version", m.version);
    v.need("coordinator", m.coordinator, word);
    v.need("host_name", m.host_name, word);
    v.need("heartbeat_interval_ms", m.heartbeat_interval_ms);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, Refused>
void fields(V& v, M& m)
{
    v.need("reason", m.reason, word);
    v.need("message", m.message, sentence);
    v.opt("version_min", m.version_min);
    v.opt("version_max", m.version_max);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, StatusAck>
void fields(V& v, M& m)
{
    v.need("instance", m.instance, word);
    v.need("seq", m.seq);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, SyncRequest> ||
    std::is_same_v<std::remove_const_t<M>, ListVms>
void fields(V&, M&) {}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, ReadSandbox>
void fields(V& v, M& m)
{
    v.need("id", m.id, word);
    v.opt("console_bytes", m.console_bytes);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, CreateSandbox>
void fields(V& v, M& m)
{
    v.need("id", m.id, word);
    v.need("tenant", m.tenant, word);
    v.need("name", m.name, word);
    v.need("image", m.image, word);
    v.opt("image_digest", m.image_digest, word);
    v.need("vcpus", m.vcpus);
    v.need("memory", m.memory_bytes);
    v.need("network_mode", m.network_mode, word);
    v.opt("start", m.start);
    v.opt("boot_timeout_ms", m.boot_timeout_ms);
    v.opt("from_snapshot", m.from_snapshot, word);
    v.opt("warm", m.warm);
    v.opt("disk", m.disk, word);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, ClaimSandbox>
void fields(V& v, M& m)
{
    v.need("id", m.id, word);
    v.need("tenant", m.tenant, word);
    v.need("name", m.name, word);
    v.need("timeout_ms", m.timeout_ms);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, StartSandbox>
void fields(V& v, M& m)
{
    v.need("id", m.id, word);
    v.opt("boot_timeout_ms", m.boot_timeout_ms);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, StopSandbox>
void fields(V& v, M& m)
{
    v.need("id", m.id, word);
    v.opt("force", m.force);
    v.opt("timeout_ms", m.timeout_ms);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, DestroySandbox> ||
    std::is_same_v<std::remove_const_t<M>, PauseSandbox> ||
    std::is_same_v<std::remove_const_t<M>, SuspendSandbox> ||
    std::is_same_v<std::remove_const_t<M>, ExecAck>
void fields(V& v, M& m)
{
    v.need("id", m.id, word);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, TakeSnapshot>
void fields(V& v, M& m)
{
    v.need("id", m.id, word);
    v.need("snapshot_id", m.snapshot_id, word);
    v.need("name", m.name, word);
    v.opt("parent", m.parent, word);
    v.need("memory", m.memory);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, RestoreSnapshot>
void fields(V& v, M& m)
{
    v.need("id", m.id, word);
    v.need("snapshot_id", m.snapshot_id, word);
    v.opt("boot_timeout_ms", m.boot_timeout_ms);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, DeleteSnapshot> ||
    std::is_same_v<std::remove_const_t<M>, VerifySnapshot>
void fields(V& v, M& m)
{
    v.need("id", m.id, word);
    v.need("snapshot_id", m.snapshot_id, word);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, Exec>
void fields(V& v, M& m)
{
    v.need("id", m.id, word);
    v.opt("argv", m.argv, many(1024, 131072));
    v.opt("shell", m.shell, up_to(std::size_t{1} << 20U));
    v.need("user", m.user, word);
    v.opt("cwd", m.cwd, path);
    v.opt("env", m.env, many(512, 131072));
    v.opt("stdin", m.stdin_bytes, blob);
    v.need("timeout_ms", m.timeout_ms);
    v.need("output_limit", m.output_limit_bytes);
    v.opt("resumed", m.resumed);
    v.opt("live", m.live);
    v.opt("has_stdin", m.has_stdin);
    v.opt("terminal", m.terminal);
    v.opt("rows", m.rows);
    v.opt("columns", m.columns);
    v.opt("call", m.call, word);
    v.opt("request", m.request, up_to(65536));
}

#define PROTO_MESSAGE(type)                                                                        \
    template std::string encode_body<type>(const type&);                                           \
    template common::Result<type> decode_body<type>(std::string_view);
PROTO_MESSAGE(Welcome)
PROTO_MESSAGE(Refused)
PROTO_MESSAGE(StatusAck)
PROTO_MESSAGE(SyncRequest)
PROTO_MESSAGE(CreateSandbox)
PROTO_MESSAGE(ClaimSandbox)
PROTO_MESSAGE(StartSandbox)
PROTO_MESSAGE(StopSandbox)
PROTO_MESSAGE(PauseSandbox)
PROTO_MESSAGE(SuspendSandbox)
PROTO_MESSAGE(TakeSnapshot)
PROTO_MESSAGE(RestoreSnapshot)
PROTO_MESSAGE(DeleteSnapshot)
PROTO_MESSAGE(VerifySnapshot)
PROTO_MESSAGE(DestroySandbox)
PROTO_MESSAGE(Exec)
PROTO_MESSAGE(ExecAck)
PROTO_MESSAGE(ReadSandbox)
PROTO_MESSAGE(ListVms)
#undef PROTO_MESSAGE

} // namespace proto
