#pragma once

#include "common/digest/digest.hpp"
#include "guest/files/folders.hpp"
#include "guest/files/reader.hpp"
#include "guest/files/temporary.hpp"

namespace guest::files {

struct Owner {
    uid_t uid = 0;
    gid_t gid = 0;
};

/// What a write does with a file that is there.
enum class Existing { replaced, refused, appended_to };

struct WriteOptions {
    Existing existing = Existing::replaced;
    Parents parents = Parents::must_exist;
    std::optional<mode_t> mode{}; ///< Else the replaced file's without setuid and setgid, or 0644.
    std::optional<Owner> owner{}; ///< Else the replaced file's, or whoever acts.
    std::uint64_t at_most = UINT64_MAX;             ///< Bytes.
    std::optional<std::uint64_t> size{};            ///< What commit() is to find.
    std::optional<common::digest::Sha256> sha256{}; ///< The same; not when appending.
    /// Refused if another is there at commit(), looked at right before it is replaced. Not when
    /// appending.
    std::optional<struct stat> unchanged_since{};
};

struct Written {
    std::uint64_t bytes = 0;
    bool created = false; ///< Nothing was there before.
    common::digest::Sha256 sha256{};
};

/// Writes a file as a whole: into a temporary beside it, which takes its name at commit() and goes
/// with this object otherwise. Readers see the old content or the new, also after a crash.
/// Whoever may not write to a file does not replace it either. A symbolic link's target is
/// replaced, not the link. Hard links, ACLs and extended attributes of the replaced file are not
/// kept.
///
/// Appending is not atomic: it goes to the file that is there, and stays.
class Writer {
public:
    /// `already_exists`; `failed_precondition` with reason is_a_folder or not_a_file.
    static common::Result<Writer>
    open(const PathPolicy& policy, std::string_view path, const WriteOptions& options);

    common::Result<> write(std::string_view piece);

    /// Once. `failed_precondition` with reason size_mismatch, digest_mismatch or file_changed:
    /// all is as it was.
    common::Result<Written> commit();

private:
    Writer(Place place, const WriteOptions& options, std::string_view path)
        : place_{std::move(place)}, options_{options}, path_{path}
    {}
    common::Result<> begin();
    common::Result<> begin_appending(const struct stat& there);
    common::Result<> check_promises(const Written& written) const;
    common::Result<> check_unchanged() const;
    common::Result<> settle_owner_and_mode() const;
    [[nodiscard]] int target() const { return temporary_ ? temporary_->fd() : appending_.get(); }

    Place place_;
    WriteOptions options_;
    std::string path_; ///< As it was asked for.
    std::optional<struct stat> replaced_;
    std::optional<Temporary> temporary_;
    common::UniqueFd appending_;
    std::uint64_t bytes_ = 0;
    common::digest::Hasher hasher_;
};

} // namespace guest::files
