#pragma once

#include "common/rollback.hpp"
#include "hostd/storage/file_stamp.hpp"
#include "hostd/storage/layout.hpp"
#include "hostd/storage/manifest.hpp"

namespace hostd::storage {

/// Of folders below images() that are no images yet, or no more.
inline constexpr std::string_view temporary_prefix = ".tmp-";

/// Told now and then how much of how much was copied.
using CopyProgress = std::function<void(common::Bytes done, common::Bytes total)>;

/// Copies and digests in one pass, durably; shares the blocks instead where the file system can.
common::Result<FileStamp> copy_file(const std::filesystem::path& from,
                                    const std::filesystem::path& to,
                                    const CopyProgress& progress);

/// An empty folder for the files of an image; rolled back, it is gone with all in it.
common::Result<std::filesystem::path> begin_image(const Layout& layout, common::Rollback& rollback);
/// What it boots with, where it needs more than its disk, into the folder of an image.
common::Result<> copy_boot_files(const std::filesystem::path& kernel,
                                 const std::filesystem::path& initrd,
                                 const std::filesystem::path& folder,
                                 Manifest& manifest);

/// `invalid_argument`: what is wrong with a file, and how to mend it.
common::Error
image_unusable(const std::filesystem::path& file, std::string_view why, std::string_view fix);

} // namespace hostd::storage
