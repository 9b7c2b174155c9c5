#include "proto/guest_messages.hpp"

#include "proto/fields.hpp"

namespace proto {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

constexpr std::uint32_t frame_fields = 4;
constexpr auto word = up_to(128);
constexpr auto path = up_to(4096);
constexpr auto chunk = up_to(max_chunk);

} // namespace

std::string encode(const GuestFrame& frame)
{
    Packed buffer;
    msgpack::packer<Packed> packer{buffer};
    packer.pack_array(frame_fields);
    packer.pack_bin(static_cast<std::uint32_t>(frame.session.size()));
    packer.pack_bin_body(reinterpret_cast<const char*>(frame.session.data()),
                         static_cast<std::uint32_t>(frame.session.size()));
    packer.pack(frame.stream);
    packer.pack(frame.kind);
    packer.pack_bin(static_cast<std::uint32_t>(frame.body.size()));
    packer.pack_bin_body(frame.body.data(), static_cast<std::uint32_t>(frame.body.size()));
    return {buffer.data(), buffer.size()};
}

Result<GuestFrame> decode_guest_frame(std::string_view payload)
{
    COMMON_TRY(const auto handle, parse_bounded(payload, max_frame_payload));
    const auto& object = handle.get();
    if (object.type != msgpack::type::ARRAY || object.via.array.size < frame_fields) {
        return Error{ErrorCode::invalid_argument, "not a guest frame"};
    }
    const auto* field = object.via.array.ptr;
    GuestFrame frame;
    if (field[0].type != msgpack::type::BIN || field[0].via.bin.size != frame.session.size() ||
        field[1].type != msgpack::type::POSITIVE_INTEGER ||
        !std::in_range<std::uint32_t>(field[1].via.u64) || field[2].type != msgpack::type::STR ||
        field[2].via.str.size > 32 || field[3].type != msgpack::type::BIN) {
        return Error{ErrorCode::invalid_argument, "not a guest frame"};
    }
    std::copy_n(field[0].via.bin.ptr, frame.session.size(), frame.session.begin());
    frame.stream = static_cast<std::uint32_t>(field[1].via.u64);
    frame.kind.assign(field[2].via.str.ptr, field[2].via.str.size);
    frame.body.assign(field[3].via.bin.ptr, field[3].via.bin.size);
    return frame;
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, GuestReset>
void fields(V&, M&) {}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, GuestThaw>
void fields(V& v, M& m)
{
    v.opt("time_us", m.time_unix_us);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, GuestExec>
void fields(V& v, M& m)
{
    v.need("op", m.operation_id, word);
    v.opt("argv", m.argv, many(1024, max_exec_bytes));
    v.opt("shell", m.shell, chunk);
    v.need("user", m.user, word);
    v.opt("cwd", m.cwd, path);
    v.opt("env", m.env, many(512, max_exec_bytes));
    v.opt("has_stdin", m.has_stdin);
    v.opt("timeout_ms", m.timeout_ms);
    v.need("output_limit", m.output_limit_bytes);
    v.opt("resumed", m.resumed);
    v.opt("live", m.live);
    v.opt("from", m.from);
    v.opt("terminal", m.terminal);
    v.opt("rows", m.rows);
    v.opt("columns", m.columns);
    v.opt("call", m.call, word);
    v.opt("request", m.request, chunk);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, GuestStdin>
void fields(V& v, M& m)
{
    v.opt("offset", m.offset);
    v.opt("data", m.data, chunk);
    v.opt("eof", m.eof);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, GuestSignal>
void fields(V& v, M& m)
{
    v.need("signal", m.signal, Bound{.value = 64});
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, GuestResize>
void fields(V& v, M& m)
{
    v.need("rows", m.rows);
    v.need("columns", m.columns);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, GuestCredit>
void fields(V& v, M& m)
{
    v.need("channel", m.channel, word);
    v.need("bytes", m.bytes);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, GuestExecAck>
void fields(V& v, M& m)
{
    v.need("op", m.operation_id, word);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, GuestShutdown>
void fields(V& v, M& m)
{
    v.opt("reboot", m.reboot);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, GuestBecome>
void fields(V& v, M& m)
{
    v.opt("hostname", m.hostname, word);
    v.opt("time_us", m.time_unix_us);
    v.opt("identity", m.identity, word);
    v.opt("seed", m.seed, up_to(max_seed_bytes));
    v.opt("mac", m.mac, word);
    v.opt("ip", m.ip, word);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, GuestFreeze>
void fields(V& v, M& m)
{
    v.need("token", m.token);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, GuestPing> ||
    std::is_same_v<std::remove_const_t<M>, GuestPong>
void fields(V& v, M& m)
{
    v.need("token", m.token);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, GuestHello>
void fields(V& v, M& m)
{
    v.need("protocol", m.protocol);
    v.need("agent", m.agent_version, word);
    v.opt("hostname", m.hostname);
    v.need("boot_id", m.boot_id, word);
    v.opt("uptime_ms", m.uptime_ms);
    v.opt("init", m.init);
    v.opt("frozen", m.frozen);
    v.opt("identity", m.identity, word);
    v.opt("live", m.live);
    v.opt("calls", m.calls);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, GuestBecame>
void fields(V& v, M& m)
{
    v.opt("identity", m.identity, word);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, GuestFrozen>
void fields(V& v, M& m)
{
    v.need("token", m.token);
    v.need("ok", m.ok);
    v.opt("still_us", m.still_us);
    v.opt("message", m.message, up_to(1024));
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, GuestNet>
void fields(V& v, M& m)
{
    v.need("addresses", m.addresses, many(64, 128));
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, GuestStarted>
void fields(V& v, M& m)
{
    v.need("pid", m.pid);
    v.opt("from", m.from);
    v.opt("stdin_at", m.stdin_at);
    v.opt("stdin_room", m.stdin_room);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, GuestOutput>
void fields(V& v, M& m)
{
    v.need("channel", m.channel, word);
    v.need("offset", m.offset);
    v.need("data", m.data, chunk);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, GuestExit>
void fields(V& v, M& m)
{
    v.need("exit_code", m.exit_code, Bound{.value = 255});
    v.opt("signal", m.signal, Bound{.value = 64});
    v.opt("timed_out", m.timed_out);
    v.need("stdout_bytes", m.stdout_bytes);
    v.need("stderr_bytes", m.stderr_bytes);
    v.opt("run_us", m.run_us);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, GuestExecError>
void fields(V& v, M& m)
{
    v.need("code", m.code, word);
    v.need("message", m.message, up_to(1024));
}

template <typename Message>
std::string encode_guest_body(const Message& message)
{
    return pack_to_string(message);
}

template <typename Message>
Result<Message> decode_guest_body(std::string_view body)
{
    COMMON_TRY(const auto handle, parse_bounded(body, max_frame_payload));
    return unpack_from<Message>(handle.get(), Message::kind);
}

#define PROTO_GUEST_MESSAGE(type)                                                                  \
    template std::string encode_guest_body<type>(const type&);                                     \
    template Result<type> decode_guest_body<type>(std::string_view);
PROTO_GUEST_MESSAGE(GuestReset)
PROTO_GUEST_MESSAGE(GuestExec)
PROTO_GUEST_MESSAGE(GuestStdin)
PROTO_GUEST_MESSAGE(GuestSignal)
PROTO_GUEST_MESSAGE(GuestResize)
PROTO_GUEST_MESSAGE(GuestCredit)
PROTO_GUEST_MESSAGE(GuestExecAck)
PROTO_GUEST_MESSAGE(GuestShutdown)
PROTO_GUEST_MESSAGE(GuestBecome)
PROTO_GUEST_MESSAGE(GuestFreeze)
PROTO_GUEST_MESSAGE(GuestThaw)
PROTO_GUEST_MESSAGE(GuestPing)
PROTO_GUEST_MESSAGE(GuestPong)
PROTO_GUEST_MESSAGE(GuestHello)
PROTO_GUEST_MESSAGE(GuestBecame)
PROTO_GUEST_MESSAGE(GuestFrozen)
PROTO_GUEST_MESSAGE(GuestNet)
PROTO_GUEST_MESSAGE(GuestStarted)
PROTO_GUEST_MESSAGE(GuestOutput)
PROTO_GUEST_MESSAGE(GuestExit)
PROTO_GUEST_MESSAGE(GuestExecError)
#undef PROTO_GUEST_MESSAGE

} // namespace proto
