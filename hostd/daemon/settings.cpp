#include "hostd/daemon/settings.hpp"

#include "common/address.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <fmt/format.h>

namespace hostd::daemon {

using common::Error;
using common::ErrorCode;
using common::Result;
using common::config::Config;
using common::config::Key;
using common::config::Kind;

namespace {

const std::array table{
    Key{"coordinator_endpoints",
        Kind::list,
        "",
        "coordinators to connect to, e.g. [tcp://10.0.0.1:7420]; required by the daemon"},
    Key{"coordinator_key", Kind::text, "", "file with the coordinator's public key (server.pub)"},
    Key{"host_key", Kind::text, "/etc/paddock/host.key", "file with this host's secret key"},
    Key{"libvirt_uri", Kind::text, "qemu:///system", "libvirt's address", {"LIBVIRT_URI"}},
    Key{"state_dir", Kind::text, "/var/lib/paddock", "images and sandboxes; on a roomy disk"},
    Key{"accel", Kind::text, "auto", "auto, kvm or tcg (emulation); auto proves KVM first"},
    Key{"cpu_model", Kind::text, "", "QEMU's name of the guests' CPU; empty: Westmere"},
    Key{"state_engine",
        Kind::text,
        "auto",
        "how guests are captured: auto, fast or portable; auto proves fast first"},
    Key{"deepest_chain",
        Kind::integer,
        "24",
        "files that a sandbox's disk may lie on before it is made to lie on its image alone",
        {},
        1,
        50},
    Key{"network_cidr", Kind::text, "", "subnet of the guests' NAT network; empty: a free /20"},
    Key{"network_blocked",
        Kind::list,
        "",
        "IPv4 networks closed to guests, beside all private ones and the coordinators"},
    Key{"capacity_memory_mb", Kind::integer, "0", "memory for sandboxes, MiB; 0: all but 2 GiB"},
    Key{"memory_overcommit_percent",
        Kind::integer,
        "100",
        "of that, what sandboxes may be given; beyond 100 the host needs swap, or guests are "
        "killed",
        {},
        10,
        1000},
    Key{"capacity_vcpus", Kind::integer, "0", "vCPUs for sandboxes; 0: cores x vcpu_overcommit"},
    Key{"vcpu_overcommit", Kind::integer, "8", "vCPUs for each core", {}, 1, 1000},
    Key{"overhead_mb", Kind::integer, "96", "memory charged for each VM beyond its own, MiB"},
    Key{"disk_reserve_mb", Kind::integer, "2048", "what stays free below state_dir, MiB"},
    Key{"max_parallel_starts", Kind::integer, "0", "guests booting at once; 0: cores", {}, 0, 1000},
    Key{"fence_after_sec",
        Kind::integer,
        "60",
        "how long to hear from no leading coordinator before `fence` applies; 0: for ever",
        {},
        0,
        86400},
    Key{"fence", Kind::text, "keep", "keep, pause or stop: what becomes of running sandboxes then"},
    Key{"importable_vms",
        Kind::list,
        "",
        "names of VMs of others that images may be made of, as in gold-*; none"},
    Key{"peer_listen",
        Kind::text,
        "",
        "give images to other hosts there, as in 10.0.0.11:7421, which they must reach; empty: "
        "not"},
    Key{"image_mib_per_sec",
        Kind::integer,
        "0",
        "of images, what this host fetches at most, and gives to others; MiB/s; 0: no bound",
        {},
        0,
        1'000'000},
    Key{"metrics_listen",
        Kind::text,
        "",
        "serve Prometheus metrics there, as in 127.0.0.1:9420; empty: nowhere"},
    Key{"allow_plaintext",
        Kind::boolean,
        "false",
        "serve them beyond loopback although there is no TLS and no token"},
    Key{"log_level",
        Kind::text,
        "info",
        "trace, debug, info, warning or error; read again on SIGHUP",
        {"LOG_LEVEL"}},
    Key{"log_format", Kind::text, "text", "text or json, on stderr", {"LOG_FORMAT"}}};

Error wrong(const Config& config, std::string_view key, std::string_view what)
{
    return {ErrorCode::invalid_argument, fmt::format("{}: {}: {}", config.origin(key), key, what)};
}

Result<AccelChoice> accel_of(const Config& config)
{
    const auto& text = config.text("accel");
    if (text == "auto") {
        return AccelChoice::automatic;
    }
    if (text == "kvm" || text == "tcg") {
        return text == "kvm" ? AccelChoice::kvm : AccelChoice::tcg;
    }
    return wrong(config, "accel", fmt::format("expected auto, kvm or tcg, got '{}'", text));
}

Result<EngineWish> engine_of(const Config& config)
{
    const auto& text = config.text("state_engine");
    if (text == "auto") {
        return EngineWish::automatic;
    }
    if (text == "fast" || text == "portable") {
        return text == "fast" ? EngineWish::fast : EngineWish::portable;
    }
    return wrong(
        config, "state_engine", fmt::format("expected auto, fast or portable, got '{}'", text));
}

Result<FencePromise> fence_of(const Config& config)
{
    // Below this a leader that is only busy, or PostgreSQL that takes a moment, would do.
    constexpr std::int64_t shortest_sec = 5;
    const auto& text = config.text("fence");
    const auto action = fence_action_from(text);
    if (!action) {
        return wrong(config, "fence", fmt::format("expected keep, pause or stop, got '{}'", text));
    }
    const auto after = config.integer("fence_after_sec");
    if (after != 0 && after < shortest_sec) {
        return wrong(config,
                     "fence_after_sec",
                     fmt::format("expected 0, or {} or more, got {}", shortest_sec, after));
    }
    return FencePromise{std::chrono::seconds{after}, *action};
}

bool is_address(const std::string& text)
{
    in_addr v4{};
    in6_addr v6{};
    const bool bracketed = text.starts_with('[') && text.ends_with(']');
    return bracketed ? ::inet_pton(AF_INET6, text.substr(1, text.size() - 2).c_str(), &v6) == 1
                     : ::inet_pton(AF_INET, text.c_str(), &v4) == 1;
}

Result<> read_networks(const Config& config, Settings& settings)
{
    if (const auto& cidr = config.text("network_cidr"); !cidr.empty()) {
        auto subnet = network::parse_guest_subnet(cidr);
        if (!subnet) {
            return wrong(config, "network_cidr", subnet.error().message);
        }
        settings.network_cidr = *subnet;
    }
    for (const auto& text : config.list("network_blocked")) {
        const auto subnet = network::parse_subnet(text);
        if (!subnet) {
            return wrong(config,
                         "network_blocked",
                         fmt::format("'{}' is no IPv4 network such as 198.51.100.0/24", text));
        }
        settings.network_blocked.push_back(*subnet);
    }
    return {};
}

struct Address {
    std::string host;
    unsigned port = 0;
};

/// An address and a port: a name might become another address than the one that was meant.
Result<std::optional<Address>> address_in(const Config& config, std::string_view key)
{
    const auto& text = config.text(key);
    if (text.empty()) {
        return std::optional<Address>{};
    }
    const auto colon = text.rfind(':');
    const auto host = colon == std::string::npos ? std::string{} : text.substr(0, colon);
    const auto port = colon == std::string::npos ? std::string{} : text.substr(colon + 1);
    constexpr std::size_t longest = 5;
    const bool is_port = !port.empty() && port.size() <= longest &&
                         std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; }) &&
                         std::stoi(port) <= 65535;
    if (!is_port || !is_address(host)) {
        return wrong(config,
                     key,
                     fmt::format("expected an address and a port, as in 127.0.0.1:9420 or "
                                 "[::1]:9420, got '{}'",
                                 text));
    }
    return std::optional{Address{host, static_cast<unsigned>(std::stoi(port))}};
}

