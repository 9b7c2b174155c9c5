#pragma once

#include "hostd/core/uplink.hpp"
#include "proto/envelope.hpp"
#include "proto/wire_reading.hpp"

// Live execs between the wire's structs and the core's values. Pure.
namespace hostd::link {

// For command_of(): `invalid_argument` names the field.
common::Result<Command> open_reader_of(const proto::Envelope& envelope);
common::Result<Command> grant_reader_of(const proto::Envelope& envelope);
common::Result<Command> close_reader_of(const proto::Envelope& envelope);
common::Result<Command> watch_output_of(const proto::Envelope& envelope);
common::Result<Command> unwatch_output_of(const proto::Envelope& envelope);
common::Result<Command> input_of(const proto::Envelope& envelope);

proto::ReaderNews to_wire(const ReaderNews& news);

} // namespace hostd::link
