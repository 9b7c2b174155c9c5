#pragma once

#include "common/result.hpp"
#include "hostd/core/model.hpp"
#include "hostd/storage/file_stamp.hpp"

#include <filesystem>
#include <string>

namespace hostd::storage {

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
    std::string tenant;        ///< Whose it is; "" is an operator's, for everybody.
    std::string from_snapshot; ///< Id of the checkpoint that it was made of; else "".
    std::string registration;  ///< Id that the coordinator knows it by; else "".
    std::string from_vm;       ///< Somebody else's VM that it was made of; else "".
    FileStamp source;          ///< How its disk was then, if it was shut off.
    std::string made_by;       ///< The operation that made it so.
};

common::Result<Manifest> read_manifest(const std::filesystem::path& folder);
/// Atomically: a temporary file, fsync, rename, fsync of the folder.
common::Result<> write_manifest(const std::filesystem::path& folder, const Manifest& manifest);

Image to_image(const Manifest& manifest, const std::filesystem::path& folder);

} // namespace hostd::storage
