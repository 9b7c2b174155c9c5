#pragma once

#include "guest/files/path_policy.hpp"

#include <optional>

namespace guest::files {

/// A file that is nobody's but this writer's, as long as it lives.
class Temporary {
public:
    /// Empty, 0600, with a name that begins ".paddock-", in `folder`.
    static common::Result<Temporary> in(const common::UniqueFd& folder, std::string_view path);

    Temporary(Temporary&&) noexcept = default;
    Temporary& operator=(Temporary&&) = delete;
    ~Temporary();

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    /// Gives it its real name. With `flags` of renameat2(2).
    common::Result<> rename_to(const Place& place, unsigned flags);

private:
    Temporary() = default;

    common::UniqueFd folder_;
    common::UniqueFd fd_;
    std::string name_;
};

/// ".paddock-" and 64 random bits.
std::string temporary_name();

/// What is at a place, if anything, when it may be replaced by a file: a regular file that the
/// calling thread may write to. Errors as Writer::open.
common::Result<std::optional<struct stat>> replaceable(const Place& place, std::string_view path);

} // namespace guest::files
