#include "guest/files/reader.hpp"

#include "guest/files/errors.hpp"
#include "guest/files/made_up.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <limits>
#include <unistd.h>

namespace guest::files {

using common::ErrorCode;
using common::Result;

namespace {

bool is_same_time(const timespec& a, const timespec& b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

} // namespace

bool is_same_content(const struct stat& a, const struct stat& b)
{
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
           is_same_time(a.st_mtim, b.st_mtim) && is_same_time(a.st_ctim, b.st_ctim);
}

Result<Reader> Reader::open(const PathPolicy& policy, std::string_view path, Range range)
{
    COMMON_TRY(const auto found, policy.find(path, LastLink::followed));
    return of(found, path, range);
}

Result<Reader> Reader::of(const Found& found, std::string_view path, Range range)
{
    if (S_ISDIR(found.status.st_mode)) {
        return failure("read", path, EISDIR);
    }
    if (!S_ISREG(found.status.st_mode)) {
        return refusal(
            ErrorCode::failed_precondition, "read", path, "is not a regular file", "not_a_file");
    }
    Reader reader;
    COMMON_TRY(reader.fd_, reopen(found.fd, O_RDONLY));
    if (::fstat(reader.fd(), &reader.status_) != 0) {
        return failure("look at", path, errno);
    }
    reader.entry_ = entry_of(std::string{path}, reader.status_);
    reader.made_up_ = is_made_up(reader.fd());
    COMMON_CHECK(reader.bound(range));
    return reader;
}

Result<> Reader::bound(Range range)
{
    const auto size = entry_.size;
    const bool sized = size != 0 && !made_up_;
    constexpr auto last_offset = static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());
    if (range.offset > (made_up_ ? last_offset - unsized_at_most : size)) {
        return refusal(ErrorCode::invalid_argument,
                       "read",
                       entry_.path,
                       "it has " + std::to_string(size) + " bytes, the range begins at " +
                           std::to_string(range.offset),
                       "range_beyond_end");
    }
    at_ = range.offset;
    if (sized) {
        left_ = std::min(range.length.value_or(size), size - range.offset);
        length_ = left_;
    } else {
        left_ = std::min(range.length.value_or(UINT64_MAX), unsized_at_most);
        bounded_ = range.length.value_or(UINT64_MAX) > unsized_at_most;
    }
    return {};
}

Result<std::size_t> Reader::read(std::span<char> into)
{
    const auto wanted = std::min<std::uint64_t>(into.size(), left_);
    if (wanted == 0) {
        COMMON_CHECK(check_bound());
        return std::size_t{0};
    }
    ssize_t count = 0;
    do {
        count = ::pread(fd(), into.data(), wanted, static_cast<off_t>(at_));
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
        return failure("read", entry_.path, errno);
    }
    if (count == 0 && length_) {
        return refusal(ErrorCode::failed_precondition,
                       "read",
                       entry_.path,
                       "it has become shorter than it was",
                       "file_changed");
    }
    at_ += static_cast<std::uint64_t>(count);
    left_ -= static_cast<std::uint64_t>(count);
    if (count == 0) {
        left_ = 0;
        bounded_ = false;
    }
    return static_cast<std::size_t>(count);
}

/// At the bound: that it is the file's end, too.
Result<> Reader::check_bound() const
{
    char more = 0;
    if (left_ == 0 && bounded_ && ::pread(fd(), &more, 1, static_cast<off_t>(at_)) > 0) {
        return refusal(ErrorCode::too_large,
                       "read",
                       entry_.path,
                       "its size is not known, and it has more than 16 MiB",
                       "too_large");
    }
    return {};
}

bool Reader::changed() const
{
    struct stat now {};
    return !made_up_ && (::fstat(fd(), &now) != 0 || !is_same_content(status_, now));
}

} // namespace guest::files
