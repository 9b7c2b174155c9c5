#pragma once

#include "common/result.hpp"
#include "hostd/core/model.hpp"

#include <filesystem>
#include <string>
#include <string_view>

namespace hostd::libvirt {

/// The RAM of a guest that was loaded, by the name of its block in QEMU: a file of ours instead
/// of libvirt's own object.
inline constexpr const char* loaded_ram = "paddock.ram";
/// The RAM of a guest that was started.
inline constexpr const char* started_ram = "pc.ram";

/// Domains of the self-test, which nobody is told about.
inline constexpr std::string_view self_test_prefix = "paddock-selftest-";

struct RamBlock {
    std::string name;
    common::Bytes size;
};

/// Whose a domain's XML is.
struct Identity {
    std::string name;
    std::string uuid;
    common::SandboxId sandbox;
    std::uint64_t incarnation = 0;
};

// All of these are strict and pure: a domain that has what Paddock's have not, or has not what
// they have, is `failed_precondition` (state_incompatible), never half changed.

/// The main RAM of a running domain, from its XML.
common::Result<RamBlock> ram_block_of(std::string_view live_xml);

common::Result<Identity> identity_of(std::string_view domain_xml);

/// What was captured as a domain of another name, without what belonged to that run of it:
/// labels, paths that libvirt chose, memory of a file.
common::Result<std::string>
renamed(std::string_view captured, const std::string& name, const std::string& uuid);

/// The same as the domain that `record` describes.
common::Result<std::string>
reborn(std::string_view captured, const DomainRecord& record, const std::string& uuid);

/// With its RAM as a private mapping of this file.
common::Result<std::string> with_memory_file(std::string_view domain_xml,
                                             const std::filesystem::path& memory);

/// With its one disk on this file, whose chain is what the files themselves say.
common::Result<std::string> with_top(std::string_view domain_xml, const std::filesystem::path& top);

} // namespace hostd::libvirt
