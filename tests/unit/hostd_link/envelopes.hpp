#pragma once

#include "proto/wire_images.hpp"
#include "proto/wire_messages.hpp"
#include "proto/wire_moves.hpp"

namespace tests {

/// As the coordinator sends it.
template <typename Message>
proto::Envelope envelope_of(const Message& message, const std::string& operation = "op-1")
{
    proto::Envelope envelope;
    envelope.kind = Message::kind;
    envelope.operation_id = operation;
    envelope.request_id = "req-1";
    envelope.generation = 4;
    envelope.body = proto::encode_body(message);
    return envelope;
}

} // namespace tests
