#pragma once

#include "common/id.hpp"
#include "common/unique_fd.hpp"

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace tests {

/// A libvirtd, virtlogd and their QEMUs of our own, in mount, network and PID namespaces: every
/// folder of theirs is a tmpfs that only they see, so nothing of the machine's libvirt is
/// touched. All of it ends when the pipe that this object holds is closed: with the object, and
/// with the test program however that ends. One thread; inside() any.
class PrivateLibvirt {
public:
    /// The one of this program, made when first asked for.
    static PrivateLibvirt& shared();

    PrivateLibvirt();
    ~PrivateLibvirt();
    PrivateLibvirt(const PrivateLibvirt&) = delete;
    PrivateLibvirt& operator=(const PrivateLibvirt&) = delete;

    /// Returns when it answers. Nothing happens if it runs.
    void start();
    /// As a crash, or as the kernel's memory killer; returns when it is gone.
    void kill();
    /// It stays, and its sockets accept, but nobody answers.
    void freeze();
    void thaw();

    [[nodiscard]] std::string uri() const;
    /// For a domain of this test: whatever the kernel keeps in its name is found by it.
    [[nodiscard]] common::SandboxId fresh_id() const;

    /// Where `path` of the namespaces is for this program.
    [[nodiscard]] std::filesystem::path outside(const std::filesystem::path& path) const;
    /// Where sandboxes put their files, as libvirtd sees it.
    static constexpr std::string_view boxes = "/var/lib/libvirt/boxes";

    /// Runs a command in the namespaces; what it printed. Throws when it fails.
    std::string inside(std::vector<std::string> argv, std::string input = {}) const;
    /// SIGKILL to the QEMU of a domain.
    void kill_qemu(const std::string& domain_name) const;
    /// What there is of domains, one a line: definitions, processes, control groups, sockets.
    [[nodiscard]] std::string remains() const;

private:
    const std::string tag_ = common::random_base32_80().substr(0, 8);
    pid_t pid_ = -1; ///< Of `unshare`, which is in all the namespaces but the PIDs'.
    common::UniqueFd life_;
    bool running_ = false;
};

/// Exit code 77, "skipped" to ctest, where there can be none.
struct SkipWithoutLibvirt {
    SkipWithoutLibvirt();
};

} // namespace tests
