#include "hostd/libvirt/put_aside.hpp"

#include "hostd/libvirt/captured_xml.hpp"
#include "hostd/libvirt/definitions.hpp"
#include "hostd/libvirt/last_error.hpp"
#include "hostd/libvirt/snapshots.hpp"

namespace hostd::libvirt {

using common::Error;
using common::ErrorCode;
using common::Result;
using virt::CString;

Result<WayBack> way_back_of(virDomainPtr domain)
{
    COMMON_TRY(const auto record, read_record(domain));
    const CString xml{virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE)};
    if (!xml) {
        return last_error().during("describe " + record.domain_name);
    }
    const auto life = record.state == DomainState::running ? Life::running : Life::paused;
    return WayBack{record.domain_name, record.incarnation, life, xml.get()};
}

Result<> put_aside(virDomainPtr domain, const WayBack& way_back)
{
    return write_memory(domain, way_back.life, [domain]() -> Result<> {
        return virDomainManagedSave(domain, 0) == 0 ? Result<>{}
                                                    : Result<>{last_error_of_writing()};
    });
}

Result<> bring_back(virConnectPtr connection, const WayBack& way_back)
{
    const Domain domain{virDomainLookupByName(connection, way_back.name.c_str())};
    const int active = domain ? virDomainIsActive(domain.get()) : -1;
    if (active < 0) {
        return last_error().during("look up " + way_back.name);
    }
    if (active == 1) {
        COMMON_TRY(const auto record, read_record(domain.get()));
        if (record.incarnation == way_back.incarnation) {
            // It never left, but libvirt may have paused it.
            COMMON_CHECK(drop_aside(domain.get()));
            return way_back.life == Life::running ? go_on(domain.get()) : Result<>{};
        }
        COMMON_CHECK(cut_power(domain.get()));
    }
    COMMON_CHECK(define(connection, way_back.definition));
    if (virDomainHasManagedSaveImage(domain.get(), 0) != 1) {
        // Not from its disk: its guest would have lost what it was doing, and nobody been told.
        return Error{ErrorCode::internal, "the memory of " + way_back.name + " is gone"};
    }
    return virDomainCreate(domain.get()) == 0
               ? Result<>{}
               : Result<>{last_error().during("bring back " + way_back.name)};
}

Result<> drop_aside(virDomainPtr domain)
{
    if (virDomainHasManagedSaveImage(domain, 0) == 1 && virDomainManagedSaveRemove(domain, 0) < 0) {
        return last_error().during("drop what was put aside");
    }
    return {};
}

Result<> drop_stale_aside(virDomainPtr stopped)
{
    if (virDomainHasManagedSaveImage(stopped, 0) != 1) {
        return {};
    }
    COMMON_TRY(const auto record, read_record(stopped));
    const CString xml{virDomainManagedSaveGetXMLDesc(stopped, 0)};
    const auto aside = identity_of(xml ? xml.get() : "");
    return aside && aside->incarnation == record.incarnation ? Result<>{} : drop_aside(stopped);
}

} // namespace hostd::libvirt
