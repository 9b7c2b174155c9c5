// Images of somebody else's VMs, whose disks are read and nothing else.
#include "common/digest/digest.hpp"
#include "hostd/storage/durable.hpp"
#include "hostd/storage/image_files.hpp"
#include "hostd/storage/images.hpp"

#include <cerrno>
#include <fmt/format.h>
#include <sys/stat.h>

namespace hostd::storage {

using common::Error;
using common::ErrorCode;
using common::Result;
namespace fs = std::filesystem;

namespace {

Manifest manifest_of_vm(const ForeignSource& source, const ImportVmCommand& wish)
{
    Manifest manifest;
    manifest.name = wish.image.str();
    manifest.cmdline = source.cmdline;
    manifest.boot = source.boot;
    manifest.agent = wish.agent.value_or(source.agent);
    manifest.vcpus = source.vcpus;
    manifest.memory_bytes = source.memory.count();
    manifest.registered_at_us = common::to_unix_us(std::chrono::system_clock::now());
    manifest.tenant = wish.tenant;
    manifest.from_vm = source.vm;
    manifest.made_by = wish.operation.str();
    return manifest;
}

/// A backup is its QEMU's file, which may have kept it open: what becomes an image is a copy.
Result<> back_up_and_copy(const ImageMaker::BackUp& back_up, const fs::path& into)
{
    const auto backup = into.parent_path() / "backup.qcow2";
    COMMON_CHECK(back_up(backup));
    COMMON_CHECK(copy_file(backup, into, [](common::Bytes, common::Bytes) {}));
    return remove_file(backup);
}

} // namespace

/// `stamp`: how its disk looked while it was not running and nobody wrote to it.
Result<> ImageRegistrar::copy_disk(const ForeignSource& source,
                                   const ImageMaker::BackUp& back_up,
                                   const fs::path& into,
                                   FileStamp& stamp) const
{
    if (source.runs) {
        return back_up_and_copy(back_up, into);
    }
    COMMON_TRY(stamp, stamp_of(source.disk));
    auto copied = run_qemu_img(runner_, copy_of(source.disk, source.format, into));
    if (!copied) {
        auto error = std::move(copied).error();
        if (error.code == ErrorCode::timeout) {
            error.code = ErrorCode::unavailable; // It was ended, and is undone.
            error.reason = "host_slow";
        }
        return error;
    }
    COMMON_TRY(const auto after, stamp_of(source.disk));
    if (!(after == stamp)) {
        return Error{ErrorCode::failed_precondition,
                     fmt::format("the disk of {} was written to while it was copied: it was "
                                 "started meanwhile; ask again",
                                 source.vm),
                     "vm_changed"};
    }
    if (::chmod(into.c_str(), 0644) != 0) { // QEMU's user reads it.
        return file_error("open up", into, errno);
    }
    return {};
}

/// What was made of this VM before, if it is what the VM's disk holds; nothing once the name is
/// free.
Result<std::optional<Image>> ImageRegistrar::imported_before(const ForeignSource& source,
                                                             const ImportVmCommand& wish)
{
    const auto folder = layout_.image(wish.image);
    const auto existing = read_manifest(folder);
    if (existing && existing->tenant == wish.tenant && existing->from_vm == source.vm) {
        const auto now = stamp_of(source.disk);
        const bool asked_again =
            !wish.operation.empty() && existing->made_by == wish.operation.str();
        if (asked_again || (!source.runs && now && *now == existing->source)) {
            return std::optional{to_image(*existing, folder)};
        }
        if (wish.if_other == ImportVmCommand::IfOther::renew) {
            auto removed = remove(wish.image);
            if (!removed) {
                return std::move(removed).error().during(
                    fmt::format("the disk of {} has changed since", source.vm));
            }
            return std::optional<Image>{};
        }
    }
    if (std::error_code error; fs::exists(folder, error) || error) {
        return Error{ErrorCode::already_exists,
                     fmt::format("this host has an image '{}' already", wish.image.str()),
                     "name_taken"};
    }
    return std::optional<Image>{};
}

Result<Image> ImageRegistrar::import(const ForeignSource& theirs,
                                     const ImportVmCommand& wish,
                                     const ImageMaker::BackUp& back_up)
{
    std::error_code unseen;
    auto source = theirs;
    source.disk = fs::canonical(theirs.disk, unseen); // It may be a link.
    if (unseen) {
        return Error{ErrorCode::failed_precondition,
                     fmt::format("its disk {}: {}", theirs.disk.string(), unseen.message()),
                     "vm_unsupported"};
    }
    if (!common::is_name(wish.image.str()) || wish.tenant.empty()) {
        return Error{ErrorCode::invalid_argument, "an image needs a name, and a tenant"};
    }
    COMMON_TRY(auto before, imported_before(source, wish));
    if (before) {
        return *std::move(before);
    }
    COMMON_TRY(const auto measured, run_qemu_img(runner_, measure(source.disk, source.format)));
    COMMON_TRY(const auto size, parse_measure(measured));
    // A backup and what becomes of it are there at the same time.
    COMMON_CHECK(keep_reserve(layout_.root(), reserve_, source.runs ? size + size : size));
    common::Rollback rollback;
    COMMON_TRY(const auto fresh, begin_image(layout_, rollback));
    auto manifest = manifest_of_vm(source, wish);
    const auto disk = fresh / "disk.qcow2";
    COMMON_CHECK(copy_disk(source, back_up, disk, manifest.source));
    COMMON_TRY(const auto facts, inspect_disk_in(fresh));
    manifest.virtual_bytes = facts.virtual_bytes;
    COMMON_CHECK(copy_boot_files(source.kernel, source.initrd, fresh, manifest));
    COMMON_CHECK(sync_file(disk));
    COMMON_TRY(manifest.disk, stamp_of(disk));
    COMMON_TRY(const auto digest, common::digest::of_file(disk));
    manifest.disk.digest = common::digest::to_hex(digest);
    COMMON_CHECK(write_manifest(fresh, manifest));
    COMMON_CHECK(rename_durably(fresh, layout_.image(wish.image)));
    rollback.commit();
    return to_image(manifest, layout_.image(wish.image));
}

} // namespace hostd::storage
