#include "common/files/durable.hpp"

#include "common/log/log.hpp"
#include "common/unique_fd.hpp"

#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

namespace common::files {

namespace {

Result<> write_and_sync(const std::filesystem::path& file, std::string_view text, mode_t mode)
{
    const common::UniqueFd fd{::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)};
    if (!fd || ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
        ::fsync(fd.get()) != 0) {
        return file_error("write", file, errno);
    }
    return {};
}

Result<> sync(const std::filesystem::path& path, int flags)
{
    const common::UniqueFd fd{::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | flags)};
    if (!fd || ::fsync(fd.get()) != 0) {
        return file_error("sync", path, errno);
    }
    return {};
}

} // namespace

Error file_error(std::string_view attempt, const std::filesystem::path& path, int error)
{
    const bool full = error == ENOSPC || error == EDQUOT;
    return {
        full ? ErrorCode::resource_exhausted : ErrorCode::internal,
        fmt::format("{} {}: {}", attempt, path.string(), std::generic_category().message(error)),
        full ? "disk_full" : ""};
}

Result<> write_all(int file, std::string_view bytes, const std::filesystem::path& path)
{
    while (!bytes.empty()) {
        const auto count = ::write(file, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return file_error("write", path, count < 0 ? errno : ENOSPC);
        }
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
}

Result<> replace_durably(const std::filesystem::path& file, std::string_view text, mode_t mode)
{
    const std::filesystem::path fresh{file.string() + ".new"};
    COMMON_CHECK(write_and_sync(fresh, text, mode));
    if (::rename(fresh.c_str(), file.c_str()) != 0) {
        return file_error("rename", fresh, errno);
    }
    return sync_folder(file.parent_path());
}

Result<> let_folders_group_read(const std::filesystem::path& file)
{
    struct stat folder {};
    const common::UniqueFd fd{::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
    const auto parent = file.has_parent_path() ? file.parent_path() : std::filesystem::path{"."};
    if (!fd || ::stat(parent.c_str(), &folder) != 0) {
        return file_error("look at", file, errno);
    }
    if (::geteuid() != 0 || folder.st_gid == 0) {
        return {};
    }
    constexpr auto no_change = static_cast<uid_t>(-1);
    if (::fchown(fd.get(), no_change, folder.st_gid) != 0 ||
        ::fchmod(fd.get(), S_IRUSR | S_IWUSR | S_IRGRP) != 0) {
        return file_error("give to the folder's group", file, errno);
    }
    return {};
}

Result<> sync_file(const std::filesystem::path& file)
{
    return sync(file, 0);
}

Result<> sync_folder(const std::filesystem::path& folder)
{
    return sync(folder, O_DIRECTORY);
}

Result<> rename_durably(const std::filesystem::path& from, const std::filesystem::path& to)
{
    if (::rename(from.c_str(), to.c_str()) != 0) {
        const int why = errno;
        auto error = file_error("rename", from, why);
        error.code = why == ENOENT ? ErrorCode::not_found : error.code;
        return error;
    }
    auto synced = sync_folder(to.parent_path());
    if (!synced && ::rename(to.c_str(), from.c_str()) != 0) {
        spdlog::error("{} is in place, but a power cut may undo that: {}",
                      to.string(),
                      synced.error().message);
        return {};
    }
    return synced;
}

Result<> remove_file(const std::filesystem::path& file)
{
    if (::unlink(file.c_str()) != 0 && errno != ENOENT) {
        return file_error("remove", file, errno);
    }
    return {};
}

Result<> remove_tree(const std::filesystem::path& folder)
{
    std::error_code error; // remove_all follows no links: what a link points to stays.
    std::filesystem::remove_all(folder, error);
    return error ? Result<>{file_error("remove", folder, error.value())} : Result<>{};
}

Result<Bytes> allocated(const std::filesystem::path& file)
{
    struct stat about {};
    if (::lstat(file.c_str(), &about) != 0) {
        return file_error("look at", file, errno);
    }
    constexpr std::uint64_t stat_block = 512; // Whatever the file system's are: stat(2).
    return Bytes{static_cast<std::uint64_t>(about.st_blocks) * stat_block};
}

} // namespace common::files
