// Images of files that the coordinator keeps.
#include "common/digest/digest.hpp"
#include "common/unique_fd.hpp"
#include "hostd/storage/durable.hpp"
#include "hostd/storage/image_files.hpp"
#include "hostd/storage/images.hpp"
#include "hostd/storage/qcow2_header.hpp"

#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>

namespace hostd::storage {

using common::Error;
using common::ErrorCode;
using common::Result;
namespace fs = std::filesystem;

namespace {

/// Durable, and what its digest says.
Result<FileStamp>
fetch_file(const ImageMaker::Fetch& fetch, const BlobRef& blob, const fs::path& to)
{
    const common::UniqueFd out{::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)};
    if (!out) {
        return file_error("create", to, errno);
    }
    common::digest::Hasher hasher;
    COMMON_CHECK(fetch(blob, [&](std::string_view bytes) {
        hasher.update(bytes);
        return write_all(out.get(), bytes, to);
    }));
    const auto digest = common::digest::to_hex(hasher.finish());
    if (digest != blob.digest) {
        return Error{ErrorCode::unavailable,
                     fmt::format("what came is not what was asked for: sha256 {}, and not {}",
                                 digest,
                                 blob.digest),
                     "blob_damaged"};
    }
    if (::fsync(out.get()) != 0) {
        return file_error("sync", to, errno);
    }
    COMMON_TRY(auto stamp, stamp_of(to));
    stamp.digest = digest;
    return stamp;
}

Manifest manifest_of(const ImageRecipe& recipe)
{
    Manifest manifest;
    manifest.name = recipe.name.str();
    manifest.cmdline = recipe.cmdline;
    manifest.boot = recipe.boot;
    manifest.agent = recipe.agent;
    manifest.vcpus = recipe.vcpus;
    manifest.memory_bytes = recipe.memory.count();
    manifest.registered_at_us = common::to_unix_us(std::chrono::system_clock::now());
    manifest.tenant = recipe.tenant;
    manifest.registration = recipe.registration.str();
    return manifest;
}

} // namespace

/// Before anything opens it that would follow what it says: `qemu-img info` opens an external data
/// file, whatever that is (QEMU's CVE-2024-4467).
Result<> ImageRegistrar::check_header(const fs::path& disk) const
{
    const auto header = read_qcow2_header(disk);
    if (!header) {
        return image_unusable(disk.filename(),
                              "is no qcow2 image that can be used (" + header.error().message + ")",
                              "make one: qemu-img convert -O qcow2 FILE NEW.qcow2");
    }
    if (!header->backing.empty()) {
        return image_unusable(disk.filename(),
                              "refers to another file",
                              "make it stand alone: qemu-img convert -O qcow2 FILE NEW.qcow2");
    }
    return {};
}

/// Where it lies is nobody's business but this host's.
Result<ImageFacts> ImageRegistrar::inspect_disk_in(const fs::path& folder) const
{
    auto facts = inspect_disk(folder / "disk.qcow2");
    if (facts) {
        return facts;
    }
    auto error = std::move(facts).error();
    const auto where = folder.string() + "/";
    for (auto at = error.message.find(where); at != std::string::npos;
         at = error.message.find(where)) {
        error.message.erase(at, where.size());
    }
    return error;
}

Result<Manifest> ImageRegistrar::fetch_into(const fs::path& folder,
                                            const ImageRecipe& recipe,
                                            const ImageMaker::Fetch& fetch) const
{
    auto manifest = manifest_of(recipe);
    COMMON_TRY(manifest.disk, fetch_file(fetch, recipe.disk, folder / "disk.qcow2"));
    COMMON_CHECK(check_header(folder / "disk.qcow2"));
    COMMON_TRY(const auto facts, inspect_disk_in(folder));
    manifest.virtual_bytes = facts.virtual_bytes;
    if (!recipe.kernel.digest.empty()) {
        COMMON_TRY(manifest.kernel, fetch_file(fetch, recipe.kernel, folder / "kernel"));
    }
    if (!recipe.initrd.digest.empty()) {
        COMMON_TRY(manifest.initrd, fetch_file(fetch, recipe.initrd, folder / "initrd"));
    }
    COMMON_CHECK(write_manifest(folder, manifest));
    return manifest;
}

/// Nobody has it, or one that was registered before for the same tenant.
Result<> ImageRegistrar::may_take_name(const ImageRecipe& recipe) const
{
    const auto folder = layout_.image(recipe.name);
    const auto existing = read_manifest(folder);
    if (existing && !existing->registration.empty() && existing->tenant == recipe.tenant) {
        return {};
    }
    if (std::error_code error; existing || fs::exists(folder, error) || error) {
        return Error{ErrorCode::already_exists,
                     fmt::format("this host has another image '{}' already", recipe.name.str()),
                     "name_taken"};
    }
    return {};
}

/// What is there under its name: the image itself, or nothing any more.
Result<std::optional<Image>> ImageRegistrar::make_way_for(const ImageRecipe& recipe)
{
    const auto folder = layout_.image(recipe.name);
    const auto existing = read_manifest(folder);
    if (existing && existing->registration == recipe.registration.str()) {
        return std::optional{to_image(*existing, folder)};
    }
    COMMON_CHECK(may_take_name(recipe));
    if (existing) {
        COMMON_CHECK(remove(recipe.name));
    }
    return std::optional<Image>{};
}

Result<Image>
ImageRegistrar::add(const ImageRecipe& recipe, const ImageMaker::Fetch& fetch, const Lock& lock)
{
    if (!common::is_name(recipe.name.str()) || recipe.tenant.empty() ||
        recipe.registration.empty()) {
        return Error{ErrorCode::invalid_argument,
                     "an image needs a name, a tenant and a registration"};
    }
    const auto folder = layout_.image(recipe.name);
    if (const auto existing = read_manifest(folder);
        existing && existing->registration == recipe.registration.str()) {
        return to_image(*existing, folder);
    }
    COMMON_CHECK(may_take_name(recipe)); // Before gigabytes are fetched for nothing.
    COMMON_CHECK(keep_reserve(
        layout_.root(), reserve_, recipe.disk.size + recipe.kernel.size + recipe.initrd.size));
    common::Rollback rollback;
    COMMON_TRY(const auto fresh, begin_image(layout_, rollback));
    COMMON_TRY(const auto manifest, fetch_into(fresh, recipe, fetch));
    COMMON_TRY(const auto held, lock());
    COMMON_TRY(auto there, make_way_for(recipe));
    if (there) {
        return *std::move(there);
    }
    COMMON_CHECK(rename_durably(fresh, folder));
    rollback.commit();
    return to_image(manifest, folder);
}

} // namespace hostd::storage
