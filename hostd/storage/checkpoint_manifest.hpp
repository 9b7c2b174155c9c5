#pragma once

#include "hostd/core/checkpoint_store.hpp"
#include "hostd/storage/file_stamp.hpp"
#include "hostd/storage/layout.hpp"

#include <array>
#include <vector>

namespace hostd::storage {

/// manifest.json of a checkpoint, or of what a suspended sandbox is resumed from. No paths stand in
/// it: those of `checkpoint` are built from the folder that it lies in.
struct CheckpointManifest {
    Checkpoint checkpoint; ///< `digests` are those of the stamps.
    std::optional<LayerId> layer;
    std::string layer_digest;               ///< Empty without a layer.
    std::map<std::string, FileStamp> files; ///< By name: what of ram, device, domain.xml there is.
};

inline constexpr std::array<std::string_view, 3> state_file_names{"ram", "device", "domain.xml"};
/// What there must be to load it.
std::vector<std::string> needed_files(const Checkpoint& checkpoint);

/// `not_found` without one; `failed_precondition` (reason checkpoint_damaged) if anything in it is
/// missing, of another type or not as we write it.
common::Result<CheckpointManifest> read_checkpoint(const Layout& layout,
                                                   const std::filesystem::path& folder);
common::Result<> write_checkpoint(const std::filesystem::path& folder,
                                  const CheckpointManifest& manifest);

/// The same of a text, as if it lay in that folder.
common::Result<CheckpointManifest>
parse_checkpoint(const Layout& layout, const std::filesystem::path& folder, std::string_view text);

/// What is known of a layer, in the file beside it. It outlives the checkpoint that it was made
/// for.
struct LayerStamp {
    FileStamp file;
    std::string fetched_digest; ///< Of another host's file that it was made of; else "".
};
common::Result<LayerStamp> read_layer_stamp(const Layout& layout, const LayerId& id);
common::Result<>
write_layer_stamp(const Layout& layout, const LayerId& id, const LayerStamp& stamp);
std::filesystem::path layer_stamp_file(const Layout& layout, const LayerId& id);

common::Error checkpoint_damaged(const std::filesystem::path& file, std::string_view why);

} // namespace hostd::storage
