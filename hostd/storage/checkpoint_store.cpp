#include "hostd/storage/checkpoint_store.hpp"

#include "common/unique_fd.hpp"
#include "hostd/storage/chain.hpp"
#include "hostd/storage/content_digest.hpp"
#include "hostd/storage/durable.hpp"

#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

namespace hostd::storage {

using common::Bytes;
using common::Error;
using common::ErrorCode;
using common::Result;
namespace fs = std::filesystem;

namespace {

/// Not made durable: with the host, the guests that it is about end too.
Result<> mark(const fs::path& path)
{
    const common::UniqueFd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
    return file ? Result<>{} : Result<>{file_error("make", path, errno)};
}

void unmark(const fs::path& path)
{
    std::error_code ignored; // Then it is let go on a second time, which is harmless.
    fs::remove(path, ignored);
}

bool is_marked(const fs::path& path)
{
    std::error_code error;
    return fs::exists(path, error) || error;
}

} // namespace

DirCheckpointStore::DirCheckpointStore(Layout layout, Runner runner, Bytes reserve)
    : layout_{std::move(layout)},
      runner_{std::move(runner)},
      reserve_{reserve},
      stamps_{&content_digest}
{}

Result<StateFiles> DirCheckpointStore::begin(const common::SnapshotId& id, Bytes memory)
{
    return begin_in(layout_.draft(id), layout_.snapshot(id), memory);
}

Result<StateFiles> DirCheckpointStore::begin_suspended(const common::SandboxId& id, Bytes memory)
{
    return begin_in(layout_.suspended_draft(id), layout_.suspended(id), memory);
}

Result<StateFiles>
DirCheckpointStore::begin_in(const fs::path& draft, const fs::path& folder, Bytes memory)
{
    COMMON_CHECK(keep_reserve(layout_.root(), reserve_, memory));
    const std::shared_lock tree{tree_};
    std::error_code error;
    if (fs::exists(folder, error)) {
        return Error{ErrorCode::already_exists, folder.string() + " exists already"};
    }
    {
        const std::scoped_lock lock{mutex_};
        if (!drafts_.insert(draft).second) {
            return Error{ErrorCode::already_exists, draft.string() + " is being written"};
        }
    }
    // One that is there all the same was left by a process that was cut short.
    auto made = remove_tree(draft);
    if (made) {
        made = make_folder(draft);
    }
    if (!made) {
        forget_draft(draft);
        return std::move(made).error();
    }
    return Layout::state(draft);
}

void DirCheckpointStore::forget_draft(const fs::path& draft)
{
    const std::scoped_lock lock{mutex_};
    drafts_.erase(draft);
}

void DirCheckpointStore::discard(const common::SnapshotId& id)
{
    const std::shared_lock tree{tree_};
    static_cast<void>(remove_tree(layout_.draft(id))); // sweep() tries again.
    forget_draft(layout_.draft(id));
}

Result<Checkpoint> DirCheckpointStore::commit(Checkpoint checkpoint)
{
    const auto id = checkpoint.id;
    return commit_in(layout_.draft(id), layout_.snapshot(id), std::move(checkpoint));
}

Result<Checkpoint> DirCheckpointStore::commit_suspended(Checkpoint checkpoint)
{
    const auto id = checkpoint.spec.id;
    return commit_in(layout_.suspended_draft(id), layout_.suspended(id), std::move(checkpoint));
}

Result<Checkpoint>
DirCheckpointStore::commit_in(const fs::path& draft, const fs::path& folder, Checkpoint checkpoint)
{
    const std::shared_lock tree{tree_};
    std::error_code error;
    if (fs::exists(folder, error)) {
        return Error{ErrorCode::already_exists, folder.string() + " exists already"};
    }
    if (!fs::is_directory(fs::symlink_status(draft, error))) {
        return Error{ErrorCode::failed_precondition, draft.string() + " was never begun"};
    }
    CheckpointManifest manifest;
    manifest.checkpoint = std::move(checkpoint);
    COMMON_CHECK(stamp_files(draft, manifest));
    COMMON_CHECK(stamp_layers(manifest));
    COMMON_CHECK(write_checkpoint(draft, manifest));
    // What is told is what anybody else will read.
    COMMON_TRY(auto written, read_checkpoint(layout_, draft));
    COMMON_CHECK(rename_durably(draft, folder));
    forget_draft(draft);
    written.checkpoint.files = Layout::state(folder);
    return std::move(written.checkpoint);
}

Result<> DirCheckpointStore::stamp_files(const fs::path& draft, CheckpointManifest& manifest) const
{
    manifest.checkpoint.memory_bytes = Bytes{0};
    for (const auto name : state_file_names) {
        const auto file = draft / name;
        std::error_code error;
        if (!fs::exists(fs::symlink_status(file, error))) {
            continue;
        }
        COMMON_TRY(manifest.files[std::string{name}], stamp_and_sync(file));
        COMMON_TRY(const auto bytes, allocated(file));
        manifest.checkpoint.memory_bytes += bytes;
    }
    for (const auto& name : needed_files(manifest.checkpoint)) {
        if (!manifest.files.contains(name)) {
            return Error{ErrorCode::internal, (draft / name).string() + " was not captured"};
        }
    }
    return {};
}

/// Also of those below that nobody has digested yet: a branch whose checkpoint came to nothing.
Result<> DirCheckpointStore::stamp_layers(CheckpointManifest& manifest) const
{
    const auto& top = manifest.checkpoint.layer;
    if (top.empty()) {
        return {};
    }
    manifest.layer = layout_.layer_at(top);
    if (!manifest.layer) {
        return Error{ErrorCode::invalid_argument, top.string() + " is no layer"};
    }
    COMMON_TRY(const auto chain, chain_of(layout_, top));
    for (const auto& file : chain) {
        const auto id = layout_.layer_at(file);
        std::error_code error;
        if (!id) {
            continue;
        }
        if (fs::exists(layer_stamp_file(layout_, *id), error)) {
            COMMON_CHECK(check_layer(*id));
            continue;
        }
        COMMON_TRY(const auto stamp, stamp_and_sync(file));
        COMMON_CHECK(write_layer_stamp(layout_, *id, {stamp, {}}));
    }
    COMMON_TRY(const auto stamp, read_layer_stamp(layout_, *manifest.layer));
    manifest.layer_digest = stamp.file.digest;
    COMMON_TRY(manifest.checkpoint.disk_bytes, allocated(top));
    return {};
}

Result<> DirCheckpointStore::remove(const common::SnapshotId& id)
{
    const std::shared_lock tree{tree_};
    // Out of sight first: what is cut short must not leave half a checkpoint under its name.
    const auto aside =
        layout_.snapshots() / (std::string{Layout::draft_prefix} + common::random_base32_80());
    if (auto gone = rename_durably(layout_.snapshot(id), aside); !gone) {
        return gone.error().code == ErrorCode::not_found ? Result<>{} : gone;
    }
    static_cast<void>(remove_tree(aside)); // sweep() tries again.
    return {};
}

bool DirCheckpointStore::is_suspended(const common::SandboxId& id) const
{
    std::error_code error;
    return fs::exists(layout_.suspended(id) / "manifest.json", error);
}

Result<> DirCheckpointStore::drop_suspended(const common::SandboxId& id)
{
    const std::shared_lock tree{tree_};
    const auto draft = layout_.suspended_draft(id);
    forget_draft(draft); // Nobody writes to it any more, whatever becomes of it.
    COMMON_CHECK(remove_tree(draft));
    if (auto gone = rename_durably(layout_.suspended(id), draft);
        !gone && gone.error().code != ErrorCode::not_found) {
        return gone;
    }
    static_cast<void>(remove_tree(draft)); // sweep() tries again.
    return {};
}

Result<std::string> DirCheckpointStore::look_of(const fs::path& top) const
{
    struct stat about {};
    if (::stat(top.c_str(), &about) != 0) {
        return file_error("look at", top, errno);
    }
    return fmt::format("{} {} {} {}.{:09}",
                       top.string(),
                       about.st_ino,
                       about.st_size,
                       about.st_mtim.tv_sec,
                       about.st_mtim.tv_nsec);
}

Result<> DirCheckpointStore::mark_moving(const common::SandboxId& id)
{
    return mark(layout_.moving(id));
}

void DirCheckpointStore::unmark_moving(const common::SandboxId& id)
{
    unmark(layout_.moving(id));
}

bool DirCheckpointStore::is_moving(const common::SandboxId& id) const
{
    return is_marked(layout_.moving(id));
}

Result<> DirCheckpointStore::mark_file_systems_frozen(const common::SandboxId& id)
{
    return mark(layout_.file_systems_frozen(id));
}

void DirCheckpointStore::unmark_file_systems_frozen(const common::SandboxId& id)
{
    unmark(layout_.file_systems_frozen(id));
}

bool DirCheckpointStore::are_file_systems_frozen(const common::SandboxId& id) const
{
    return is_marked(layout_.file_systems_frozen(id));
}

} // namespace hostd::storage
