#include "proto/envelope.hpp"

#include "proto/fields.hpp"

namespace proto {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

constexpr std::uint32_t envelope_fields = 7;

bool text_at(const msgpack::object& object, std::size_t bound, std::string& into)
{
    if (object.type != msgpack::type::STR || object.via.str.size > bound) {
        return false;
    }
    into.assign(object.via.str.ptr, object.via.str.size);
    return true;
}

template <typename T>
bool integer_at(const msgpack::object& object, T& into)
{
    if (object.type != msgpack::type::POSITIVE_INTEGER || !std::in_range<T>(object.via.u64)) {
        return false;
    }
    into = static_cast<T>(object.via.u64);
    return true;
}

} // namespace

std::string encode(const Envelope& envelope)
{
    Packed buffer;
    msgpack::packer<Packed> packer{buffer};
    packer.pack_array(envelope_fields);
    packer.pack(envelope.version);
    packer.pack(envelope.kind);
    packer.pack(envelope.operation_id);
    packer.pack(envelope.request_id);
    packer.pack(envelope.generation);
    packer.pack(envelope.epoch);
    packer.pack_bin(static_cast<std::uint32_t>(envelope.body.size()));
    packer.pack_bin_body(envelope.body.data(), static_cast<std::uint32_t>(envelope.body.size()));
    return {buffer.data(), buffer.size()};
}

Result<Envelope> decode_envelope(std::string_view bytes)
{
    COMMON_TRY(const auto handle, parse_bounded(bytes, max_message_bytes));
    const auto& object = handle.get();
    // A newer peer may append fields; those that we know keep their places.
    if (object.type != msgpack::type::ARRAY || object.via.array.size < envelope_fields) {
        return Error{ErrorCode::invalid_argument, "not an envelope"};
    }
    const auto* field = object.via.array.ptr;
    Envelope envelope;
    if (!integer_at(field[0], envelope.version) || !text_at(field[1], 64, envelope.kind) ||
        !text_at(field[2], 64, envelope.operation_id) ||
        !text_at(field[3], 128, envelope.request_id) ||
        !integer_at(field[4], envelope.generation) || !integer_at(field[5], envelope.epoch) ||
        field[6].type != msgpack::type::BIN) {
        return Error{ErrorCode::invalid_argument, "an envelope with a field of the wrong type"};
    }
    envelope.body.assign(field[6].via.bin.ptr, field[6].via.bin.size);
    return envelope;
}

Result<std::uint16_t> agree_on_version(std::uint16_t peer_min, std::uint16_t peer_max)
{
    const auto low = std::max(peer_min, protocol_min);
    const auto high = std::min(peer_max, protocol_max);
    if (peer_min > peer_max || low > high) {
        return Error{ErrorCode::failed_precondition,
                     "the peer speaks protocol " + std::to_string(peer_min) + " to " +
                         std::to_string(peer_max) + ", this side " + std::to_string(protocol_min) +
                         " to " + std::to_string(protocol_max) + ": upgrade the older one",
                     "version"};
    }
    return high;
}

} // namespace proto
