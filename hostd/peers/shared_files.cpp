#include "hostd/peers/shared_files.hpp"

#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace hostd::peers {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

constexpr std::chrono::minutes idle{1};
constexpr std::size_t most_open = 32;

} // namespace

Result<int> SharedFiles::open(const Key& key, common::SteadyTime now)
{
    const auto known = open_.find(key);
    if (known != open_.end()) {
        known->second.read = now;
        return known->second.file.get();
    }
    const auto path = file_of_(common::ImageId{key.first}, key.second);
    common::UniqueFd file{path ? ::open(path->c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1};
    if (!file) {
        return Error{ErrorCode::not_found,
                     fmt::format("this host has no file {} of image {}", key.second, key.first),
                     "unknown_blob"};
    }
    if (open_.size() >= most_open) {
        open_.clear();
    }
    return open_.emplace(key, Open{std::move(file), now}).first->second.file.get();
}

Result<std::string> SharedFiles::read(const common::ImageId& registration,
                                      const std::string& digest,
                                      std::uint64_t offset,
                                      std::uint32_t size,
                                      common::SteadyTime now)
{
    COMMON_TRY(const auto file, open({registration.str(), digest}, now));
    constexpr auto largest = std::uint64_t{1} << 62U;
    std::string bytes(size, '\0');
    std::size_t done = 0;
    while (done < bytes.size() && offset < largest) {
        const auto count = ::pread(
            file, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            break;
        }
        done += static_cast<std::size_t>(count);
    }
    if (done < bytes.size() || bytes.empty()) {
        return Error{ErrorCode::invalid_argument,
                     fmt::format("{} has no {} bytes from {} on", digest, size, offset),
                     "out_of_bounds"};
    }
    return bytes;
}

void SharedFiles::close_idle(common::SteadyTime now)
{
    std::erase_if(open_, [now](const auto& entry) { return now - entry.second.read >= idle; });
}

} // namespace hostd::peers
