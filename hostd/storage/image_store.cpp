#include "common/digest/digest.hpp"
#include "hostd/storage/images.hpp"

#include <fmt/format.h>

namespace hostd::storage {

using common::Error;
using common::ErrorCode;
using common::Result;

DirImageStore::DirImageStore(Layout layout)
    : layout_{std::move(layout)},
      stamps_{[](const std::filesystem::path& file) -> Result<std::string> {
          COMMON_TRY(const auto digest, common::digest::of_file(file));
          return common::digest::to_hex(digest);
      }}
{}

// True if the stamp was renewed.
Result<bool> DirImageStore::check_file(const std::filesystem::path& file, FileStamp& known) const
{
    if (known.digest.empty()) {
        return false;
    }
    COMMON_TRY(const auto verdict, stamps_.check(file, known));
    if (verdict == StampCheck::Verdict::changed) {
        return Error{ErrorCode::failed_precondition,
                     fmt::format("{} is not what was registered: its digest has changed; "
                                 "register the image again",
                                 file.string()),
                     "image_changed"};
    }
    return verdict == StampCheck::Verdict::renewed;
}

Result<Image> DirImageStore::load(const std::filesystem::path& folder) const
{
    COMMON_TRY(auto manifest, read_manifest(folder));
    COMMON_TRY(const bool disk, check_file(folder / "disk.qcow2", manifest.disk));
    COMMON_TRY(const bool kernel, check_file(folder / "kernel", manifest.kernel));
    COMMON_TRY(const bool initrd, check_file(folder / "initrd", manifest.initrd));
    if (disk || kernel || initrd) {
        COMMON_CHECK(write_manifest(folder, manifest)); // The same bytes, touched or restored.
    }
    return to_image(manifest, folder);
}

Result<Image> DirImageStore::find(const common::ImageName& name) const
{
    auto image = load(layout_.image(name));
    if (!image && image.error().code == ErrorCode::not_found) {
        return Error{ErrorCode::not_found,
                     fmt::format("no image '{}' on this host", name.str()),
                     "image_not_found"};
    }
    return image;
}

std::vector<Image> DirImageStore::list(std::vector<std::string>& warnings) const
{
    std::vector<Image> images;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator{layout_.images(), error}) {
        const auto name = entry.path().filename().string();
        if (!common::is_name(name)) {
            continue; // .tmp-…: being made, or left by an add that was cut short.
        }
        if (auto image = load(entry.path())) {
            images.push_back(*std::move(image));
        } else {
            warnings.push_back(fmt::format("image '{}': {}", name, image.error().message));
        }
    }
    return images;
}

std::optional<std::filesystem::path> DirImageStore::file_of(const common::ImageId& registration,
                                                            const std::string& digest) const
{
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator{layout_.images(), error}) {
        const auto& folder = entry.path();
        const auto manifest = common::is_name(folder.filename().string())
                                  ? read_manifest(folder)
                                  : Result<Manifest>{Error{ErrorCode::not_found, "being made"}};
        if (!manifest || digest.empty() || manifest->registration != registration.str()) {
            continue;
        }
        for (const auto& [name, stamp] : {std::pair{"disk.qcow2", &manifest->disk},
                                          std::pair{"kernel", &manifest->kernel},
                                          std::pair{"initrd", &manifest->initrd}}) {
            if (stamp->digest == digest) {
                return folder / name;
            }
        }
    }
    return std::nullopt;
}

} // namespace hostd::storage
