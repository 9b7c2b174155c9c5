// Images of checkpoints, for tenants.
#include "common/digest/digest.hpp"
#include "hostd/storage/chain.hpp"
#include "hostd/storage/durable.hpp"
#include "hostd/storage/image_files.hpp"
#include "hostd/storage/images.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

namespace hostd::storage {

using common::Bytes;
using common::Error;
using common::ErrorCode;
using common::Result;
namespace fs = std::filesystem;

/// The checkpoint's layer and all below it, if a copy of what they hold fits in beside them.
Result<std::vector<fs::path>> ImageRegistrar::disks_with_room(const Checkpoint& checkpoint) const
{
    COMMON_TRY(auto chain, chain_of(layout_, checkpoint.layer));
    if (chain.empty() || !layout_.is_image_disk(chain.back())) {
        return Error{ErrorCode::failed_precondition,
                     fmt::format("the disk of {} lies on no image", checkpoint.id.str()),
                     "disk_damaged"};
    }
    Bytes most;
    for (const auto& file : chain) {
        COMMON_TRY(const auto bytes, allocated(file));
        most += bytes;
    }
    COMMON_CHECK(keep_reserve(layout_.root(), reserve_, most));
    return chain;
}

/// Durable, and as sound as what anybody may register.
Result<FileStamp> ImageRegistrar::flatten(const fs::path& layer, const fs::path& disk) const
{
    if (auto copied = run_qemu_img(runner_, storage::flatten(layer, disk)); !copied) {
        auto error = std::move(copied).error();
        if (error.code == ErrorCode::timeout) {
            error.code = ErrorCode::unavailable; // It was ended, and is undone.
            error.reason = "host_slow";
        }
        return error;
    }
    if (::chmod(disk.c_str(), 0644) != 0) { // QEMU's user reads it.
        return file_error("open up", disk, errno);
    }
    COMMON_CHECK(sync_file(disk));
    COMMON_TRY(auto stamp, stamp_of(disk));
    COMMON_TRY(const auto digest, common::digest::of_file(disk));
    stamp.digest = common::digest::to_hex(digest);
    return stamp;
}

Result<Image> ImageRegistrar::make_from(const Checkpoint& checkpoint,
                                        const common::ImageName& name,
                                        const std::string& tenant)
{
    const auto folder = layout_.image(name);
    if (!common::is_name(name.str()) || tenant.empty()) {
        return Error{ErrorCode::invalid_argument, "an image needs a name, and a tenant"};
    }
    if (const auto existing = read_manifest(folder);
        existing && existing->from_snapshot == checkpoint.id.str() && existing->tenant == tenant) {
        return to_image(*existing, folder);
    }
    if (std::error_code error; fs::exists(folder, error) || error) {
        return Error{ErrorCode::already_exists,
                     fmt::format("this host has an image '{}' already", name.str()),
                     "name_taken"};
    }
    COMMON_TRY(const auto chain, disks_with_room(checkpoint));
    const auto origin_name = chain.back().parent_path().filename().string();
    COMMON_TRY(const auto origin, DirImageStore{layout_}.find(common::ImageName{origin_name}));

    common::Rollback rollback;
    COMMON_TRY(const auto fresh, begin_image(layout_, rollback));
    Manifest manifest;
    manifest.name = name.str();
    COMMON_TRY(manifest.disk, flatten(chain.front(), fresh / "disk.qcow2"));
    const auto facts = inspect_disk(fresh / "disk.qcow2");
    if (!facts) {
        return Error{ErrorCode::internal, "what was made is not sound: " + facts.error().message};
    }
    manifest.virtual_bytes = facts->virtual_bytes;
    COMMON_CHECK(copy_boot_files(origin.kernel, origin.initrd, fresh, manifest));
    manifest.cmdline = origin.cmdline;
    manifest.boot = origin.boot;
    manifest.agent = origin.agent;
    manifest.vcpus = checkpoint.spec.vcpus;
    manifest.memory_bytes = checkpoint.spec.memory.count();
    manifest.registered_at_us = common::to_unix_us(std::chrono::system_clock::now());
    manifest.tenant = tenant;
    manifest.from_snapshot = checkpoint.id.str();
    COMMON_CHECK(write_manifest(fresh, manifest));
    COMMON_CHECK(rename_durably(fresh, folder));
    rollback.commit();
    return to_image(manifest, folder);
}

Result<> ImageRegistrar::remove_of(const std::string& tenant,
                                   const common::ImageName& name,
                                   const common::ImageId& registration)
{
    const auto manifest =
        common::is_name(name.str())
            ? read_manifest(layout_.image(name))
            : Error{ErrorCode::not_found, fmt::format("no image '{}'", name.str())};
    if (!manifest) {
        return manifest.error();
    }
    if (manifest->tenant.empty()) {
        return Error{ErrorCode::failed_precondition,
                     fmt::format("'{0}' is an operator's image: on its host, `paddock-hostd image "
                                 "remove {0}` removes it",
                                 name.str()),
                     "operator_image"};
    }
    if (manifest->tenant != tenant ||
        (!registration.empty() && manifest->registration != registration.str())) {
        return Error{ErrorCode::not_found, fmt::format("no image '{}' on this host", name.str())};
    }
    return remove(name);
}

} // namespace hostd::storage
