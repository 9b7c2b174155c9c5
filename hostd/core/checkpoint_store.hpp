#pragma once

#include "common/result.hpp"
#include "hostd/core/blob.hpp"
#include "hostd/core/model.hpp"
#include "hostd/core/state_engine.hpp"

#include <functional>
#include <set>
#include <vector>

namespace hostd {

/// A captured state as its manifest says: a checkpoint, or what a suspended sandbox is
/// resumed from (then `id`, `name` and `layer` are empty).
struct Checkpoint {
    common::SnapshotId id;
    std::string name;
    common::SnapshotId parent; ///< The sandbox's checkpoint that this one came after; may be empty.
    SandboxSpec spec;          ///< Of the source, as it was; spec.id is the source.
    AgentKind agent = AgentKind::none;
    bool has_memory = false;
    bool frozen = false; ///< Nothing but the agent was running in the guest.
    EngineKind engine = EngineKind::fast;
    HypervisorFacts hypervisor; ///< That it was taken on.
    /// How long the guest stood still for it: all of it, or what writes to its file systems.
    std::chrono::microseconds paused{0};
    common::WallTime created_at;
    /// Of what is suspended: the disk that its memory belongs to, and how that looked.
    std::string top;
    std::filesystem::path layer; ///< The frozen disk, below layers/.
    StateFiles files;
    common::Bytes memory_bytes;                 ///< On disk: what is not a hole.
    common::Bytes disk_bytes;                   ///< Of the layer alone.
    std::map<std::string, std::string> digests; ///< File name → sha256 hex of its content.
};

/// What another host needs to have a checkpoint too.
struct CheckpointOffer {
    struct File {
        std::string name;   ///< lyr-….qcow2 | ram | device | domain.xml
        std::string digest; ///< sha256 hex of its content.
        common::Bytes size;
    };
    std::string manifest; ///< As it lies beside its files.
    /// First the layers of its disk, the lowest first; then what else there is.
    std::vector<File> files;
};

struct Branch {
    std::filesystem::path layer;   ///< A second name of the file that was on top.
    std::filesystem::path new_top; ///< An empty overlay on it, to be written from now on.
};

/// What a disk lies on.
struct Chain {
    std::size_t files = 0;      ///< Above the image's disk, the top included.
    std::filesystem::path base; ///< The image's disk.
    common::Bytes between;      ///< On disk, of all but the top and the image's.
};

struct Swept {
    unsigned files = 0;
    common::Bytes bytes;
    std::vector<std::string> kept; ///< What has no owner and was not removed, and why.
    bool again = false;            ///< Some of that could not be removed: later it may.
};

/// Checkpoints, layers and suspended states of this host. Blocking; any thread; calls for one
/// sandbox do not overlap. Layout: hostd/storage/layout.hpp. Everything appears whole, by
/// rename, and durable (fsync of files and folder) or not at all.
class CheckpointStore {
public:
    virtual ~CheckpointStore() = default;

    /// A folder for the files of a checkpoint to be, removed by discard() or at the next start.
    /// `already_exists`; `resource_exhausted` (disk_full) if `memory` more would eat the reserve.
    virtual common::Result<StateFiles> begin(const common::SnapshotId& id,
                                             common::Bytes memory) = 0;
    virtual void discard(const common::SnapshotId& id) = 0;
    /// Digests the files, writes the manifest, makes all of it durable. Fills in what only the
    /// disk knows: sizes, digests, files.
    virtual common::Result<Checkpoint> commit(Checkpoint checkpoint) = 0;

    /// Gives the file on top of a sandbox's disk a second name as a layer and makes an empty
    /// overlay on it. Harmless until somebody writes to the new one.
    /// `failed_precondition` (chain_too_long) past the bound on the depth of a chain.
    virtual common::Result<Branch> branch(const common::SandboxId& id,
                                          const std::filesystem::path& top) = 0;
    /// Takes back a branch that nobody uses. Success if there is nothing.
    virtual common::Result<> unbranch(const Branch& branch) = 0;
    /// Nobody knows whether it is in use: the next sweep finds that out.
    virtual void leave(const Branch& branch) = 0;
    /// The branch is in use: the file that was on top has only its name as a layer from now on.
    virtual common::Result<> settle(const Branch& branch, const std::filesystem::path& old_top) = 0;
    /// An empty overlay of `sandbox` on a layer; its folder exists.
    virtual common::Result<std::filesystem::path>
    overlay_on(const common::SandboxId& sandbox, const std::filesystem::path& layer) = 0;

