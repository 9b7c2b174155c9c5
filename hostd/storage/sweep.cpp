#include "hostd/storage/chain.hpp"
#include "hostd/storage/checkpoint_store.hpp"
#include "hostd/storage/durable.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace hostd::storage {

using common::Bytes;
using common::Result;
namespace fs = std::filesystem;

namespace {

using Paths = std::set<fs::path>;

void remove_counted(const fs::path& file, Swept& swept)
{
    std::error_code error;
    // What has another name keeps its blocks.
    const bool last_name = fs::hard_link_count(file, error) == 1;
    const auto bytes = allocated(file);
    if (const auto removed = remove_file(file); !removed) {
        swept.kept.push_back(removed.error().message);
        swept.again = true;
        return;
    }
    ++swept.files;
    swept.bytes += last_name && bytes ? *bytes : Bytes{0};
}

void remove_draft(const fs::path& folder, Swept& swept)
{
    unsigned files = 0;
    Bytes bytes;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator{folder, error}) {
        const auto one = allocated(entry.path());
        bytes += one ? *one : Bytes{0};
        ++files;
    }
    if (const auto removed = remove_tree(folder); !removed) {
        swept.kept.push_back(removed.error().message);
        swept.again = true;
        return;
    }
    swept.files += files;
    swept.bytes += bytes;
}

/// Layers by the manifests of all checkpoints.
Result<Paths> layers_of_checkpoints(const Layout& layout)
{
    Paths layers;
    std::error_code error;
    for (auto entry = fs::directory_iterator{layout.snapshots(), error};
         !error && entry != fs::directory_iterator{};
         entry.increment(error)) {
        if (!common::parse_id<common::SnapshotId>(entry->path().filename().string())) {
            continue;
        }
        COMMON_TRY(const auto manifest, read_checkpoint(layout, entry->path()));
        if (manifest.layer) {
            layers.insert(manifest.checkpoint.layer);
        }
    }
    if (error) {
        return file_error("list", layout.snapshots(), error.value());
    }
    return layers;
}

void remove_layers(const Layout& layout, const Paths& owned, Swept& swept)
{
    std::error_code error;
    for (auto entry = fs::directory_iterator{layout.layers(), error};
         !error && entry != fs::directory_iterator{};
         entry.increment(error)) {
        const auto& file = entry->path();
        const auto name = file.filename().string();
        const auto id = common::parse_id<LayerId>(name.substr(0, name.find('.')));
        const bool ours = id && (file == layout.layer(*id) || file.extension() == ".new" ||
                                 file == layer_stamp_file(layout, *id));
        if (!ours) {
            swept.kept.push_back(file.string() + ": nothing of this name is made here");
        } else if (!owned.contains(layout.layer(*id))) {
            remove_counted(file, swept);
        }
    }
    if (error) {
        swept.kept.push_back(file_error("list", layout.layers(), error.value()).message);
    }
}

} // namespace

/// All that lies below what somebody uses: the tops, every checkpoint's layer and every overlay
/// in any folder but those `without`. An error if anything on the way cannot be read.
Result<DirCheckpointStore::Paths> DirCheckpointStore::owned(const Paths& tops,
                                                            const Paths& without) const
{
    COMMON_TRY(auto roots, layers_of_checkpoints(layout_));
    COMMON_TRY(const auto overlays, overlays_in(layout_));
    roots.insert(tops.begin(), tops.end());
    std::ranges::copy_if(overlays, std::inserter(roots, roots.end()), [&](const fs::path& file) {
        return !without.contains(file);
    });
    Paths owned;
    for (const auto& root : roots) {
        auto chain = chain_of(layout_, root);
        std::error_code error;
        if (!chain && layout_.overlay_owner(root) && !fs::exists(root, error)) {
            continue; // Its sandbox was destroyed meanwhile.
        }
        if (!chain) {
            return std::move(chain).error();
        }
        owned.insert(chain->begin(), chain->end());
    }
    return owned;
}

/// Whether it is in use, or soon may be, in spite of what `tops` says.
bool DirCheckpointStore::may_be_on_top(const fs::path& overlay) const
{
    const std::scoped_lock lock{mutex_};
    if (branched_.contains(overlay)) {
        return true;
    }
    const auto owner = layout_.overlay_owner(overlay);
    const auto next = owner ? next_overlay(*owner) : Result<fs::path>{overlay};
    const auto number = overlay_number(overlay.filename().string()).value_or(0);
    return young_.contains(overlay) && (!next || next->filename() == overlay_name(number + 1));
}

DirCheckpointStore::Paths DirCheckpointStore::overlays_without_owner(
    const Paths& tops, const std::set<common::SandboxId>& sandboxes, Swept& swept) const
{
    Paths candidates;
    for (const auto& id : sandboxes) {
        const auto overlays = overlays_of(layout_, id);
        if (!overlays || overlays->empty()) {
            continue;
        }
        // One that is not there, or lies on what is not there, proves nothing.
        if (std::ranges::none_of(tops, [&](const fs::path& top) {
                return layout_.overlay_owner(top) == id && chain_of(layout_, top).has_value();
            })) {
            swept.kept.push_back(id.str() + ": nobody knows which of its overlays is on top");
            continue;
        }
        for (const auto& overlay : *overlays) {
            if (tops.contains(overlay)) {
                continue;
            }
            if (may_be_on_top(overlay)) {
                swept.kept.push_back(overlay.string() + ": made a moment ago");
                continue;
            }
            candidates.insert(overlay);
        }
    }
    return candidates;
}

void DirCheckpointStore::sweep_drafts(const std::set<common::SandboxId>& sandboxes, Swept& swept)
{
    Paths drafts;
    std::error_code error;
    for (auto entry = fs::directory_iterator{layout_.snapshots(), error};
         !error && entry != fs::directory_iterator{};
         entry.increment(error)) {
        if (entry->path().filename().string().starts_with(Layout::draft_prefix)) {
            drafts.insert(entry->path());
        }
    }
    for (const auto& id : sandboxes) {
        if (fs::exists(layout_.suspended_draft(id), error)) {
            drafts.insert(layout_.suspended_draft(id));
        }
    }
    const std::scoped_lock lock{mutex_};
    for (const auto& draft : drafts) {
        if (!drafts_.contains(draft)) {
            remove_draft(draft, swept);
        }
    }
}

Result<Swept> DirCheckpointStore::sweep(const std::set<fs::path>& tops,
                                        const std::set<common::SandboxId>& sandboxes)
{
    const std::unique_lock tree{tree_, std::try_to_lock};
    if (!tree) {
        // Somebody digests gigabytes: nobody else shall wait for that behind this.
        return common::Error{
            common::ErrorCode::unavailable, "files are being read or made", "busy"};
    }
    Swept swept;
    sweep_drafts(sandboxes, swept);
    // First whether everything can be read, the overlays that are to go included.
    if (const auto all = owned(tops, {}); !all) {
        swept.kept.push_back("all layers and overlays, because " + all.error().message);
        return swept;
    }
    const auto candidates = overlays_without_owner(tops, sandboxes, swept);
    COMMON_TRY(const auto in_use, owned(tops, candidates));
    for (const auto& overlay : candidates) {
        if (!in_use.contains(overlay)) {
            remove_counted(overlay, swept);
        }
    }
    remove_layers(layout_, in_use, swept);
    const std::scoped_lock lock{mutex_};
    young_.clear();
    return swept;
}

} // namespace hostd::storage
