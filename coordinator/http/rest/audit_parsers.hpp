#pragma once

#include "common/result.hpp"
#include "coordinator/core/audit.hpp"
#include "coordinator/http/request.hpp"

#include <string>
#include <string_view>

namespace coordinator::http::rest {

common::Result<AuditQuery> parse_audit_list(const Query& query);
/// Likewise of a body, as the predecessor takes it.
common::Result<AuditQuery> parse_audit_query(std::string_view body);
common::Result<AuditSpan> parse_audit_span(const Query& query);
/// The row behind which an export begins.
common::Result<std::uint64_t> parse_audit_export(const Query& query);

/// What `cursor` is for the page that begins at `next`, as AuditPage says.
std::string audit_cursor(const AuditQuery& query, std::uint64_t next);

} // namespace coordinator::http::rest
