// What guests send and use.
#include "hostd/libvirt/domain_stats.hpp"
#include "hostd/libvirt/last_error.hpp"
#include "hostd/libvirt/libvirt_hypervisor.hpp"
#include "hostd/libvirt/metadata.hpp"
#include "hostd/libvirt/our_domains.hpp"

#include <cstdlib>
#include <fmt/format.h>
#include <map>

namespace hostd::libvirt {

using common::ErrorCode;
using common::Result;
using common::SandboxId;

namespace {

bool is_named_like_ours(virDomainPtr domain)
{
    const std::string name = virDomainGetName(domain);
    return common::parse_id<SandboxId>(name.substr(0, name.find(".g"))).has_value();
}

constexpr unsigned uses = VIR_DOMAIN_STATS_CPU_TOTAL | VIR_DOMAIN_STATS_BALLOON |
                          VIR_DOMAIN_STATS_BLOCK | VIR_DOMAIN_STATS_INTERFACE;

void read_uses(const virDomainStatsRecord& record, Reading& reading)
{
    reading.cpu = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::nanoseconds{counter(record, "cpu.time")});
    reading.memory = common::Bytes::kib(counter(record, "balloon.rss"));
    for (unsigned i = 0; i < count_of(record, "block"); ++i) {
        reading.disk_read += common::Bytes{counter(record, fmt::format("block.{}.rd.bytes", i))};
        reading.disk_written += common::Bytes{counter(record, fmt::format("block.{}.wr.bytes", i))};
    }
    for (unsigned i = 0; i < count_of(record, "net"); ++i) {
        reading.received += common::Bytes{counter(record, fmt::format("net.{}.rx.bytes", i))};
        reading.sent += common::Bytes{counter(record, fmt::format("net.{}.tx.bytes", i))};
    }
}

/// Somebody's work on a domain leaves out what QEMU counts: better nothing than a counter that
/// seems to begin anew.
bool is_complete(const virDomainStatsRecord& record)
{
    unsigned long long value = 0;
    return virTypedParamsGetULLong(record.params, record.nparams, "block.0.rd.bytes", &value) == 1;
}

/// "sbx-….g3": 3.
std::uint64_t incarnation_of(std::string_view name)
{
    const auto dot = name.find(".g");
    return dot == std::string_view::npos
               ? 0
               : std::strtoull(std::string{name.substr(dot + 2)}.c_str(), nullptr, 10);
}

} // namespace

Result<std::vector<Traffic>> LibvirtHypervisor::traffic() const
{
    COMMON_TRY(const auto connection, pool_.take());
    const DomainStats stats{connection.get(), VIR_DOMAIN_STATS_INTERFACE};
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
        for (unsigned i = 0; i < count_of(*record, "net"); ++i) {
            // As the guest sees it: of a tap libvirt swaps what the host sees.
            sent.packets += counter(*record, fmt::format("net.{}.tx.pkts", i));
            sent.bytes += common::Bytes{counter(*record, fmt::format("net.{}.tx.bytes", i))};
        }
        all.push_back(std::move(sent));
    }
    return all;
}

Result<Reading> LibvirtHypervisor::reading(const SandboxId& id) const
{
    COMMON_TRY(const auto connection, pool_.take());
    COMMON_TRY(const auto domain, look_up(connection.get(), id));
    Reading reading;
    reading.running = virDomainIsActive(domain.get()) == 1;
    if (!reading.running) {
        return reading;
    }
    const DomainStats stats{domain.get(), uses};
    if (stats.failed()) {
        return last_error().during("ask what " + id.str() + " uses");
    }
    for (const virDomainStatsRecordPtr record : stats) {
        read_uses(*record, reading);
    }
    return reading;
}

Result<std::vector<Usage>> LibvirtHypervisor::usages() const
{
    COMMON_TRY(const auto connection, pool_.take());
    const DomainStats stats{connection.get(),
                            uses,
                            VIR_CONNECT_GET_ALL_DOMAINS_STATS_PAUSED |
                                VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT};
    if (stats.failed()) {
        return last_error().during("ask what guests use");
    }
    std::map<SandboxId, std::pair<std::uint64_t, Reading>> latest;
    for (const virDomainStatsRecordPtr record : stats) {
        const std::string name = virDomainGetName(record->dom);
        const auto id = common::parse_id<SandboxId>(name.substr(0, name.find(".g")));
        if (!id || !is_complete(*record)) {
            continue;
        }
        auto& [incarnation, reading] = latest[*id];
        if (incarnation_of(name) >= incarnation) {
            incarnation = incarnation_of(name);
            reading = {};
            reading.running = true;
            read_uses(*record, reading);
        }
    }
    std::vector<Usage> all;
    for (auto& [id, found] : latest) {
        all.push_back({id, std::move(found.second)});
    }
    return all;
}

} // namespace hostd::libvirt
