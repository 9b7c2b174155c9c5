#pragma once

#include "common/id.hpp"
#include "hostd/core/model.hpp"

#include <filesystem>

namespace hostd::storage {

/// The tree below state_dir, and the only functions that build its paths. Names and ids
/// are checked where they enter the process, so no path leaves the tree.
///
///   state_dir/
///     images/
///       <name>/               one registered image, made under .tmp-… and renamed
///         manifest.json       digests and what the files were like when digested
///         disk.qcow2          read-only, never written again
///         kernel, initrd      with direct kernel boot only
///     sandboxes/
///       <sandbox id>/
///         overlay.qcow2       on top of images/<name>/disk.qcow2
///         nvram.fd            UEFI variables, made by libvirt
///         console.log         the serial console, bounded by virtlogd
///         agent.sock          libvirt listens here; hostd connects
class Layout {
public:
    /// `invalid_argument` if a socket below `state_dir` would pass the kernel's 107 bytes.
    static common::Result<Layout> make(const std::filesystem::path& state_dir);

    [[nodiscard]] std::filesystem::path images() const { return root_ / "images"; }
    [[nodiscard]] std::filesystem::path image(const common::ImageName& name) const
    {
        return images() / name.str();
    }
    [[nodiscard]] std::filesystem::path sandboxes() const { return root_ / "sandboxes"; }
    [[nodiscard]] SandboxFiles sandbox(const common::SandboxId& id) const;
    [[nodiscard]] const std::filesystem::path& root() const noexcept { return root_; }

    /// Makes the folders, passable but not readable for QEMU's user.
    [[nodiscard]] common::Result<> make_folders() const;

private:
    explicit Layout(std::filesystem::path root) : root_{std::move(root)} {}
    std::filesystem::path root_;
};

/// ENOSPC and EDQUOT are `resource_exhausted` (reason disk_full), all else `internal`.
common::Error file_error(std::string_view attempt, const std::filesystem::path& path, int error);

} // namespace hostd::storage
