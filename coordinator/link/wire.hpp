#pragma once

#include "coordinator/core/hosts.hpp"
#include "proto/envelope.hpp"
#include "proto/wire_images.hpp"
#include "proto/wire_messages.hpp"
#include "proto/wire_moves.hpp"
#include "proto/wire_reading.hpp"

// Between the wire's structs and the core's values. Pure. What a host says is checked
// here for form; whether it may say it is the core's to decide.
namespace coordinator::link {

/// The whole envelope of a command.
proto::Envelope to_wire(const HostCommand& command, std::uint64_t epoch);

HostFacts facts_of(const proto::HostFacts& wire);
/// `invalid_argument` for an id or a phase that is none.
common::Result<SandboxReport> report_of(const proto::SandboxReport& wire);
/// `invalid_argument` for an id or a name that is none, or a size or time that cannot be.
common::Result<CheckpointReport> checkpoint_of(const proto::CheckpointReport& wire);
/// Of a message that is wrong in part, nothing: a part of it would mislead.
common::Result<HostInventory> inventory_of(const common::HostName& host,
                                           const proto::Inventory& wire);
common::Result<HostActivity> activity_of(const common::HostName& host, const proto::Activity& wire);
common::Result<HostReaderNews> reader_news_of(const common::HostName& host,
                                              const proto::ReaderNews& wire);
common::Result<HostWantsPiece> wish_of(const common::HostName& host, const proto::WantPiece& wire);
/// `invalid_argument` unless it is one of data, zeros and a reason; a reason is `unavailable`.
common::Result<HostGivesPiece> piece_of(const common::HostName& host, proto::Piece wire);
common::Result<HostAnswer>
answer_of(const common::HostName& host, const proto::Envelope& envelope, const proto::Reply& wire);

} // namespace coordinator::link
