#include "proto/guest_calls.hpp"

#include "proto/fields.hpp"

namespace proto {

namespace {

constexpr auto call_word = up_to(128);
constexpr auto call_path = up_to(4096);
constexpr auto call_title = up_to(1024);
constexpr auto call_terminal = up_to(std::size_t{8} << 10U);
constexpr auto call_text = up_to(std::size_t{1} << 20U);

} // namespace

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, CallError>
void fields(V& v, M& m)
{
    v.need("code", m.code, call_word);
    v.opt("message", m.message, up_to(8192));
    v.opt("reason", m.reason, call_word);
    v.opt("details", m.details, up_to(8192));
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, FileCall>
void fields(V& v, M& m)
{
    constexpr auto paths = many(64, 4096);
    v.need("what", m.what, call_word);
    v.need("path", m.path, call_path);
    v.opt("to", m.to, call_path);
    v.opt("roots", m.roots, paths);
    v.opt("never_read", m.never_read, paths);
    v.opt("never_written", m.never_written, paths);
    v.opt("recursive", m.recursive);
    v.opt("overwrite", m.overwrite);
    v.opt("append", m.append);
    v.opt("parents", m.parents);
    v.opt("all", m.all);
    v.opt("depth", m.depth);
    v.opt("limit", m.limit);
    v.opt("from", m.from);
    v.opt("until", m.until);
    v.opt("has_length", m.has_length);
    v.opt("from_end", m.from_end);
    v.opt("length", m.length);
    v.opt("mode", m.mode);
    v.opt("sha256", m.sha256, call_word);
    v.opt("owner", m.owner, call_word);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, FileEntry>
void fields(V& v, M& m)
{
    v.need("path", m.path, call_path);
    v.need("kind", m.kind, call_word);
    v.opt("mode", m.mode);
    v.opt("uid", m.uid);
    v.opt("gid", m.gid);
    v.opt("size", m.size);
    v.opt("modified_ns", m.modified_ns);
    v.opt("target", m.target, call_path);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, FileReply>
void fields(V& v, M& m)
{
    v.opt("error", m.error);
    v.opt("ready", m.ready);
    v.opt("entries", m.entries, many(most_entries));
    v.opt("truncated", m.truncated);
    v.opt("unreadable", m.unreadable);
    v.opt("created", m.created);
    v.opt("was_folder", m.was_folder);
    v.opt("bytes", m.bytes);
    v.opt("count", m.count);
    v.opt("skipped", m.skipped);
    v.opt("sha256", m.sha256, call_word);
    v.opt("text", m.text, call_text);
    v.opt("from", m.from);
    v.opt("to", m.to);
    v.opt("length", m.length);
    v.opt("total", m.total);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, FileNews>
void fields(V& v, M& m)
{
    v.need("change", m.change, call_word);
    v.opt("path", m.path, call_path);
    v.opt("to", m.to, call_path);
    v.opt("folder", m.folder);
    v.opt("partial", m.partial);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, TerminalKey>
void fields(V& v, M& m)
{
    v.opt("name", m.name, call_word);
    v.opt("text", m.text, call_terminal);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, TerminalCall>
void fields(V& v, M& m)
{
    v.need("what", m.what, call_word);
    v.opt("target", m.target, call_title);
    v.opt("name", m.name, call_title);
    v.opt("window", m.window, call_title);
    v.opt("new_window", m.new_window);
    v.opt("beside", m.beside);
    v.opt("line", m.line, call_terminal);
    v.opt("cwd", m.cwd, call_path);
    v.opt("env", m.env, many(64, 8192));
    v.opt("rows", m.rows);
    v.opt("columns", m.columns);
    v.opt("last_lines", m.last_lines);
    v.opt("keys", m.keys, many(256));
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, TerminalSession>
void fields(V& v, M& m)
{
    v.need("id", m.id, call_word);
    v.need("name", m.name, call_title);
    v.opt("created", m.created);
    v.opt("windows", m.windows);
    v.opt("attached", m.attached);
    v.opt("column", m.column);
    v.opt("row", m.row);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, TerminalWindow>
void fields(V& v, M& m)
{
    v.need("id", m.id, call_word);
    v.need("session", m.session, call_title);
    v.opt("index", m.index);
    v.opt("name", m.name, call_title);
    v.opt("active", m.active);
    v.opt("panes", m.panes);
    v.opt("rows", m.rows);
    v.opt("columns", m.columns);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, TerminalEnd>
void fields(V& v, M& m)
{
    v.opt("exit_code", m.exit_code);
    v.opt("signal", m.signal);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, TerminalPane>
void fields(V& v, M& m)
{
    v.need("id", m.id, call_word);
    v.need("session", m.session, call_title);
    v.opt("window_index", m.window_index);
    v.opt("window", m.window, call_title);
    v.opt("index", m.index);
    v.opt("title", m.title, call_title);
    v.opt("path", m.path, call_path);
    v.opt("pid", m.pid);
    v.opt("active", m.active);
    v.opt("rows", m.rows);
    v.opt("columns", m.columns);
    v.opt("ended", m.ended);
    v.opt("end", m.end);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, TerminalReply>
void fields(V& v, M& m)
{
    v.opt("error", m.error);
    v.opt("sessions", m.sessions, many(most_terminals));
    v.opt("windows", m.windows, many(most_terminals));
    v.opt("panes", m.panes, many(most_terminals));
    v.opt("name", m.name, call_title);
    v.opt("text", m.text, up_to(std::size_t{2} << 20U));
    v.opt("lines", m.lines);
    v.opt("truncated", m.truncated);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, TerminalNews>
void fields(V& v, M& m)
{
    v.need("what", m.what, call_word);
    v.opt("bytes", m.bytes, up_to(max_call_head));
    v.opt("rows", m.rows);
    v.opt("columns", m.columns);
    v.opt("end", m.end);
    v.opt("reason", m.reason, call_word);
}

template <typename Message>
std::string encode_call(const Message& message)
{
    return pack_to_string(message);
}

template <typename Message>
common::Result<Message> decode_call(std::string_view bytes)
{
    COMMON_TRY(const auto handle, parse_bounded(bytes, max_call_head));
    return unpack_from<Message>(handle.get(), Message::kind);
}

template <typename Message>
std::string call_head(const Message& message)
{
    const auto body = encode_call(message);
    return call_length(body.size()) + body;
}

std::string call_length(std::size_t size)
{
    std::string bytes;
    for (const unsigned shift : {24U, 16U, 8U, 0U}) {
        bytes += static_cast<char>((size >> shift) & 0xffU);
    }
    return bytes;
}

std::uint32_t call_length_of(std::string_view bytes)
{
    std::uint32_t size = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        size = (size << 8U) | static_cast<unsigned char>(bytes[i]);
    }
    return size;
}

#define PROTO_CALL(type)                                                                           \
    template std::string encode_call<type>(const type&);                                           \
    template common::Result<type> decode_call<type>(std::string_view);                             \
    template std::string call_head<type>(const type&);
PROTO_CALL(FileCall)
PROTO_CALL(FileReply)
PROTO_CALL(FileNews)
PROTO_CALL(TerminalCall)
PROTO_CALL(TerminalReply)
PROTO_CALL(TerminalNews)
#undef PROTO_CALL

} // namespace proto
