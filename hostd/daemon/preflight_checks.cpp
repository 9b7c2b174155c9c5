#include "hostd/daemon/preflight_checks.hpp"

#include "common/unique_fd.hpp"
#include "hostd/daemon/endpoints.hpp"
#include "hostd/daemon/file_lock.hpp"
#include "hostd/link/keys.hpp"
#include "hostd/network/own_networks.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <memory>
#include <netdb.h>
#include <poll.h>
#include <regex>
#include <sys/socket.h>
#include <sys/timex.h>
#include <unistd.h>

namespace hostd::daemon {

using Outcome = Check::Outcome;

namespace {

struct FreeAddresses {
    void operator()(addrinfo* found) const { ::freeaddrinfo(found); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

Addresses look_up(const std::string& host, const std::string& port)
{
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const auto* service = port.empty() ? nullptr : port.c_str();
    return Addresses{::getaddrinfo(host.c_str(), service, &hints, &found) == 0 ? found : nullptr};
}

/// "Connection refused", …; empty: it is open.
std::string connect_to(const addrinfo& address)
{
    constexpr int patience_ms = 3000;
    const common::UniqueFd fd{
        ::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    int error = 0;
    if (!fd || ::connect(fd.get(), address.ai_addr, address.ai_addrlen) != 0) {
        error = errno;
    }
    if (error == EINPROGRESS) {
        pollfd ready{fd.get(), POLLOUT, 0};
        socklen_t size = sizeof error;
        if (::poll(&ready, 1, patience_ms) != 1) {
            error = ETIMEDOUT;
        } else {
            ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
        }
    }
    return error == 0 ? "" : std::generic_category().message(error);
}

/// Likewise, of tcp://host:port.
std::string try_endpoint(const std::string& endpoint)
{
    const auto colon = endpoint.rfind(':');
    const auto host = host_of(endpoint);
    const auto found = host.empty() ? Addresses{} : look_up(host, endpoint.substr(colon + 1));
    if (!found) {
        return "no such address";
    }
    std::string last;
    for (const auto* each = found.get(); each != nullptr; each = each->ai_next) {
        last = connect_to(*each);
        if (last.empty()) {
            break;
        }
    }
    return last;
}

/// errno of what keeps a server from listening at tcp://host:port; 0: nothing.
int listen_at(const std::string& endpoint)
{
    const auto colon = endpoint.rfind(':');
    const auto found = look_up(host_of(endpoint), endpoint.substr(colon + 1));
    if (!found) {
        return EADDRNOTAVAIL;
    }
    const common::UniqueFd fd{::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    constexpr int yes = 1; // As servers do: what lingers of an ended one is in nobody's way.
    const bool listens =
        fd && ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
        ::bind(fd.get(), found->ai_addr, found->ai_addrlen) == 0 && ::listen(fd.get(), 1) == 0;
    return listens ? 0 : errno;
}

/// By the lock that it holds.
bool hostd_runs(const Settings& settings)
{
    const auto lock = FileLock::take(settings.state_dir / "hostd.lock", FileLock::IfHeld::fail);
    return !lock && lock.error().stable_reason() == "already_running";
}

/// The numbers at the front, for comparing; none: nothing.
std::vector<int> numbers_of(const std::string& version)
{
    std::vector<int> numbers;
    const std::regex number{R"(\d{1,6})"};
    for (std::sregex_iterator at{version.begin(), version.end(), number}, end; at != end; ++at) {
        numbers.push_back(std::stoi(at->str()));
    }
    return numbers;
}

} // namespace

bool clock_is_unsynchronised()
{
    timex reading{};
    return ::adjtimex(&reading) == TIME_ERROR || (reading.status & STA_UNSYNC) != 0;
}

common::process::Command seccomp_trial()
{
    return {{"qemu-system-x86_64",
             "-sandbox",
             "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
             "-machine",
             "none",
             "-nodefaults",
             "-display",
             "none",
             "-S",
             "-monitor",
             "stdio"},
            "quit\n",
            std::chrono::seconds{10}};
}

Check check_clock(bool unsynchronised)
{
    if (!unsynchronised) {
        return {"clock", Outcome::good, "the kernel says that it is synchronised", {}};
    }
    return {"clock",
            Outcome::warning,
            "nothing synchronises it: the audit's times, tokens and TLS go by it",
            "apt-get install systemd-timesyncd (or chrony); timedatectl set-ntp true"};
}

Check check_seccomp(const std::string& conf, const common::Result<common::process::Outcome>& trial)
{
    const std::regex off{R"((^|\n)\s*seccomp_sandbox\s*=\s*0)"};
    if (std::regex_search(conf, off)) {
        return {"qemu sandbox",
                Outcome::failed,
                "seccomp_sandbox = 0 in /etc/libvirt/qemu.conf: a guest that breaks out of its "
                "QEMU may call anything",
                "remove that line, then restart libvirtd"};
    }
    if (!trial || trial->status != 0) {
        return {"qemu sandbox",
                Outcome::failed,
                fmt::format("QEMU does not start with -sandbox on: {}",
                            trial ? trial->err.substr(0, 200) : trial.error().message),
                "use the distribution's QEMU, which has seccomp; is a container in the way?"};
    }
    return {"qemu sandbox", Outcome::good, "QEMU starts with -sandbox on", {}};
}

Check check_versions(const std::string& libvirt, const std::string& qemu)
{
    const auto found = fmt::format("libvirt {}, QEMU {}", libvirt, qemu);
    const bool old =
        numbers_of(libvirt) < std::vector{9, 0} || numbers_of(qemu) < std::vector{7, 2};
    if (old) {
        return {"versions",
                Outcome::warning,
                found + ": older than any that Paddock was tried with",
                "use a release with libvirt 9.0 and QEMU 7.2 at least, such as Debian 12"};
    }
    return {"versions", Outcome::good, found, {}};
}

Check check_keys(const Settings& settings)
{
    Check check{"keys", Outcome::failed, {}, {}};
    if (const auto own = link::read_key_pair(settings.host_key); !own) {
        check.found = own.error().message;
        check.fix = fmt::format("paddock-hostd keygen --out {}; then enrol host.pub on the "
                                "coordinator",
                                settings.host_key.parent_path().string());
    } else if (const auto theirs = link::read_key(settings.coordinator_key); !theirs) {
        check.found = theirs.error().message;
        check.fix = fmt::format("copy the coordinator's server.pub to {}, or set coordinator_key",
                                settings.coordinator_key.string());
    } else {
        check.outcome = Outcome::good;
        check.found = "this host's and the coordinator's can be read; only the coordinator knows "
                      "whether it is enrolled";
    }
    return check;
}

Check check_coordinators(const Settings& settings)
{
    Check check{"coordinator", Outcome::good, {}, {}};
    if (settings.coordinator_endpoints.empty()) {
        return {"coordinator",
                Outcome::failed,
                "coordinator_endpoints is empty",
                "set it in hostd.yaml, as in [tcp://10.0.0.1:7420]"};
    }
    bool one_is_open = false;
    for (const auto& endpoint : settings.coordinator_endpoints) {
        const auto error = try_endpoint(endpoint);
        one_is_open = one_is_open || error.empty();
        check.found += fmt::format("{}{}: {}",
                                   check.found.empty() ? "" : "; ",
                                   endpoint,
                                   error.empty() ? "something listens" : error);
    }
    if (!one_is_open) { // It may be installed later; those that stand by do not listen.
        check.outcome = Outcome::warning;
        check.fix = "start the coordinator; let TCP to its port (7420) through, and look at "
                    "coordinator_endpoints";
    }
    return check;
}

Check check_networks(const Settings& settings)
{
    Check check{"networks", Outcome::good, {}, {}};
    const auto found = network::foresee_networks(settings.libvirt_uri, settings.network_cidr);
    if (!found) {
        return {"networks",
                Outcome::failed,
                found.error().message,
                found.error().stable_reason() == "libvirt_unavailable"
                    ? "see libvirt, above"
                    : "do as it says, then start hostd"};
    }
    for (const auto& one : *found) {
        check.found += fmt::format("{}{} ({}) {}",
                                   check.found.empty() ? "" : ", ",
                                   one.name,
                                   network::to_string(one.subnet),
                                   one.runs     ? "runs"
                                   : one.exists ? "is started by hostd"
                                                : "is made by hostd");
    }
    return check;
}

Check check_ports(const Settings& settings)
{
    Check check{"own ports", Outcome::good, {}, {}};
    for (const auto& [key, address] : {std::pair{"peer_listen", settings.peer_endpoint},
                                       std::pair{"metrics_listen", settings.metrics_listen}}) {
        if (address.empty()) {
            continue;
        }
        const auto plain = address.starts_with("tcp://") ? address : "tcp://" + address;
        const auto error = listen_at(plain);
        const bool own = error == EADDRINUSE && hostd_runs(settings);
        check.found += fmt::format("{}{} {}: {}",
                                   check.found.empty() ? "" : "; ",
                                   key,
                                   address,
                                   own          ? "this host's hostd has it"
                                   : error == 0 ? "free"
                                                : std::generic_category().message(error));
        if (error != 0 && !own) {
            check.outcome = Outcome::failed;
            check.fix = error == EADDRINUSE
                            ? fmt::format("name another port in {}, or end what listens there: ss "
                                          "-tlnp",
                                          key)
                            : fmt::format("name an address of this host in {}: ip -br addr", key);
        }
    }
    check.found = check.found.empty() ? "it listens nowhere" : check.found;
    return check;
}

Check check_own_name()
{
    std::array<char, 256> name{};
    ::gethostname(name.data(), name.size() - 1);
    if (look_up(name.data(), "")) {
        return {"own name", Outcome::good, fmt::format("{} resolves", name.data()), {}};
    }
    return {"own name",
            Outcome::warning,
            fmt::format("{} does not resolve, and libvirt looks it up at each start of a VM: that "
                        "takes ten seconds each time",
                        name.data()),
            fmt::format("add it to /etc/hosts: 127.0.1.1 {}", name.data())};
}

Check check_rights(const Settings& settings)
{
    if (::geteuid() != 0) {
        return {"rights",
                Outcome::failed,
                fmt::format("this is run as user {}", ::geteuid()),
                "run it as root, as its unit does: tables of nft, disks and libvirt's folders"};
    }
    auto folder = settings.state_dir;
    std::error_code error;
    while (!std::filesystem::exists(folder, error) && folder.has_relative_path()) {
        folder = folder.parent_path();
    }
    if (::access(folder.c_str(), W_OK) != 0) {
        return {"rights",
                Outcome::failed,
                fmt::format("{} cannot be written", folder.string()),
                "is it mounted read-only? Set state_dir to a folder that is not"};
    }
    return {"rights", Outcome::good, "root, and state_dir can be written", {}};
}

} // namespace hostd::daemon
