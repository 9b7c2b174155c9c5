#pragma once

#include "common/config/config.hpp"
#include "common/result.hpp"
#include "hostd/core/model.hpp"
#include "hostd/network/subnet.hpp"

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace hostd::daemon {

enum class AccelChoice { automatic, kvm, tcg };
enum class EngineWish { automatic, fast, portable };

/// hostd's configuration as values; read once.
struct Settings {
    std::filesystem::path file; ///< As load_settings() was told.
    std::vector<std::string> coordinator_endpoints;
    std::filesystem::path coordinator_key;
    std::filesystem::path host_key;
    std::string libvirt_uri;
    std::filesystem::path state_dir;
    AccelChoice accel = AccelChoice::automatic;
    std::string cpu_model;
    EngineWish state_engine = EngineWish::automatic;
    unsigned deepest_chain = 24;
    std::optional<network::Subnet> network_cidr;
    std::vector<network::Subnet> network_blocked;
    common::Bytes capacity_memory;            ///< 0: from what the machine has.
    unsigned capacity_vcpus = 0;              ///< Likewise.
    unsigned memory_overcommit_percent = 100; ///< Of that, what is given to sandboxes.
    unsigned vcpu_overcommit = 8;
    common::Bytes overhead;
    common::Bytes disk_reserve;
    FencePromise fence;
    std::vector<std::string> importable_vms; ///< Globs.
    unsigned max_parallel_starts = 0;        ///< 0: as many as there are cores.
    std::string peer_endpoint;               ///< To listen on, tcp://…; "": nowhere.
    common::Bytes image_bytes_per_second;    ///< 0: no bound.
    std::string metrics_listen;              ///< "": nowhere.
    std::string log_level;
    std::string log_format;
};

inline constexpr const char* default_config_file = "/etc/paddock/hostd.yaml";

/// The table of keys, for load() and `--help`.
std::span<const common::config::Key> keys();

/// `file` may be empty: then default_config_file is read if it exists.
common::Result<Settings> load_settings(const std::filesystem::path& file,
                                       const common::config::Config::Environment& environment);

} // namespace hostd::daemon
