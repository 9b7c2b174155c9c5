#include "hostd/storage/sandbox_store.hpp"

#include "common/rollback.hpp"

#include <cerrno>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

namespace hostd::storage {

using common::Bytes;
using common::Error;
using common::ErrorCode;
using common::Result;

namespace fs = std::filesystem;

SandboxFiles DirSandboxStore::files_of(const common::SandboxId& id) const
{
    return layout_.sandbox(id);
}

Result<SandboxFiles> DirSandboxStore::create(const common::SandboxId& id, const Image& image)
{
    COMMON_TRY(const auto disk, space());
    if (disk.free < reserve_) {
        return Error{ErrorCode::resource_exhausted,
                     fmt::format("{} has {} MiB free, {} MiB are kept in reserve: free some, or "
                                 "lower disk_reserve_mb",
                                 layout_.sandboxes().string(),
                                 disk.free.mib(),
                                 reserve_.mib()),
                     "disk_full"};
    }
    const auto files = layout_.sandbox(id);
    // 0711: QEMU's user passes through to the files it is given, and sees no others.
    if (::mkdir(files.folder.c_str(), 0711) != 0) {
        if (errno == EEXIST) {
            return Error{ErrorCode::already_exists, id.str() + " has a folder already"};
        }
        return file_error("make folder", files.folder, errno);
    }
    common::Rollback rollback;
    rollback.add([this, &id] { static_cast<void>(remove(id)); });
    COMMON_CHECK(run_qemu_img(runner_, create_overlay(files.overlay, image.disk)));
    rollback.commit();
    return files;
}

Result<> DirSandboxStore::remove(const common::SandboxId& id)
{
    // remove_all follows no links: what a link points to stays.
    std::error_code error;
    fs::remove_all(layout_.sandbox(id).folder, error);
    if (error) {
        return file_error("remove", layout_.sandbox(id).folder, error.value());
    }
    return {};
}

bool DirSandboxStore::has_run(const common::SandboxId& id) const
{
    // virtlogd makes the console's log when a domain first starts.
    std::error_code error;
    return fs::exists(layout_.sandbox(id).console_log, error) || error;
}

Result<std::vector<common::SandboxId>> DirSandboxStore::list() const
{
    std::vector<common::SandboxId> ids;
    std::error_code error;
    for (auto entry = fs::directory_iterator{layout_.sandboxes(), error};
         !error && entry != fs::directory_iterator{};
         entry.increment(error)) {
        if (auto id = common::parse_id<common::SandboxId>(entry->path().filename().string())) {
            ids.push_back(*std::move(id));
        }
    }
    if (error) {
        return file_error("list", layout_.sandboxes(), error.value());
    }
    return ids;
}

Result<DiskSpace> DirSandboxStore::space() const
{
    struct statvfs about {};
    if (::statvfs(layout_.sandboxes().c_str(), &about) != 0) {
        return file_error("ask for free space of", layout_.sandboxes(), errno);
    }
    const auto block = std::uint64_t{about.f_frsize};
    return DiskSpace{Bytes{about.f_blocks * block}, Bytes{about.f_bavail * block}};
}

} // namespace hostd::storage
