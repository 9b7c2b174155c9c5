#pragma once

#include "hostd/core/uplink.hpp"
#include "proto/envelope.hpp"
#include "proto/wire_images.hpp"
#include "proto/wire_moves.hpp"

// Checkpoints that go from one host to another, between the wire's structs and the core's values.
// Pure.
namespace hostd::link {

// For command_of(): `invalid_argument` names the field.
common::Result<Command> fetch_snapshot_of(const proto::Envelope& envelope);
common::Result<Command> give_piece_of(const proto::Envelope& envelope);

proto::SnapshotOffer to_wire(const CheckpointOffer& offer);
proto::Piece to_wire(Piece piece);

} // namespace hostd::link
