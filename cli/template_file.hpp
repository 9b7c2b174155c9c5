#pragma once

#include "common/result.hpp"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace cli {

/// What an image is to be made of, as a template's file says it. Files are absolute.
struct TemplateImage {
    std::string from; ///< As image_source() takes it.
    std::string sha256;
    std::string kernel;
    std::string initrd;
    std::string cmdline;
    std::string boot;
    std::string prefetch; ///< As the API has it; "": everywhere.
    std::string agent;    ///< "": image.json says it.
};

/// A template as one YAML file says it: docs/templates.md has the keys.
struct TemplateFile {
    std::string origin; ///< As people named the file.
    std::string name;
    /// Of POST /v1/templates; without `image` where one is to be made.
    nlohmann::json body = nlohmann::json::object();
    std::optional<TemplateImage> image;
    /// Of POST /v1/pools, what it says of how many: min, max, max_age_seconds.
    std::optional<nlohmann::json> pool;
    /// What became of keys of a predecessor's, one line each.
    std::vector<std::string> notes;
};

/// `folder`: what paths in it begin at. `invalid_argument` has all that is wrong, each with file,
/// line and key: keys that nobody knows, wrong types and values, files that are not there.
common::Result<TemplateFile> read_template(const std::string& text,
                                           const std::string& origin,
                                           const std::filesystem::path& folder);

} // namespace cli
