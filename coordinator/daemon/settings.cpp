#include "coordinator/daemon/settings.hpp"

#include "common/log/log.hpp"
#include "coordinator/daemon/addresses.hpp"

#include <array>
#include <fmt/format.h>

namespace coordinator::daemon {

using common::Error;
using common::ErrorCode;
using common::Result;
using common::config::Config;
using common::config::Key;
using common::config::Kind;

namespace {

constexpr std::int64_t day_s = 86'400;

const std::array table{
    Key{"http_address",
        Kind::text,
        "127.0.0.1:8080",
        "where the HTTP API listens",
        {"API_HTTP_ADDR"}},
    Key{"http_advertise",
        Kind::text,
        "",
        "ADDRESS:PORT or NAME:PORT by which other coordinators reach it; empty: http_address"},
    Key{"leader_silence_sec",
        Kind::integer,
        "3",
        "that one which stands by waits for a leader that hangs",
        {},
        2,
        60},
    Key{"allow_plaintext",
        Kind::boolean,
        "false",
        "listen beyond loopback although there is no TLS here (a proxy has it)"},
    Key{"allowed_hosts", Kind::list, "", "names that the API is reached by, beside localhost"},
    Key{"auth", Kind::text, "tokens", "tokens, or none: for tests, on loopback only"},
    Key{"token_file",
        Kind::text,
        "/etc/paddock/tokens",
        "names and digests of tokens; see the command token"},
    Key{"link_address", Kind::text, "tcp://*:7420", "where hosts connect to (CURVE)"},
    Key{"server_key", Kind::text, "/etc/paddock/server.key", "file with our secret key"},
    Key{"enrolment_file",
        Kind::text,
        "/etc/paddock/enrolled",
        "hosts and their public keys; see the command enrol"},
    Key{"database_url",
        Kind::text,
        "",
        "PostgreSQL, as libpq takes it; the role that serves",
        {"DATABASE_URL"},
        0,
        0,
        true},
    Key{"database_owner_url",
        Kind::text,
        "",
        "likewise, the role that owns the tables; empty: database_url",
        {},
        0,
        0,
        true},
    Key{"placement",
        Kind::text,
        "spread",
        "spread: what is new goes where most room is; pack: where least is, so that others stay "
        "free"},
    Key{"oldest_hostd",
        Kind::text,
        "",
        "a version, like 0.2.0: nothing new is placed on hosts with an older hostd, nor moved "
        "there; empty: any"},
    Key{"orphans",
        Kind::text,
        "keep",
        "sandboxes that a host has and no record names: keep them there, adopt them (after a "
        "backup "
        "was restored), or destroy them (not with a database that may be older than they are)"},
    Key{"default_vcpus",
        Kind::integer,
        "2",
        "of a sandbox whose request and image name no number",
        {"DEFAULT_VCPUS"},
        1,
        1024},
    Key{"default_memory_mb",
        Kind::integer,
        "2048",
        "likewise, MiB",
        {"DEFAULT_MEMORY_MB"},
        64,
        std::int64_t{1} << 24U},
    Key{"boot_timeout_sec",
        Kind::integer,
        "60",
        "from power-on to the agent's hello; then 504, and it goes on booting",
        {},
        1,
        3600},
    Key{"stop_timeout_sec",
        Kind::integer,
        "30",
        "for a guest to power off before its power is cut",
        {},
        1,
        3600},
    Key{"command_timeout_sec",
        Kind::integer,
        "120",
        "of a command whose request names none",
        {"COMMAND_TIMEOUT_SEC"},
        1,
        day_s},
    Key{"ip_timeout_sec",
        Kind::integer,
        "30",
        "how long a request waits for an address",
        {"IP_DISCOVERY_TIMEOUT_SEC"},
        1,
        3600},
    Key{"destroy_timeout_sec",
        Kind::integer,
        "30",
        "for a host to destroy a sandbox; then 504, and the work goes on",
        {},
        1,
        3600},
    Key{"claim_timeout_sec",
        Kind::integer,
        "5",
        "for a warm sandbox to answer who is given it; then it is taken for dead, and another one "
        "tried",
        {},
        1,
        3600},
    Key{"output_limit_kb",
        Kind::integer,
        "1024",
        "kept of each of a command's stdout and stderr; the rest is dropped and said",
        {},
        1,
        2048},
    Key{"max_operations",
        Kind::integer,
        "8192",
        "under way at once on all hosts; more get 429",
        {},
        1,
        std::int64_t{1} << 20U},
    Key{"max_snapshots_per_sandbox",
        Kind::integer,
        "32",
        "checkpoints that one sandbox may have; more get 409",
        {},
        0,
        1024},
    Key{"max_snapshots_per_host",
        Kind::integer,
        "1024",
        "likewise, all sandboxes of a host together",
        {},
        0,
        65536},
    Key{"snapshot_max_age_hours",
        Kind::integer,
        "0",
        "older checkpoints are deleted; 0: never",
        {},
        0,
        100 * 365 * 24},
    Key{"idle_pause_after_sec",
        Kind::integer,
        "0",
        "without a request, a command or traffic, a running sandbox is paused; 0: never",
        {},
        0,
        365 * day_s},
    Key{"idle_suspend_after_sec",
        Kind::integer,
        "0",
        "likewise suspended, counted from the same moment; 0: never",
        {},
        0,
        365 * day_s},
    Key{"blob_dir",
        Kind::text,
        "/var/lib/paddock-coordinator/blobs",
        "what is uploaded for images: hosts fetch it from here"},
    Key{"blob_max_mb",
        Kind::integer,
        "65536",
        "of one uploaded file; larger ones get 413",
        {},
        1,
        std::int64_t{1} << 30U},
    Key{"blob_reserve_mb",
        Kind::integer,
        "1024",
        "left free on the disk of blob_dir; uploads get 503 when there is less",
        {},
        0,
        std::int64_t{1} << 30U},
    Key{"max_playbooks",
        Kind::integer,
        "1000",
        "that one tenant may have; more get 409",
        {},
        0,
        1'000'000},
    Key{"max_playbook_tasks",
        Kind::integer,
        "500",
        "of one playbook, 512 KiB together; more get 409",
        {},
        0,
        10'000},
    Key{"max_templates",
        Kind::integer,
        "1000",
        "that one tenant may have, of 64 KiB each; more get 409",
        {},
        0,
        1'000'000},
    Key{"max_plans",
        Kind::integer,
        "1000",
        "that one tenant may have, 512 KiB each; more get 409",
        {},
        0,
        1'000'000},
    Key{"idempotency_max_keys",
        Kind::integer,
        "1000000",
        "Idempotency-Keys of a tenant that are kept, for 24 h each; more get 429",
        {},
        1,
        1'000'000'000},
    Key{"idempotency_max_mb",
        Kind::integer,
        "256",
        "what the answers to them may hold, for each tenant; the oldest go",
        {},
        1,
        1 << 20},
    Key{"http_threads",
        Kind::integer,
        "128",
        "requests served at once; one in sixteen only for health and version, at most half of the "
        "others for uploads; of several hosts none has more than three quarters of those others "
        "wait for it",
        {},
        4,
        4096},
    Key{"http_queue", Kind::integer, "256", "requests that wait for a thread", {}, 1, 65536},
    Key{"http_connections", Kind::integer, "4096", "open at once; more get 503", {}, 1, 65536},
    Key{"http_head_timeout_sec",
        Kind::integer,
        "10",
        "from a request's first byte, or a new connection, to the end of its headers",
        {},
        1,
        3600},
    Key{"http_idle_timeout_sec",
        Kind::integer,
        "60",
        "between the requests of a connection; then it is closed",
        {},
        1,
        3600},
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

std::chrono::milliseconds seconds(const Config& config, std::string_view key)
{
    return std::chrono::seconds{config.integer(key)};
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
    COMMON_CHECK(read_http_address(config, settings.http));
    COMMON_TRY(settings.store.http_address, read_advertised(config, settings.http));
    settings.store.leader_silence = seconds(config, "leader_silence_sec");
    settings.http.allowed_hosts = config.list("allowed_hosts");
    settings.http.threads = static_cast<unsigned>(config.integer("http_threads"));
    settings.core.most_callers = settings.http.working_threads();
    settings.http.queue = static_cast<std::size_t>(config.integer("http_queue"));
    settings.http.max_connections = static_cast<std::size_t>(config.integer("http_connections"));
    settings.http.head_timeout = seconds(config, "http_head_timeout_sec");
    settings.http.idle_timeout = seconds(config, "http_idle_timeout_sec");
    const auto& auth = config.text("auth");
    if (auth != "tokens" && auth != "none") {
        return wrong(config, "auth", fmt::format("expected tokens or none, got '{}'", auth));
    }
    const auto& placement = config.text("placement");
    if (placement != "spread" && placement != "pack") {
        return wrong(
            config, "placement", fmt::format("expected spread or pack, got '{}'", placement));
    }
    using Fill = scheduler::Policy::Fill;
    settings.core.placement.fill = placement == "pack" ? Fill::pack : Fill::spread;
    const auto& oldest = settings.core.oldest_hostd = config.text("oldest_hostd");
    if (!oldest.empty() && !scheduler::is_version(oldest)) {
        return wrong(
            config, "oldest_hostd", fmt::format("expected 0.2.0 or the like, got '{}'", oldest));
    }
    const auto& orphans = config.text("orphans");
    if (orphans != "keep" && orphans != "adopt" && orphans != "destroy") {
        return wrong(
            config, "orphans", fmt::format("expected keep, adopt or destroy, got '{}'", orphans));
    }
    settings.core.orphans = orphans == "adopt"     ? Orphans::adopt
                            : orphans == "destroy" ? Orphans::destroy
                                                   : Orphans::keep;
    settings.http.auth = auth == "none" ? http::Auth::none : http::Auth::tokens;
    settings.link_address = config.text("link_address");
    settings.server_key = config.text("server_key");
    settings.enrolment_file = config.text("enrolment_file");
    settings.token_file = config.text("token_file");
    settings.store.database_url = config.text("database_url");
    settings.store.database_owner_url = config.text("database_owner_url");
    settings.core.default_vcpus = static_cast<unsigned>(config.integer("default_vcpus"));
    settings.core.default_memory =
        common::Bytes::mib(static_cast<std::uint64_t>(config.integer("default_memory_mb")));
    settings.core.boot_timeout = seconds(config, "boot_timeout_sec");
    settings.core.stop_timeout = seconds(config, "stop_timeout_sec");
    settings.core.destroy_timeout = seconds(config, "destroy_timeout_sec");
    settings.core.claim_timeout = seconds(config, "claim_timeout_sec");
    settings.core.output_limit =
        common::Bytes::kib(static_cast<std::uint64_t>(config.integer("output_limit_kb")));
    settings.core.max_operations = static_cast<std::size_t>(config.integer("max_operations"));
    settings.core.command_timeout = seconds(config, "command_timeout_sec");
    settings.core.ip_timeout = seconds(config, "ip_timeout_sec");
    settings.core.max_snapshots_per_sandbox =
        static_cast<unsigned>(config.integer("max_snapshots_per_sandbox"));
    settings.core.max_snapshots_per_host =
        static_cast<unsigned>(config.integer("max_snapshots_per_host"));
    settings.core.snapshot_max_age = std::chrono::hours{config.integer("snapshot_max_age_hours")};
    settings.core.idle_pause_after = seconds(config, "idle_pause_after_sec");
    settings.core.idle_suspend_after = seconds(config, "idle_suspend_after_sec");
    settings.blobs.folder = config.text("blob_dir");
    settings.blobs.largest =
        common::Bytes::mib(static_cast<std::uint64_t>(config.integer("blob_max_mb")));
    settings.blobs.reserve =
        common::Bytes::mib(static_cast<std::uint64_t>(config.integer("blob_reserve_mb")));
    settings.playbooks.playbooks = static_cast<std::uint64_t>(config.integer("max_playbooks"));
    settings.playbooks.tasks = static_cast<std::size_t>(config.integer("max_playbook_tasks"));
    settings.templates.templates = static_cast<std::uint64_t>(config.integer("max_templates"));
    settings.plans.plans = static_cast<std::uint64_t>(config.integer("max_plans"));
    settings.keys.max_keys = static_cast<std::uint64_t>(config.integer("idempotency_max_keys"));
    settings.keys.max_bytes =
        common::Bytes::mib(static_cast<std::uint64_t>(config.integer("idempotency_max_mb")));
    settings.log_level = config.text("log_level");
    settings.log_format = config.text("log_format");
    return settings;
}

void read_log_level_again(const Settings& settings)
{
    const auto now = load_settings(settings.file, &common::config::process_environment);
    if (!now) {
        spdlog::error("ignoring SIGHUP: {}", now.error().message);
    } else if (const auto set = common::log::set_level(now->log_level); !set) {
        spdlog::error("ignoring SIGHUP: {}", set.error().message);
    }
}

} // namespace coordinator::daemon
