#pragma once

#include "coordinator/core/audit_log.hpp"

#include <mutex>

namespace test_support {

/// Answers what the test says, and keeps what it was asked.
class FakeAudit final : public coordinator::AuditLog {
public:
    common::Result<coordinator::AuditPage> page(const coordinator::Caller& caller,
                                                coordinator::AuditQuery query) override
    {
        const std::scoped_lock lock{mutex_};
        query.span.tenant = caller.tenant;
        queries_.push_back(std::move(query));
        return answer;
    }
    common::Result<coordinator::AuditCounts> counts(const coordinator::Caller& caller,
                                                    coordinator::AuditSpan span) override
    {
        const std::scoped_lock lock{mutex_};
        span.tenant = caller.tenant;
        spans_.push_back(std::move(span));
        return counted;
    }
    common::Result<coordinator::AuditCheck> verify(const coordinator::Caller&) override
    {
        return verdict;
    }
    std::vector<coordinator::AuditQuery> queries()
    {
        const std::scoped_lock lock{mutex_};
        return queries_;
    }
    std::vector<coordinator::AuditSpan> spans()
    {
        const std::scoped_lock lock{mutex_};
        return spans_;
    }

    // Set before they are asked for.
    coordinator::AuditPage answer;
    coordinator::AuditCounts counted;
    common::Result<coordinator::AuditCheck> verdict{coordinator::AuditCheck{}};

private:
    std::mutex mutex_;
    std::vector<coordinator::AuditQuery> queries_;
    std::vector<coordinator::AuditSpan> spans_;
};

} // namespace test_support
