#pragma once

#include "common/bytes.hpp"
#include "common/result.hpp"

#include <cstdint>
#include <string>

namespace hostd::qemu {

struct SplitSettings {
    std::string ram_block = "pc.ram"; ///< The guest's main memory in the stream.
    std::string renamed;              ///< What it is called where it is loaded: its backend's id.
    common::Bytes ram;                ///< That block's size; another is refused.
    common::Bytes device_limit = common::Bytes::mib(64); ///< Of all else; more is `too_large`.
};

/// What a migration stream held beside the pages that are in the memory file now.
struct Split {
    std::string device;      ///< The stream without the main memory's pages: a destination that
                             ///< has these in its memory backend loads it as it is.
    std::uint64_t pages = 0; ///< Of the main memory, with content.
    std::uint64_t zero_pages = 0;
    common::Bytes read;
};

/// Reads the migration stream of a guest that stands still from `stream` (a blocking socket or
/// pipe) to its end. Pages of the main memory go to `memory`, a regular file of that block's
/// size that is all holes, each at its own offset; zero pages stay holes. All else becomes
/// Split::device, with the block renamed.
///
/// Strict, because what is lost here is noticed by nobody: anything but what QEMU 7.2 sends
/// without capabilities (another section, flag, subsection or block size; a page outside its
/// block, or one that never came; an end in the middle) is `failed_precondition`, reason
/// unknown_stream. A full disk is `resource_exhausted`, reason disk_full. `unavailable`: reading
/// failed. After an error the rest is still in the stream: close it.
///
/// Blocks until the sender closes; to give up, shut the socket down. Any thread. A socket's
/// sender should have a large SO_SNDBUF: it waits while pages are being written.
common::Result<Split> split(int stream, int memory, const SplitSettings& settings);

} // namespace hostd::qemu
