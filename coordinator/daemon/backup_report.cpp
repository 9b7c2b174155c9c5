#include "coordinator/daemon/backup_report.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <numeric>

namespace coordinator::daemon {

namespace {

using Json = nlohmann::ordered_json;

std::uint64_t bytes_of(const Manifest& manifest)
{
    return std::accumulate(manifest.parts.begin(),
                           manifest.parts.end(),
                           std::uint64_t{0},
                           [](auto sum, auto& part) { return sum + part.bytes; });
}

void print_json(const BackupReport& report, const Manifest& manifest)
{
    Json json = Json::parse(to_text(manifest));
    json["what"] = report.what;
    json["path"] = report.path.string();
    json["bytes"] = bytes_of(manifest);
    if (report.epoch != 0) {
        json["epoch"] = report.epoch;
    }
    json["done"] = report.done;
    json["warnings"] = report.warnings;
    fmt::print("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace));
}

} // namespace

void print_report(const BackupReport& report, const Manifest& manifest, BackupOutput output)
{
    if (output == BackupOutput::json) {
        return print_json(report, manifest);
    }
    const auto& database = manifest.database;
    fmt::print("{} {}: {}, made {} by {}\n"
               "  database: schema {}, {} sandboxes, {} snapshots, {} hosts, {} audit rows\n",
               report.what,
               report.path.string(),
               manifest.id,
               common::to_rfc3339(manifest.made_at),
               manifest.version,
               database.schema_version,
               database.sandboxes,
               database.checkpoints,
               database.hosts,
               database.audit_rows);
    for (const auto& part : manifest.parts) {
        fmt::print("  {} ({} bytes)\n", part.name, part.bytes);
    }
    for (const auto& line : report.done) {
        fmt::print("{}\n", line);
    }
    for (const auto& warning : report.warnings) {
        fmt::print("warning: {}\n", warning);
    }
}

} // namespace coordinator::daemon
