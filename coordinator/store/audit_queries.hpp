#pragma once

#include "coordinator/core/store.hpp"
#include "coordinator/store/audit_chain.hpp"

#include <pqxx/pqxx>

namespace coordinator::store {

// Both throw as row_reading.hpp says. However many rows there are, they look at so many at most: at
// those that an index gives, or at a bounded part of all.

AuditPage find_audit(pqxx::transaction_base& sql, const AuditQuery& query);
AuditCounts count_audit(pqxx::transaction_base& sql, const AuditSpan& span);

/// A stored row as it is told of, with its seal.
AuditEvent event_of(ChainedRow row);

} // namespace coordinator::store
