#pragma once

#include "coordinator/core/store.hpp"

#include <atomic>

namespace coordinator {

/// The port through which the audit is looked at. A caller sees the rows of their own tenant and
/// those that are nobody's, as followers of events do. Blocking; any thread.
class AuditLog {
public:
    virtual ~AuditLog() = default;
    /// `query.span.tenant` is the caller's, whatever it says.
    virtual common::Result<AuditPage> page(const Caller& caller, AuditQuery query) = 0;
    virtual common::Result<AuditCounts> counts(const Caller& caller, AuditSpan span) = 0;
    /// Of all rows, whosever they are: it tells how many there are and a hash, and no more. Takes
    /// as long as it takes. `rate_limited` (audit_being_verified): one at a time.
    virtual common::Result<AuditCheck> verify(const Caller& caller) = 0;
};

/// Looks at what the store has.
class StoredAudit final : public AuditLog {
public:
    explicit StoredAudit(Store& store) : store_{store} {}

    common::Result<AuditPage> page(const Caller& caller, AuditQuery query) override
    {
        query.span.tenant = caller.tenant;
        return store_.audit_page(query);
    }
    common::Result<AuditCounts> counts(const Caller& caller, AuditSpan span) override
    {
        span.tenant = caller.tenant;
        return store_.audit_counts(span);
    }
    common::Result<AuditCheck> verify(const Caller& /*caller*/) override
    {
        return store_.check_audit([this] { return !ending_; });
    }
    /// What is being verified ends as `unavailable` (coordinator_ending).
    void stop() { ending_ = true; }

private:
    Store& store_;
    std::atomic<bool> ending_{false};
};

} // namespace coordinator
