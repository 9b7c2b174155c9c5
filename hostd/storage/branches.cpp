#include "common/rollback.hpp"
#include "hostd/storage/chain.hpp"
#include "hostd/storage/checkpoint_store.hpp"
#include "hostd/storage/durable.hpp"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hostd::storage {

using common::Error;
using common::ErrorCode;
using common::Result;
namespace fs = std::filesystem;

namespace {

Error not_ours(const fs::path& file, std::string_view what)
{
    return {ErrorCode::invalid_argument, fmt::format("{} is not {}", file.string(), what)};
}

struct Names {
    std::uint64_t inode = 0;
    std::uint64_t count = 0; ///< 0: there is no such file.
};

Result<Names> names_of(const fs::path& file)
{
    struct stat about {};
    if (::lstat(file.c_str(), &about) == 0) {
        return Names{about.st_ino, about.st_nlink};
    }
    return errno == ENOENT ? Result<Names>{Names{}} : file_error("look at", file, errno);
}

} // namespace

Result<fs::path> DirCheckpointStore::next_overlay(const common::SandboxId& id) const
{
    const auto folder = layout_.sandbox(id).folder;
    std::error_code error;
    if (!fs::is_directory(folder, error)) {
        return Error{ErrorCode::not_found, id.str() + " has no folder"};
    }
    COMMON_TRY(const auto overlays, overlays_of(layout_, id));
    std::uint64_t last = 0;
    for (const auto& overlay : overlays) {
        last = std::max(last, overlay_number(overlay.filename().string()).value_or(0));
    }
    return folder / overlay_name(last + 1);
}

/// Empty, durable, and no longer than the chain may be.
Result<> DirCheckpointStore::make_overlay(const fs::path& overlay, const fs::path& backing)
{
    COMMON_CHECK(keep_reserve(layout_.root(), reserve_));
    COMMON_TRY(const auto chain, chain_of(layout_, backing));
    if (chain.size() >= longest_chain) {
        return Error{ErrorCode::failed_precondition,
                     fmt::format("the disk lies on {} others, and {} is the most; while it runs it "
                                 "is made to lie on its image: try again in a moment",
                                 chain.size() - 1,
                                 longest_chain - 1),
                     "chain_too_long"};
    }
    COMMON_TRY(const auto header, read_qcow2_header(backing));
    {
        const std::scoped_lock lock{mutex_};
        young_.insert(overlay);
    }
    COMMON_CHECK(run_qemu_img(
        runner_, create_overlay_unopened(overlay, backing, common::Bytes{header.virtual_bytes})));
    COMMON_CHECK(sync_file(overlay));
    return sync_folder(overlay.parent_path());
}

Result<Branch> DirCheckpointStore::branch(const common::SandboxId& id, const fs::path& top)
{
    const std::shared_lock tree{tree_};
    if (layout_.overlay_owner(top) != id) {
        return not_ours(top, "an overlay of " + id.str());
    }
    COMMON_TRY(const auto new_top, next_overlay(id));
    const Branch branch{layout_.layer(common::mint<LayerId>()), new_top};
    if (::link(top.c_str(), branch.layer.c_str()) != 0) {
        return file_error("give a second name to", top, errno);
    }
    common::Rollback rollback;
    rollback.add([&] {
        // What stays behind has no owner: sweep() tries again.
        static_cast<void>(remove_file(branch.new_top));
        static_cast<void>(remove_file(branch.layer));
    });
    COMMON_CHECK(sync_folder(layout_.layers()));
    COMMON_CHECK(make_overlay(branch.new_top, branch.layer));
    {
        const std::scoped_lock lock{mutex_};
        branched_.insert(branch.new_top);
    }
    rollback.commit();
    return branch;
}

Result<> DirCheckpointStore::unbranch(const Branch& branch)
{
    const std::shared_lock tree{tree_};
    if (!layout_.layer_at(branch.layer) || !layout_.overlay_owner(branch.new_top)) {
        return not_ours(branch.layer, "a branch of ours");
    }
    COMMON_TRY(const auto names, names_of(branch.layer));
    if (names.count == 1) {
        // Settled: a guest may be writing to the new one.
        return Error{ErrorCode::failed_precondition, branch.layer.string() + " is in use"};
    }
    COMMON_CHECK(remove_file(branch.new_top));
    COMMON_CHECK(remove_file(branch.layer));
    const std::scoped_lock lock{mutex_};
    branched_.erase(branch.new_top);
    young_.erase(branch.new_top);
    return {};
}

void DirCheckpointStore::leave(const Branch& branch)
{
    const std::scoped_lock lock{mutex_};
    branched_.erase(branch.new_top);
    young_.erase(branch.new_top);
}

Result<> DirCheckpointStore::settle(const Branch& branch, const fs::path& old_top)
{
    const std::shared_lock tree{tree_};
    if (!layout_.overlay_owner(old_top) || old_top == branch.new_top) {
        return not_ours(old_top, "what a branch was made of");
    }
    COMMON_TRY(const auto layer, names_of(branch.layer));
    COMMON_TRY(const auto old, names_of(old_top));
    if (layer.count == 0 || (old.count > 0 && old.inode != layer.inode)) {
        return Error{ErrorCode::failed_precondition,
                     fmt::format("{} is no name of {}", branch.layer.string(), old_top.string())};
    }
    COMMON_CHECK(remove_file(old_top));
    COMMON_CHECK(sync_folder(old_top.parent_path()));
    const std::scoped_lock lock{mutex_};
    branched_.erase(branch.new_top);
    return {};
}

Result<fs::path> DirCheckpointStore::overlay_on(const common::SandboxId& sandbox,
                                                const fs::path& layer)
{
    const std::shared_lock tree{tree_};
    if (!layout_.layer_at(layer)) {
        return not_ours(layer, "a layer");
    }
    std::error_code error;
    if (!fs::exists(layer, error)) {
        return Error{ErrorCode::not_found, "there is no layer " + layer.string()};
    }
    COMMON_TRY(auto overlay, next_overlay(sandbox));
    common::Rollback rollback;
    rollback.add([&] { static_cast<void>(remove_file(overlay)); });
    COMMON_CHECK(make_overlay(overlay, layer));
    rollback.commit();
    return overlay;
}

Result<Chain> DirCheckpointStore::chain_below(const fs::path& top) const
{
    COMMON_TRY(const auto files, storage::chain_of(layout_, top));
    Chain chain;
    chain.files = files.size() - 1;
    chain.base = files.back();
    for (std::size_t i = 1; i + 1 < files.size(); ++i) {
        COMMON_TRY(const auto bytes, allocated(files[i]));
        chain.between += bytes;
    }
    return chain;
}

Result<> DirCheckpointStore::has_room(common::Bytes bytes) const
{
    return keep_reserve(layout_.root(), reserve_ + bytes);
}

} // namespace hostd::storage
