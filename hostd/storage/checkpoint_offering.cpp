// A checkpoint that is to be had by another host, as far as this one gives it.
#include "common/unique_fd.hpp"
#include "hostd/storage/chain.hpp"
#include "hostd/storage/checkpoint_store.hpp"
#include "hostd/storage/durable.hpp"
#include "hostd/storage/offered.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>

namespace hostd::storage {

using common::Bytes;
using common::Error;
using common::ErrorCode;
using common::Result;
namespace fs = std::filesystem;

namespace {

Result<std::string> text_of(const fs::path& file)
{
    std::ifstream in{file, std::ios::binary};
    std::string text(largest_manifest + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (text.empty() || text.size() > largest_manifest) {
        return checkpoint_damaged(file, "it is empty, or too long to be told");
    }
    return text;
}

Error nothing_there(const common::SnapshotId& id, std::string_view what)
{
    return {ErrorCode::not_found, fmt::format("checkpoint {} has {}", id.str(), what)};
}

} // namespace

/// Those that its disk is made of, the lowest first, on its image.
Result<std::vector<LayerId>> DirCheckpointStore::layers_of(const CheckpointManifest& manifest) const
{
    const auto& top = manifest.checkpoint.layer;
    if (!manifest.layer) {
        return checkpoint_damaged(manifest.checkpoint.files.folder, "it has no disk");
    }
    COMMON_TRY(const auto chain, chain_of(layout_, top));
    if (chain.back() != layout_.image_disk(manifest.checkpoint.spec.image)) {
        return checkpoint_damaged(top, "it lies on " + chain.back().string());
    }
    std::vector<LayerId> layers;
    for (auto file = std::next(chain.rbegin()); file != chain.rend(); ++file) {
        auto id = layout_.layer_at(*file);
        if (!id) {
            return checkpoint_damaged(top, "it lies on " + file->string());
        }
        layers.push_back(*std::move(id));
    }
    return layers;
}

Result<CheckpointOffer> DirCheckpointStore::offer(const common::SnapshotId& id) const
{
    const std::shared_lock tree{tree_};
    const auto folder = layout_.snapshot(id);
    COMMON_TRY(const auto manifest, read_whole(folder));
    if (manifest.checkpoint.id != id) {
        return checkpoint_damaged(folder, "its manifest is another checkpoint's");
    }
    CheckpointOffer offer;
    COMMON_TRY(offer.manifest, text_of(folder / "manifest.json"));
    COMMON_TRY(const auto layers, layers_of(manifest));
    for (const auto& layer : layers) {
        COMMON_TRY(const auto stamp, read_layer_stamp(layout_, layer));
        offer.files.push_back(
            {layout_.layer(layer).filename().string(), stamp.file.digest, Bytes{stamp.file.size}});
    }
    for (const auto name : state_file_names) {
        const auto stamp = manifest.files.find(std::string{name});
        if (stamp != manifest.files.end()) {
            offer.files.push_back({stamp->first, stamp->second.digest, Bytes{stamp->second.size}});
        }
    }
    return offer;
}

/// Looked up once; after that, only whether its manifest is still the same.
Result<fs::path> DirCheckpointStore::offered_file(const common::SnapshotId& id,
                                                  const std::string& digest) const
{
    constexpr std::size_t most_known = 64;
    const auto folder = layout_.snapshot(id);
    const auto look = stamp_of(folder / "manifest.json");
    if (!look) {
        return nothing_there(id, "no manifest");
    }
    {
        const std::scoped_lock lock{mutex_};
        const auto known = given_.find(id);
        if (known != given_.end() && known->second.manifest == *look) {
            const auto file = known->second.files.find(digest);
            return file == known->second.files.end()
                       ? Result<fs::path>{nothing_there(id, "no such file")}
                       : file->second;
        }
    }
    COMMON_TRY(const auto offered, offer(id));
    Given given{*look, {}};
    for (const auto& file : offered.files) {
        const bool is_state =
            std::ranges::find(state_file_names, file.name) != state_file_names.end();
        given.files.emplace(file.digest, (is_state ? folder : layout_.layers()) / file.name);
    }
    const auto file = given.files.find(digest);
    auto found = file == given.files.end() ? Result<fs::path>{nothing_there(id, "no such file")}
                                           : Result<fs::path>{file->second};
    const std::scoped_lock lock{mutex_};
    if (given_.size() >= most_known) {
        given_.clear();
    }
    given_.insert_or_assign(id, std::move(given));
    return found;
}

Result<std::string> DirCheckpointStore::read_piece(const common::SnapshotId& id,
                                                   const std::string& digest,
                                                   std::uint64_t offset,
                                                   std::uint32_t size) const
{
    COMMON_TRY(const auto path, offered_file(id, digest));
    const common::UniqueFd file{
        ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
    if (!file) {
        const int why = errno; // Deleted a moment ago.
        return why == ENOENT ? nothing_there(id, "no such file") : file_error("open", path, why);
    }
    constexpr std::uint64_t beyond = std::uint64_t{1} << 62U; // No file's; off_t is signed.
    std::string bytes(size, '\0');
    COMMON_TRY(const auto count,
               read_at(file.get(), bytes, std::min<std::uint64_t>(offset, beyond)));
    if (count == 0) {
        return nothing_there(id, fmt::format("nothing of {} from byte {} on", digest, offset));
    }
    bytes.resize(count);
    return bytes;
}

} // namespace hostd::storage