Result<std::string> metrics_address(const Config& config)
{
    COMMON_TRY(const auto address, address_in(config, "metrics_listen"));
    if (address && !common::is_loopback(address->host) && !config.boolean("allow_plaintext")) {
        return wrong(
            config,
            "metrics_listen",
            fmt::format("{} is not loopback, and there is no TLS: whoever reaches it reads "
                        "the metrics; allow_plaintext: true says that they may",
                        address->host));
    }
    return config.text("metrics_listen");
}

/// Other hosts are told of it as it is.
Result<std::string> peer_endpoint(const Config& config)
{
    COMMON_TRY(const auto address, address_in(config, "peer_listen"));
    if (!address) {
        return std::string{};
    }
    if (address->port == 0 || address->host == "0.0.0.0" || address->host == "[::]") {
        return wrong(config,
                     "peer_listen",
                     "other hosts connect to it: name an address of this host that they reach, and "
                     "a port");
    }
    return "tcp://" + config.text("peer_listen");
}

common::Bytes mib(const Config& config, std::string_view key)
{
    return common::Bytes::mib(static_cast<std::uint64_t>(config.integer(key)));
}

unsigned count(const Config& config, std::string_view key)
{
    return static_cast<unsigned>(config.integer(key));
}

} // namespace

std::span<const Key> keys()
{
    return table;
}

Result<Settings> load_settings(const std::filesystem::path& file,
                               const Config::Environment& environment)
{
    std::error_code error;
    const bool standard = file.empty() && std::filesystem::exists(default_config_file, error);
    COMMON_TRY(const auto config,
               Config::load(keys(), standard ? default_config_file : file, environment));
    Settings settings;
    settings.file = file;
    COMMON_TRY(settings.accel, accel_of(config));
    COMMON_TRY(settings.state_engine, engine_of(config));
    COMMON_TRY(settings.fence, fence_of(config));
    COMMON_TRY(settings.metrics_listen, metrics_address(config));
    COMMON_TRY(settings.peer_endpoint, peer_endpoint(config));
    settings.image_bytes_per_second = mib(config, "image_mib_per_sec");
    COMMON_CHECK(read_networks(config, settings));
    settings.coordinator_endpoints = config.list("coordinator_endpoints");
    settings.coordinator_key = config.text("coordinator_key");
    settings.host_key = config.text("host_key");
    settings.libvirt_uri = config.text("libvirt_uri");
    settings.state_dir = config.text("state_dir");
    if (!settings.state_dir.is_absolute()) {
        return wrong(config, "state_dir", "expected an absolute path");
    }
    // Emulated or not, every host since 2010 has what Westmere has (x86-64-v2), so that
    // guests move between hosts.
    const auto& model = config.text("cpu_model");
    settings.cpu_model = model.empty() ? "Westmere" : model;
    settings.capacity_memory = mib(config, "capacity_memory_mb");
    settings.memory_overcommit_percent = count(config, "memory_overcommit_percent");
    settings.capacity_vcpus = count(config, "capacity_vcpus");
    settings.vcpu_overcommit = count(config, "vcpu_overcommit");
    settings.overhead = mib(config, "overhead_mb");
    settings.disk_reserve = mib(config, "disk_reserve_mb");
    settings.deepest_chain = count(config, "deepest_chain");
    settings.max_parallel_starts = count(config, "max_parallel_starts");
    settings.log_level = config.text("log_level");
    settings.log_format = config.text("log_format");
    settings.importable_vms = config.list("importable_vms");
    return settings;
}

} // namespace hostd::daemon
