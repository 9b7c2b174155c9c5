#include "hostd/libvirt/snapshots.hpp"

#include "hostd/libvirt/last_error.hpp"
#include "hostd/virt/escape_xml.hpp"
#include "hostd/virt/handles.hpp"

#include <cerrno>
#include <cstring>
#include <fmt/format.h>

namespace hostd::libvirt {

using common::ErrorCode;
using common::Result;
using virt::escape_xml;

namespace {

using Snapshot = std::unique_ptr<virDomainSnapshot, virt::FreeWith<&virDomainSnapshotFree>>;

constexpr std::string_view snapshot_layout =
    "<domainsnapshot>{memory}<disks>{disk}</disks></domainsnapshot>";
// The disk's name is domain_xml()'s.
constexpr std::string_view no_disk = "<disk name='vda' snapshot='no'/>";
constexpr std::string_view new_disk_layout =
    "<disk name='vda' snapshot='external' type='file'><driver type='qcow2'/>"
    "<source file='{}'/></disk>";

} // namespace

Result<> take_snapshot(virDomainPtr domain, const SnapshotParts& parts)
{
    const auto memory = parts.memory ? fmt::format("<memory snapshot='external' file='{}'/>",
                                                   escape_xml(parts.memory->string()))
                                     : std::string{};
    const auto disk = parts.new_top
                          ? fmt::format(new_disk_layout, escape_xml(parts.new_top->string()))
                          : std::string{no_disk};
    const auto xml =
        fmt::format(snapshot_layout, fmt::arg("memory", memory), fmt::arg("disk", disk));
    const unsigned flags =
        VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA | VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC |
        VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT |
        (parts.memory ? 0U : static_cast<unsigned>(VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY));
    const Snapshot snapshot{virDomainSnapshotCreateXML(domain, xml.c_str(), flags)};
    return snapshot ? Result<>{} : Result<>{last_error_of_writing()};
}

Result<> write_memory(virDomainPtr domain, Life life, const std::function<Result<>()>& write)
{
    auto done = write();
    // libvirt has no code for it, and a state that does not tell.
    if (done || life != Life::paused || done.error().code != ErrorCode::internal) {
        return done;
    }
    if (virDomainResume(domain) < 0) {
        return done;
    }
    if (virDomainSuspend(domain) < 0) {
        return last_error().during("pause the guest again");
    }
    return write();
}

common::Error last_error_of_writing()
{
    auto error = last_error();
    for (const int full : {ENOSPC, EDQUOT}) {
        if (error.message.find(std::strerror(full)) != std::string::npos) {
            error.code = ErrorCode::resource_exhausted;
            error.reason = "disk_full";
        }
    }
    return error;
}

} // namespace hostd::libvirt
