// Images of files that the coordinator keeps.
#include "common/digest/digest.hpp"
#include "common/unique_fd.hpp"
#include "hostd/storage/durable.hpp"
#include "hostd/storage/image_files.hpp"
#include "hostd/storage/images.hpp"
#include "hostd/storage/qcow2_header.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <vector>

namespace hostd::storage {

using common::Error;
using common::ErrorCode;
using common::Result;
namespace fs = std::filesystem;

namespace {

/// Of what has come of a file, from its last byte on.
constexpr std::chrono::hours draft_life{24};

/// What has come of a file so far, and its digest.
class Arriving {
public:
    explicit Arriving(fs::path file)
        : path_{std::move(file)},
          fd_{::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644)}
    {}

    /// What an earlier fetch has left counts, if it can be the beginning of `blob`.
    Result<std::uint64_t> take_up(const BlobRef& blob)
    {
        if (!fd_) {
            return file_error("open", path_, errno);
        }
        COMMON_CHECK(read_again());
        if (size_ > blob.size.count()) {
            COMMON_CHECK(begin_anew());
        }
        return size_;
    }
    Result<> begin_anew()
    {
        if (::ftruncate(fd_.get(), 0) != 0 || ::lseek(fd_.get(), 0, SEEK_SET) != 0) {
            return file_error("truncate", path_, errno);
        }
        hasher_ = {};
        size_ = 0;
        return {};
    }
    Result<> append(std::string_view bytes)
    {
        COMMON_CHECK(write_all(fd_.get(), bytes, path_));
        hasher_.update(bytes);
        size_ += bytes.size();
        return {};
    }
    /// Nothing is added after that.
    std::string digest() { return common::digest::to_hex(hasher_.finish()); }
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
    Result<> sync() const
    {
        return ::fsync(fd_.get()) == 0 ? Result<>{} : Result<>{file_error("sync", path_, errno)};
    }

private:
    /// Leaves the position at the end.
    Result<> read_again()
    {
        std::vector<char> piece(std::size_t{1} << 20U);
        for (auto count = piece.size(); count > 0;) {
            COMMON_TRY(count, read_at(fd_.get(), piece, size_));
            hasher_.update({piece.data(), count});
            size_ += count;
        }
        if (::lseek(fd_.get(), 0, SEEK_END) < 0) {
            return file_error("seek in", path_, errno);
        }
        return {};
    }

    fs::path path_;
    common::UniqueFd fd_;
    common::digest::Hasher hasher_;
    std::uint64_t size_ = 0;
};

/// Whole, durable, and what its digest says; at `draft`, which stays if it only was broken off.
Result<std::string>
fetch_draft(const ImageMaker::Fetch& fetch, const BlobRef& blob, const fs::path& draft)
{
    Arriving file{draft};
    COMMON_TRY(const auto there, file.take_up(blob));
    const auto sink = [&file](std::string_view bytes) { return file.append(bytes); };
    FileWish wish{blob, there};
    if (there < blob.size.count()) {
        COMMON_CHECK(fetch(wish, sink));
    }
    auto digest = file.digest();
    if (digest != blob.digest) {
        // A host that was cut off may have lost what it had; another host may lie.
        COMMON_CHECK(file.begin_anew());
        wish = {blob, 0, FileWish::Whence::coordinator};
        COMMON_CHECK(fetch(wish, sink));
        digest = file.digest();
    }
    if (digest != blob.digest) {
        return Error{ErrorCode::unavailable,
                     fmt::format("what came is not what was asked for: sha256 {}, and not {}",
                                 digest,
                                 blob.digest),
                     "blob_damaged"};
    }
    COMMON_CHECK(file.sync());
    return digest;
}

/// Durable, and what its digest says. What has come when it is broken off is there the next time.
Result<FileStamp> fetch_file(const ImageMaker::Fetch& fetch,
                             const BlobRef& blob,
                             const fs::path& draft,
                             const fs::path& to)
{
    auto digest = fetch_draft(fetch, blob, draft);
    std::error_code error;
    if (!digest) {
        const auto why = digest.error().stable_reason();
        const bool goes_on = digest.error().code == ErrorCode::unavailable &&
                             why != "blob_damaged" && why != "unknown_blob" &&
                             fs::file_size(draft, error) > 0 && !error;
        if (!goes_on) {
            fs::remove(draft, error);
        }
        return std::move(digest).error();
    }
    fs::rename(draft, to, error);
    if (error) {
        return file_error("rename", draft, error.value());
    }
    COMMON_TRY(auto stamp, stamp_of(to));
    stamp.digest = *std::move(digest);
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
    const auto draft = [this](const BlobRef& blob) { return layout_.fetching() / blob.digest; };
    COMMON_TRY(manifest.disk,
               fetch_file(fetch, recipe.disk, draft(recipe.disk), folder / "disk.qcow2"));
    COMMON_CHECK(check_header(folder / "disk.qcow2"));
    COMMON_TRY(const auto facts, inspect_disk_in(folder));
    manifest.virtual_bytes = facts.virtual_bytes;
    if (!recipe.kernel.digest.empty()) {
        COMMON_TRY(manifest.kernel,
                   fetch_file(fetch, recipe.kernel, draft(recipe.kernel), folder / "kernel"));
    }
    if (!recipe.initrd.digest.empty()) {
        COMMON_TRY(manifest.initrd,
                   fetch_file(fetch, recipe.initrd, draft(recipe.initrd), folder / "initrd"));
    }
    COMMON_CHECK(write_manifest(folder, manifest));
    return manifest;
}

/// Of files that were broken off, those of other images that are older than a day.
void ImageRegistrar::forget_drafts_but(const ImageRecipe& recipe) const
{
    const std::array wanted{recipe.disk.digest, recipe.kernel.digest, recipe.initrd.digest};
    std::error_code error;
    for (const auto& entry : fs::directory_iterator{layout_.fetching(), error}) {
        const auto name = entry.path().filename().string();
        const auto age = fs::file_time_type::clock::now() - entry.last_write_time(error);
        if (std::ranges::find(wanted, name) == wanted.end() && age > draft_life) {
            fs::remove(entry.path(), error);
        }
    }
}

common::Bytes ImageRegistrar::still_to_come(const ImageRecipe& recipe) const
{
    common::Bytes sum;
    for (const auto* blob : {&recipe.disk, &recipe.kernel, &recipe.initrd}) {
        std::error_code error;
        const auto there = fs::file_size(layout_.fetching() / blob->digest, error);
        const auto size = blob->size.count();
        sum = sum +
              common::Bytes{blob->digest.empty() || error ? size : size - std::min(size, there)};
    }
    return sum;
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
    forget_drafts_but(recipe);
    COMMON_CHECK(keep_reserve(layout_.root(), reserve_, still_to_come(recipe)));
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
