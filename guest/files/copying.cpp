#include "guest/files/copying.hpp"

#include "common/rollback.hpp"
#include "guest/files/errors.hpp"
#include "guest/files/folder.hpp"
#include "guest/files/reader.hpp"
#include "guest/files/temporary.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace guest::files {

using common::Error;
using common::ErrorCode;
using common::Result;
using common::UniqueFd;

namespace {

constexpr mode_t kept_mode = 01777;
constexpr std::size_t piece_bytes = std::size_t{1} << 20U;

class Copy {
public:
    explicit Copy(const CopyOptions& options) : options_{options} {}

    [[nodiscard]] const Copied& done() const { return done_; }

    /// The content and the mode.
    Result<> fill(int target, Reader& source)
    {
        COMMON_CHECK(count_entry(source.entry().path));
        const auto room = options_.bytes_at_most - done_.bytes;
        if (source.length().value_or(0) > room) {
            return too_large(source.entry().path);
        }
        auto copied = in_kernel(target, source);
        if (copied == 0) {
            COMMON_TRY(copied, in_pieces(target, source));
        }
        done_.bytes += copied;
        if (::fchmod(target, source.status().st_mode & kept_mode) != 0) {
            return failure("set the mode of the copy of", source.entry().path, errno);
        }
        return {};
    }

    /// What is in `from`, and its mode, goes to `to`, which is new.
    Result<> tree(Folder& from, Folder& to, const std::string& path, unsigned depth)
    {
        COMMON_CHECK(count_entry(path));
        while (true) {
            COMMON_TRY(const auto each, from.next());
            if (!each) {
                break;
            }
            COMMON_CHECK(entry(from.fd(), *each, to.fd(), path + "/" + *each, depth));
        }
        struct stat status {};
        if (::fstat(from.fd(), &status) != 0 ||
            ::fchmod(to.fd(), status.st_mode & kept_mode) != 0) {
            return failure("set the mode of the copy of", path, errno);
        }
        return {};
    }

private:
    Result<>
    entry(int source, const std::string& name, int target, const std::string& path, unsigned depth)
    {
        auto seen = entry_at(source, name, path);
        if (!seen) {
            return gone_is_fine(std::move(seen).error());
        }
        switch (seen->kind) {
        case Kind::folder: return folder(source, name, target, path, depth + 1);
        case Kind::file: return file(source, name, target, path);
        case Kind::symlink:
            COMMON_CHECK(count_entry(path));
            if (::symlinkat(seen->target.c_str(), target, name.c_str()) != 0) {
                return failure("make the copy of", path, errno);
            }
            return {};
        case Kind::fifo:
        case Kind::socket:
        case Kind::char_device:
        case Kind::block_device: ++done_.skipped; return {};
        }
        return {};
    }

    Result<>
    folder(int source, const std::string& name, int target, const std::string& path, unsigned depth)
    {
        if (depth > depth_at_most) {
            return refusal(ErrorCode::too_large,
                           "copy",
                           path,
                           "more than " + std::to_string(depth_at_most) + " folders deep",
                           "too_deep");
        }
        auto from = Folder::open(source, name, path, Mounts::entered);
        if (!from) {
            return gone_is_fine(std::move(from).error());
        }
        COMMON_TRY(auto to, Folder::make(target, name, path));
        return tree(*from, to, path, depth);
    }

    Result<> file(int source, const std::string& name, int target, const std::string& path)
    {
        Found found;
        found.fd = UniqueFd{::openat(source, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)};
        if (!found.fd || ::fstat(found.fd.get(), &found.status) != 0) {
            return gone_is_fine(failure("open", path, errno));
        }
        if (!S_ISREG(found.status.st_mode)) {
            return {}; // Another kind by now: what was here is gone.
        }
        COMMON_TRY(auto reader, Reader::of(found, path));
        const UniqueFd made{::openat(
            target, name.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600)};
        if (!made) {
            return failure("make the copy of", path, errno);
        }
        return fill(made.get(), reader);
    }

    /// What the kernel copied, maybe by sharing blocks; 0 if it does not for these files.
    static std::uint64_t in_kernel(int target, Reader& source)
    {
        const auto length = source.length().value_or(0);
        loff_t from = 0;
        loff_t to = 0;
        while (static_cast<std::uint64_t>(from) < length) {
            const auto count = ::copy_file_range(
                source.fd(), &from, target, &to, length - static_cast<std::uint64_t>(from), 0);
            if (count <= 0) {
                break;
            }
        }
        // Less than all: from the beginning, which says why.
        return static_cast<std::uint64_t>(from) == length ? length : 0;
    }

