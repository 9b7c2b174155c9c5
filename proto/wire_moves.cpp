#include "proto/wire_moves.hpp"

#include "proto/wire_codec.hpp"
#include "proto/wire_images.hpp"

namespace proto {

// Not in an unnamed namespace: Packer and Unpacker find these by argument.

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, OfferSnapshot>
void fields(V& v, M& m)
{
    v.need("id", m.id, word);
    v.need("snapshot_id", m.snapshot_id, word);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, FetchSnapshot>
void fields(V& v, M& m)
{
    v.need("id", m.id, word);
    v.need("snapshot_id", m.snapshot_id, word);
    v.need("offer", m.offer);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, GivePiece>
void fields(V& v, M& m)
{
    v.need("snapshot_id", m.snapshot_id, word);
    v.need("op", m.operation, word);
    v.need("digest", m.digest, word);
    v.need("offset", m.offset);
    v.need("size", m.size, Bound{.value = max_piece_bytes});
}

#define PROTO_MESSAGE(type)                                                                        \
    template std::string encode_body<type>(const type&);                                           \
    template common::Result<type> decode_body<type>(std::string_view);
PROTO_MESSAGE(OfferSnapshot)
PROTO_MESSAGE(FetchSnapshot)
PROTO_MESSAGE(GivePiece)
#undef PROTO_MESSAGE

} // namespace proto
