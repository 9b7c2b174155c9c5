#include "hostd/daemon/fence_file.hpp"

#include "common/log/log.hpp"

#include <fmt/format.h>
#include <fstream>
#include <system_error>

namespace hostd::daemon {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

constexpr const char* boot_id_file = "/proc/sys/kernel/random/boot_id";

std::string first_line_of(const std::filesystem::path& path)
{
    std::ifstream file{path};
    std::string line;
    std::getline(file, line);
    return line;
}

/// "boot", "heard" and "after" in milliseconds, "action", then "held" and an id, one to a line.
std::optional<FenceStamp> stamp_of(std::istream& in)
{
    FenceStamp stamp;
    std::string key;
    std::string boot;
    std::string action;
    BootTime::rep heard = 0;
    BootTime::rep after = 0;
    in >> key >> boot >> key >> heard >> key >> after >> key >> action;
    const auto known = fence_action_from(action);
    if (!in || !known || after < 0) {
        return std::nullopt;
    }
    stamp.heard = BootTime{BootTime::duration{heard}};
    stamp.promise = {std::chrono::milliseconds{after}, *known};
    for (std::string id; in >> key >> id;) {
        auto parsed = common::parse_id<common::SandboxId>(id);
        if (!parsed) {
            return std::nullopt;
        }
        stamp.held.insert(*std::move(parsed));
    }
    return stamp;
}

} // namespace

FenceFile::FenceFile(std::filesystem::path path, std::string boot_id)
    : path_{std::move(path)}, boot_id_{std::move(boot_id)}
{}

FenceFile::FenceFile(std::filesystem::path path)
    : FenceFile{std::move(path), first_line_of(boot_id_file)}
{}

std::optional<FenceStamp> FenceFile::read()
{
    const common::MutexLock lock{mutex_};
    std::ifstream file{path_};
    if (!file) {
        return std::nullopt;
    }
    if (first_line_of(path_) != "boot " + boot_id_) {
        return std::nullopt; // Nothing that ran then runs now.
    }
    auto stamp = stamp_of(file);
    if (!stamp) {
        spdlog::error("{} cannot be read: this host goes on as if no leader was ever heard",
                      path_.string());
        return FenceStamp{};
    }
    return stamp;
}

Result<> FenceFile::write(const FenceStamp& stamp)
{
    const common::MutexLock lock{mutex_};
    auto text = fmt::format("boot {}\nheard {}\nafter {}\naction {}\n",
                            boot_id_,
                            stamp.heard.time_since_epoch().count(),
                            stamp.promise.after.count(),
                            to_string(stamp.promise.action));
    for (const auto& id : stamp.held) {
        text += "held " + id.str() + "\n";
    }
    const auto draft = path_.string() + ".tmp";
    std::ofstream file{draft, std::ios::trunc};
    file << text;
    file.close();
    std::error_code error;
    if (file) {
        std::filesystem::rename(draft, path_, error);
    }
    if (!file || error) {
        return Error{
            ErrorCode::unavailable,
            fmt::format("write {}: {}", path_.string(), error ? error.message() : "no room")};
    }
    return {};
}

} // namespace hostd::daemon
