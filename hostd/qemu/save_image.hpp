#pragma once

#include "common/result.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace hostd::qemu {

/// What a save image of libvirt's (version 2, not compressed, no cookie) begins with: a header in
/// the machine's byte order, the XML, a NUL, and NULs up to a whole page, where the migration
/// stream begins. It says that the domain was paused: restored without further flags it does not
/// run, and its guest must not before its new identity is in place.
std::string save_image_head(std::string_view domain_xml);

/// Writes a whole save image for virDomainRestoreFlags. The file is new (one of that name is
/// replaced), for its owner alone, and not synced; after an error there is none. A full disk is
/// `resource_exhausted`, reason disk_full.
common::Result<> write_save_image(const std::filesystem::path& file,
                                  std::string_view domain_xml,
                                  std::string_view device_stream);

struct SaveImage {
    std::string domain_xml;
    std::uint64_t stream_offset = 0; ///< Where the migration stream begins in the file.
};

/// Reads the head of a save image, one that libvirt wrote too (which puts a cookie after the
/// XML). `not_found`: there is no file. `failed_precondition` with the reason incomplete: writing
/// it was begun and not finished; unknown_format: it is none of version 2, or a compressed one.
common::Result<SaveImage> read_save_image(const std::filesystem::path& file);

/// The same over the file's first bytes. Fewer than the head has are unknown_format.
common::Result<SaveImage> parse_save_image(std::string_view head);

} // namespace hostd::qemu
