#include "hostd/daemon/image_commands.hpp"

#include "hostd/daemon/file_lock.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace hostd::daemon {

using common::Error;
using common::ErrorCode;
using common::Result;
using storage::ImageRegistrar;
using storage::Layout;

namespace {

Result<Layout> ready_layout(const Settings& settings)
{
    COMMON_TRY(auto layout, Layout::make(settings.state_dir));
    COMMON_CHECK(layout.make_folders());
    return layout;
}

ImageRegistrar registrar(const Layout& layout)
{
    return {layout, &common::process::run};
}

Result<FileLock> writers_lock(const Layout& layout)
{
    const auto file = image_lock_file(layout);
    auto lock = FileLock::take(file, FileLock::IfHeld::fail);
    if (lock || lock.error().reason != "already_running") {
        return lock;
    }
    fmt::print(stderr, "waiting for another `image` command: {}\n", lock.error().message);
    return FileLock::take(file, FileLock::IfHeld::wait);
}

void show_progress(common::Bytes done, common::Bytes total)
{
    const auto percent = total.count() == 0 ? 100 : done.count() * 100 / total.count();
    fmt::print(stderr, "\rcopying: {:3}% of {} MiB", percent, total.mib());
    if (done == total) {
        fmt::print(stderr, "\n");
    }
}

nlohmann::json to_json(const Image& image)
{
    return {{"name", image.name.str()},
            {"digest", "sha256:" + image.digest},
            {"size_bytes", image.size.count()},
            {"virtual_bytes", image.virtual_size.count()},
            {"boot", to_string(image.boot)},
            {"agent", to_string(image.agent)},
            {"vcpus", image.default_vcpus},
            {"memory_mb", image.default_memory.mib()},
            {"registered_at", common::to_rfc3339(image.registered_at)},
            {"tenant", image.tenant},
            {"from_snapshot", image.from_snapshot.str()}};
}

void print_line(const Image& image)
{
    fmt::print("{:<24} {:<6} {:<7} {:>7} MiB {:>7} MiB  sha256:{}\n",
               image.name.str(),
               to_string(image.boot),
               to_string(image.agent),
               image.size.mib(),
               image.virtual_size.mib(),
               image.digest.substr(0, 16));
}

} // namespace

std::filesystem::path image_lock_file(const Layout& layout)
{
    return layout.root() / "images.lock";
}

Result<> add_image(const Settings& settings, const storage::ImageRequest& request)
{
    COMMON_TRY(const auto layout, ready_layout(settings));
    COMMON_TRY(const auto lock, writers_lock(layout));
    const bool terminal = ::isatty(STDERR_FILENO) == 1;
    COMMON_TRY(const auto image,
               registrar(layout).add(request, [terminal](common::Bytes done, common::Bytes total) {
                   if (terminal) {
                       show_progress(done, total);
                   }
               }));
    fmt::print("image {} is registered, sha256:{}\n", image.name.str(), image.digest);
    return {};
}

Result<> list_images(const Settings& settings, Output output)
{
    COMMON_TRY(const auto layout, Layout::make(settings.state_dir));
    std::vector<std::string> warnings;
    const auto images = storage::DirImageStore{layout}.list(warnings);
    for (const auto& warning : warnings) {
        fmt::print(stderr, "warning: {}\n", warning);
    }
    if (output == Output::json) {
        auto array = nlohmann::json::array();
        for (const auto& image : images) {
            array.push_back(to_json(image));
        }
        fmt::print("{}\n", array.dump(2));
        return {};
    }
    if (images.empty()) {
        fmt::print("no images; register one with: paddock-hostd image add NAME FILE\n");
        return {};
    }
    fmt::print("{:<24} {:<6} {:<7} {:>11} {:>11}  {}\n",
               "NAME",
               "BOOT",
               "AGENT",
               "SIZE",
               "VIRTUAL",
               "DIGEST");
    for (const auto& image : images) {
        print_line(image);
    }
    return {};
}

Result<> remove_image(const Settings& settings, const common::ImageName& name)
{
    COMMON_TRY(const auto layout, ready_layout(settings));
    COMMON_TRY(const auto lock, writers_lock(layout));
    COMMON_CHECK(registrar(layout).remove(name));
    fmt::print("image {} is gone\n", name.str());
    return {};
}

Result<> verify_images(const Settings& settings, const common::ImageName& name)
{
    COMMON_TRY(const auto layout, ready_layout(settings));
    std::vector<common::ImageName> names{name};
    if (name.empty()) {
        // By folder, not by what loads: a damaged image must not be passed over.
        names.clear();
        for (const auto& entry : std::filesystem::directory_iterator{layout.images()}) {
            const auto folder = entry.path().filename().string();
            if (common::is_name(folder)) {
                names.emplace_back(folder);
            }
        }
    }
    std::size_t damaged = 0;
    for (const auto& each : names) {
        if (const auto image = registrar(layout).verify(each)) {
            fmt::print("{}: good, sha256:{}\n", each.str(), image->digest);
        } else {
            ++damaged;
            fmt::print("{}: {}\n", each.str(), image.error().message);
        }
    }
    if (damaged != 0) {
        return Error{ErrorCode::failed_precondition,
                     fmt::format("{} of {} images cannot be used; register them again",
                                 damaged,
                                 names.size()),
                     "image_changed"};
    }
    return {};
}

} // namespace hostd::daemon
