#include "proto/wire_images.hpp"

#include "proto/wire_codec.hpp"

namespace proto {

// Not in an unnamed namespace: Packer and Unpacker find these by argument.

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, MakeImage>
void fields(V& v, M& m)
{
    v.need("id", m.id, word);
    v.need("snapshot_id", m.snapshot_id, word);
    v.need("image", m.image, word);
    v.need("tenant", m.tenant, word);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, ImportVm>
void fields(V& v, M& m)
{
    v.need("vm", m.vm, path);
    v.need("image", m.image, word);
    v.need("tenant", m.tenant, word);
    v.opt("agent", m.agent, word);
    v.opt("running", m.running);
    v.opt("renew", m.renew);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, RemoveImage>
void fields(V& v, M& m)
{
    v.need("image", m.image, word);
    v.need("tenant", m.tenant, word);
    v.opt("registration", m.registration, word);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, BlobRef>
void fields(V& v, M& m)
{
    v.need("digest", m.digest, word);
    v.need("size", m.size_bytes);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, PeerRef>
void fields(V& v, M& m)
{
    v.need("endpoint", m.endpoint, path);
    v.need("key", m.key, word);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, AddImage>
void fields(V& v, M& m)
{
    v.need("registration", m.registration, word);
    v.need("image", m.image, word);
    v.need("tenant", m.tenant, word);
    v.need("disk", m.disk);
    v.opt("kernel", m.kernel);
    v.opt("initrd", m.initrd);
    v.opt("cmdline", m.cmdline, sentence);
    v.need("boot", m.boot, word);
    v.need("agent", m.agent, word);
    v.opt("vcpus", m.vcpus);
    v.opt("memory", m.memory_bytes);
    v.opt("peers", m.peers, many(max_peers));
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, ShareImage>
void fields(V& v, M& m)
{
    v.need("registration", m.registration, word);
    v.need("key", m.key, word);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, Piece>
void fields(V& v, M& m)
{
    v.need("op", m.operation, word);
    v.need("digest", m.digest, word);
    v.need("offset", m.offset);
    v.opt("data", m.data, up_to(max_piece_bytes));
    v.opt("zeros", m.zeros, Bound{.value = max_piece_bytes});
    v.opt("reason", m.reason, word);
    v.opt("message", m.message, sentence);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, WantPiece>
void fields(V& v, M& m)
{
    v.need("op", m.operation, word);
    v.need("digest", m.digest, word);
    v.need("offset", m.offset);
    v.need("size", m.size, Bound{.value = max_piece_bytes});
}

#define PROTO_MESSAGE(type)                                                                        \
    template std::string encode_body<type>(const type&);                                           \
    template common::Result<type> decode_body<type>(std::string_view);
PROTO_MESSAGE(MakeImage)
PROTO_MESSAGE(RemoveImage)
PROTO_MESSAGE(ImportVm)
PROTO_MESSAGE(AddImage)
PROTO_MESSAGE(ShareImage)
PROTO_MESSAGE(Piece)
PROTO_MESSAGE(WantPiece)
#undef PROTO_MESSAGE

} // namespace proto
