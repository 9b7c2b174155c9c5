#include "guest/files/writer.hpp"

#include "guest/files/errors.hpp"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>

namespace guest::files {

using common::ErrorCode;
using common::Result;
using common::UniqueFd;

namespace {

constexpr mode_t mode_of_new = 0644;
constexpr mode_t without_identity = 01777; ///< New content has nobody else's rights.

Result<> write_all(int fd, std::string_view piece, std::string_view path)
{
    while (!piece.empty()) {
        const auto count = ::write(fd, piece.data(), piece.size());
        if (count == 0 || (count < 0 && errno != EINTR)) { // 0: a bad FUSE server.
            return failure("write", path, count == 0 ? EIO : errno);
        }
        piece.remove_prefix(count < 0 ? 0 : static_cast<std::size_t>(count));
    }
    return {};
}

} // namespace

Result<Writer>
Writer::open(const PathPolicy& policy, std::string_view path, const WriteOptions& options)
{
    if (options.existing == Existing::appended_to && (options.sha256 || options.unchanged_since)) {
        return refusal(ErrorCode::invalid_argument,
                       "append to",
                       path,
                       "what is appended cannot be taken back if a promise is broken",
                       "invalid");
    }
    if (options.parents == Parents::made) {
        COMMON_CHECK(make_parents(policy, path));
    }
    COMMON_TRY(auto place, policy.place(path, Access::write, LastLink::followed));
    Writer writer{std::move(place), options, path};
    COMMON_CHECK(writer.begin());
    return writer;
}

Result<> Writer::begin()
{
    COMMON_TRY(replaced_, replaceable(place_, path_));
    if (replaced_ && options_.existing == Existing::refused) {
        return failure("make", path_, EEXIST);
    }
    if (replaced_ && options_.existing == Existing::appended_to) {
        return begin_appending(*replaced_);
    }
    COMMON_TRY(auto made, Temporary::in(place_.folder, path_));
    temporary_.emplace(std::move(made));
    return {};
}

Result<> Writer::begin_appending(const struct stat& there)
{
    // Held before it is opened, lest it is a device by now.
    const UniqueFd held{
        ::openat(place_.folder.get(), place_.name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)};
    struct stat now {};
    if (!held || ::fstat(held.get(), &now) != 0) {
        return failure("append to", path_, errno);
    }
    if (now.st_dev != there.st_dev || now.st_ino != there.st_ino) {
        return refusal(ErrorCode::failed_precondition,
                       "append to",
                       path_,
                       "another is there by now",
                       "file_changed");
    }
    COMMON_TRY(appending_, reopen(held, O_WRONLY | O_APPEND));
    return {};
}

Result<> Writer::write(std::string_view piece)
{
    if (piece.size() > options_.at_most - bytes_) {
        return refusal(ErrorCode::too_large,
                       "write",
                       path_,
                       "more than " + std::to_string(options_.at_most) + " bytes",
                       "too_large");
    }
    COMMON_CHECK(write_all(target(), piece, path_));
    hasher_.update(piece);
    bytes_ += piece.size();
    return {};
}

Result<> Writer::check_promises(const Written& written) const
{
    if (options_.size && *options_.size != written.bytes) {
        return refusal(ErrorCode::failed_precondition,
                       "write",
                       path_,
                       "got " + std::to_string(written.bytes) + " bytes, not " +
                           std::to_string(*options_.size),
                       "size_mismatch");
    }
    if (options_.sha256 && *options_.sha256 != written.sha256) {
        return refusal(ErrorCode::failed_precondition,
                       "write",
                       path_,
                       "what came has SHA-256 " + common::digest::to_hex(written.sha256),
                       "digest_mismatch");
    }
    return {};
}

/// What is replaced is what was seen, as far as the caller cares.
Result<> Writer::check_unchanged() const
{
    if (!options_.unchanged_since) {
        return {};
    }
    struct stat now {};
    if (::fstatat(place_.folder.get(), place_.name.c_str(), &now, AT_SYMLINK_NOFOLLOW) != 0 ||
        !is_same_content(*options_.unchanged_since, now)) {
        return refusal(ErrorCode::failed_precondition,
                       "write",
                       path_,
                       "it has been changed meanwhile",
                       "file_changed");
    }
    return {};
}

Result<> Writer::settle_owner_and_mode() const
{
    auto owner = options_.owner;
    auto mode = options_.mode;
    if (replaced_ && temporary_) {
        owner = owner.value_or(Owner{replaced_->st_uid, replaced_->st_gid});
        mode = mode.value_or(replaced_->st_mode & without_identity);
    }
    struct stat now {};
    if (::fstat(target(), &now) != 0) {
        return failure("look at", path_, errno);
    }
    const bool moves = owner && (now.st_uid != owner->uid || now.st_gid != owner->gid);
    if (moves && ::fchown(target(), owner->uid, owner->gid) != 0) {
        return failure("give the owner to", path_, errno);
    }
    if (temporary_ && !mode) {
        mode = mode_of_new;
    }
    if (mode && ::fchmod(target(), *mode & 07777U) != 0) {
        return failure("set the mode of", path_, errno);
    }
    return {};
}

Result<Written> Writer::commit()
{
    if (temporary_) {
        COMMON_TRY(replaced_, replaceable(place_, path_)); // Another may be there by now.
    }
    Written written{bytes_, !replaced_, hasher_.finish()};
    COMMON_CHECK(check_promises(written));
    COMMON_CHECK(check_unchanged());
    COMMON_CHECK(settle_owner_and_mode());
    if (::fsync(target()) != 0) {
        return failure("write", path_, errno);
    }
    if (temporary_) {
        COMMON_CHECK(check_unchanged()); // Again: syncing may have taken long.
        COMMON_CHECK(temporary_->rename_to(
            place_, options_.existing == Existing::replaced ? 0 : RENAME_NOREPLACE));
    }
    return written;
}

} // namespace guest::files
