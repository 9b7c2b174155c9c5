#pragma once

#include "hostd/core/uplink.hpp"
#include "proto/envelope.hpp"
#include "proto/wire_messages.hpp"

// Between the wire's structs and the core's values. Pure. Texts on their way out
// are cut to the wire's bounds, so that no message of ours is refused for its size.
namespace hostd::link {

proto::HostFacts to_wire(const HostReport& report);
proto::SandboxReport to_wire(const SandboxStatus& status);
proto::CheckpointReport to_wire(const Checkpoint& checkpoint);
proto::Activity to_wire(const std::vector<common::SandboxId>& active);
proto::WireError to_wire(const common::Error& error);
proto::Reply to_wire(const Answer& answer);

/// The command in an envelope of a known kind. `invalid_argument` names the field;
/// `unimplemented` for a kind that this version does not know.
common::Result<Command> command_of(const proto::Envelope& envelope);

} // namespace hostd::link
