#include "guest/files/made_up.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <linux/magic.h>
#include <sys/vfs.h>

namespace guest::files {

namespace {

constexpr std::uint32_t configfs_magic = 0x62656570; // Not in linux/magic.h; fs/configfs/mount.c.

constexpr std::array<std::uint32_t, 13> made_up{PROC_SUPER_MAGIC,
                                                SYSFS_MAGIC,
                                                CGROUP_SUPER_MAGIC,
                                                CGROUP2_SUPER_MAGIC,
                                                DEBUGFS_MAGIC,
                                                TRACEFS_MAGIC,
                                                SECURITYFS_MAGIC,
                                                SELINUX_MAGIC,
                                                SMACK_MAGIC,
                                                BINFMTFS_MAGIC,
                                                EFIVARFS_MAGIC,
                                                BPF_FS_MAGIC,
                                                configfs_magic};

} // namespace

bool is_made_up(int fd)
{
    struct statfs system {};
    return ::fstatfs(fd, &system) == 0 &&
           std::ranges::find(made_up, static_cast<std::uint32_t>(system.f_type)) != made_up.end();
}

} // namespace guest::files
