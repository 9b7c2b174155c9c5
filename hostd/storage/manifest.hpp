#pragma once

#include "common/result.hpp"
#include "hostd/core/model.hpp"

#include <filesystem>
#include <string>

namespace hostd::storage {

/// What a file was like when it was digested: if none of it changed, neither did the file.
struct FileStamp {
    std::string digest; ///< sha256 hex; "" where there is no such file.
    std::uint64_t inode = 0;
    std::uint64_t size = 0;
    std::int64_t mtime_ns = 0;

    friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

/// manifest.json of one image.
struct Manifest {
    std::string name;
    FileStamp disk;
    FileStamp kernel;
    FileStamp initrd;
    std::string cmdline;
    Boot boot = Boot::bios;
    AgentKind agent = AgentKind::none;
    std::uint64_t virtual_bytes = 0;
    unsigned vcpus = 0;
    std::uint64_t memory_bytes = 0;
    std::int64_t registered_at_us = 0;
};

/// Inode, size and time of a file; the digest is left empty.
common::Result<FileStamp> stamp_of(const std::filesystem::path& file);

common::Result<Manifest> read_manifest(const std::filesystem::path& folder);
/// Atomically: a temporary file, fsync, rename, fsync of the folder.
common::Result<> write_manifest(const std::filesystem::path& folder, const Manifest& manifest);

Image to_image(const Manifest& manifest, const std::filesystem::path& folder);

} // namespace hostd::storage
