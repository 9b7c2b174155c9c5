#pragma once

#include "common/digest/digest.hpp"
#include "coordinator/core/store.hpp"

#include <cstdint>
#include <string>

namespace coordinator::store {

/// The last row of the audit. Nothing written yet: seq 0 and 32 zero bytes.
struct ChainHead {
    std::uint64_t seq = 0;
    common::digest::Sha256 hash{};

    friend bool operator==(const ChainHead&, const ChainHead&) = default;
};

/// A row with its place in the chain.
struct ChainedRow {
    AuditRow row;
    std::uint64_t seq = 0;
    std::int64_t at_us = 0; ///< Since 1970, UTC.
    common::digest::Sha256 prev_hash{};
    std::string payload; ///< encode_audit() of the above.
    common::digest::Sha256 hash{};
};

/// The canonical bytes of docs/decisions/0003-audit-chain.md. Reads neither payload nor hash.
std::string encode_audit(const ChainedRow& row);

/// `row` as the one after `head`, which moves on to it.
ChainedRow chain_audit(const AuditRow& row, std::int64_t at_us, ChainHead& head);

/// The name of a kind in its column; the inverse takes anything else for an outcome.
std::string_view to_string(AuditRow::Kind kind) noexcept;
AuditRow::Kind audit_kind_from(std::string_view text) noexcept;

} // namespace coordinator::store
