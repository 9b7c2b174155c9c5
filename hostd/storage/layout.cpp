#include "hostd/storage/layout.hpp"

#include <cerrno>
#include <fmt/format.h>
#include <system_error>

namespace hostd::storage {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

constexpr std::size_t longest_socket_path = 107; // sun_path, less its NUL: unix(7).

} // namespace

Result<Layout> Layout::make(const std::filesystem::path& state_dir)
{
    Layout layout{state_dir.lexically_normal()};
    const auto socket = layout.sandbox(common::SandboxId{"sbx-aaaaaaaaaaaaaaaa"}).agent_socket;
    if (!state_dir.is_absolute() || socket.string().size() > longest_socket_path) {
        return Error{ErrorCode::invalid_argument,
                     fmt::format("state_dir '{}' must be an absolute path of at most {} characters "
                                 "(sockets below it may have {}): choose a shorter one",
                                 state_dir.string(),
                                 longest_socket_path -
                                     (socket.string().size() - layout.root_.string().size()),
                                 longest_socket_path)};
    }
    return layout;
}

SandboxFiles Layout::sandbox(const common::SandboxId& id) const
{
    const auto folder = sandboxes() / id.str();
    return {folder,
            folder / "overlay.qcow2",
            folder / "nvram.fd",
            folder / "console.log",
            folder / "agent.sock"};
}

Result<> Layout::make_folders() const
{
    namespace fs = std::filesystem;
    for (const auto& folder : {root_, images(), sandboxes()}) {
        std::error_code error;
        fs::create_directories(folder, error);
        if (!error) {
            fs::permissions(folder, fs::perms{0711}, error);
        }
        if (error) {
            return file_error("make folder", folder, error.value());
        }
    }
    return {};
}

Error file_error(std::string_view attempt, const std::filesystem::path& path, int error)
{
    const bool full = error == ENOSPC || error == EDQUOT;
    return {
        full ? ErrorCode::resource_exhausted : ErrorCode::internal,
        fmt::format("{} {}: {}", attempt, path.string(), std::generic_category().message(error)),
        full ? "disk_full" : ""};
}

} // namespace hostd::storage
