#include "hostd/storage/qcow2_header.hpp"

#include "common/unique_fd.hpp"
#include "hostd/storage/durable.hpp"
#include "hostd/storage/layout.hpp"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <optional>
#include <sys/stat.h>

namespace hostd::storage {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

constexpr std::string_view magic{"QFI\xfb", 4};
constexpr std::uint64_t length_of_version_2 = 72;
constexpr std::uint64_t least_length_of_version_3 = 104;
constexpr std::uint64_t longest_name = 1023;
constexpr std::uint64_t largest_told = std::uint64_t{1} << 60U;
constexpr std::uint64_t format_extension = 0xE2792ACA;
/// Dirty is 1, corrupt 2, compression type 8, extended L2 entries 16: none of them says where
/// data are. An external data file (4) and what is not known would.
constexpr std::uint64_t known_features = 1U | 2U | 8U | 16U;

Error damaged(std::string_view why)
{
    return {
        ErrorCode::failed_precondition, fmt::format("not a disk of ours: {}", why), "disk_damaged"};
}

/// A big-endian number; the caller has checked the bounds.
std::uint64_t number(std::string_view bytes, std::uint64_t at, std::size_t width)
{
    std::uint64_t value = 0;
    for (const char c : bytes.substr(at, width)) {
        value = value << 8U | static_cast<unsigned char>(c);
    }
    return value;
}

/// Of the backing file, from the header's extensions between `at` and `end`.
std::optional<std::string_view>
backing_format(std::string_view bytes, std::uint64_t at, std::uint64_t end)
{
    while (at + 8 <= end) {
        const auto type = number(bytes, at, 4);
        const auto length = number(bytes, at + 4, 4);
        at += 8;
        if (type == 0 || length > end - at) {
            return std::nullopt;
        }
        if (type == format_extension) {
            return bytes.substr(at, length);
        }
        at += (length + 7) / 8 * 8;
    }
    return std::nullopt;
}

} // namespace

Result<Qcow2Header> parse_qcow2_header(std::string_view bytes)
{
    if (bytes.size() < length_of_version_2 || !bytes.starts_with(magic)) {
        return damaged("it has no qcow2 header");
    }
    const auto version = number(bytes, 4, 4);
    if (version != 2 && version != 3) {
        return damaged(fmt::format("qcow2 version {}", version));
    }
    auto header_length = length_of_version_2;
    if (version == 3) {
        if (bytes.size() < least_length_of_version_3) {
            return damaged("its header is cut off");
        }
        header_length = number(bytes, 100, 4);
        if (header_length < least_length_of_version_3 || header_length > bytes.size()) {
            return damaged("its header's length makes no sense");
        }
        if ((number(bytes, 72, 8) & ~known_features) != 0) {
            return damaged("it has features that may refer to other files");
        }
    }
    if (number(bytes, 32, 4) != 0) {
        return damaged("it is encrypted");
    }
    Qcow2Header header;
    header.virtual_bytes = number(bytes, 24, 8);
    if (header.virtual_bytes == 0 || header.virtual_bytes > largest_told) {
        return damaged(fmt::format("a disk of {} bytes", header.virtual_bytes));
    }
    const auto offset = number(bytes, 8, 8);
    const auto size = number(bytes, 16, 4);
    if (offset == 0 && size == 0) {
        return header;
    }
    if (offset < header_length || size == 0 || size > longest_name || offset > bytes.size() ||
        size > bytes.size() - offset) {
        return damaged("the name of its backing file is out of bounds");
    }
    const auto name = bytes.substr(offset, size);
    if (name.find('\0') != std::string_view::npos) {
        return damaged("the name of its backing file holds a NUL");
    }
    if (backing_format(bytes, header_length, offset) != "qcow2") {
        // Of a raw one the guest would have written what a reader takes for a header.
        return damaged("its backing file is not declared as qcow2");
    }
    header.backing = name;
    return header;
}

Result<Qcow2Header> read_qcow2_header(const std::filesystem::path& file)
{
    const common::UniqueFd fd{::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
    struct stat about {};
    if (!fd || ::fstat(fd.get(), &about) != 0) {
        return file_error("open", file, errno);
    }
    if (!S_ISREG(about.st_mode)) {
        return damaged("not a regular file").during(file.string());
    }
    std::array<char, qcow2_header_bytes> bytes{};
    const auto count = ::pread(fd.get(), bytes.data(), bytes.size(), 0);
    if (count < 0) {
        return file_error("read", file, errno);
    }
    auto header = parse_qcow2_header({bytes.data(), static_cast<std::size_t>(count)});
    if (!header) {
        return std::move(header).error().during(file.string());
    }
    return header;
}

} // namespace hostd::storage
