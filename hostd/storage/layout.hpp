#pragma once

#include "common/id.hpp"
#include "hostd/core/model.hpp"
#include "hostd/core/state_engine.hpp"

#include <filesystem>
#include <optional>
#include <string_view>

namespace hostd::storage {

struct LayerIdTag {
    static constexpr std::string_view prefix = "lyr";
};
using LayerId = common::StrongId<LayerIdTag>;

/// The tree below state_dir, and the only functions that build its paths. Names and ids
/// are checked where they enter the process, so no path leaves the tree.
///
///   state_dir/
///     images/
///       <name>/               one registered image, made under .tmp-… and renamed
///         manifest.json       digests and what the files were like when digested
///         disk.qcow2          read-only, never written again
///         kernel, initrd      with direct kernel boot only
///     fetching/
///       <sha256>              what has come of a file of an image; gone a day after it was broken
///       off
///     layers/
///       <layer id>.qcow2      a frozen overlay: backing file of others, never written again
///       <layer id>.json       its digest and what it was like when digested
///     snapshots/
///       <snapshot id>/        a checkpoint, made as .tmp-<snapshot id> and renamed
///         manifest.json       written last: without it there is no checkpoint
///         ram, device         memory, sparse, and all else; not of one without memory
///         domain.xml
///     sandboxes/
///       <sandbox id>/
///         overlay.qcow2       on top of images/<name>/disk.qcow2, or of a layer;
///         overlay.<n>.qcow2   n from 2: after a branch or a restore. One is on top
///         nvram.fd            UEFI variables, made by libvirt
///         console.log         the serial console, bounded by virtlogd
///         console.g<n>.log    that of incarnation n, from 2
///         agent.sock          libvirt listens here; hostd connects
///         agent.g<n>.sock     likewise
///         suspended/          as below snapshots/; made as .suspended.tmp and renamed
///         moving              there while the guest stands still to be captured or loaded
///         file-systems-frozen likewise while its file systems are, by qemu-guest-agent
class Layout {
public:
    /// `invalid_argument` if a socket below `state_dir` would pass the kernel's 107 bytes.
    static common::Result<Layout> make(const std::filesystem::path& state_dir);

    [[nodiscard]] std::filesystem::path images() const { return root_ / "images"; }
    [[nodiscard]] std::filesystem::path image(const common::ImageName& name) const
    {
        return images() / name.str();
    }
    [[nodiscard]] std::filesystem::path image_disk(const common::ImageName& name) const
    {
        return image(name) / "disk.qcow2";
    }
    [[nodiscard]] std::filesystem::path fetching() const { return root_ / "fetching"; }
    [[nodiscard]] std::filesystem::path sandboxes() const { return root_ / "sandboxes"; }
    [[nodiscard]] SandboxFiles sandbox(const common::SandboxId& id,
                                       std::uint64_t incarnation = 1) const;
    [[nodiscard]] std::filesystem::path layers() const { return root_ / "layers"; }
    [[nodiscard]] std::filesystem::path layer(const LayerId& id) const
    {
        return layers() / (id.str() + ".qcow2");
    }
    [[nodiscard]] std::filesystem::path snapshots() const { return root_ / "snapshots"; }
    [[nodiscard]] std::filesystem::path snapshot(const common::SnapshotId& id) const
    {
        return snapshots() / id.str();
    }
    [[nodiscard]] std::filesystem::path draft(const common::SnapshotId& id) const
    {
        return snapshots() / (std::string{draft_prefix} + id.str());
    }
    [[nodiscard]] std::filesystem::path suspended(const common::SandboxId& id) const
    {
        return sandboxes() / id.str() / "suspended";
    }
    [[nodiscard]] std::filesystem::path moving(const common::SandboxId& id) const
    {
        return sandboxes() / id.str() / "moving";
    }
    [[nodiscard]] std::filesystem::path file_systems_frozen(const common::SandboxId& id) const
    {
        return sandboxes() / id.str() / "file-systems-frozen";
    }
    [[nodiscard]] std::filesystem::path suspended_draft(const common::SandboxId& id) const
    {
        return sandboxes() / id.str() / suspended_draft_name;
    }
    /// The files of one captured state, in whichever folder.
    static StateFiles state(const std::filesystem::path& folder);

    static constexpr std::string_view draft_prefix = ".tmp-";
    static constexpr std::string_view suspended_draft_name = ".suspended.tmp";

    /// The layer whose file this path is, below layers() and nowhere else.
    [[nodiscard]] std::optional<LayerId> layer_at(const std::filesystem::path& file) const;
    /// The sandbox one of whose overlays this path may be.
    [[nodiscard]] std::optional<common::SandboxId>
    overlay_owner(const std::filesystem::path& file) const;
    /// Whether the path is that of an image's disk.
    [[nodiscard]] bool is_image_disk(const std::filesystem::path& file) const;

    [[nodiscard]] const std::filesystem::path& root() const noexcept { return root_; }

    /// Makes the folders, passable but not readable for QEMU's user.
    [[nodiscard]] common::Result<> make_folders() const;

private:
    explicit Layout(std::filesystem::path root) : root_{std::move(root)} {}
    std::filesystem::path root_;
};

/// The number in the name of an overlay: 1 for overlay.qcow2, n for overlay.<n>.qcow2 with n from
/// 2 written the one way; nothing for any other name.
std::optional<std::uint64_t> overlay_number(std::string_view file_name) noexcept;
std::string overlay_name(std::uint64_t number);

} // namespace hostd::storage
