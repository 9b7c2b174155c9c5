#include "guest/files/errors.hpp"

#include "common/utf8.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace guest::files {

using common::Error;
using common::ErrorCode;

namespace {

struct Meaning {
    ErrorCode code;
    std::string_view reason;
};

Meaning meaning_of(int error)
{
    switch (error) {
    case ENOENT: return {ErrorCode::not_found, "not_found"};
    case EACCES:
    case EPERM: return {ErrorCode::permission_denied, "permission_denied"};
    case EEXIST: return {ErrorCode::already_exists, "already_exists"};
    case ENOTDIR: return {ErrorCode::failed_precondition, "not_a_folder"};
    case EISDIR: return {ErrorCode::failed_precondition, "is_a_folder"};
    case ENOTEMPTY: return {ErrorCode::failed_precondition, "folder_not_empty"};
    case EBUSY:
    case ETXTBSY: return {ErrorCode::failed_precondition, "in_use"};
    case ENOSPC:
    case EDQUOT: return {ErrorCode::failed_precondition, "disk_full"};
    case EROFS: return {ErrorCode::refused, "read_only"};
    case ELOOP: return {ErrorCode::refused, "symlink_loop"};
    case EXDEV: return {ErrorCode::refused, "cross_device"};
    case EOPNOTSUPP: return {ErrorCode::refused, "not_supported"};
    case EFBIG: return {ErrorCode::too_large, "too_large"};
    case EINVAL: return {ErrorCode::invalid_argument, "invalid"};
    case ENAMETOOLONG: return {ErrorCode::invalid_argument, "name_too_long"};
    case EMFILE:
    case ENFILE:
    case ENOMEM: return {ErrorCode::resource_exhausted, "no_resources"};
    case EAGAIN:
    case ENOTCONN: // Of a FUSE file system whose server is gone.
    case ESTALE:
    case EIO: return {ErrorCode::unavailable, "io_error"};
    default: return {ErrorCode::internal, "io_error"};
    }
}

constexpr std::size_t shown_at_most = 1024; ///< Bytes; below a tree a path can have many more.

} // namespace

std::string printable(std::string_view path)
{
    std::string shown;
    while (!path.empty() && shown.size() < shown_at_most) {
        const auto first = static_cast<unsigned char>(path.front());
        const auto length = first < 0x20 || first == 0x7F ? 0 : common::utf8_sequence(path);
        if (length == 0) {
            constexpr std::string_view digits = "0123456789abcdef";
            shown.append("\\x").append(1, digits[first / 16U]).append(1, digits[first % 16U]);
        } else {
            shown.append(path.substr(0, length));
        }
        path.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return path.empty() ? shown : shown + "…";
}

Error failure(std::string_view attempt, std::string_view path, int error)
{
    const auto meaning = meaning_of(error);
    return refusal(meaning.code, attempt, path, std::strerror(error), meaning.reason);
}

Error refusal(ErrorCode code,
              std::string_view attempt,
              std::string_view path,
              std::string_view why,
              std::string_view reason)
{
    std::string message{attempt};
    message.append(" ").append(printable(path)).append(": ").append(why);
    return {code, std::move(message), std::string{reason}};
}

} // namespace guest::files
