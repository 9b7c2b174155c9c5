#pragma once

#include "coordinator/core/store.hpp"
#include "coordinator/store/session.hpp"

namespace coordinator::store {

/// Walks the chain from its first row in one snapshot, a bounded number of rows at a time, as long
/// as `going` says so, and compares what each start of a coordinator noted as the last row.
/// `unavailable` when the database does not answer, and (coordinator_ending) once `going` says no.
common::Result<AuditCheck> check_audit(Session& session,
                                       std::chrono::milliseconds patience,
                                       const std::function<bool()>& going);

/// The check of a whole chain; `internal` (audit_broken) names the first row that does not fit and
/// why.
common::Result<AuditCheck> whole(common::Result<AuditCheck> check);

} // namespace coordinator::store
