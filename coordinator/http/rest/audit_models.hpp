#pragma once

#include "coordinator/core/audit.hpp"
#include "coordinator/http/rest/json_text.hpp"

// Rows of the audit, as events, lists and exports tell of them.
namespace coordinator::http::rest {

/// What everybody sees of a row: who did what, when, about what, and how it ended.
Json event_json(const AuditEvent& event);
/// With its tenant and its place in the chain.
Json audit_row_json(const AuditEvent& event);
/// As one of the predecessor's entries, which holds the row.
Json audit_entry_json(const AuditEvent& event);
/// A line of an export: the row, and the bytes that its hash is of.
std::string audit_line(const AuditEvent& event);
Json audit_counts_json(const AuditCounts& counts);
Json audit_check_json(const AuditCheck& check);

} // namespace coordinator::http::rest
