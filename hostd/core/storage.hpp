#pragma once

#include "common/result.hpp"
#include "hostd/core/model.hpp"

#include <vector>

namespace hostd {

/// The images of this host. Blocking; any thread. Registration is done by another
/// process (`paddock-hostd image add`), so look-ups see what is on disk now.
class ImageStore {
public:
    virtual ~ImageStore() = default;

    /// `not_found`, or `failed_precondition` (reason image_changed) if inode, size or
    /// time differ from the manifest and the digest does too.
    virtual common::Result<Image> find(const common::ImageName& name) const = 0;
    /// Every usable image; one that is damaged is left out and named in `warnings`.
    virtual std::vector<Image> list(std::vector<std::string>& warnings) const = 0;
};

struct DiskSpace {
    common::Bytes total;
    common::Bytes free;
};

/// The overlays and folders of this host's sandboxes. Blocking; any thread; calls
/// for one sandbox do not overlap.
class SandboxStore {
public:
    virtual ~SandboxStore() = default;

    /// The paths of a sandbox's files, whether or not they exist. Pure.
    /// Each incarnation has a console and a socket of its own.
    [[nodiscard]] virtual SandboxFiles files_of(const common::SandboxId& id,
                                                std::uint64_t incarnation = 1) const = 0;

    /// Makes the folder and a qcow2 overlay with an explicit backing format; never a
    /// copy. Undoes itself on failure. `already_exists`; `resource_exhausted` (reason
    /// disk_full) if less than the configured reserve would be left.
    virtual common::Result<SandboxFiles> create(const common::SandboxId& id,
                                                const Image& image) = 0;

    /// Makes the folder alone, for a sandbox whose disk comes from a checkpoint.
    virtual common::Result<SandboxFiles> create_empty(const common::SandboxId& id) = 0;

    /// Removes everything that create() made. Success if there is nothing.
    virtual common::Result<> remove(const common::SandboxId& id) = 0;

    /// Whether its VM was ever started: then its overlay holds what somebody may want back.
    [[nodiscard]] virtual bool has_run(const common::SandboxId& id) const = 0;

    /// As if it had been: its disk holds what a guest has written, elsewhere.
    virtual common::Result<> mark_run(const common::SandboxId& id) = 0;

    /// Every sandbox that has a folder.
    virtual common::Result<std::vector<common::SandboxId>> list() const = 0;

    /// What the overlay takes on the disk; 0 if there is none.
    [[nodiscard]] virtual common::Bytes taken_by(const SandboxFiles& files) const = 0;

    struct Tail {
        std::string text;
        bool cut = false; ///< There is more before it.
    };
    /// The end of what its console has said: any bytes. Empty if there is nothing.
    [[nodiscard]] virtual Tail console_of(const SandboxFiles& files, std::size_t bytes) const = 0;

    virtual common::Result<DiskSpace> space() const = 0;
};

} // namespace hostd
