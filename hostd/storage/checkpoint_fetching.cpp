// A checkpoint of another host's, to be had here too.
#include "common/rollback.hpp"
#include "hostd/storage/chain.hpp"
#include "hostd/storage/checkpoint_store.hpp"
#include "hostd/storage/content_digest.hpp"
#include "hostd/storage/durable.hpp"
#include "hostd/storage/offered.hpp"
#include "hostd/storage/qcow2_header.hpp"
#include "hostd/storage/sparse_file.hpp"

#include <cerrno>
#include <fmt/format.h>
#include <unistd.h>

namespace hostd::storage {

using common::Bytes;
using common::Error;
using common::ErrorCode;
using common::Result;
using File = CheckpointOffer::File;
namespace fs = std::filesystem;

namespace {

constexpr mode_t as_qemu_img_does = 0644;
constexpr mode_t of_state = 0600; // As it is captured.

Result<FileStamp>
fetch_whole(const CheckpointStore::Fetch& fetch, const File& file, const fs::path& to, mode_t mode)
{
    COMMON_TRY(auto out, SparseFile::create(to, mode, file.size));
    COMMON_CHECK(fetch({file.digest, file.size},
                       [&out](std::string_view bytes) { return out.append(bytes); }));
    COMMON_CHECK(out.finish());
    COMMON_TRY(auto stamp, stamp_and_sync(to));
    if (stamp.digest != file.digest) {
        return checkpoint_damaged(file.name, "what came is not what was offered");
    }
    return stamp;
}

/// By what it may be known to another host: as it is here, or as it came.
std::multimap<std::string, LayerId> layers_by_digest(const Layout& layout)
{
    std::multimap<std::string, LayerId> found;
    const auto layers = layers_in(layout);
    for (const auto& file : layers ? *layers : std::vector<fs::path>{}) {
        const auto id = layout.layer_at(file);
        const auto stamp = read_layer_stamp(layout, *id);
        if (!stamp) {
            continue; // Nobody has digested it yet.
        }
        found.emplace(stamp->file.digest, *id);
        if (!stamp->fetched_digest.empty()) {
            found.emplace(stamp->fetched_digest, *id);
        }
    }
    return found;
}

Result<> give_name(const fs::path& file, const fs::path& name)
{
    if (::link(file.c_str(), name.c_str()) != 0) {
        return file_error("give a second name to", file, errno);
    }
    return {};
}

Bytes sum_of(std::span<const File> files)
{
    Bytes sum;
    for (const auto& file : files) {
        sum += file.size;
    }
    return sum;
}

} // namespace

/// It is to lie on `below`, and its guest sees a disk as large as the image's. Whoever wrote it
/// may have been taken over by its guest: nothing that it refers to is opened. Whether that changed
/// the file.
Result<bool> DirCheckpointStore::put_on_ours(const fs::path& layer,
                                             const fs::path& below,
                                             std::uint64_t virtual_bytes) const
{
    const auto name = layer.filename().string();
    const auto header = read_qcow2_header(layer);
    if (!header) {
        return offer_refused(header.error().message);
    }
    if (header->backing.empty() || header->virtual_bytes != virtual_bytes) {
        return offer_refused(
            fmt::format("{} is no overlay of a disk of {} bytes", name, virtual_bytes));
    }
    if (header->backing == below) {
        return false;
    }
    COMMON_CHECK(run_qemu_img(runner_, put_on(layer, below)));
    COMMON_TRY(const auto changed, read_qcow2_header(layer));
    if (changed.backing != below) {
        return Error{ErrorCode::internal, fmt::format("{} is not on {}", name, below.string())};
    }
    return true;
}

/// Those at the bottom that are here, under a second name in the draft: no sweep takes their
/// content away.
Result<std::vector<DirCheckpointStore::DraftLayer>> DirCheckpointStore::hold_known(
    std::span<const File> offered, const fs::path& image, const fs::path& draft) const
{
    const std::shared_lock tree{tree_};
    const auto known = layers_by_digest(layout_);
    std::vector<DraftLayer> held;
    auto below = image;
    for (const auto& file : offered) {
        auto [candidate, last] = known.equal_range(file.digest);
        for (; candidate != last; ++candidate) {
            const auto header = read_qcow2_header(layout_.layer(candidate->second));
            if (header && header->backing == below && check_layer(candidate->second)) {
                break;
            }
        }
        if (candidate == last) {
            break;
        }
        const auto& id = candidate->second;
        COMMON_TRY(auto stamp, read_layer_stamp(layout_, id));
        below = layout_.layer(id);
        COMMON_CHECK(give_name(below, draft / below.filename()));
        held.push_back({id, std::move(stamp)});
    }
    return held;
}

/// Under an id of this host's own: another's may be that of any layer here.
Result<DirCheckpointStore::DraftLayer> DirCheckpointStore::fetch_layer(const File& file,
                                                                       const Fetch& fetch,
                                                                       const fs::path& below,
                                                                       std::uint64_t virtual_bytes,
                                                                       const fs::path& draft) const
{
    DraftLayer layer{common::mint<LayerId>(), {}};
    const auto to = draft / layout_.layer(layer.id).filename();
    COMMON_TRY(layer.stamp.file, fetch_whole(fetch, file, to, as_qemu_img_does));
    COMMON_TRY(const bool changed, put_on_ours(to, below, virtual_bytes));
    if (changed) {
        COMMON_TRY(layer.stamp.file, stamp_and_sync(to));
    }
    layer.stamp.fetched_digest = file.digest;
    return layer;
}

Result<std::vector<DirCheckpointStore::DraftLayer>> DirCheckpointStore::fetch_layers(
    const Offered& offered, const Fetch& fetch, const fs::path& draft) const
{
    const auto image = layout_.image_disk(offered.manifest.checkpoint.spec.image);
    const auto header = read_qcow2_header(image);
    if (!header) {
        return Error{ErrorCode::failed_precondition,
                     fmt::format("this host has no image {}: {}",
                                 offered.manifest.checkpoint.spec.image.str(),
                                 header.error().message),
                     "unknown_image"};
    }
    COMMON_TRY(auto layers, hold_known(offered.layers, image, draft));
    const auto missing = offered.layers.subspan(layers.size());
    COMMON_CHECK(keep_reserve(layout_.root(), reserve_, sum_of(missing) + sum_of(offered.states)));
    for (const auto& file : missing) {
        const auto below = layers.empty() ? image : layout_.layer(layers.back().id);
        COMMON_TRY(auto layer, fetch_layer(file, fetch, below, header->virtual_bytes, draft));
        layers.push_back(std::move(layer));
    }
    return layers;
}

/// The draft's are among the layers now, and not in the draft any more. Those that were not there
/// go again if `undo` says so, which is for the caller to keep others out of.
Result<> DirCheckpointStore::put_layers(const std::vector<DraftLayer>& layers,
                                        const fs::path& draft,
                                        common::Rollback& undo) const
{
    for (const auto& layer : layers) {
        const auto file = layout_.layer(layer.id);
        const auto held = draft / file.filename();
        std::error_code error;
        if (!fs::exists(file, error)) {
            COMMON_CHECK(give_name(held, file));
            undo.add([this, &layer, file] {
                // What stays behind has no owner: sweep() tries again.
                static_cast<void>(remove_file(file));
                static_cast<void>(remove_file(layer_stamp_file(layout_, layer.id)));
            });
            COMMON_CHECK(write_layer_stamp(layout_, layer.id, layer.stamp));
        }
        COMMON_CHECK(remove_file(held));
    }
    return sync_folder(layout_.layers());
}

Result<Checkpoint> DirCheckpointStore::commit_fetched(CheckpointManifest manifest,
                                                      const std::vector<DraftLayer>& layers,
                                                      const fs::path& draft,
                                                      const fs::path& folder)
{
    const std::shared_lock tree{tree_};
    // Another one may hold a layer of ours: it must not see it come and go.
    const std::scoped_lock alone{putting_};
    common::Rollback undo;
    COMMON_CHECK(put_layers(layers, draft, undo));
    // Its image may have gone meanwhile: until now nothing here lay on it.
    COMMON_CHECK(chain_of(layout_, layout_.layer(layers.back().id)));
    auto& checkpoint = manifest.checkpoint;
    manifest.layer = layers.back().id;
    manifest.layer_digest = layers.back().stamp.file.digest;
    COMMON_TRY(checkpoint.disk_bytes, allocated(layout_.layer(layers.back().id)));
    COMMON_CHECK(write_checkpoint(draft, manifest));
    // What is told is what anybody else will read.
    COMMON_TRY(auto written, read_checkpoint(layout_, draft));
    COMMON_CHECK(rename_durably(draft, folder));
    undo.commit();
    forget_draft(draft);
    written.checkpoint.files = Layout::state(folder);
    return std::move(written.checkpoint);
}

Result<Checkpoint> DirCheckpointStore::fetch(const common::SandboxId& sandbox,
                                             const common::SnapshotId& id,
                                             const CheckpointOffer& offer,
                                             const Fetch& fetch)
{
    const auto draft = layout_.draft(id);
    if (auto there = find(id); there || there.error().code != ErrorCode::not_found) {
        return there && there->spec.id != sandbox
                   ? Error{ErrorCode::already_exists, id.str() + " is another sandbox's"}
                   : std::move(there);
    }
    COMMON_TRY(auto offered, check_offer(layout_, sandbox, id, offer));
    COMMON_CHECK(begin_in(draft, layout_.snapshot(id), Bytes{0}));
    common::Rollback undo;
    undo.add([&] { discard(id); });
    COMMON_TRY(const auto layers, fetch_layers(offered, fetch, draft));
    auto& manifest = offered.manifest;
    manifest.checkpoint.top.clear(); // Only what is suspended has one.
    manifest.checkpoint.memory_bytes = Bytes{0};
    for (const auto& file : offered.states) {
        const auto to = draft / file.name;
        COMMON_TRY(manifest.files[file.name], fetch_whole(fetch, file, to, of_state));
        COMMON_TRY(const auto bytes, allocated(to));
        manifest.checkpoint.memory_bytes += bytes;
    }
    COMMON_TRY(auto fetched,
               commit_fetched(std::move(manifest), layers, draft, layout_.snapshot(id)));
    undo.commit();
    return fetched;
}

} // namespace hostd::storage
