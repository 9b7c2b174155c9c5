#pragma once

#include "proto/envelope.hpp"
#include "proto/fields.hpp"
#include "proto/wire_messages.hpp"
#include "proto/wire_moves.hpp"

// For the files that say what the fields of the wire's messages are: their bounds, and how a
// message becomes a body.
namespace proto {

// The bounds of the wire. Ids, names and words are short; lists are as long as a
// host may sensibly have; output is what exec's own limit allows.
inline constexpr auto word = up_to(128);
inline constexpr auto sentence = up_to(4096);
inline constexpr auto path = up_to(4096);
inline constexpr auto blob = up_to(std::size_t{2} << 20U);
inline constexpr auto sandboxes = many(8192);
inline constexpr auto images = many(256);
inline constexpr auto checkpoints = many(4096);

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, StateFile>
void fields(V& v, M& m)
{
    v.need("name", m.name, word);
    v.need("digest", m.digest, word);
    v.need("size", m.size_bytes);
}

template <typename V, typename M>
requires std::is_same_v<std::remove_const_t<M>, SnapshotOffer>
void fields(V& v, M& m)
{
    v.need("manifest", m.manifest, up_to(max_manifest_bytes));
    v.need("files", m.files, many(max_state_files));
}

template <typename Message>
std::string encode_body(const Message& message)
{
    return pack_to_string(message);
}

template <typename Message>
common::Result<Message> decode_body(std::string_view body)
{
    COMMON_TRY(const auto handle, parse_bounded(body, max_message_bytes));
    return unpack_from<Message>(handle.get(), Message::kind);
}

} // namespace proto
