#include "hostd/storage/layout.hpp"

#include "hostd/storage/durable.hpp"

#include <cerrno>
#include <charconv>
#include <fmt/format.h>
#include <system_error>

namespace hostd::storage {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

constexpr std::size_t longest_socket_path = 107; // sun_path, less its NUL: unix(7).
constexpr std::uint64_t last_incarnation =
    999'999; // Of a sandbox: one restore a minute, two years.

} // namespace

Result<Layout> Layout::make(const std::filesystem::path& state_dir)
{
    Layout layout{state_dir.lexically_normal()};
    const common::SandboxId any{"sbx-aaaaaaaaaaaaaaaa"};
    const auto socket = layout.sandbox(any, last_incarnation).agent_socket;
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

SandboxFiles Layout::sandbox(const common::SandboxId& id, std::uint64_t incarnation) const
{
    const auto folder = sandboxes() / id.str();
    const auto own = incarnation <= 1 ? std::string{} : fmt::format(".g{}", incarnation);
    return {folder,
            folder / overlay_name(1),
            folder / "nvram.fd",
            folder / fmt::format("console{}.log", own),
            folder / fmt::format("agent{}.sock", own)};
}

StateFiles Layout::state(const std::filesystem::path& folder)
{
    return {folder, folder / "ram", folder / "device", folder / "domain.xml"};
}

std::optional<LayerId> Layout::layer_at(const std::filesystem::path& file) const
{
    auto id = common::parse_id<LayerId>(file.stem().string());
    if (!id || file != layer(*id)) {
        return std::nullopt;
    }
    return *std::move(id);
}

std::optional<common::SandboxId> Layout::overlay_owner(const std::filesystem::path& file) const
{
    auto id = common::parse_id<common::SandboxId>(file.parent_path().filename().string());
    const auto name = file.filename().string();
    if (!id || !overlay_number(name) || file != sandbox(*id).folder / name) {
        return std::nullopt;
    }
    return *std::move(id);
}

bool Layout::is_image_disk(const std::filesystem::path& file) const
{
    const auto name = file.parent_path().filename().string();
    return common::is_name(name) && file == image_disk(common::ImageName{name});
}

Result<> Layout::make_folders() const
{
    namespace fs = std::filesystem;
    for (const auto& folder : {root_, images(), fetching(), layers(), snapshots(), sandboxes()}) {
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

std::string overlay_name(std::uint64_t number)
{
    return number <= 1 ? "overlay.qcow2" : fmt::format("overlay.{}.qcow2", number);
}

std::optional<std::uint64_t> overlay_number(std::string_view file_name) noexcept
{
    constexpr std::string_view before = "overlay.";
    if (file_name == "overlay.qcow2") {
        return 1;
    }
    if (!file_name.starts_with(before)) {
        return std::nullopt;
    }
    const auto rest = file_name.substr(before.size());
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(rest.begin(), rest.end(), number);
    if (error != std::errc{} || number < 2 || rest.front() == '0' ||
        std::string_view{end, rest.end()} != ".qcow2") {
        return std::nullopt;
    }
    return number;
}

} // namespace hostd::storage
