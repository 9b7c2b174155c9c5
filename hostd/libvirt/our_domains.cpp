#include "hostd/libvirt/our_domains.hpp"

#include "hostd/libvirt/last_error.hpp"
#include "hostd/libvirt/metadata.hpp"

#include <libvirt/virterror.h>

namespace hostd::libvirt {

using common::Error;
using common::ErrorCode;
using common::Result;
using common::SandboxId;
using virt::CString;

namespace {

DomainState to_domain_state(int state, int reason)
{
    switch (static_cast<virDomainState>(state)) {
    case VIR_DOMAIN_RUNNING:
    case VIR_DOMAIN_BLOCKED:  // Waits for a resource; it is alive.
    case VIR_DOMAIN_SHUTDOWN: // Is shutting down; not there yet.
        return DomainState::running;
    case VIR_DOMAIN_PAUSED:
        return reason == VIR_DOMAIN_PAUSED_IOERROR ? DomainState::paused_by_disk_error
                                                   : DomainState::paused;
    case VIR_DOMAIN_PMSUSPENDED: return DomainState::paused;
    case VIR_DOMAIN_SHUTOFF:
        // A QEMU that died leaves it so; VIR_DOMAIN_CRASHED is a guest's own panic.
        return reason == VIR_DOMAIN_SHUTOFF_CRASHED ? DomainState::crashed : DomainState::stopped;
    case VIR_DOMAIN_CRASHED: return DomainState::crashed;
    case VIR_DOMAIN_NOSTATE: return DomainState::unknown;
    }
    return DomainState::unknown; // A newer libvirtd may know states that we do not.
}

} // namespace

Result<std::string> metadata_of(virDomainPtr domain)
{
    const CString element{
        virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, metadata_uri, 0)};
    if (element) {
        return std::string{element.get()};
    }
    // Before anything else is asked: each call, virDomainGetName too, takes the last error away.
    const int code = virGetLastErrorCode();
    auto error = last_error();
    const std::string name = virDomainGetName(domain);
    if (code == VIR_ERR_NO_DOMAIN_METADATA) {
        return Error{ErrorCode::not_found, name + " is not a domain of Paddock's"};
    }
    return std::move(error).during("metadata of " + name);
}

Result<DomainRecord> read_record(virDomainPtr domain)
{
    COMMON_TRY(const auto element, metadata_of(domain));
    COMMON_TRY(auto record, parse_metadata(element));
    record.domain_name = virDomainGetName(domain);
    int state = VIR_DOMAIN_NOSTATE;
    int reason = 0;
    if (virDomainGetState(domain, &state, &reason, /*flags=*/0) < 0) {
        return last_error().during("state of " + record.domain_name);
    }
    record.state = to_domain_state(state, reason);
    return record;
}

Result<Domain> look_up(virConnectPtr connection, const SandboxId& id)
{
    Domain domain{virDomainLookupByName(connection, id.str().c_str())};
    if (domain) {
        // A name proves nothing: whoever else's it is stays untouched.
        COMMON_CHECK(metadata_of(domain.get()));
        return domain;
    }
    if (auto error = last_error(); error.code != ErrorCode::not_found) {
        return std::move(error).during("look up " + id.str());
    }
    const DomainList all{connection};
    if (all.failed()) {
        return last_error().during("list domains");
    }
    for (virDomainPtr each : all) {
        // Only later incarnations have another name, and it begins with the id.
        if (std::string_view{virDomainGetName(each)}.starts_with(id.str() + ".g")) {
            const auto record = read_record(each);
            if (record && record->sandbox.id == id) {
                virDomainRef(each);
                return Domain{each};
            }
        }
    }
    return Error{ErrorCode::not_found, id.str() + " has no domain"};
}

} // namespace hostd::libvirt
