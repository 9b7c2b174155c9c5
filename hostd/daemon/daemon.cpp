#include "hostd/daemon/daemon.hpp"

#include "common/log/log.hpp"
#include "common/notify/notify.hpp"
#include "common/version.hpp"
#include "hostd/core/sandbox_service.hpp"
#include "hostd/daemon/endpoints.hpp"
#include "hostd/daemon/engine_choice.hpp"
#include "hostd/daemon/fence_file.hpp"
#include "hostd/daemon/file_lock.hpp"
#include "hostd/daemon/host_facts.hpp"
#include "hostd/daemon/image_commands.hpp"
#include "hostd/daemon/image_maker.hpp"
#include "hostd/daemon/monitoring.hpp"
#include "hostd/guest/guest_channels.hpp"
#include "hostd/libvirt/fast_engine.hpp"
#include "hostd/libvirt/libvirt_hypervisor.hpp"
#include "hostd/libvirt/portable_engine.hpp"
#include "hostd/libvirt/self_test.hpp"
#include "hostd/link/coordinator_link.hpp"
#include "hostd/network/libvirt_network.hpp"
#include "hostd/peers/zmq_peers.hpp"
#include "hostd/storage/checkpoint_store.hpp"
#include "hostd/storage/sandbox_store.hpp"

#include <csignal>
#include <cstdlib>
#include <fmt/format.h>
#include <unistd.h>

namespace hostd::daemon {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

constexpr unsigned end_seconds = 8; // Below what supervisors wait before they kill.

sigset_t ending_signals()
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
}

/// Every thread that is started from here on inherits the mask, so that only wait_for_end()
/// sees the signals.
void block_signals()
{
    auto set = ending_signals();
    ::sigaddset(&set, SIGHUP);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
}

/// On SIGHUP nothing but log_level is read again. One that is wrong leaves it as it is.
void read_log_level_again(const Settings& settings)
{
    const auto now = load_settings(settings.file, &common::config::process_environment);
    if (!now) {
        spdlog::error("ignoring SIGHUP: {}", now.error().message);
    } else if (const auto set = common::log::set_level(now->log_level); !set) {
        spdlog::error("ignoring SIGHUP: {}", set.error().message);
    }
}

void wait_for_end(const Settings& settings)
{
    const auto set = ending_signals();
    auto awaited = set;
    ::sigaddset(&awaited, SIGHUP);
    int number = SIGHUP;
    for (::sigwait(&awaited, &number); number == SIGHUP; ::sigwait(&awaited, &number)) {
        read_log_level_again(settings);
    }
    spdlog::info("ending on signal {}; running VMs go on", number);
    common::notify::stopping("ending; running VMs go on");
    // A second one ends the process at once; so does time: a libvirtd that is frozen, not gone,
    // holds whoever connects to it, and nothing is lost by a hard end.
    ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
    std::signal(SIGALRM, [](int) {
        constexpr std::string_view words = "paddock-hostd: something hangs; ending without it\n";
        static_cast<void>(!::write(STDERR_FILENO, words.data(), words.size()));
        ::_exit(EXIT_SUCCESS);
    });
    ::alarm(end_seconds);
}

Result<link::LinkSettings> link_settings(const Settings& settings)
{
    const auto missing = [](std::string_view key, std::string_view what) {
        return Error{ErrorCode::invalid_argument,
                     std::string{key} + " is not set: " + std::string{what}};
    };
    if (settings.coordinator_endpoints.empty()) {
        return missing("coordinator_endpoints",
                       "say where the coordinator is, for instance "
                       "[tcp://10.0.0.1:7420]");
    }
    if (settings.coordinator_key.empty()) {
        return missing("coordinator_key", "name the file with its public key (server.pub)");
    }
    link::LinkSettings result;
    result.endpoints = settings.coordinator_endpoints;
    COMMON_TRY(result.coordinator_key, link::read_key(settings.coordinator_key));
    auto keys = link::read_key_pair(settings.host_key);
    if (!keys) {
        auto error = std::move(keys).error();
        if (error.code == ErrorCode::not_found) {
            error.message += "; make one with: paddock-hostd keygen --out " +
                             settings.host_key.parent_path().string();
        }
        return error;
    }
    result.keys = *std::move(keys);
    return result;
}

network::NetworkSettings network_settings(const Settings& settings)
{
    std::vector<std::string> unresolved;
    auto blocked = addresses_of(settings.coordinator_endpoints, unresolved);
    for (const auto& endpoint : unresolved) {
        spdlog::warn("{} has no IPv4 address now, so guests are not kept off it; add it to "
                     "network_blocked if it is public",
                     endpoint);
    }
    blocked.insert(blocked.end(), settings.network_blocked.begin(), settings.network_blocked.end());
    return {settings.libvirt_uri, settings.network_cidr, std::move(blocked)};
}

ServiceSettings service_settings(const Settings& settings, const HostReport& fixed)
{
    ServiceSettings result;
    result.capacity = {fixed.capacity_memory, fixed.capacity_vcpus, fixed.overhead};
    result.machine = {fixed.accel, settings.cpu_model};
    result.deepest_chain = settings.deepest_chain;
    result.fence = settings.fence;
    result.importable_vms = settings.importable_vms;
    result.downloads.per_second = settings.image_bytes_per_second;
    result.max_parallel_starts =
        settings.max_parallel_starts == 0 ? fixed.cores : settings.max_parallel_starts;
    return result;
}

