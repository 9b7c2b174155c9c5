#pragma once

#include "coordinator/link/wire.hpp"
#include "hostd/link/wire.hpp"

#include <boost/test/unit_test.hpp>

namespace tests {

// What one side of the link encodes, the other decodes: both adapters, over the bytes.

inline const std::string sandbox = "sbx-aaaaaaaaaaaaaaaa";
inline const std::string operation = "op-aaaaaaaaaaaaaaaa";

/// A command of the coordinator as hostd understands it.
template <typename What>
inline hostd::Command at_host(What what)
{
    coordinator::HostCommand command;
    command.operation = common::OperationId{operation};
    command.request = common::RequestId{"req-1"};
    command.generation = 7;
    command.what = std::move(what);
    const auto bytes = proto::encode(coordinator::link::to_wire(command, 5));
    const auto envelope = proto::decode_envelope(bytes);
    BOOST_REQUIRE(envelope);
    BOOST_TEST(envelope->epoch == 5U);
    const auto received = hostd::link::command_of(*envelope);
    BOOST_REQUIRE(received);
    BOOST_TEST(received->operation.str() == operation);
    BOOST_TEST(received->request.str() == "req-1");
    BOOST_TEST(received->generation == 7U);
    return *received;
}

/// An answer of hostd as the coordinator understands it.
inline coordinator::HostAnswer at_coordinator(hostd::Answer answer)
{
    proto::Envelope envelope;
    envelope.operation_id = operation;
    const auto body = proto::encode_body(hostd::link::to_wire(answer));
    const auto wire = proto::decode_body<proto::Reply>(body);
    BOOST_REQUIRE(wire);
    auto received = coordinator::link::answer_of(common::HostName{"h1"}, envelope, *wire);
    BOOST_REQUIRE(received);
    BOOST_TEST(received->host.str() == "h1");
    return *std::move(received);
}

} // namespace tests
