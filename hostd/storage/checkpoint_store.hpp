#pragma once

#include "common/rollback.hpp"
#include "hostd/core/checkpoint_store.hpp"
#include "hostd/storage/checkpoint_manifest.hpp"
#include "hostd/storage/layout.hpp"
#include "hostd/storage/offered.hpp"
#include "hostd/storage/qemu_img.hpp"

#include <mutex>
#include <shared_mutex>

namespace hostd::storage {

/// Checkpoints, layers and suspended states as folders and files (Layout). One object a process.
/// sweep() has the tree to itself; everything else runs beside each other.
class DirCheckpointStore final : public CheckpointStore {
public:
    /// `reserve`: what must stay free on the file system.
    DirCheckpointStore(Layout layout, Runner runner, common::Bytes reserve);

    common::Result<StateFiles> begin(const common::SnapshotId& id, common::Bytes memory) override;
    void discard(const common::SnapshotId& id) override;
    common::Result<Checkpoint> commit(Checkpoint checkpoint) override;

    common::Result<Branch> branch(const common::SandboxId& id,
                                  const std::filesystem::path& top) override;
    common::Result<> unbranch(const Branch& branch) override;
    void leave(const Branch& branch) override;
    common::Result<> settle(const Branch& branch, const std::filesystem::path& old_top) override;
    common::Result<std::filesystem::path> overlay_on(const common::SandboxId& sandbox,
                                                     const std::filesystem::path& layer) override;

    common::Result<Chain> chain_below(const std::filesystem::path& top) const override;
    common::Result<> has_room(common::Bytes bytes) const override;
    common::Result<Checkpoint> find(const common::SnapshotId& id) const override;
    std::vector<Checkpoint> list(std::vector<std::string>& warnings) const override;
    common::Result<> verify(const common::SnapshotId& id) const override;
    common::Result<CheckpointOffer> offer(const common::SnapshotId& id) const override;
    common::Result<std::string> read_piece(const common::SnapshotId& id,
                                           const std::string& digest,
                                           std::uint64_t offset,
                                           std::uint32_t size) const override;
    common::Result<Checkpoint> fetch(const common::SandboxId& sandbox,
                                     const common::SnapshotId& id,
                                     const CheckpointOffer& offer,
                                     const Fetch& fetch) override;
    common::Result<> remove(const common::SnapshotId& id) override;

    common::Result<StateFiles> begin_suspended(const common::SandboxId& id,
                                               common::Bytes memory) override;
    common::Result<Checkpoint> commit_suspended(Checkpoint checkpoint) override;
    common::Result<Checkpoint> find_suspended(const common::SandboxId& id) const override;
    [[nodiscard]] bool is_suspended(const common::SandboxId& id) const override;
    common::Result<> drop_suspended(const common::SandboxId& id) override;

    common::Result<std::string> look_of(const std::filesystem::path& top) const override;
    common::Result<> mark_moving(const common::SandboxId& id) override;
    void unmark_moving(const common::SandboxId& id) override;
    [[nodiscard]] bool is_moving(const common::SandboxId& id) const override;
    common::Result<> mark_file_systems_frozen(const common::SandboxId& id) override;
    void unmark_file_systems_frozen(const common::SandboxId& id) override;
    [[nodiscard]] bool are_file_systems_frozen(const common::SandboxId& id) const override;

    /// Removes nothing but drafts while any header or manifest cannot be read. Leaves a sandbox
    /// alone that has no top in `tops`. The newest overlay of a folder, if this process made it
    /// since the last sweep, is left to the next one: `tops` may be older than it is.
    common::Result<Swept> sweep(const std::set<std::filesystem::path>& tops,
                                const std::set<common::SandboxId>& sandboxes) override;

private:
    using Paths = std::set<std::filesystem::path>;

    common::Result<StateFiles> begin_in(const std::filesystem::path& draft,
                                        const std::filesystem::path& folder,
                                        common::Bytes memory);
    common::Result<Checkpoint> commit_in(const std::filesystem::path& draft,
                                         const std::filesystem::path& folder,
                                         Checkpoint checkpoint);
    common::Result<> stamp_files(const std::filesystem::path& draft,
                                 CheckpointManifest& manifest) const;
    common::Result<> stamp_layers(CheckpointManifest& manifest) const;
    common::Result<> check_layer(const LayerId& id) const;
    common::Result<> check_layers(const CheckpointManifest& manifest) const;
    common::Result<CheckpointManifest> read_whole(const std::filesystem::path& folder) const;
    // checkpoint_offering.cpp
    common::Result<std::vector<LayerId>> layers_of(const CheckpointManifest& manifest) const;
    common::Result<std::filesystem::path> offered_file(const common::SnapshotId& id,
                                                       const std::string& digest) const;

    // checkpoint_fetching.cpp
    /// In a draft by the name that it has among the layers, or is to have.
    struct DraftLayer {
        LayerId id;
        LayerStamp stamp;
    };
    common::Result<bool> put_on_ours(const std::filesystem::path& layer,
                                     const std::filesystem::path& below,
                                     std::uint64_t virtual_bytes) const;
    common::Result<std::vector<DraftLayer>>
    hold_known(std::span<const CheckpointOffer::File> offered,
               const std::filesystem::path& image,
               const std::filesystem::path& draft) const;
    common::Result<DraftLayer> fetch_layer(const CheckpointOffer::File& file,
                                           const Fetch& fetch,
                                           const std::filesystem::path& below,
                                           std::uint64_t virtual_bytes,
                                           const std::filesystem::path& draft) const;
    common::Result<std::vector<DraftLayer>> fetch_layers(const Offered& offered,
                                                         const Fetch& fetch,
                                                         const std::filesystem::path& draft) const;
    common::Result<> put_layers(const std::vector<DraftLayer>& layers,
                                const std::filesystem::path& draft,
                                common::Rollback& undo) const;
    common::Result<Checkpoint> commit_fetched(CheckpointManifest manifest,
                                              const std::vector<DraftLayer>& layers,
                                              const std::filesystem::path& draft,
                                              const std::filesystem::path& folder);

    common::Result<> make_overlay(const std::filesystem::path& overlay,
                                  const std::filesystem::path& backing);
    common::Result<std::filesystem::path> next_overlay(const common::SandboxId& id) const;

    void forget_draft(const std::filesystem::path& draft);
    void sweep_drafts(const std::set<common::SandboxId>& sandboxes, Swept& swept);
    common::Result<Paths> owned(const Paths& tops, const Paths& without) const;
    Paths overlays_without_owner(const Paths& tops,
                                 const std::set<common::SandboxId>& sandboxes,
                                 Swept& swept) const;
    [[nodiscard]] bool may_be_on_top(const std::filesystem::path& overlay) const;

    Layout layout_;
    Runner runner_;
    common::Bytes reserve_;

    mutable std::shared_mutex tree_; ///< Alone: sweep(). Before the others.
    std::mutex putting_;       ///< Layers that were fetched come, or go again. Before `mutex_`.
    mutable std::mutex mutex_; ///< Guards the sets and the rewriting of manifests.
    mutable StampCheck stamps_;
    Paths drafts_;   ///< Begun and neither committed nor discarded.
    Paths branched_; ///< New tops, neither settled nor taken back.
    Paths young_;    ///< Overlays made since the last sweep.
    /// Where the files of a checkpoint are that another host asks for.
    struct Given {
        FileStamp manifest;
        std::map<std::string, std::filesystem::path> files; ///< By digest.
    };
    mutable std::map<common::SnapshotId, Given> given_;
};

} // namespace hostd::storage
