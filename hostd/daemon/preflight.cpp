#include "hostd/daemon/preflight.hpp"

#include "hostd/daemon/accel.hpp"
#include "hostd/daemon/host_facts.hpp"
#include "hostd/daemon/preflight_checks.hpp"
#include "hostd/libvirt/libvirt_hypervisor.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <sys/statvfs.h>

namespace hostd::daemon {

using Outcome = Check::Outcome;

namespace {

namespace fs = std::filesystem;

/// And the versions, if it answers.
std::vector<Check> check_libvirt(const Settings& settings)
{
    Check check{"libvirt", Outcome::good, {}, {}};
    const libvirt::LibvirtHypervisor hypervisor{settings.libvirt_uri, {}, 1};
    if (const auto facts = hypervisor.facts()) {
        check.found = fmt::format("{} answers", settings.libvirt_uri);
        return {std::move(check), check_versions(facts->libvirt_version, facts->qemu_version)};
    } else {
        check.outcome = Outcome::failed;
        check.found = facts.error().message;
        check.fix = "apt-get install libvirt-daemon-system; systemctl start libvirtd (without "
                    "systemd: virtlogd -d; libvirtd -d); run as root";
    }
    return {std::move(check)};
}

Check check_accel(const Settings& settings)
{
    const auto verdict = choose_accel(settings.accel, gather_evidence(settings.cpu_model));
    if (!verdict) {
        return {"acceleration", Outcome::failed, verdict.error().message, "set accel: auto"};
    }
    Check check{"acceleration",
                Outcome::good,
                fmt::format("{}: {}", to_string(verdict->accel), verdict->reason),
                {}};
    if (verdict->accel == Accel::tcg && settings.accel != AccelChoice::tcg) {
        check.outcome = Outcome::warning;
        check.fix = "works, but slowly; for KVM use a machine with vmx or svm (nested "
                    "virtualisation, if this is a VM) and load kvm_intel or kvm_amd";
    }
    return check;
}

Check check_program(std::string name, std::vector<std::string> argv, std::string_view package)
{
    const auto outcome = common::process::run({std::move(argv), {}, std::chrono::seconds{10}});
    if (outcome && outcome->status == 0) {
        const auto line = outcome->out.substr(0, outcome->out.find('\n'));
        return {std::move(name), Outcome::good, line, {}};
    }
    return {std::move(name),
            Outcome::failed,
            outcome ? fmt::format("status {}: {}", outcome->status, outcome->err.substr(0, 200))
                    : outcome.error().message,
            fmt::format("apt-get install {}; run as root", package)};
}

Check check_nft()
{
    // Reading the tables takes the same rights as writing them.
    auto check = check_program("nft", {"nft", "list", "tables"}, "nftables");
    if (check.outcome == Outcome::good) {
        check.found = "tables can be read";
    }
    return check;
}

Check check_memory(const Settings& settings)
{
    const auto facts = memory_facts();
    const auto fixed = fixed_facts(settings, {});
    Check check{"memory",
                Outcome::good,
                fmt::format("{} MiB, {} MiB of it available, {} MiB for sandboxes",
                            facts.total.mib(),
                            facts.available.mib(),
                            fixed.capacity_memory.mib()),
                {}};
    if (fixed.capacity_memory < common::Bytes::mib(512)) {
        check.outcome = Outcome::failed;
        check.fix = "a sandbox needs 256 MiB and more: add memory, or set capacity_memory_mb";
    } else if (fixed.capacity_memory > facts.total) {
        check.outcome = Outcome::warning;
        check.fix =
            "more than there is (capacity_memory_mb, memory_overcommit_percent): guests will "
            "swap or be killed";
    }
    return check;
}

/// The folder that is, or that state_dir will be made in.
fs::path nearest_existing(fs::path path)
{
    std::error_code error;
    while (!fs::exists(path, error) && path.has_relative_path()) {
        path = path.parent_path();
    }
    return path;
}

std::string content_of(const fs::path& file)
{
    std::ifstream in{file};
    return {std::istreambuf_iterator<char>{in}, {}};
}

/// libvirt lets QEMU at its disks by itself, but not at a memory file that it was only told of.
Check check_apparmor(const Settings& settings)
{
    Check check{"apparmor", Outcome::good, "AppArmor is off", {}};
    if (content_of("/sys/module/apparmor/parameters/enabled").substr(0, 1) != "Y") {
        return check;
    }
    const auto rule = (settings.state_dir / "snapshots").string() + "/*/ram";
    constexpr const char* rules = "/etc/apparmor.d/local/abstractions/libvirt-qemu";
    if (content_of(rules).find(rule) != std::string::npos) {
        check.found = fmt::format("{} lets QEMU at {}", rules, rule);
        return check;
    }
    check.outcome = Outcome::warning;
    check.found = fmt::format("{} does not name {}: QEMU may not open the memory of checkpoints, "
                              "and the state engine falls back to portable",
                              rules,
                              rule);
    check.fix = fmt::format("add the rules of systemd/apparmor/libvirt-qemu to {}, then restart "
                            "libvirtd",
                            rules);
    return check;
}

Check check_disk(const Settings& settings)
{
    struct statvfs space {};
    const auto folder = nearest_existing(settings.state_dir);
    if (::statvfs(folder.c_str(), &space) != 0) {
        return {"disk", Outcome::failed, folder.string() + " cannot be read", "set state_dir"};
    }
    const common::Bytes free{space.f_bavail * space.f_frsize};
    Check check{
        "disk", Outcome::good, fmt::format("{} MiB free at {}", free.mib(), folder.string()), {}};
    if (free < settings.disk_reserve + common::Bytes::gib(1)) {
        check.outcome = Outcome::failed;
        check.fix = fmt::format("free some, or set state_dir: {} MiB are kept free "
                                "(disk_reserve_mb) and images take more",
                                settings.disk_reserve.mib());
    }
    return check;
}

Check check_passable(const Settings& settings)
{
    for (auto path = nearest_existing(settings.state_dir); path.has_relative_path();
         path = path.parent_path()) {
        struct stat about {};
        if (::stat(path.c_str(), &about) == 0 && (about.st_mode & S_IXOTH) == 0) {
            return {"state_dir",
                    Outcome::failed,
                    fmt::format("QEMU's user may not pass {}", path.string()),
                    fmt::format("chmod o+x {}, or set state_dir", path.string())};
        }
    }
    return {"state_dir", Outcome::good, settings.state_dir.string() + " is passable", {}};
}

std::string_view word_for(Outcome outcome)
{
    switch (outcome) {
    case Outcome::good: return "ok";
    case Outcome::warning: return "warning";
    case Outcome::failed: return "FAILED";
    }
    return "";
}

bool none_failed(const std::vector<Check>& checks)
{
    return std::ranges::none_of(
        checks, [](const Check& check) { return check.outcome == Outcome::failed; });
}

} // namespace

std::vector<Check> preflight(const Settings& settings)
{
    auto checks = check_libvirt(settings);
    for (auto& check :
         {check_rights(settings),
          check_accel(settings),
          check_program("qemu", {"qemu-system-x86_64", "--version"}, "qemu-system-x86"),
          check_seccomp(content_of("/etc/libvirt/qemu.conf"),
                        common::process::run(seccomp_trial())),
          check_program("qemu-img", {"qemu-img", "--version"}, "qemu-utils"),
          check_nft(),
          check_program("ip", {"ip", "-V"}, "iproute2"),
          check_program("dnsmasq", {"dnsmasq", "--version"}, "dnsmasq-base"),
          check_networks(settings),
          check_ports(settings),
          check_own_name(),
          check_keys(settings),
          check_coordinators(settings),
          check_clock(clock_is_unsynchronised()),
          check_memory(settings),
          check_disk(settings),
          check_passable(settings),
          check_apparmor(settings)}) {
        checks.push_back(check);
    }
    return checks;
}

std::string to_json(const std::vector<Check>& checks)
{
    const auto status = [](Outcome outcome) {
        switch (outcome) {
        case Outcome::good: return "ok";
        case Outcome::warning: return "warn";
        case Outcome::failed: return "fail";
        }
        return "fail";
    };
    nlohmann::ordered_json json{{"ok", none_failed(checks)},
                                {"checks", nlohmann::ordered_json::array()}};
    for (const auto& check : checks) {
        nlohmann::ordered_json one{
            {"name", check.name}, {"status", status(check.outcome)}, {"message", check.found}};
        if (!check.fix.empty()) {
            one["fix"] = check.fix;
        }
        json["checks"].push_back(std::move(one));
    }
    return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

bool print_checks(const std::vector<Check>& checks, Output output)
{
    if (output == Output::json) {
        fmt::print("{}\n", to_json(checks));
    } else {
        for (const auto& check : checks) {
            fmt::print("{:<8} {:<13} {}{}{}\n",
                       word_for(check.outcome),
                       check.name,
                       check.found,
                       check.fix.empty() ? "" : " -- fix: ",
                       check.fix);
        }
    }
    return none_failed(checks);
}

} // namespace hostd::daemon
