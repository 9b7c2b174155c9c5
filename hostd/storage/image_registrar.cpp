#include "common/digest/digest.hpp"
#include "common/rollback.hpp"
#include "hostd/storage/chain.hpp"
#include "hostd/storage/durable.hpp"
#include "hostd/storage/image_files.hpp"
#include "hostd/storage/images.hpp"

#include <cerrno>
#include <fmt/format.h>

namespace hostd::storage {

using common::Bytes;
using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

namespace fs = std::filesystem;

constexpr auto smallest_disk = Bytes::mib(1);
constexpr auto largest_disk = Bytes::gib(16384);

Result<> check_request(const ImageRequest& request)
{
    if (!common::is_name(request.name.str())) {
        return Error{ErrorCode::invalid_argument,
                     "an image's name is 1 to 63 of [A-Za-z0-9._-], beginning and ending with a "
                     "letter or digit"};
    }
    if ((request.boot == Boot::kernel) == request.kernel.empty()) {
        return Error{ErrorCode::invalid_argument,
                     "give --kernel with --boot kernel, and only then"};
    }
    if (request.kernel.empty() && (!request.initrd.empty() || !request.cmdline.empty())) {
        return Error{ErrorCode::invalid_argument, "--initrd and --cmdline go with --kernel"};
    }
    return {};
}

/// Everything that makes an image what it is, but for when and where.
bool same_content(const Manifest& a, const Manifest& b)
{
    return a.disk.digest == b.disk.digest && a.kernel.digest == b.kernel.digest &&
           a.initrd.digest == b.initrd.digest && a.cmdline == b.cmdline && a.boot == b.boot &&
           a.agent == b.agent && a.vcpus == b.vcpus && a.memory_bytes == b.memory_bytes &&
           a.tenant == b.tenant && a.from_snapshot == b.from_snapshot &&
           a.registration == b.registration && a.from_vm == b.from_vm;
}

/// An error that is no word about the file: nobody could look at it, or not to the end.
Result<> has_looked(const Result<std::string>& told)
{
    if (told ||
        (told.error().code != ErrorCode::timeout && told.error().code != ErrorCode::not_found)) {
        return {};
    }
    return Error{ErrorCode::unavailable, told.error().message, "host_slow"};
}

} // namespace

Result<ImageFacts> ImageRegistrar::inspect_disk(const fs::path& disk) const
{
    const auto printed = run_qemu_img(runner_, inspect(disk));
    COMMON_CHECK(has_looked(printed));
    // Of a hostile file more may be told than is listened to.
    const auto told = printed ? parse_info(*printed) : printed.error();
    if (!told) {
        return image_unusable(disk,
                              "is not a usable qcow2 image (" + told.error().message + ")",
                              "convert it: qemu-img convert -O qcow2 FILE NEW.qcow2");
    }
    const auto& facts = *told;
    if (facts.has_backing_file || facts.has_data_file) {
        // It would let an image read any file of this host.
        return image_unusable(disk,
                              "refers to another file",
                              "make it stand alone: qemu-img convert -O qcow2 FILE NEW.qcow2");
    }
    if (facts.encrypted || facts.corrupt) {
        return image_unusable(disk,
                              facts.encrypted ? "is encrypted" : "is marked corrupt",
                              "give a clean, plain image");
    }
    if (facts.snapshots > 0) {
        // Space that no sandbox can see, and often what somebody meant to be rid of.
        return image_unusable(disk,
                              fmt::format("holds {} internal snapshot(s)", facts.snapshots),
                              "leave them behind: qemu-img convert -O qcow2 FILE NEW.qcow2");
    }
    if (facts.virtual_bytes < smallest_disk.count() || facts.virtual_bytes > largest_disk.count()) {
        return image_unusable(disk,
                              fmt::format("has a disk of {} bytes", facts.virtual_bytes),
                              "1 MiB to 16 TiB are supported");
    }
    const auto checked = run_qemu_img(runner_, check(disk));
    COMMON_CHECK(has_looked(checked));
    if (!checked) {
        return image_unusable(disk,
                              "fails qemu-img check (" + checked.error().message + ")",
                              "repair it: qemu-img check -r all FILE");
    }
    return facts;
}

