#pragma once

#include <algorithm>
#include <cstdint>
#include <libvirt/libvirt.h>
#include <string>

namespace hostd::libvirt {

/// What libvirt counts of domains that run, in one call: frees the records.
class DomainStats {
public:
    /// Of all. `what`: VIR_DOMAIN_STATS_… together, `how`: VIR_CONNECT_GET_ALL_DOMAINS_STATS_….
    DomainStats(virConnectPtr connection, unsigned what, unsigned how = 0)
        : count_{virConnectGetAllDomainStats(
              connection, what, &records_, VIR_CONNECT_GET_ALL_DOMAINS_STATS_RUNNING | how)}
    {}
    /// Of one; without what would have to wait for somebody else's work on it.
    DomainStats(virDomainPtr domain, unsigned what)
    {
        virDomainPtr domains[] = {domain, nullptr};
        count_ = virDomainListGetStats(
            domains, what, &records_, VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);
    }
    ~DomainStats() { virDomainStatsRecordListFree(records_); }
    DomainStats(const DomainStats&) = delete;
    DomainStats& operator=(const DomainStats&) = delete;

    [[nodiscard]] bool failed() const noexcept { return count_ < 0; }
    [[nodiscard]] virDomainStatsRecordPtr* begin() const noexcept { return records_; }
    [[nodiscard]] virDomainStatsRecordPtr* end() const noexcept
    {
        return records_ + std::max(count_, 0);
    }

private:
    virDomainStatsRecordPtr* records_ = nullptr;
    int count_ = 0;
};

/// One of its numbers; 0 if libvirt does not tell.
inline std::uint64_t counter(const virDomainStatsRecord& record, const std::string& name)
{
    unsigned long long value = 0;
    return virTypedParamsGetULLong(record.params, record.nparams, name.c_str(), &value) == 1 ? value
                                                                                             : 0;
}

/// How many of a kind there are: "net", "block".
inline unsigned count_of(const virDomainStatsRecord& record, const std::string& kind)
{
    unsigned count = 0;
    virTypedParamsGetUInt(record.params, record.nparams, (kind + ".count").c_str(), &count);
    return count;
}

} // namespace hostd::libvirt
