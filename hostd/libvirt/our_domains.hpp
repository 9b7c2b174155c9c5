#pragma once

#include "common/result.hpp"
#include "hostd/core/hypervisor.hpp"
#include "hostd/virt/handles.hpp"

#include <libvirt/libvirt.h>
#include <memory>
#include <string>

namespace hostd::libvirt {

using Domain = std::unique_ptr<virDomain, virt::FreeWith<&virDomainFree>>;

/// The domains of one virConnectListAllDomains call: frees each, then the array.
class DomainList {
public:
    explicit DomainList(virConnectPtr connection)
        : count_{virConnectListAllDomains(connection, &domains_, 0)}
    {}
    ~DomainList()
    {
        for (int i = 0; i < count_; ++i) {
            virDomainFree(domains_[i]);
        }
        std::free(domains_);
    }
    DomainList(const DomainList&) = delete;
    DomainList& operator=(const DomainList&) = delete;

    [[nodiscard]] bool failed() const noexcept { return count_ < 0; }
    [[nodiscard]] virDomainPtr* begin() const noexcept { return domains_; }
    [[nodiscard]] virDomainPtr* end() const noexcept { return domains_ + std::max(count_, 0); }

private:
    virDomainPtr* domains_ = nullptr;
    int count_;
};

/// Our element of a domain; `not_found` if it is somebody else's, and only then.
common::Result<std::string> metadata_of(virDomainPtr domain);

/// What the domain is and how it is; `not_found` if it is somebody else's.
common::Result<DomainRecord> read_record(virDomainPtr domain);

/// By the usual name, and if that is not it, by the metadata of all.
common::Result<Domain> look_up(virConnectPtr connection, const common::SandboxId& id);

} // namespace hostd::libvirt
