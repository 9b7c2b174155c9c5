#pragma once

#include "common/result.hpp"

#include <filesystem>
#include <libvirt/libvirt.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace hostd::libvirt {

// QEMU's block nodes, two for each file of a disk's chain: libvirt names them libvirt-N-storage and
// libvirt-N-format, and keeps its own account of them. A libvirtd that is killed while it branches
// a disk never writes down what it did last (proven with libvirt 9.0): its successor refuses every
// further branch, because nodes are there already or in use, and QEMU may not go on after its
// memory was streamed out, because a node that nobody uses wants its file too.
// For a domain that has a QEMU, by whoever is the only one to work on it.

/// One file that QEMU has open.
struct BlockNode {
    std::string number; ///< The N of its names.
    std::filesystem::path file;
    bool has_format = false; ///< Else it was only just opened.
};

struct BlockNodes {
    std::vector<BlockNode> all;
    BlockNode top; ///< What the guest writes to.
};

/// From QEMU's replies to query-block and query-named-block-nodes (flat); `internal` if the guest's
/// disk is none of libvirt's nodes.
common::Result<BlockNodes> block_nodes_from(const nlohmann::json& devices,
                                            const nlohmann::json& nodes);

/// The file that QEMU writes the guest's one disk to, by its own word.
common::Result<std::filesystem::path> written_file(virDomainPtr domain);

/// Removes the nodes that nothing uses.
common::Result<> remove_stray_nodes(virDomainPtr domain);

/// Afterwards QEMU writes to the file that libvirt knows to be on top, no node is left over, and
/// the next start is from that file too: what went to an overlay that libvirt never heard of is
/// committed to the file below while the guest goes on, or stands still. That overlay is free then.
/// `failed_precondition` (disk_out_of_step): it cannot be, or not as long as the guest's memory
/// has only just been streamed out; the next start is from what QEMU writes to all the same.
common::Result<> bring_into_step(virConnectPtr connection, virDomainPtr domain);

} // namespace hostd::libvirt