EngineChoice::Trial engine_trial(const Settings& settings,
                                 const storage::Layout& layout,
                                 const HostReport& fixed,
                                 libvirt::LibvirtHypervisor& hypervisor)
{
    const libvirt::SelfTest test{layout.root(), fixed.accel, settings.cpu_model};
    return {[&hypervisor, test] { return prove_fast_engine(hypervisor.connections(), test); },
            [&hypervisor] { return hypervisor.facts(); },
            fmt::format("{}, CPU {}, machine {}, Linux {}",
                        to_string(fixed.accel),
                        settings.cpu_model,
                        test.platform.machine,
                        fixed.kernel),
            layout.root() / "state-engine"};
}

/// What an interrupted `image add` left, unless one is under way.
void clean_up_images(const storage::Layout& layout)
{
    if (FileLock::take(image_lock_file(layout), FileLock::IfHeld::fail)) {
        storage::ImageRegistrar{layout, &common::process::run}.clean_up();
    }
}

/// For `systemctl status`.
std::string status_line(const HostReport& report)
{
    auto line = fmt::format("{} sandboxes, {}", report.sandboxes, to_string(report.accel));
    if (!report.state_engine.empty()) {
        line += ", engine " + report.state_engine;
    }
    if (!report.warnings.empty()) {
        line += "; " + report.warnings.front();
    }
    return line;
}

void serve(const Settings& settings,
           const storage::Layout& layout,
           const HostReport& fixed,
           const link::LinkSettings& link_to)
{
    // Made in the order of use, so that each outlives those after it. The hypervisor first: it
    // runs libvirt's event loop.
    const common::SystemClock clock;
    libvirt::LibvirtHypervisor hypervisor{settings.libvirt_uri};
    const storage::DirImageStore images{layout};
    LockedImageMaker image_maker{layout, &common::process::run, settings.disk_reserve};
    storage::DirSandboxStore store{layout, &common::process::run, settings.disk_reserve};
    storage::DirCheckpointStore checkpoints{layout, &common::process::run, settings.disk_reserve};
    libvirt::FastEngine fast{hypervisor.connections()};
    libvirt::PortableEngine portable{hypervisor.connections()};
    EngineChoice engines{
        settings.state_engine, {fast, portable}, engine_trial(settings, layout, fixed, hypervisor)};
    network::LibvirtNetwork network{network_settings(settings)};
    guest::GuestChannels guests{clock};
    link::CoordinatorLink uplink{link_to, clock};
    HostFacts facts{fixed, {hypervisor, images, store, network, settings.state_dir}};
    FenceFile fence{layout.root() / "fence"};
    std::optional<peers::PeerServer> peer_server;
    if (!settings.peer_endpoint.empty()) {
        peer_server.emplace(peers::PeerServer::Settings{settings.peer_endpoint,
                                                        link_to.keys,
                                                        settings.image_bytes_per_second},
                            [&images](const auto& registration, const auto& digest) {
                                return images.file_of(registration, digest);
                            });
    }
    peers::ZmqPeers peers{{link_to.keys}, peer_server ? &*peer_server : nullptr};
    SandboxService service{{hypervisor,
                            images,
                            image_maker,
                            store,
                            checkpoints,
                            engines,
                            network,
                            guests,
                            uplink,
                            clock,
                            &fence,
                            &peers},
                           service_settings(settings, fixed)};
    engines.start();
    service.start();
    const auto report = [&facts, &service, &engines, &peer_server, &settings] {
        auto now = facts.report();
        now.sandboxes = service.sandboxes();
        const auto [engine, reason] = engines.report();
        now.state_engine = engine;
        now.state_engine_reason = reason;
        now.peer_endpoint = peer_server && peer_server->listens() ? settings.peer_endpoint : "";
        return now;
    };
    uplink.start([&service](Command command) { service.submit(std::move(command)); }, report);
    const Monitoring monitoring{settings.metrics_listen,
                                {facts, report, service, uplink, hypervisor, clock}};
    // Whether libvirt or a coordinator is there is no matter of this process: it tries again.
    common::notify::ready(status_line(report()));
    const common::notify::Watchdog watchdog{[&service, &report]() -> std::optional<std::string> {
        constexpr std::chrono::seconds patience{5};
        const auto probe = [&service](auto heard) { return service.probe(std::move(heard)); };
        return common::notify::answers(probe, patience) ? std::optional{status_line(report())}
                                                        : std::nullopt;
    }};
    wait_for_end(settings);
    uplink.stop();
}

} // namespace

Result<> run_daemon(const Settings& settings)
{
    COMMON_CHECK(common::log::init(settings.log_level, settings.log_format));
    block_signals();
    COMMON_TRY(const auto link_to, link_settings(settings));
    COMMON_TRY(const auto layout, storage::Layout::make(settings.state_dir));
    COMMON_CHECK(layout.make_folders());
    auto lock = FileLock::take(layout.root() / "hostd.lock", FileLock::IfHeld::fail);
    if (!lock) {
        return std::move(lock).error().during("another paddock-hostd serves this state_dir");
    }
    clean_up_images(layout);
    COMMON_TRY(const auto verdict,
               choose_accel(settings.accel, gather_evidence(settings.cpu_model)));
    const auto fixed = fixed_facts(settings, verdict);
    spdlog::info("paddock-hostd {} on {}: {} ({}), CPU {}, {} MiB and {} vCPUs for sandboxes, "
                 "libvirt at {}",
                 common::version,
                 fixed.hostname,
                 to_string(fixed.accel),
                 fixed.accel_reason,
                 settings.cpu_model,
                 fixed.capacity_memory.mib(),
                 fixed.capacity_vcpus,
                 settings.libvirt_uri);
    serve(settings, layout, fixed, link_to);
    spdlog::info("ended");
    return {};
}

} // namespace hostd::daemon
