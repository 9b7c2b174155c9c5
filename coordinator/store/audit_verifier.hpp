#pragma once

#include "coordinator/core/store.hpp"
#include "coordinator/store/session.hpp"

namespace coordinator::store {

/// Walks the chain from its first row in one snapshot, a bounded number of rows at a time, and
/// compares what each start of a coordinator noted as the last row. `internal` names the
/// first row that does not fit and why; `unavailable` when the database does not answer.
common::Result<Store::AuditCheck> verify_audit(Session& session,
                                               std::chrono::milliseconds patience);

} // namespace coordinator::store
