#pragma once

#include "common/result.hpp"
#include "guest/users.hpp"

#include <array>
#include <linux/capability.h>

namespace guest::files {

/// Whose files the calling thread makes: the file system user id.
std::uint32_t acting_uid();

/// While it lives, the calling thread opens, makes and removes files as `user` does: with that
/// user's id, groups and without any capability. Only this thread: the system calls are raw,
/// glibc's would change all. Not nested, and threads that it starts meanwhile are the user's, too.
/// It must end on the thread that it began on.
class ActingAs {
public:
    /// `internal` if the agent may not, as when it is not root.
    static common::Result<ActingAs> user(const User& user);

    ActingAs(ActingAs&& other) noexcept;
    ActingAs& operator=(ActingAs&&) = delete;
    ~ActingAs();

private:
    ActingAs() = default;
    common::Result<> begin(const User& user);
    [[nodiscard]] bool end() const;

    using Capabilities = std::array<__user_cap_data_struct, 2>;

    bool active_ = false;
    std::uint32_t uid_ = 0; ///< What it was before; so are the others.
    std::uint32_t gid_ = 0;
    std::vector<std::uint32_t> groups_;
    Capabilities capabilities_{};
};

} // namespace guest::files
