#pragma once

#include "cli/context.hpp"

#include <nlohmann/json.hpp>
#include <string>

// Images of files: what `paddock images` and `paddock templates apply` make.
namespace cli {

/// What an image is made of. "" and 0: not said.
struct ImageFiles {
    std::string name;
    std::string disk; ///< qcow2
    std::string kernel;
    std::string initrd;
    std::string cmdline;
    std::string boot;
    std::string agent;
    std::string memory;
    std::string prefetch; ///< As the API has it.
    unsigned cpu = 0;
};

/// Asks for an image, with `what` shown meanwhile; the API's answer.
common::Result<std::string>
make_image(Context& context, const nlohmann::json& body, const std::string& what);

/// Uploads those files that are not there yet, and has the image made of them.
common::Result<std::string> push_image(Context& context, const ImageFiles& wanted);

/// Likewise of `from`, as image_source() takes it, in place of a disk: what that says counts where
/// `wanted` does not.
common::Result<std::string> import_image(Context& context,
                                         const ImageFiles& wanted,
                                         const std::string& from,
                                         const std::string& sha256);

} // namespace cli
