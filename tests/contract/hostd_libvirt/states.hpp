#pragma once

#include "hostd/libvirt/fast_engine.hpp"
#include "hostd/libvirt/portable_engine.hpp"
#include "tests/contract/hostd_libvirt/domains.hpp"
#include "tests/support/temp_folder.hpp"

namespace hostd::libvirt {

/// One case: an engine, and sandboxes whose files are where libvirtd and this program see them by
/// one name.
class States : public Domains {
public:
    States();
    ~States();
    States(const States&) = delete;
    States& operator=(const States&) = delete;

    FastEngine engine{hypervisor.connections()};

    /// A guest that counts in its memory and on its console, and is up.
    DomainSpec counting(common::Bytes memory = common::Bytes::mib(16), const NetLease& net = {});
    /// Another sandbox, or with `incarnation` the same one again, to be loaded from a capture of
    /// `source`: its folder, and an overlay on what the source's disk was.
    DomainRecord clone_of(const DomainSpec& source);
    DomainRecord next_of(const DomainRecord& source, std::uint64_t incarnation);

    /// A folder for a capture.
    StateFiles files(const std::string& name);
    CaptureRequest request(const common::SandboxId& id, const std::string& name);
    /// An empty overlay on a second name of `top`.
    std::filesystem::path branch(const std::filesystem::path& top, const std::string& name);

    /// All of the guest's memory by QEMU's own word; it is paused for it if it runs.
    std::string memory_of(const std::string& domain_name);
    /// How far it has counted: from the time of day, when its firmware began.
    std::uint32_t ticks_of(const std::string& domain_name);
    /// Returns when the guest has counted so far.
    void await_ticks(const std::string& domain_name, std::uint32_t least);
    /// Returns when the guest has counted on.
    void await_counting(const std::string& domain_name);
    std::string status(const std::string& domain_name);
    /// Its state and why it is in it, in virsh's words.
    std::string last_change_of(const std::string& domain_name);
    [[nodiscard]] const std::filesystem::path& folder() const { return temp_.path(); }

private:
    std::string pmemsave(const std::string& domain_name, std::uint64_t from, std::uint64_t size);
    DomainRecord placed(DomainRecord record, const std::filesystem::path& folder);

    tests::TempFolder temp_;
};

/// Something else in the middle of it.
void damage(const std::filesystem::path& file);

/// It has been captured.
inline Captured must(Captured captured)
{
    BOOST_REQUIRE_MESSAGE(!captured.error, (captured.error ? captured.error->message : ""));
    return captured;
}

} // namespace hostd::libvirt
