#include "guest/calls/services.hpp"
#include "guest/machine.hpp"

#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <string_view>
#include <sys/prctl.h>
#include <sys/stat.h>

namespace {

constexpr std::string_view usage =
    "usage: paddock-guest [--port NAME_OR_PATH] [--version] [--help]\n"
    "\n"
    "The agent inside a Paddock sandbox: runs what the host asks for over a virtio-serial port.\n"
    "As PID 1 it is the guest's init (mounts, DHCP, reaping, power off); else run it as a "
    "service.\n"
    "\n"
    "  --port  the virtio port's name, or a path (default: org.paddock.agent.0)\n";

common::UniqueFd open_named(const std::string& port)
{
    if (port.find('/') == std::string::npos) {
        return guest::open_port(port);
    }
    return common::UniqueFd{::open(port.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC)};
}

void block_signals()
{
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGCHLD);
    ::sigaddset(&set, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
}

int serve(const std::string& port, guest::Machine::Role role)
{
    const bool init = role == guest::Machine::Role::init;
    guest::Machine machine{
        role, guest::settle_into_groups("/sys/fs/cgroup", guest::read_file("/proc/self/cgroup"))};
    const auto net_events = guest::open_net_events();
    auto fd = open_named(port);
    if (!fd) {
        std::perror(("paddock-guest: open " + port).c_str());
        return 1;
    }
    // The port carries root's commands: nobody else may speak on it.
    ::fchmod(fd.get(), 0600);
    guest::Agent agent{std::move(fd), machine, net_events.get(), {}, guest::calls::services()};
    const auto dhcp_at_last = std::chrono::steady_clock::now() + std::chrono::seconds{2};
    while (agent.turn(std::chrono::milliseconds{init ? 500 : 60000})) {
        // The host waits for the hello, nobody yet for an address.
        if (init && (agent.greeted() || std::chrono::steady_clock::now() > dhcp_at_last)) {
            machine.keep_address();
        }
    }
    if (init) {
        guest::end_machine(/*reboot=*/false);
    }
    return 0;
}

} // namespace

int main(int argc, char** argv)
{
    std::string port = "org.paddock.agent.0";
    const bool init = ::getpid() == 1;
    // The kernel hands PID 1 whatever it did not understand of its command line.
    for (int i = 1; i < argc && !init; ++i) {
        const std::string_view argument = argv[i];
        if (argument == "--port" && i + 1 < argc) {
            port = argv[++i];
        } else if (argument == "--version") {
            std::puts("paddock-guest " GUEST_VERSION);
            return 0;
        } else {
            std::fputs(usage.data(), argument == "--help" ? stdout : stderr);
            return argument == "--help" ? 0 : 2;
        }
    }
    block_signals();
    // Not to be traced or read by what it starts.
    ::prctl(PR_SET_DUMPABLE, 0);
    if (init) {
        guest::mount_basics();
    }
    return serve(port, init ? guest::Machine::Role::init : guest::Machine::Role::service);
}
