#include "hostd/storage/chain.hpp"
#include "hostd/storage/checkpoint_store.hpp"
#include "hostd/storage/content_digest.hpp"
#include "hostd/storage/durable.hpp"

#include <fmt/format.h>

namespace hostd::storage {

using common::Error;
using common::Result;
namespace fs = std::filesystem;

namespace {

Error was_changed(const fs::path& file)
{
    return checkpoint_damaged(file, "its content is not what was captured");
}

} // namespace

Result<> DirCheckpointStore::check_layer(const LayerId& id) const
{
    const auto file = layout_.layer(id);
    auto stamp = read_layer_stamp(layout_, id);
    if (!stamp) {
        return checkpoint_damaged(layer_stamp_file(layout_, id), stamp.error().message);
    }
    const auto verdict = stamps_.check(file, stamp->file);
    if (!verdict) {
        return checkpoint_damaged(file, verdict.error().message);
    }
    switch (*verdict) {
    case StampCheck::Verdict::same: return {};
    case StampCheck::Verdict::renewed: {
        const std::scoped_lock lock{mutex_};
        return write_layer_stamp(layout_, id, *stamp);
    }
    case StampCheck::Verdict::changed: return was_changed(file);
    }
    return {};
}

Result<> DirCheckpointStore::check_layers(const CheckpointManifest& manifest) const
{
    if (!manifest.layer) {
        return {};
    }
    const auto chain = chain_of(layout_, manifest.checkpoint.layer);
    if (!chain) {
        return checkpoint_damaged(manifest.checkpoint.layer, chain.error().message);
    }
    for (const auto& file : *chain) {
        if (const auto id = layout_.layer_at(file)) {
            COMMON_CHECK(check_layer(*id));
        }
    }
    COMMON_TRY(const auto stamp, read_layer_stamp(layout_, *manifest.layer));
    return stamp.file.digest == manifest.layer_digest ? Result<>{}
                                                      : was_changed(manifest.checkpoint.layer);
}

/// The manifest of a folder whose files look as they did when they were digested.
Result<CheckpointManifest> DirCheckpointStore::read_whole(const fs::path& folder) const
{
    COMMON_TRY(auto manifest, read_checkpoint(layout_, folder));
    bool renewed = false;
    for (auto& [name, stamp] : manifest.files) {
        const auto file = folder / name;
        const auto verdict = stamps_.check(file, stamp);
        if (!verdict) {
            return checkpoint_damaged(file, verdict.error().message);
        }
        if (*verdict == StampCheck::Verdict::changed) {
            return was_changed(file);
        }
        renewed = renewed || *verdict == StampCheck::Verdict::renewed;
    }
    COMMON_CHECK(check_layers(manifest));
    if (renewed) {
        const std::scoped_lock lock{mutex_};
        COMMON_CHECK(write_checkpoint(folder, manifest)); // The same bytes, touched or put back.
    }
    return manifest;
}

Result<Checkpoint> DirCheckpointStore::find(const common::SnapshotId& id) const
{
    const std::shared_lock tree{tree_};
    COMMON_TRY(auto manifest, read_whole(layout_.snapshot(id)));
    if (manifest.checkpoint.id != id) {
        return checkpoint_damaged(layout_.snapshot(id), "its manifest is another checkpoint's");
    }
    return std::move(manifest.checkpoint);
}

Result<Checkpoint> DirCheckpointStore::find_suspended(const common::SandboxId& id) const
{
    const std::shared_lock tree{tree_};
    COMMON_TRY(auto manifest, read_whole(layout_.suspended(id)));
    if (manifest.checkpoint.spec.id != id) {
        return checkpoint_damaged(layout_.suspended(id), "its manifest is another sandbox's");
    }
    return std::move(manifest.checkpoint);
}

std::vector<Checkpoint> DirCheckpointStore::list(std::vector<std::string>& warnings) const
{
    std::vector<Checkpoint> checkpoints;
    std::error_code error;
    for (auto entry = fs::directory_iterator{layout_.snapshots(), error};
         !error && entry != fs::directory_iterator{};
         entry.increment(error)) {
        const auto id = common::parse_id<common::SnapshotId>(entry->path().filename().string());
        if (!id) {
            continue; // A draft.
        }
        if (auto checkpoint = find(*id)) {
            checkpoints.push_back(*std::move(checkpoint));
        } else if (fs::exists(entry->path())) {
            warnings.push_back(
                fmt::format("checkpoint {}: {}", id->str(), checkpoint.error().message));
        }
    }
    if (error) {
        warnings.push_back(file_error("list", layout_.snapshots(), error.value()).message);
    }
    return checkpoints;
}

Result<> DirCheckpointStore::verify(const common::SnapshotId& id) const
{
    const std::shared_lock tree{tree_};
    const auto folder = layout_.snapshot(id);
    COMMON_TRY(const auto manifest, read_whole(folder));
    const auto compare = [](const fs::path& file, std::string_view digest) -> Result<> {
        const auto now = content_digest(file);
        if (!now) {
            return checkpoint_damaged(file, now.error().message);
        }
        return *now == digest ? Result<>{} : was_changed(file);
    };
    for (const auto& [name, stamp] : manifest.files) {
        COMMON_CHECK(compare(folder / name, stamp.digest));
    }
    if (!manifest.layer) {
        return {};
    }
    COMMON_TRY(const auto chain, chain_of(layout_, manifest.checkpoint.layer));
    for (const auto& file : chain) {
        if (const auto layer = layout_.layer_at(file)) {
            COMMON_TRY(const auto stamp, read_layer_stamp(layout_, *layer));
            COMMON_CHECK(compare(file, stamp.file.digest));
        }
    }
    return {};
}

} // namespace hostd::storage
