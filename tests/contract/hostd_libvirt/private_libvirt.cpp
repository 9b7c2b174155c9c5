#include "tests/contract/hostd_libvirt/private_libvirt.hpp"

#include "common/process/process.hpp"

#include <array>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

namespace tests {

namespace {

constexpr auto patience = std::chrono::seconds{30};

// /run is empty, with it go the sockets of D-Bus and whatever else libvirtd would ask. There is no
// /dev/kvm: one that opens but does not work has libvirtd probe QEMU anew at every call.
// /sys is that of its own network: libvirt writes to its bridges there.
// Its arguments are what ids of this test begin with, and the namespaces of the test: in those it
// does nothing.
// At the end of its input it ends everything else, and only then itself: control groups are the
// one thing that outlives the namespaces.
constexpr const char* life = R"sh(
set -e
for kind in mnt pid; do
    case "$*" in *"$(readlink /proc/self/ns/$kind)"*) exit 1 ;; esac
done
for folder in /run /etc/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt; do
    mount -t tmpfs -o mode=755 none $folder
done
mkdir -p /run/lock /run/libvirt /run/dev /var/lib/libvirt/boxes
mount -t tmpfs -o mode=755 none /run/dev
cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty /dev/ptmx /run/dev
ln -s /proc/self/fd /run/dev/fd
mkdir /run/dev/pts /run/dev/shm /run/dev/net
cp -a /dev/net/tun /run/dev/net
mount --bind /dev/pts /run/dev/pts
umount --recursive --lazy /dev 2>/dev/null || true
mount --move /run/dev /dev
rmdir /run/dev
mkdir /run/groups
mount --rbind /sys/fs/cgroup /run/groups
mount -t sysfs none /sys
mount --rbind /run/groups /sys/fs/cgroup
umount --recursive --lazy /run/groups
rmdir /run/groups
chmod 711 /var/lib/libvirt/boxes
ip link set lo up
echo 'auth_unix_rw = "none"' >/etc/libvirt/libvirtd.conf
echo 'log_outputs = "3:file:/var/log/libvirt/libvirtd.log"' >>/etc/libvirt/libvirtd.conf
echo ready
cat >/dev/null
set +e
kill -KILL -1
for tries in $(seq 500); do
    find /sys/fs/cgroup -depth -type d -path "*/qemu-*-sbx-$1*" -exec rmdir {} + 2>/dev/null && break
done
)sh";

std::string must(std::vector<std::string> argv, std::string input = {})
{
    auto result = common::process::run_checked({std::move(argv), std::move(input), patience});
    if (!result) {
        throw std::runtime_error{result.error().message + "\n" + result.error().details};
    }
    return *std::move(result);
}

std::array<common::UniqueFd, 2> make_pipe()
{
    std::array<int, 2> fds{};
    if (::pipe2(fds.data(), O_CLOEXEC) != 0) {
        throw std::runtime_error{"no pipe"};
    }
    return {common::UniqueFd{fds[0]}, common::UniqueFd{fds[1]}};
}

pid_t spawn(std::vector<std::string> argv, int input, int output)
{
    std::vector<char*> pointers;
    for (auto& word : argv) {
        pointers.push_back(word.data());
    }
    pointers.push_back(nullptr);
    posix_spawn_file_actions_t files{};
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_adddup2(&files, input, 0);
    ::posix_spawn_file_actions_adddup2(&files, output, 1);
    posix_spawnattr_t attributes{};
    ::posix_spawnattr_init(&attributes);
    // A group of its own: the terminal's interrupt is for the test, whose end ends this.
    ::posix_spawnattr_setpgroup(&attributes, 0);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    pid_t pid = -1;
    const auto failed =
        ::posix_spawnp(&pid, pointers.front(), &files, &attributes, pointers.data(), environ);
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&files);
    if (failed != 0) {
        throw std::runtime_error{"cannot start " + argv.front()};
    }
    return pid;
}

/// It says something, or ends, within the patience; whether it said something.
bool says_something(int fd)
{
    pollfd wanted{fd, POLLIN, 0};
    char first = 0;
    return ::poll(&wanted, 1, std::chrono::milliseconds{patience}.count()) == 1 &&
           ::read(fd, &first, 1) == 1;
}

} // namespace

