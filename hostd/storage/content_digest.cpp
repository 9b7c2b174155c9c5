#include "hostd/storage/content_digest.hpp"

#include "common/digest/digest.hpp"
#include "common/unique_fd.hpp"
#include "hostd/core/blob.hpp"
#include "hostd/storage/durable.hpp"
#include "hostd/storage/layout.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <vector>

namespace hostd::storage {

using common::Result;

namespace {

constexpr std::uint64_t block = 65536;
constexpr std::uint64_t piece = 16 * block; // One read; whole blocks.

void update_number(common::digest::Hasher& hasher, std::uint64_t number)
{
    std::array<char, 8> bytes{};
    for (auto& byte : bytes) {
        byte = static_cast<char>(number & 255U);
        number >>= 8U;
    }
    hasher.update({bytes.data(), bytes.size()});
}

/// The block that the next data at or after `offset` lie in; `size` if there are none.
std::uint64_t next_data(int fd, std::uint64_t offset, std::uint64_t size)
{
    const auto data = ::lseek(fd, static_cast<off_t>(offset), SEEK_DATA);
    if (data < 0) {
        // ENXIO: only a hole is left. All else: the file system cannot tell, so all is data.
        return errno == ENXIO ? size : offset;
    }
    return std::max(offset, static_cast<std::uint64_t>(data) / block * block);
}

} // namespace

Result<std::string> content_digest(const std::filesystem::path& file)
{
    const common::UniqueFd fd{::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
    struct stat about {};
    if (!fd || ::fstat(fd.get(), &about) != 0) {
        return file_error("open", file, errno);
    }
    const auto size = static_cast<std::uint64_t>(about.st_size);
    common::digest::Hasher hasher;
    std::vector<char> bytes(piece);
    for (auto offset = next_data(fd.get(), 0, size); offset < size;
         offset = next_data(fd.get(), offset, size)) {
        auto count = read_at(fd.get(), bytes, offset);
        if (!count) {
            return std::move(count).error().during(file.string());
        }
        if (*count == 0) {
            break; // Cut meanwhile: its size says so.
        }
        for (std::size_t at = 0; at < *count; at += block) {
            const std::string_view one{bytes.data() + at,
                                       std::min<std::size_t>(block, *count - at)};
            if (!is_all_zeros(one)) {
                update_number(hasher, offset + at);
                hasher.update(one);
            }
        }
        offset += *count;
    }
    update_number(hasher, size);
    return common::digest::to_hex(hasher.finish());
}

Result<FileStamp> stamp_and_sync(const std::filesystem::path& file)
{
    COMMON_CHECK(sync_file(file));
    COMMON_TRY(auto stamp, stamp_of(file));
    COMMON_TRY(auto digest, content_digest(file));
    COMMON_TRY(const auto after, stamp_of(file));
    if (after != stamp) {
        return common::Error{common::ErrorCode::internal,
                             file.string() + " is still being written"};
    }
    stamp.digest = std::move(digest);
    return stamp;
}

} // namespace hostd::storage
