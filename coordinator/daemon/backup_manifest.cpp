#include "coordinator/daemon/backup_manifest.hpp"

#include "common/digest/digest.hpp"
#include "common/id.hpp"
#include "common/rfc3339.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace coordinator::daemon {

namespace {

using common::Error;
using common::ErrorCode;
using common::Result;
using Json = nlohmann::ordered_json;

/// What is named is joined to folders, so that nothing else is believed.
bool is_part_name(std::string_view name)
{
    for (const std::string_view one : {backup_part::database,
                                       backup_part::server_key,
                                       backup_part::enrolled,
                                       backup_part::tokens,
                                       backup_part::config}) {
        if (name == one) {
            return true;
        }
    }
    const std::string_view prefix{backup_part::blobs};
    if (!name.starts_with(prefix)) {
        return false;
    }
    name.remove_prefix(prefix.size());
    const auto slash = name.find('/');
    return slash != std::string_view::npos && common::is_name(name.substr(0, slash)) &&
           common::digest::sha256_from_hex(name.substr(slash + 1));
}

Json json_of(const store::DatabaseFacts& facts)
{
    return {{"schema_version", facts.schema_version},
            {"server_version", facts.server_version},
            {"epoch", facts.epoch},
            {"audit_rows", facts.audit_rows},
            {"audit_head", facts.audit_head},
            {"audit_at_us", facts.audit_at_us},
            {"sandboxes", facts.sandboxes},
            {"checkpoints", facts.checkpoints},
            {"hosts", facts.hosts}};
}

Json json_of(const store::ImageFacts& image)
{
    Json json{{"name", image.name}};
    if (!image.tenant.empty()) {
        json["tenant"] = image.tenant;
    }
    if (!image.host.empty()) {
        json["host"] = image.host;
    }
    for (const auto& file : image.files) {
        json["files"].push_back({{"sha256", file.digest}, {"bytes", file.bytes}});
    }
    return json;
}

store::DatabaseFacts facts_from(const Json& json)
{
    store::DatabaseFacts facts;
    facts.schema_version = json.at("schema_version").get<int>();
    facts.server_version = json.at("server_version").get<std::string>();
    facts.epoch = json.at("epoch").get<std::uint64_t>();
    facts.audit_rows = json.at("audit_rows").get<std::uint64_t>();
    facts.audit_head = json.at("audit_head").get<std::string>();
    facts.audit_at_us = json.at("audit_at_us").get<std::int64_t>();
    facts.sandboxes = json.at("sandboxes").get<std::uint64_t>();
    facts.checkpoints = json.at("checkpoints").get<std::uint64_t>();
    facts.hosts = json.at("hosts").get<std::uint64_t>();
    return facts;
}

store::ImageFacts image_from(const Json& json)
{
    store::ImageFacts image;
    image.name = json.at("name").get<std::string>();
    image.tenant = json.value("tenant", "");
    image.host = json.value("host", "");
    for (const auto& file : json.value("files", Json::array())) {
        image.files.push_back(
            {file.at("sha256").get<std::string>(), file.at("bytes").get<std::uint64_t>()});
    }
    return image;
}

Result<Manifest> read(const Json& json)
{
    const auto format = json.at("format").get<int>();
    if (format != Manifest::format) {
        return Error{ErrorCode::invalid_argument,
                     fmt::format("the backup is of format {}, and this version of "
                                 "paddock-coordinator reads {}: it was made by {}",
                                 format,
                                 Manifest::format,
                                 json.value("version", "another one"))};
    }
    Manifest manifest;
    manifest.id = json.at("id").get<std::string>();
    manifest.version = json.at("version").get<std::string>();
    const auto made_at = common::from_rfc3339(json.at("made_at").get<std::string>());
    if (!made_at || !common::is_name(manifest.id)) {
        return Error{ErrorCode::invalid_argument, "manifest.json: a wrong id, or a wrong made_at"};
    }
    manifest.made_at = *made_at;
    manifest.database = facts_from(json.at("database"));
    for (const auto& image : json.at("images")) {
        manifest.images.push_back(image_from(image));
    }
    for (const auto& part : json.at("parts")) {
        manifest.parts.push_back({part.at("name").get<std::string>(),
                                  part.at("bytes").get<std::uint64_t>(),
                                  part.at("sha256").get<std::string>()});
        if (!is_part_name(manifest.parts.back().name)) {
            return Error{ErrorCode::invalid_argument,
                         "manifest.json: no backup has a file " + manifest.parts.back().name};
        }
    }
    return manifest;
}

} // namespace

const BackupPart* Manifest::part(std::string_view name) const
{
    const auto found = std::ranges::find(parts, name, &BackupPart::name);
    return found == parts.end() ? nullptr : &*found;
}

std::string to_text(const Manifest& manifest)
{
    Json json{{"format", Manifest::format},
              {"id", manifest.id},
              {"made_at", common::to_rfc3339(manifest.made_at)},
              {"version", manifest.version},
              {"database", json_of(manifest.database)},
              {"images", Json::array()},
              {"parts", Json::array()}};
    for (const auto& image : manifest.images) {
        json["images"].push_back(json_of(image));
    }
    for (const auto& part : manifest.parts) {
        json["parts"].push_back(
            {{"name", part.name}, {"bytes", part.bytes}, {"sha256", part.sha256}});
    }
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Manifest> manifest_from(const std::string& text)
{
    try {
        return read(Json::parse(text));
    } catch (const nlohmann::json::exception& error) {
        return Error{ErrorCode::invalid_argument, fmt::format("manifest.json: {}", error.what())};
    }
}

} // namespace coordinator::daemon
