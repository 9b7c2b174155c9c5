#include "hostd/qemu/migration_stream.hpp"

#include "hostd/qemu/file_error.hpp"
#include "hostd/qemu/splitter.hpp"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace hostd::qemu {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

class DescriptorSource final : public Source {
public:
    explicit DescriptorSource(int fd) : fd_{fd} {}

    Result<std::size_t> read(char* to, std::size_t size) override
    {
        ssize_t got = -1;
        do {
            got = ::read(fd_, to, size);
        } while (got < 0 && errno == EINTR);
        if (got < 0) {
            return Error{ErrorCode::unavailable,
                         "read a migration stream: " + std::generic_category().message(errno)};
        }
        return static_cast<std::size_t>(got);
    }

private:
    int fd_;
};

/// `pieces` without their first `size` bytes.
std::span<iovec> without(std::span<iovec> pieces, std::size_t size)
{
    while (!pieces.empty() && size >= pieces.front().iov_len) {
        size -= pieces.front().iov_len;
        pieces = pieces.subspan(1);
    }
    if (!pieces.empty()) {
        pieces.front().iov_base = static_cast<char*>(pieces.front().iov_base) + size;
        pieces.front().iov_len -= size;
    }
    return pieces;
}

class FileMemory final : public Memory {
public:
    explicit FileMemory(int fd) : fd_{fd} {}

    Result<> write(std::uint64_t offset, std::span<iovec> pieces) override
    {
        while (!pieces.empty()) {
            const auto written = ::pwritev(
                fd_, pieces.data(), static_cast<int>(pieces.size()), static_cast<off_t>(offset));
            if (written > 0) {
                offset += static_cast<std::uint64_t>(written);
                pieces = without(pieces, static_cast<std::size_t>(written));
            } else if (written == 0 || errno != EINTR) {
                return file_error(fmt::format("write a guest's memory at {}", offset),
                                  written == 0 ? ENOSPC : errno);
            }
        }
        return {};
    }

private:
    int fd_;
};

} // namespace

Result<Split> split(int stream, int memory, const SplitSettings& settings)
{
    struct stat about {};
    if (::fstat(memory, &about) != 0) {
        return file_error("look at the file for a guest's memory", errno);
    }
    if (!S_ISREG(about.st_mode) ||
        static_cast<std::uint64_t>(about.st_size) != settings.ram.count()) {
        return Error{ErrorCode::invalid_argument,
                     fmt::format("a guest's memory needs a regular file of {} bytes, not of {}",
                                 settings.ram.count(),
                                 about.st_size)};
    }
    DescriptorSource source{stream};
    FileMemory file{memory};
    return split(source, file, settings);
}

} // namespace hostd::qemu
