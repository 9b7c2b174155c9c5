#include "tests/contract/hostd_network/private_host.hpp"

#include "common/process/process.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <unistd.h>

namespace tests {

BOOST_TEST_GLOBAL_FIXTURE(PrivateHost);

namespace {

/// Names the mount namespace that the program has left.
constexpr const char* mark = "PADDOCK_TEST_LEFT";

// /run is empty, with it go the sockets of D-Bus and whatever else libvirtd would ask.
constexpr const char* set_up = R"sh(
set -e
for folder in /run /etc/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt; do
    mount -t tmpfs -o mode=755 none $folder
done
mkdir -p /run/lock /run/libvirt
ip link set lo up
echo 'auth_unix_rw = "none"' >/etc/libvirt/libvirtd.conf
echo 'log_outputs = "3:file:/var/log/libvirt/libvirtd.log"' >>/etc/libvirt/libvirtd.conf
libvirtd -d
)sh";

std::string mount_namespace()
{
    return std::filesystem::read_symlink("/proc/self/ns/mnt").string();
}

[[noreturn]] void skip()
{
    std::puts(
        "skipped: needs root, namespaces, libvirtd, dnsmasq, tini, nft, iptables, ip and busybox");
    std::fflush(stdout);
    ::_exit(77);
}

/// Begins this program anew inside. tini reaps: what libvirtd leaves would stay otherwise.
[[noreturn]] void enter_namespaces()
{
    const auto able = common::process::run(
        {{"sh",
          "-c",
          "command -v libvirtd virsh dnsmasq tini nft iptables-save ip busybox && "
          "unshare --mount --net --pid --fork true"}});
    if (!able || able->status != 0) {
        skip();
    }
    std::ifstream file{"/proc/self/cmdline"};
    std::vector<std::string> words{"unshare",
                                   "--mount",
                                   "--net",
                                   "--pid",
                                   "--fork",
                                   "--kill-child",
                                   "--mount-proc",
                                   "tini",
                                   "-s",
                                   "--",
                                   std::filesystem::read_symlink("/proc/self/exe").string()};
    std::string word;
    std::getline(file, word, '\0'); // Its own name is there already.
    while (std::getline(file, word, '\0')) {
        words.push_back(word);
    }
    std::vector<char*> pointers;
    for (auto& each : words) {
        pointers.push_back(each.data());
    }
    pointers.push_back(nullptr);
    ::setenv(mark, mount_namespace().c_str(), 1);
    ::execvp(pointers.front(), pointers.data());
    throw std::runtime_error{"cannot start unshare"};
}

} // namespace

PrivateHost::PrivateHost()
{
    std::signal(SIGPIPE, SIG_IGN); // As hostd does: libvirt writes to daemons that are gone.
    const char* left = std::getenv(mark);
    if (left == nullptr || left == mount_namespace()) {
        enter_namespaces();
    }
    must_run({"sh", "-c", set_up});
}

std::string must_run(std::vector<std::string> argv)
{
    auto result = common::process::run_checked({std::move(argv), {}, std::chrono::seconds{30}});
    if (!result) {
        throw std::runtime_error{result.error().message + "\n" + result.error().details};
    }
    return *std::move(result);
}

pid_t pid_in(const std::filesystem::path& file)
{
    pid_t pid = 0;
    std::ifstream{file} >> pid;
    return pid;
}

pid_t dnsmasq_pid(std::string_view network)
{
    return pid_in(fmt::format("/run/libvirt/network/{}.pid", network));
}

void end_process(pid_t pid, int signal)
{
    if (pid <= 1 || ::kill(pid, signal) != 0) {
        throw std::runtime_error{fmt::format("no process {} to end", pid)};
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (::kill(pid, 0) == 0) {
        if (std::chrono::steady_clock::now() > deadline) {
            throw std::runtime_error{fmt::format("process {} stays", pid)};
        }
        std::this_thread::yield();
    }
}

FrozenLibvirtd::FrozenLibvirtd() : pid_{pid_in("/run/libvirtd.pid")}
{
    if (pid_ <= 1 || ::kill(pid_, SIGSTOP) != 0) {
        throw std::runtime_error{"no libvirtd to freeze"};
    }
}

FrozenLibvirtd::~FrozenLibvirtd()
{
    ::kill(pid_, SIGCONT);
}

Guest::Guest(const hostd::NetLease& lease, std::string_view bridge)
    : tap_{lease.tap}, bridge_{bridge}
{
    must_run({"ip", "netns", "add", tap_});
    must_run({"ip", "link", "add", tap_, "type", "veth", "peer", "name", "eth0", "netns", tap_});
    must_run({"ip", "-n", tap_, "link", "set", "eth0", "address", lease.mac, "up"});
    must_run({"ip", "link", "set", tap_, "master", bridge_, "up"});
}

Guest::~Guest()
{
    static_cast<void>(common::process::run({{"ip", "link", "del", tap_}}));
    static_cast<void>(common::process::run({{"ip", "netns", "del", tap_}}));
}

std::string Guest::ask_for_address() const
{
    // Eight questions, a second apart; the script gets what was answered.
    const auto outcome = common::process::run({{"ip",
                                                "netns",
                                                "exec",
                                                tap_,
                                                "busybox",
                                                "udhcpc",
                                                "-i",
                                                "eth0",
                                                "-f",
                                                "-q",
                                                "-n",
                                                "-t",
                                                "8",
                                                "-T",
                                                "1",
                                                "-s",
                                                "/bin/true"},
                                               {},
                                               std::chrono::seconds{30}});
    const std::string_view before = "lease of ";
    const auto text = outcome ? outcome->out + outcome->err : std::string{};
    const auto found = text.find(before);
    if (found == std::string::npos) {
        return {};
    }
    const auto start = found + before.size();
    return text.substr(start, text.find(' ', start) - start);
}

bool Guest::is_on_its_bridge() const
{
    return must_run({"ip", "-o", "link", "show", "dev", tap_}).find(" master " + bridge_ + " ") !=
           std::string::npos;
}

} // namespace tests
