#include "hostd/storage/file_stamp.hpp"

#include "hostd/storage/durable.hpp"
#include "hostd/storage/layout.hpp"
#include "hostd/storage/stamp_json.hpp"

#include <cerrno>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

namespace hostd::storage {

using common::Error;
using common::ErrorCode;
using common::Result;
using nlohmann::json;

json to_json(const FileStamp& stamp)
{
    return {{"sha256", stamp.digest},
            {"inode", stamp.inode},
            {"size", stamp.size},
            {"mtime_ns", stamp.mtime_ns}};
}

FileStamp stamp_from(const json& value)
{
    return {value.at("sha256").get<std::string>(),
            value.at("inode").get<std::uint64_t>(),
            value.at("size").get<std::uint64_t>(),
            value.at("mtime_ns").get<std::int64_t>()};
}

Result<FileStamp> stamp_of(const std::filesystem::path& file)
{
    struct stat about {};
    if (::lstat(file.c_str(), &about) != 0) {
        return file_error("look at", file, errno);
    }
    if (!S_ISREG(about.st_mode)) {
        return Error{ErrorCode::failed_precondition, file.string() + " is not a regular file"};
    }
    return FileStamp{{},
                     about.st_ino,
                     static_cast<std::uint64_t>(about.st_size),
                     std::int64_t{about.st_mtim.tv_sec} * 1'000'000'000 + about.st_mtim.tv_nsec};
}

Result<StampCheck::Verdict> StampCheck::check(const std::filesystem::path& file, FileStamp& known)
{
    COMMON_TRY(auto now, stamp_of(file));
    now.digest = known.digest;
    if (now == known) {
        return Verdict::same;
    }
    {
        const std::scoped_lock lock{mutex_};
        if (const auto bad = damaged_.find(file); bad != damaged_.end() && bad->second == now) {
            return Verdict::changed;
        }
    }
    COMMON_TRY(const auto digest, digest_(file));
    const std::scoped_lock lock{mutex_};
    if (digest != known.digest) {
        damaged_[file] = now;
        return Verdict::changed;
    }
    damaged_.erase(file);
    known = now;
    return Verdict::renewed;
}

} // namespace hostd::storage