    Result<std::uint64_t> in_pieces(int target, Reader& source)
    {
        std::uint64_t copied = 0;
        piece_.resize(piece_bytes);
        while (true) {
            COMMON_TRY(const auto count, source.read(piece_));
            if (count == 0) {
                return copied;
            }
            for (std::size_t at = 0; at < count;) {
                const auto written =
                    ::pwrite(target, piece_.data() + at, count - at, static_cast<off_t>(copied));
                if (written == 0 || (written < 0 && errno != EINTR)) { // 0: a bad FUSE server.
                    return failure(
                        "write the copy of", source.entry().path, written == 0 ? EIO : errno);
                }
                at += written < 0 ? 0 : static_cast<std::size_t>(written);
                copied += written < 0 ? 0 : static_cast<std::uint64_t>(written);
            }
            if (copied > options_.bytes_at_most - done_.bytes) {
                return too_large(source.entry().path);
            }
        }
    }

    Result<> count_entry(const std::string& path)
    {
        if (++done_.entries > options_.entries_at_most) {
            return refusal(ErrorCode::too_large,
                           "copy",
                           path,
                           "more than " + std::to_string(options_.entries_at_most) + " entries",
                           "too_many_entries");
        }
        return {};
    }

    [[nodiscard]] Error too_large(const std::string& path) const
    {
        return refusal(ErrorCode::too_large,
                       "copy",
                       path,
                       "more than " + std::to_string(options_.bytes_at_most) + " bytes",
                       "too_large");
    }

    static Result<> gone_is_fine(Error error)
    {
        const auto reason = error.stable_reason();
        // Not a folder any more: something else has taken its name.
        const bool gone = reason == "not_found" || reason == "not_a_folder";
        return gone ? Result<>{} : Result<>{std::move(error)};
    }

    const CopyOptions& options_;
    Copied done_;
    std::vector<char> piece_;
};

Result<Copied> copy_file(const Found& source,
                         std::string_view from,
                         const Place& target,
                         const CopyOptions& options)
{
    COMMON_TRY(auto reader, Reader::of(source, from));
    COMMON_TRY(const auto there, replaceable(target, target.path));
    if (there && options.overwrite == Overwrite::no) {
        return failure("copy to", target.path, EEXIST);
    }
    COMMON_TRY(auto temporary, Temporary::in(target.folder, target.path));
    Copy copy{options};
    COMMON_CHECK(copy.fill(temporary.fd(), reader));
    if (::fsync(temporary.fd()) != 0) { // It may replace what was safe before.
        return failure("write the copy of", from, errno);
    }
    COMMON_CHECK(
        temporary.rename_to(target, options.overwrite == Overwrite::yes ? 0 : RENAME_NOREPLACE));
    return copy.done();
}

Result<Copied> copy_folder(const Found& source, const Place& target, const CopyOptions& options)
{
    COMMON_TRY(auto from, Folder::open(source.fd.get(), ".", source.path, Mounts::entered));
    const auto name = temporary_name();
    const int folder = target.folder.get();
    COMMON_TRY(auto to, Folder::make(folder, name, target.path));
    common::Rollback rollback;
    rollback.add([&] { discard_tree(folder, name, to); });
    Copy copy{options};
    COMMON_CHECK(copy.tree(from, to, source.path, 1));
    if (::renameat2(folder, name.c_str(), folder, target.name.c_str(), RENAME_NOREPLACE) != 0) {
        return failure("copy to", target.path, errno);
    }
    rollback.commit();
    return copy.done();
}

} // namespace

Result<Copied> copy(const PathPolicy& policy,
                    std::string_view from,
                    std::string_view to,
                    const CopyOptions& options)
{
    COMMON_TRY(const auto source, policy.find(from, LastLink::followed));
    COMMON_TRY(const auto target, policy.place(to, Access::write, LastLink::kept));
    if (!S_ISDIR(source.status.st_mode)) {
        return copy_file(source, from, target, options);
    }
    if (options.recursive == Recursive::no) {
        return failure("copy", from, EISDIR);
    }
    if (is_within(target.path, source.path)) {
        return refusal(ErrorCode::invalid_argument, "copy", from, "the target is in it", "invalid");
    }
    COMMON_CHECK(policy.check_tree("copy", source.path, Access::read));
    struct stat there {};
    if (::fstatat(target.folder.get(), target.name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0) {
        return failure("copy to", to, EEXIST);
    }
    return copy_folder(source, target, options);
}

} // namespace guest::files