    /// `failed_precondition` (disk_damaged) if it cannot be followed to its end.
    virtual common::Result<Chain> chain_below(const std::filesystem::path& top) const = 0;
    /// `resource_exhausted` (disk_full) if this much more would eat the reserve.
    virtual common::Result<> has_room(common::Bytes bytes) const = 0;

    /// `not_found`; `failed_precondition` (reason checkpoint_damaged) naming the file if one is
    /// missing, short, or changed since it was digested and not what it was: size and time are
    /// compared, and the digest where they differ.
    virtual common::Result<Checkpoint> find(const common::SnapshotId& id) const = 0;
    /// Every checkpoint; one that is damaged is left out and named in `warnings`.
    virtual std::vector<Checkpoint> list(std::vector<std::string>& warnings) const = 0;
    /// Digests every file anew, the layer and all below it included as far as they are ours.
    virtual common::Result<> verify(const common::SnapshotId& id) const = 0;
    /// Which files it is made of, down to the image's disk.
    virtual common::Result<CheckpointOffer> offer(const common::SnapshotId& id) const = 0;
    /// Of one of those, by its digest: as much as `size`, less only at its end. `not_found` if
    /// there is no such file, or nothing of it from `offset` on.
    virtual common::Result<std::string> read_piece(const common::SnapshotId& id,
                                                   const std::string& digest,
                                                   std::uint64_t offset,
                                                   std::uint32_t size) const = 0;
    using Sink = std::function<common::Result<>(std::string_view)>;
    using Fetch = std::function<common::Result<>(const BlobRef&, const Sink&)>;
    /// The checkpoint of `sandbox` that another host offers: fetched, each file compared with its
    /// digest, its disk put on this host's image. What is here already is not fetched: layers of
    /// the same content on the same files. Success, with what there is, if it is here. Nothing is
    /// left of it on failure. `failed_precondition`: offer_refused (it is not what it should be),
    /// checkpoint_damaged (what came is not what was offered), unknown_image (its image is not
    /// here); `resource_exhausted` (disk_full); whatever `fetch` says.
    virtual common::Result<Checkpoint> fetch(const common::SandboxId& sandbox,
                                             const common::SnapshotId& id,
                                             const CheckpointOffer& offer,
                                             const Fetch& fetch) = 0;
    /// Its layer stays while anything lies on it. Success if there is none.
    virtual common::Result<> remove(const common::SnapshotId& id) = 0;

    /// Likewise for what a suspended sandbox is resumed from.
    virtual common::Result<StateFiles> begin_suspended(const common::SandboxId& id,
                                                       common::Bytes memory) = 0;
    virtual common::Result<Checkpoint> commit_suspended(Checkpoint checkpoint) = 0;
    virtual common::Result<Checkpoint> find_suspended(const common::SandboxId& id) const = 0;
    [[nodiscard]] virtual bool is_suspended(const common::SandboxId& id) const = 0;
    /// Also what begin_suspended() made. Success if there is nothing.
    virtual common::Result<> drop_suspended(const common::SandboxId& id) = 0;

    /// Which file it is and how it looks: another text if anybody wrote to it since.
    virtual common::Result<std::string> look_of(const std::filesystem::path& top) const = 0;

    /// A mark that outlives this process: the sandbox's guest stands still only because it is
    /// being captured or loaded. Whoever finds it paused so lets it go on.
    virtual common::Result<> mark_moving(const common::SandboxId& id) = 0;
    virtual void unmark_moving(const common::SandboxId& id) = 0;
    [[nodiscard]] virtual bool is_moving(const common::SandboxId& id) const = 0;

    /// Likewise: its file systems are frozen only because its disk is being captured.
    virtual common::Result<> mark_file_systems_frozen(const common::SandboxId& id) = 0;
    virtual void unmark_file_systems_frozen(const common::SandboxId& id) = 0;
    [[nodiscard]] virtual bool are_file_systems_frozen(const common::SandboxId& id) const = 0;

    /// Removes layers that no checkpoint and no overlay lies on, overlays in sandboxes' folders
    /// that are neither in `tops` nor below one of them, and drafts. `tops`: what every sandbox
    /// of this host writes to, by libvirt's word; a sandbox that is not in `sandboxes` is left
    /// alone. Never removes what it cannot prove to be without an owner.
    virtual common::Result<Swept> sweep(const std::set<std::filesystem::path>& tops,
                                        const std::set<common::SandboxId>& sandboxes) = 0;
};

} // namespace hostd
