#pragma once

#include "hostd/core/uplink.hpp"
#include "proto/envelope.hpp"

#include <string>

// What the files that read commands share. `invalid_argument` names the field.
namespace hostd::link {

template <typename Id>
common::Result<Id> id_in(const char* field, const std::string& text)
{
    auto id = common::parse_id<Id>(text);
    if (!id) {
        return std::move(id).error().during(std::string{"field '"} + field + "'");
    }
    return id;
}

inline common::Result<common::SandboxId> sandbox_id(const std::string& text)
{
    return id_in<common::SandboxId>("id", text);
}

inline common::Result<common::SnapshotId> snapshot_id(const std::string& text, const char* field)
{
    return id_in<common::SnapshotId>(field, text);
}

/// Of the field 'digest'.
common::Result<std::string> digest_in(const std::string& text);

inline Command with(const proto::Envelope& envelope, decltype(Command::what) what)
{
    return {common::OperationId{envelope.operation_id},
            common::RequestId{envelope.request_id},
            envelope.generation,
            std::move(what)};
}

} // namespace hostd::link
