#include "hostd/storage/chain.hpp"

#include "hostd/storage/durable.hpp"

#include <fmt/format.h>

namespace hostd::storage {

using common::Error;
using common::ErrorCode;
using common::Result;
namespace fs = std::filesystem;

namespace {

Error damaged(const fs::path& file, std::string_view why)
{
    return {ErrorCode::failed_precondition,
            fmt::format("disk {}: {}", file.string(), why),
            "disk_damaged"};
}

/// What `wanted` takes of a folder; a folder that vanishes meanwhile has none.
template <typename Wanted>
Result<std::vector<fs::path>> files_in(const fs::path& folder, Wanted wanted)
{
    std::vector<fs::path> files;
    std::error_code error;
    for (auto entry = fs::directory_iterator{folder, error};
         !error && entry != fs::directory_iterator{};
         entry.increment(error)) {
        if (wanted(entry->path())) {
            files.push_back(entry->path());
        }
    }
    if (error && error != std::errc::no_such_file_or_directory &&
        error != std::errc::not_a_directory) {
        return file_error("list", folder, error.value());
    }
    return files;
}

bool is_overlay(const fs::path& file)
{
    return overlay_number(file.filename().string()).has_value();
}

} // namespace

Result<std::vector<fs::path>> chain_of(const Layout& layout, const fs::path& top)
{
    std::vector<fs::path> chain;
    for (auto file = top; !file.empty();) {
        chain.push_back(file);
        if (chain.size() > longest_chain) {
            return damaged(top, "its chain of backing files does not end");
        }
        std::error_code error;
        if (!fs::is_regular_file(fs::symlink_status(file, error))) {
            return damaged(file, "missing");
        }
        if (layout.is_image_disk(file)) {
            break;
        }
        // An overlay is on top, or it is another's.
        if (!layout.layer_at(file) && (chain.size() > 1 || !layout.overlay_owner(file))) {
            return damaged(chain.size() > 1 ? chain[chain.size() - 2] : top,
                           fmt::format("refers to {}, which is no disk of ours", file.string()));
        }
        COMMON_TRY(auto header, read_qcow2_header(file));
        file = std::move(header.backing);
    }
    return chain;
}

Result<std::vector<fs::path>> layers_in(const Layout& layout)
{
    return files_in(layout.layers(),
                    [&](const fs::path& file) { return layout.layer_at(file).has_value(); });
}

Result<std::vector<fs::path>> overlays_of(const Layout& layout, const common::SandboxId& id)
{
    return files_in(layout.sandbox(id).folder, is_overlay);
}

Result<std::vector<fs::path>> overlays_in(const Layout& layout)
{
    COMMON_TRY(const auto folders,
               files_in(layout.sandboxes(), [](const fs::path&) { return true; }));
    std::vector<fs::path> overlays;
    for (const auto& folder : folders) {
        COMMON_TRY(const auto files, files_in(folder, is_overlay));
        overlays.insert(overlays.end(), files.begin(), files.end());
    }
    return overlays;
}

} // namespace hostd::storage