Result<Manifest> ImageRegistrar::copy_into(const fs::path& folder,
                                           const ImageRequest& request,
                                           const Progress& progress) const
{
    Manifest manifest;
    manifest.name = request.name.str();
    COMMON_TRY(manifest.disk, copy_file(request.disk, folder / "disk.qcow2", progress));
    // What is registered is what was copied, whoever writes to the original meanwhile.
    COMMON_TRY(const auto facts, inspect_disk(folder / "disk.qcow2"));
    manifest.virtual_bytes = facts.virtual_bytes;
    COMMON_CHECK(copy_boot_files(request.kernel, request.initrd, folder, manifest));
    manifest.cmdline = request.cmdline;
    manifest.boot = request.boot;
    manifest.agent = request.agent;
    manifest.vcpus = request.vcpus;
    manifest.memory_bytes = request.memory.count();
    manifest.registered_at_us = common::to_unix_us(std::chrono::system_clock::now());
    COMMON_CHECK(write_manifest(folder, manifest));
    return manifest;
}

Result<Image> ImageRegistrar::add(const ImageRequest& request, const Progress& progress)
{
    COMMON_CHECK(check_request(request));
    COMMON_CHECK(layout_.make_folders());
    COMMON_CHECK(inspect_disk(request.disk));

    common::Rollback rollback;
    COMMON_TRY(const auto fresh, begin_image(layout_, rollback));
    COMMON_TRY(const auto manifest, copy_into(fresh, request, progress));

    const auto folder = layout_.image(request.name);
    if (const auto existing = read_manifest(folder)) {
        if (same_content(*existing, manifest)) {
            return to_image(*existing, folder);
        }
        if (request.if_taken == ImageRequest::IfTaken::refuse) {
            return Error{ErrorCode::already_exists,
                         fmt::format("an image '{}' with other content is registered: choose "
                                     "another name, or use --replace",
                                     request.name.str()),
                         "name_taken"};
        }
        COMMON_CHECK(remove(request.name));
    } else if (fs::exists(folder)) {
        COMMON_CHECK(remove(request.name)); // Damaged: nothing can have been made from it.
    }
    COMMON_CHECK(rename_durably(fresh, folder));
    rollback.commit();
    return to_image(manifest, folder);
}

Result<> ImageRegistrar::refuse_if_in_use(const common::ImageName& name) const
{
    const auto disk = layout_.image(name) / "disk.qcow2";
    COMMON_TRY(auto files, layers_in(layout_));
    COMMON_TRY(const auto overlays, overlays_in(layout_));
    files.insert(files.end(), overlays.begin(), overlays.end());
    for (const auto& file : files) {
        const auto header = read_qcow2_header(file);
        if (!header && !fs::exists(file)) {
            continue; // Its destruction is under way.
        }
        if (!header) {
            return header.error();
        }
        if (header->backing == disk) {
            return Error{ErrorCode::failed_precondition,
                         fmt::format("image '{}' is the backing file of {}: destroy that sandbox "
                                     "or checkpoint first",
                                     name.str(),
                                     file.string()),
                         "image_in_use"};
        }
    }
    return {};
}

Result<> ImageRegistrar::remove(const common::ImageName& name)
{
    const auto folder = layout_.image(name);
    if (!common::is_name(name.str()) || !fs::exists(folder)) {
        return Error{ErrorCode::not_found, fmt::format("no image '{}' on this host", name.str())};
    }
    COMMON_CHECK(refuse_if_in_use(name));
    // Out of sight first: a removal cut short must not leave half an image under its name.
    const auto aside =
        layout_.images() / (std::string{temporary_prefix} + common::random_base32_80());
    if (::rename(folder.c_str(), aside.c_str()) != 0) {
        return file_error("rename", folder, errno);
    }
    std::error_code error;
    fs::remove_all(aside, error);
    return error ? Result<>{file_error("remove", aside, error.value())} : Result<>{};
}

Result<Image> ImageRegistrar::verify(const common::ImageName& name)
{
    const auto folder = layout_.image(name);
    COMMON_TRY(const auto manifest, read_manifest(folder));
    for (const auto& [file, stamp] : {std::pair{"disk.qcow2", &manifest.disk},
                                      std::pair{"kernel", &manifest.kernel},
                                      std::pair{"initrd", &manifest.initrd}}) {
        if (stamp->digest.empty()) {
            continue;
        }
        COMMON_TRY(const auto digest, common::digest::of_file(folder / file));
        if (common::digest::to_hex(digest) != stamp->digest) {
            return Error{ErrorCode::failed_precondition,
                         fmt::format("{} is damaged: sha256 is {}, registered was {}",
                                     (folder / file).string(),
                                     common::digest::to_hex(digest),
                                     stamp->digest),
                         "image_changed"};
        }
    }
    return to_image(manifest, folder);
}

void ImageRegistrar::clean_up()
{
    std::error_code error;
    for (const auto& entry : fs::directory_iterator{layout_.images(), error}) {
        if (entry.path().filename().string().starts_with(temporary_prefix)) {
            fs::remove_all(entry.path(), error);
        }
    }
}

} // namespace hostd::storage
