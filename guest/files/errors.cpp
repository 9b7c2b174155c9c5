#include "guest/files/errors.hpp"

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
    case EIO: return {ErrorCode::unavailable, "io_error"};
    default: return {ErrorCode::internal, "io_error"};
    }
}

} // namespace

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
    message.append(" ").append(path).append(": ").append(why);
    return {code, std::move(message), std::string{reason}};
}

} // namespace guest::files
