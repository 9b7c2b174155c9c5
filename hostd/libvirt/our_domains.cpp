#include "hostd/libvirt/our_domains.hpp"

#include "hostd/libvirt/block_nodes.hpp"
#include "hostd/libvirt/captured_xml.hpp"
#include "hostd/libvirt/last_error.hpp"
#include "hostd/libvirt/metadata.hpp"
#include "hostd/libvirt/qmp.hpp"

#include <algorithm>
#include <functional>
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
    case VIR_DOMAIN_BLOCKED: // Waits for a resource; it is alive.
        return DomainState::running;
    case VIR_DOMAIN_SHUTDOWN: return DomainState::ending;
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

Result<std::vector<Incarnation>> incarnations(virConnectPtr connection, const SandboxId& id)
{
    const DomainList all{connection};
    if (all.failed()) {
        return last_error().during("list domains");
    }
    std::vector<Incarnation> found;
    for (virDomainPtr each : all) {
        // The name only narrows the search; whose a domain is, its metadata tell.
        const std::string_view name = virDomainGetName(each);
        if (name != id.str() && !name.starts_with(id.str() + ".g")) {
            continue;
        }
        const auto element = metadata_of(each);
        if (!element && element.error().code == ErrorCode::not_found) {
            continue; // Somebody else's, or gone meanwhile.
        }
        COMMON_CHECK(element);
        const auto record = parse_metadata(*element);
        if (record ? record->sandbox.id == id : name == id.str()) {
            virDomainRef(each);
            found.push_back({Domain{each}, record ? record->incarnation : 0});
        }
    }
    std::ranges::sort(found, std::greater{}, &Incarnation::number);
    return found;
}

Result<Domain> look_up(virConnectPtr connection, const SandboxId& id)
{
    COMMON_TRY(auto found, incarnations(connection, id));
    if (found.empty()) {
        return Error{ErrorCode::not_found, id.str() + " has no domain"};
    }
    return std::move(found.front().domain);
}

Result<> forget(virDomainPtr domain, Nvram nvram)
{
    const unsigned flags =
        VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
        VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA |
        (nvram == Nvram::goes ? VIR_DOMAIN_UNDEFINE_NVRAM : VIR_DOMAIN_UNDEFINE_KEEP_NVRAM);
    if (virDomainUndefineFlags(domain, flags) < 0) {
        auto error = last_error();
        // Drivers without snapshots (libvirt's own test driver) know none of the flags.
        if (virDomainUndefine(domain) < 0) {
            return std::move(error).during(std::string{"undefine "} + virDomainGetName(domain));
        }
    }
    return {};
}

Result<> cut_power(virDomainPtr domain)
{
    if (virDomainIsActive(domain) == 0 || virDomainDestroy(domain) == 0) {
        return {};
    }
    auto error = last_error();
    // It may have ended by itself meanwhile.
    if (error.code == ErrorCode::failed_precondition || error.code == ErrorCode::not_found) {
        return {};
    }
    const std::string name = virDomainGetName(domain);
    if (error.code == ErrorCode::timeout) {
        error.message += "; if libvirtd was killed while it started this domain, and no QEMU of it "
                         "runs, remove /run/libvirt/qemu/" +
                         name + ".xml and restart libvirtd";
    }
    return std::move(error).during("kill " + name);
}

Result<std::filesystem::path> top_known(virDomainPtr domain, unsigned flags)
{
    const CString xml{virDomainGetXMLDesc(domain, flags)};
    if (!xml) {
        return last_error().during("describe the domain");
    }
    std::filesystem::path top = first_disk_of(xml.get());
    if (top.empty()) {
        return Error{ErrorCode::internal,
                     "domain " + std::string{virDomainGetName(domain)} + " has no disk"};
    }
    return top;
}

Result<bool> stands_still(virDomainPtr domain)
{
    // Until it has spoken with QEMU, a libvirtd says what the one before it wrote down.
    COMMON_CHECK(qmp_status(domain));
    int state = VIR_DOMAIN_NOSTATE;
    if (virDomainGetState(domain, &state, nullptr, 0) < 0) {
        return last_error();
    }
    return state == VIR_DOMAIN_PAUSED;
}

Result<> go_on(virDomainPtr domain)
{
    if (virDomainResume(domain) == 0) {
        return {};
    }
    auto error = last_error();
    if (remove_stray_nodes(domain) && virDomainResume(domain) == 0) {
        return {};
    }
    // libvirtd lets guests go on too that it paused before it died.
    int state = VIR_DOMAIN_NOSTATE;
    if (virDomainGetState(domain, &state, nullptr, 0) == 0 && state == VIR_DOMAIN_RUNNING) {
        return {};
    }
    return error;
}

namespace {

Result<CString> inactive_xml_of(virDomainPtr domain)
{
    const std::string name = virDomainGetName(domain);
    CString xml{virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE)};
    return xml ? Result<CString>{std::move(xml)} : last_error().during("describe " + name);
}

Result<> define_on(virConnectPtr connection, const CString& xml, const std::filesystem::path& top)
{
    COMMON_TRY(const auto changed, with_top(xml.get(), top));
    const Domain defined{virDomainDefineXML(connection, changed.c_str())};
    return defined ? Result<>{} : Result<>{last_error().during("define a disk on " + top.string())};
}

} // namespace

Result<> boot_from(virConnectPtr connection, virDomainPtr domain, const std::filesystem::path& top)
{
    COMMON_TRY(const auto xml, inactive_xml_of(domain));
    COMMON_CHECK(define_on(connection, xml, top));
    // Memory that was put aside would go on with the disk of then.
    if (virDomainIsActive(domain) == 0 && virDomainHasManagedSaveImage(domain, 0) == 1 &&
        virDomainManagedSaveRemove(domain, 0) < 0) {
        return last_error().during("drop the memory that was put aside");
    }
    return {};
}

Result<> mend_chain(virConnectPtr connection, virDomainPtr stopped)
{
    COMMON_TRY(const auto xml, inactive_xml_of(stopped));
    const auto is_there = [](const std::string& file) {
        std::error_code ignored;
        return std::filesystem::exists(file, ignored);
    };
    return std::ranges::all_of(backing_files_of(xml.get()), is_there)
               ? Result<>{}
               : define_on(connection, xml, first_disk_of(xml.get()));
}

} // namespace hostd::libvirt