SkipWithoutLibvirt::SkipWithoutLibvirt()
{
    std::signal(SIGPIPE, SIG_IGN); // As hostd does: libvirt writes to daemons that are gone.
    const auto able = common::process::run(
        {{"sh",
          "-c",
          "libvirtd --version && virtlogd --version && tini --version && "
          "qemu-system-x86_64 --version && unshare --mount --net --pid --fork true"}});
    if (!able || able->status != 0) {
        std::puts("skipped: needs root, namespaces, libvirtd, virtlogd, tini and QEMU");
        std::fflush(stdout);
        ::_exit(77);
    }
}

PrivateLibvirt& PrivateLibvirt::shared()
{
    static PrivateLibvirt libvirt;
    return libvirt;
}

PrivateLibvirt::PrivateLibvirt()
{
    auto input = make_pipe();
    auto output = make_pipe();
    // tini reaps: libvirt waits for the zombies of its QEMUs.
    pid_ = spawn({"unshare",
                  "--mount",
                  "--net",
                  "--pid",
                  "--fork",
                  "--mount-proc",
                  "tini",
                  "-s",
                  "--",
                  "sh",
                  "-c",
                  life,
                  "life",
                  tag_,
                  std::filesystem::read_symlink("/proc/self/ns/mnt"),
                  std::filesystem::read_symlink("/proc/self/ns/pid")},
                 input[0].get(),
                 output[1].get());
    life_ = std::move(input[1]);
    output[1].reset();
    if (!says_something(output[0].get())) {
        throw std::runtime_error{"no namespaces for libvirtd"};
    }
    inside({"virtlogd", "-d"});
    start();
}

PrivateLibvirt::~PrivateLibvirt()
{
    life_.reset();
    ::waitpid(pid_, nullptr, 0);
}

void PrivateLibvirt::start()
{
    if (!running_) {
        inside({"libvirtd", "-d"}); // Returns when the sockets are there.
        running_ = true;
    }
}

void PrivateLibvirt::kill()
{
    inside({"timeout",
            "10",
            "sh",
            "-c",
            "p=$(cat /run/libvirtd.pid); kill -KILL $p; while [ -e /proc/$p ]; do :; done"});
    running_ = false;
}

void PrivateLibvirt::freeze()
{
    inside({"sh", "-c", "kill -STOP $(cat /run/libvirtd.pid)"});
}

void PrivateLibvirt::thaw()
{
    inside({"sh", "-c", "kill -CONT $(cat /run/libvirtd.pid)"});
}

common::SandboxId PrivateLibvirt::fresh_id() const
{
    return common::SandboxId{"sbx-" + tag_ + common::random_base32_80().substr(tag_.size())};
}

std::string PrivateLibvirt::uri() const
{
    return "qemu+unix:///system?socket=" + outside("/run/libvirt/libvirt-sock").string();
}

std::filesystem::path PrivateLibvirt::outside(const std::filesystem::path& path) const
{
    return "/proc/" + std::to_string(pid_) + "/root" + path.string();
}

std::string PrivateLibvirt::inside(std::vector<std::string> argv, std::string input) const
{
    const auto pid = std::to_string(pid_);
    argv.insert(argv.begin(),
                {"nsenter",
                 "--target",
                 pid,
                 "--mount",
                 "--net",
                 "--pid=/proc/" + pid + "/ns/pid_for_children",
                 "--"});
    return must(std::move(argv), std::move(input));
}

void PrivateLibvirt::kill_qemu(const std::string& domain_name) const
{
    inside({"sh", "-c", "kill -KILL $(cat /run/libvirt/qemu/" + domain_name + ".pid)"});
}

std::string PrivateLibvirt::remains() const
{
    return inside({"sh",
                   "-c",
                   "cd /; find etc/libvirt/qemu run/libvirt/qemu var/lib/libvirt/qemu ! -type d "
                   "! -name driver.pid ! -name autostarted; pgrep -l qemu-system; "
                   "cat /proc/[0-9]*/cgroup | grep -o 'qemu-.*' | sort -u"});
}

} // namespace tests
