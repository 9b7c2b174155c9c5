#include "proto/wire_reading.hpp"

#include "proto/guest_messages.hpp"
#include "proto/wire_codec.hpp"

namespace proto {

// Not in an unnamed namespace: Packer and Unpacker find these by argument.

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, OpenReader>
void fields(V& v, M& m)
{
    v.need("id", m.id, word);
    v.need("op", m.operation, word);
    v.need("reader", m.reader);
    v.need("from", m.from);
    v.need("credit", m.credit);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, GrantReader>
void fields(V& v, M& m)
{
    v.need("id", m.id, word);
    v.need("op", m.operation, word);
    v.need("reader", m.reader);
    v.need("bytes", m.bytes);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, CloseReader>
void fields(V& v, M& m)
{
    v.need("id", m.id, word);
    v.need("op", m.operation, word);
    v.need("reader", m.reader);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, WatchOutput>
void fields(V& v, M& m)
{
    v.need("id", m.id, word);
    v.need("watch", m.watch);
    v.need("credit", m.credit);
    v.opt("from", m.from, many(max_watched, 128));
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, UnwatchOutput>
void fields(V& v, M& m)
{
    v.need("id", m.id, word);
    v.need("watch", m.watch);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, Input>
void fields(V& v, M& m)
{
    v.need("id", m.id, word);
    v.need("op", m.operation, word);
    v.need("what", m.what, word);
    v.opt("data", m.data, up_to(max_input_bytes));
    v.opt("eof", m.eof);
    v.opt("signal", m.signal, Bound{.value = 64});
    v.opt("rows", m.rows);
    v.opt("columns", m.columns);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, ReaderNews>
void fields(V& v, M& m)
{
    v.need("op", m.operation, word);
    v.need("reader", m.reader);
    v.need("what", m.what, word);
    v.opt("stdio", m.stdio, word);
    v.opt("position", m.position);
    v.opt("data", m.data, up_to(max_chunk));
}

#define PROTO_MESSAGE(type)                                                                        \
    template std::string encode_body<type>(const type&);                                           \
    template common::Result<type> decode_body<type>(std::string_view);
PROTO_MESSAGE(OpenReader)
PROTO_MESSAGE(GrantReader)
PROTO_MESSAGE(CloseReader)
PROTO_MESSAGE(WatchOutput)
PROTO_MESSAGE(UnwatchOutput)
PROTO_MESSAGE(Input)
PROTO_MESSAGE(ReaderNews)
#undef PROTO_MESSAGE

} // namespace proto
