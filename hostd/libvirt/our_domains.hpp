#pragma once

#include "common/result.hpp"
#include "hostd/core/hypervisor.hpp"
#include "hostd/virt/handles.hpp"

#include <libvirt/libvirt.h>
#include <memory>
#include <string>
#include <vector>

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

struct Incarnation {
    Domain domain;
    std::uint64_t number = 0; ///< 0: its metadata are damaged.
};

/// Every domain of a sandbox, the latest incarnation first. By name alone none is found that
/// belongs to somebody else.
common::Result<std::vector<Incarnation>> incarnations(virConnectPtr connection,
                                                      const common::SandboxId& id);

/// The latest incarnation; `not_found` if there is none.
common::Result<Domain> look_up(virConnectPtr connection, const common::SandboxId& id);

/// Forgets a stopped domain with all that libvirt keeps of it. `nvram`: what becomes of the file
/// of its UEFI variables.
enum class Nvram { goes, stays };
common::Result<> forget(virDomainPtr domain, Nvram nvram);

/// Stops it at once. Success if it is stopped, or gone.
common::Result<> cut_power(virDomainPtr domain);

/// Whether it is paused, also of a libvirtd that has only just begun.
common::Result<bool> stands_still(virDomainPtr domain);

/// A paused domain goes on. Success if it does already.
common::Result<> go_on(virDomainPtr domain);

/// The file on top of its disk by libvirt's word. `flags` of virDomainGetXMLDesc().
common::Result<std::filesystem::path> top_known(virDomainPtr domain, unsigned flags = 0);

/// What is defined boots from this file from its next start on, with the chain that the files say;
/// if it is stopped, from nothing else.
common::Result<>
boot_from(virConnectPtr connection, virDomainPtr domain, const std::filesystem::path& top);

/// For what is about to be started. When libvirt branches a disk, it notes the chain by names that
/// are taken away after it; if we were cut short in between, nobody has noted it anew.
common::Result<> mend_chain(virConnectPtr connection, virDomainPtr stopped);

} // namespace hostd::libvirt
