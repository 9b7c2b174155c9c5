#include "hostd/libvirt/definitions.hpp"

#include "hostd/libvirt/last_error.hpp"

#include <array>

namespace hostd::libvirt {

using common::Error;
using common::ErrorCode;
using common::Result;
using virt::CString;

Result<std::optional<Stopped>> find_stopped(virConnectPtr connection, const std::string& name)
{
    Stopped found{Domain{virDomainLookupByName(connection, name.c_str())}, {}, {}};
    if (!found.domain) {
        auto error = last_error();
        return error.code == ErrorCode::not_found
                   ? Result<std::optional<Stopped>>{std::optional<Stopped>{}}
                   : Result<std::optional<Stopped>>{std::move(error).during("look up " + name)};
    }
    if (!metadata_of(found.domain.get()) || virDomainIsActive(found.domain.get()) != 0) {
        return Error{ErrorCode::already_exists, "there is a domain " + name + " already"};
    }
    std::array<char, VIR_UUID_STRING_BUFLEN> uuid{};
    const CString xml{
        virDomainGetXMLDesc(found.domain.get(), VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE)};
    if (!xml || virDomainGetUUIDString(found.domain.get(), uuid.data()) < 0) {
        return last_error().during("describe " + name);
    }
    found.uuid = uuid.data();
    found.definition = xml.get();
    return std::optional{std::move(found)};
}

Result<> define(virConnectPtr connection, const std::string& xml)
{
    const Domain domain{virDomainDefineXML(connection, xml.c_str())};
    return domain ? Result<>{} : Result<>{last_error().during("define")};
}

Result<>
take_back(virConnectPtr connection, const std::string& name, const std::optional<Stopped>& before)
{
    const Domain domain{virDomainLookupByName(connection, name.c_str())};
    if (!domain) {
        if (auto error = last_error(); error.code != ErrorCode::not_found) {
            return std::move(error).during("look up " + name);
        }
    }
    auto undone = domain ? cut_power(domain.get()) : Result<>{};
    if (!undone) {
        return undone;
    }
    if (before) {
        return define(connection, before->definition);
    }
    if (domain && virDomainIsPersistent(domain.get()) == 1) {
        return forget(domain.get(), Nvram::stays);
    }
    return undone;
}

} // namespace hostd::libvirt
