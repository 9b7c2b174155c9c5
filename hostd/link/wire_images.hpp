#pragma once

#include "hostd/core/uplink.hpp"
#include "proto/envelope.hpp"
#include "proto/wire_images.hpp"

// Images and the files that they are made of, between the wire's structs and the core's values.
// Pure.
namespace hostd::link {

// For command_of(): `invalid_argument` names the field.
common::Result<Command> make_image_of(const proto::Envelope& envelope);
common::Result<Command> add_image_of(const proto::Envelope& envelope);
common::Result<Command> share_image_of(const proto::Envelope& envelope);
common::Result<Command> import_vm_of(const proto::Envelope& envelope);
common::Result<Command> remove_image_of(const proto::Envelope& envelope);
common::Result<Command> piece_of(const proto::Envelope& envelope);

proto::WantPiece to_wire(const PieceWish& wish);

} // namespace hostd::link
