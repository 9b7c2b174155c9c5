#pragma once

#include "cli/console.hpp"
#include "cli/local_file.hpp"
#include "common/unique_fd.hpp"

#include <string>

namespace cli {

/// What an image is made of: files here, and what is said of them.
struct ImageSource {
    std::string disk; ///< qcow2
    std::string kernel;
    std::string initrd;
    std::string cmdline;
    std::string agent; ///< "" if nothing says it.
    unsigned vcpus = 0;
    unsigned memory_mb = 0;
    common::UniqueFd
        made; ///< What was fetched or converted: `disk` is a way to it, and the only one.
};

/// Whether it names a URL, a folder or a file, and not somebody's VM.
bool is_image_source(const std::string& where);

/// `where`: a URL (http, https), a file, or a folder with an image.json beside disk.qcow2, as
/// tools/build-tiny-image makes. A raw disk is converted; what is neither qcow2 nor raw is refused.
/// Digests that image.json names are compared. `sha256`: hex, that a file or what a URL answers has
/// to have; http wants one. `inject`: an agent's binary that is put into a copy of the disk; ""
/// none. With progress. Signals meanwhile end the process, and nothing is left.
common::Result<ImageSource> image_source(const Console& console,
                                         const std::string& where,
                                         const std::string& sha256,
                                         const std::string& inject = {});

} // namespace cli
