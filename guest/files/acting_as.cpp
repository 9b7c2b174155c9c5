#include "guest/files/acting_as.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

namespace guest::files {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

constexpr auto nobody_at_all = static_cast<std::uint32_t>(-1); ///< Changes nothing, tells who.

/// setfsuid(2) and setfsgid(2) report no errors: whether it took is asked afterwards.
bool set_file_id(long call, std::uint32_t id)
{
    ::syscall(call, id);
    return static_cast<std::uint32_t>(::syscall(call, nobody_at_all)) == id;
}

bool set_groups(const std::vector<std::uint32_t>& groups)
{
    return ::syscall(SYS_setgroups, groups.size(), groups.data()) == 0;
}

__user_cap_header_struct this_thread()
{
    return {_LINUX_CAPABILITY_VERSION_3, 0};
}

} // namespace

std::uint32_t acting_uid()
{
    return static_cast<std::uint32_t>(::syscall(SYS_setfsuid, nobody_at_all));
}

Result<ActingAs> ActingAs::user(const User& user)
{
    ActingAs acting;
    COMMON_CHECK(acting.begin(user));
    return acting;
}

Result<> ActingAs::begin(const User& user)
{
    const auto failed = [&user](const char* what) {
        return Error{ErrorCode::internal,
                     "act as " + user.name + ": " + what + ": " + std::strerror(errno)};
    };
    uid_ = acting_uid();
    gid_ = static_cast<std::uint32_t>(::syscall(SYS_setfsgid, nobody_at_all));
    const auto count = ::getgroups(0, nullptr);
    groups_.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    if (count < 0 || ::getgroups(count, groups_.data()) != count) {
        return failed("getgroups");
    }
    auto header = this_thread();
    if (::syscall(SYS_capget, &header, capabilities_.data()) != 0) {
        return failed("capget");
    }
    if (!set_groups(user.groups)) {
        return failed("setgroups");
    }
    active_ = true; // From here on there is something to put back.
    if (!set_file_id(SYS_setfsgid, user.gid) || !set_file_id(SYS_setfsuid, user.uid)) {
        errno = EPERM;
        return failed("setfsuid");
    }
    if (user.uid == 0) {
        return {};
    }
    // The kernel has taken those over files by now; CAP_SYS_PTRACE, for one, opens some of /proc.
    auto none = capabilities_;
    for (auto& each : none) {
        each.effective = 0;
    }
    if (::syscall(SYS_capset, &header, none.data()) != 0) {
        return failed("capset");
    }
    return {};
}

bool ActingAs::end() const
{
    auto header = this_thread();
    return ::syscall(SYS_capset, &header, capabilities_.data()) == 0 &&
           set_file_id(SYS_setfsuid, uid_) && set_file_id(SYS_setfsgid, gid_) &&
           set_groups(groups_);
}

ActingAs::ActingAs(ActingAs&& other) noexcept
    : active_{std::exchange(other.active_, false)},
      uid_{other.uid_},
      gid_{other.gid_},
      groups_{std::move(other.groups_)},
      capabilities_{other.capabilities_}
{}

ActingAs::~ActingAs()
{
    if (active_ && !end()) {
        std::abort(); // Nothing this thread did afterwards would be right.
    }
}

} // namespace guest::files
