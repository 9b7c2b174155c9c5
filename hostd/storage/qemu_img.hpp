#pragma once

#include "common/process/process.hpp"
#include "common/result.hpp"

#include <filesystem>
#include <functional>
#include <string>

namespace hostd::storage {

/// How qemu-img is run; a test puts something else here.
using Runner = std::function<common::Result<common::process::Outcome>(
    const common::process::Command& command)>;

/// The command lines, as pure values.
common::process::Command create_overlay(const std::filesystem::path& overlay,
                                        const std::filesystem::path& backing);
/// Likewise, on a file that is not opened: QEMU may be writing to it. Its size must be told.
common::process::Command create_overlay_unopened(const std::filesystem::path& overlay,
                                                 const std::filesystem::path& backing,
                                                 common::Bytes virtual_size);
common::process::Command inspect(const std::filesystem::path& file);
common::process::Command check(const std::filesystem::path& file);
/// The disk lies on that file from now on. Neither that nor what it lay on before is opened.
common::process::Command put_on(const std::filesystem::path& disk,
                                const std::filesystem::path& backing);
/// All that a chain of disks holds as one file that stands alone. Not synced.
common::process::Command flatten(const std::filesystem::path& top,
                                 const std::filesystem::path& into);

/// Likewise of a disk of somebody else's, which is opened without a lock: its VM may be started at
/// any time.
common::process::Command copy_of(const std::filesystem::path& disk,
                                 const std::string& format,
                                 const std::filesystem::path& into);

/// How much a copy of it would take, over its whole chain.
common::process::Command measure(const std::filesystem::path& disk, const std::string& format);
/// What that printed.
common::Result<common::Bytes> parse_measure(std::string_view json);

struct ImageFacts {
    std::string format;
    std::uint64_t virtual_bytes = 0;
    bool has_backing_file = false;
    bool has_data_file = false;
    bool encrypted = false;
    bool corrupt = false;
    std::size_t snapshots = 0;
};

/// What `qemu-img info --output=json` printed. Strict: the file may be hostile, and so is
/// what is said of it.
common::Result<ImageFacts> parse_info(std::string_view json);

/// Runs a command that must succeed; a full disk is `resource_exhausted` (disk_full).
common::Result<std::string> run_qemu_img(const Runner& runner,
                                         const common::process::Command& command);

} // namespace hostd::storage
