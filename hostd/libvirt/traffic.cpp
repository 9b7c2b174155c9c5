// LibvirtHypervisor::traffic(): what guests have sent, in one call for all of them.
#include "hostd/libvirt/last_error.hpp"
#include "hostd/libvirt/libvirt_hypervisor.hpp"
#include "hostd/libvirt/metadata.hpp"
#include "hostd/libvirt/our_domains.hpp"

#include <fmt/format.h>

namespace hostd::libvirt {

using common::ErrorCode;
using common::Result;
using common::SandboxId;

namespace {

/// The records of one virConnectGetAllDomainStats call.
class InterfaceStats {
public:
    explicit InterfaceStats(virConnectPtr connection)
        : count_{virConnectGetAllDomainStats(connection,
                                             VIR_DOMAIN_STATS_INTERFACE,
                                             &records_,
                                             VIR_CONNECT_GET_ALL_DOMAINS_STATS_RUNNING)}
    {}
    ~InterfaceStats() { virDomainStatsRecordListFree(records_); }
    InterfaceStats(const InterfaceStats&) = delete;
    InterfaceStats& operator=(const InterfaceStats&) = delete;

    [[nodiscard]] bool failed() const noexcept { return count_ < 0; }
    [[nodiscard]] virDomainStatsRecordPtr* begin() const noexcept { return records_; }
    [[nodiscard]] virDomainStatsRecordPtr* end() const noexcept
    {
        return records_ + std::max(count_, 0);
    }

private:
    virDomainStatsRecordPtr* records_ = nullptr;
    int count_;
};

/// 0 if libvirt does not tell.
std::uint64_t counter(const virDomainStatsRecord& record, unsigned interface, const char* name)
{
    unsigned long long value = 0;
    const auto field = fmt::format("net.{}.{}", interface, name);
    return virTypedParamsGetULLong(record.params, record.nparams, field.c_str(), &value) == 1
               ? value
               : 0;
}

bool is_named_like_ours(virDomainPtr domain)
{
    const std::string name = virDomainGetName(domain);
    return common::parse_id<SandboxId>(name.substr(0, name.find(".g"))).has_value();
}

} // namespace

Result<std::vector<Traffic>> LibvirtHypervisor::traffic() const
{
    COMMON_TRY(const auto connection, pool_.take());
    const InterfaceStats stats{connection.get()};
    if (stats.failed()) {
        return last_error().during("ask what guests have sent");
    }
    std::vector<Traffic> all;
    for (virDomainStatsRecordPtr record : stats) {
        // Of those of others nothing is asked; whose a domain is, its metadata tell.
        if (!is_named_like_ours(record->dom)) {
            continue;
        }
        const auto element = metadata_of(record->dom);
        if (!element && element.error().code == ErrorCode::not_found) {
            continue; // Somebody else's, or gone meanwhile.
        }
        COMMON_CHECK(element);
        const auto about = parse_metadata(*element);
        if (!about) {
            continue; // list() says so.
        }
        Traffic sent{about->sandbox.id, about->incarnation, 0, {}};
        unsigned interfaces = 0;
        virTypedParamsGetUInt(record->params, record->nparams, "net.count", &interfaces);
        for (unsigned i = 0; i < interfaces; ++i) {
            // As the guest sees it: of a tap libvirt swaps what the host sees.
            sent.packets += counter(*record, i, "tx.pkts");
            sent.bytes += common::Bytes{counter(*record, i, "tx.bytes")};
        }
        all.push_back(std::move(sent));
    }
    return all;
}

} // namespace hostd::libvirt
