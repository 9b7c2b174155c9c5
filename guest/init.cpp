#include "guest/init.hpp"

#include "guest/spawn.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace guest {

namespace {

struct Mount {
    const char* type;
    const char* target;
    unsigned long flags;
    const char* options;
};

constexpr std::array mounts{
    Mount{"proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr},
    Mount{"sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr},
    Mount{"cgroup2", "/sys/fs/cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr},
    Mount{"devtmpfs", "/dev", MS_NOSUID, "mode=0755"},
    Mount{"devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=0620,gid=5,ptmxmode=0666"},
    Mount{"tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777"},
    Mount{"tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755"},
    Mount{"tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777"},
};

void link_up(const char* name)
{
    const common::UniqueFd fd{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    ifreq request{};
    std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (fd && ::ioctl(fd.get(), SIOCGIFFLAGS, &request) == 0) {
        request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
        ::ioctl(fd.get(), SIOCSIFFLAGS, &request);
    }
}

/// Reaps until nothing is left or the time is up.
void wait_for_all(std::chrono::milliseconds patience)
{
    const auto until = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < until) {
        const auto pid = ::waitpid(-1, nullptr, WNOHANG);
        if (pid < 0 && errno == ECHILD) {
            return;
        }
        if (pid == 0) {
            ::usleep(10'000);
        }
    }
}

} // namespace

void mount_basics()
{
    for (const auto& mount : mounts) {
        ::mkdir(mount.target, 0755);
        ::mount(mount.type, mount.target, mount.type, mount.flags, mount.options);
    }
    ::symlink("/proc/self/fd", "/dev/fd");
    ::symlink("/proc/self/fd/0", "/dev/stdin");
    ::symlink("/proc/self/fd/1", "/dev/stdout");
    ::symlink("/proc/self/fd/2", "/dev/stderr");
}

void Dhcp::keep_running()
{
    const auto now = std::chrono::steady_clock::now();
    if (now < not_before_ || (pid_ != 0 && ::kill(pid_, 0) == 0) ||
        ::access("/sys/class/net/eth0", F_OK) != 0) {
        return;
    }
    not_before_ = now + std::chrono::seconds{5};
    link_up("lo");
    link_up("eth0");
    const auto root = find_user("root");
    if (!root) {
        return;
    }
    // In the foreground of its own process, so that its end is noticed; -A: tries again.
    // Its words go nowhere: the addresses say it all.
    auto child = spawn({{"/bin/sh",
                         "-c",
                         "exec udhcpc -f -i eth0 -t 8 -T 1 -A 3 -s /etc/udhcpc.script "
                         ">/dev/null 2>&1"},
                        *root,
                        "/",
                        {},
                        group_},
                       Stdin::none);
    pid_ = child ? child->pid : 0;
}

void Dhcp::ask_again()
{
    if (pid_ != 0) {
        // With the script that it may be running, which would give this guest the address of the
        // one that it is a copy of. The only signal that what stands still obeys.
        ::kill(-pid_, SIGKILL);
    }
    pid_ = 0;
    not_before_ = {};
    // The image's script would else begin with taking the address away.
    const common::UniqueFd keep{::open("/run/keep-address", O_CREAT | O_WRONLY | O_CLOEXEC, 0600)};
}

void end_machine(bool reboot)
{
    ::kill(-1, SIGTERM);
    wait_for_all(std::chrono::milliseconds{1500});
    ::kill(-1, SIGKILL);
    wait_for_all(std::chrono::milliseconds{500});
    ::sync();
    ::mount(nullptr, "/", nullptr, MS_REMOUNT | MS_RDONLY, nullptr);
    ::reboot(reboot ? RB_AUTOBOOT : RB_POWER_OFF);
    while (true) {
        ::pause();
    }
}

common::UniqueFd open_port(const std::string& name)
{
    while (true) {
        for (int device = 0; device < 8; ++device) {
            for (int port = 0; port < 32; ++port) {
                std::array<char, 96> path{};
                std::snprintf(path.data(),
                              path.size(),
                              "/sys/class/virtio-ports/vport%dp%d/name",
                              device,
                              port);
                if (read_file(path.data()) != name + "\n") {
                    continue;
                }
                std::snprintf(path.data(), path.size(), "/dev/vport%dp%d", device, port);
                common::UniqueFd fd{::open(path.data(), O_RDWR | O_NONBLOCK | O_CLOEXEC)};
                if (fd) {
                    return fd;
                }
            }
        }
        ::usleep(20'000); // It appears when the driver has found it.
    }
}

} // namespace guest
