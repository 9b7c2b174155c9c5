#include "proto/wire_fencing.hpp"

#include "proto/wire_codec.hpp"

namespace proto {

// Not in an unnamed namespace: Packer and Unpacker find these by argument.

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, HeartbeatAck>
void fields(V& v, M& m)
{
    v.need("instance", m.instance, word);
    v.need("seq", m.seq);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, LiftFence>
void fields(V& v, M& m)
{
    v.need("sandboxes", m.sandboxes, many(8192, 128));
}

#define PROTO_MESSAGE(type)                                                                        \
    template std::string encode_body<type>(const type&);                                           \
    template common::Result<type> decode_body<type>(std::string_view);
PROTO_MESSAGE(HeartbeatAck)
PROTO_MESSAGE(LiftFence)
#undef PROTO_MESSAGE

} // namespace proto
