#include "hostd/storage/checkpoint_manifest.hpp"

#include "hostd/storage/durable.hpp"
#include "hostd/storage/stamp_json.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace hostd::storage {

using common::Bytes;
using common::Error;
using common::ErrorCode;
using common::Result;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

constexpr int version_of_checkpoints = 1;
constexpr mode_t ours_alone = 0600; // QEMU has no business with it.

/// A document is read as a whole: whatever is wrong in it is thrown to the one who reads it.
template <typename Id>
Id id_from(const json& value)
{
    auto id = common::parse_id<Id>(value.get<std::string>());
    if (!id) {
        throw std::invalid_argument{id.error().message};
    }
    return *std::move(id);
}

template <typename Id>
Id id_or_none_from(const json& value)
{
    return value.get<std::string>().empty() ? Id{} : id_from<Id>(value);
}

std::string digest_from(const json& value)
{
    auto text = value.get<std::string>();
    if (text.size() != 64 || text.find_first_not_of("0123456789abcdef") != std::string::npos) {
        throw std::invalid_argument{"not a sha256"};
    }
    return text;
}

common::WallTime time_from(const json& value)
{
    constexpr std::int64_t year_2200 = 7'258'118'400'000'000; // The clock counts in finer units.
    const auto us = value.get<std::int64_t>();
    if (us < 0 || us > year_2200) {
        throw std::invalid_argument{"not a time"};
    }
    return common::from_unix_us(us);
}

json to_json(const SandboxSpec& spec)
{
    return {{"id", spec.id.str()},
            {"tenant", spec.tenant},
            {"name", spec.name},
            {"image", spec.image.str()},
            {"vcpus", spec.vcpus},
            {"memory_bytes", spec.memory.count()},
            {"network", to_string(spec.network)},
            {"disk", to_string(spec.disk)}};
}

SandboxSpec spec_from(const json& value)
{
    SandboxSpec spec;
    spec.id = id_from<common::SandboxId>(value.at("id"));
    spec.tenant = value.at("tenant").get<std::string>();
    spec.name = value.at("name").get<std::string>();
    spec.image = common::ImageName{value.at("image").get<std::string>()};
    spec.vcpus = value.at("vcpus").get<unsigned>();
    spec.memory = Bytes{value.at("memory_bytes").get<std::uint64_t>()};
    spec.network = network_mode_from(value.at("network").get<std::string>()).value();
    // Manifests from before there was a choice say nothing.
    spec.disk = disk_kind_from(value.value("disk", "durable")).value();
    if (!common::is_name(spec.image.str())) {
        throw std::invalid_argument{"not an image's name"};
    }
    return spec;
}

json to_json(const CheckpointManifest& manifest)
{
    const auto& checkpoint = manifest.checkpoint;
    json files = json::object();
    for (const auto& [name, stamp] : manifest.files) {
        files[name] = to_json(stamp);
    }
    return {{"version", version_of_checkpoints},
            {"id", checkpoint.id.str()},
            {"name", checkpoint.name},
            {"parent", checkpoint.parent.str()},
            {"spec", to_json(checkpoint.spec)},
            {"agent", to_string(checkpoint.agent)},
            {"has_memory", checkpoint.has_memory},
            {"frozen", checkpoint.frozen},
            {"engine", to_string(checkpoint.engine)},
            {"libvirt", checkpoint.hypervisor.libvirt_version},
            {"qemu", checkpoint.hypervisor.qemu_version},
            {"paused_us", checkpoint.paused.count()},
            {"created_at_us", common::to_unix_us(checkpoint.created_at)},
            {"top", checkpoint.top},
            {"layer", manifest.layer ? manifest.layer->str() : ""},
            {"layer_sha256", manifest.layer_digest},
            {"memory_bytes", checkpoint.memory_bytes.count()},
            {"disk_bytes", checkpoint.disk_bytes.count()},
            {"files", std::move(files)}};
}

void read_files(const json& value, CheckpointManifest& manifest)
{
    for (const auto& [name, stamp] : value.get<std::map<std::string, json>>()) {
        if (std::ranges::find(state_file_names, name) == state_file_names.end()) {
            throw std::invalid_argument{"a file of an unknown name"};
        }
        digest_from(stamp.at("sha256"));
        manifest.files[name] = stamp_from(stamp);
        manifest.checkpoint.digests[name] = manifest.files[name].digest;
    }
    for (const auto& name : needed_files(manifest.checkpoint)) {
        if (!manifest.files.contains(name)) {
            throw std::invalid_argument{"memory without " + name};
        }
    }
}

void read_layer(const json& value, const Layout& layout, CheckpointManifest& manifest)
{
    const auto id = id_or_none_from<LayerId>(value.at("layer"));
    manifest.layer_digest = value.at("layer_sha256").get<std::string>();
    if (id.empty()) {
        return;
    }
    digest_from(value.at("layer_sha256"));
    manifest.layer = id;
    manifest.checkpoint.layer = layout.layer(id);
    manifest.checkpoint.digests[layout.layer(id).filename().string()] = manifest.layer_digest;
}

CheckpointManifest manifest_from(const json& value, const Layout& layout)
{
    CheckpointManifest manifest;
    auto& checkpoint = manifest.checkpoint;
    checkpoint.id = id_or_none_from<common::SnapshotId>(value.at("id"));
    checkpoint.name = value.at("name").get<std::string>();
    checkpoint.parent = id_or_none_from<common::SnapshotId>(value.at("parent"));
    checkpoint.spec = spec_from(value.at("spec"));
    checkpoint.agent = agent_kind_from(value.at("agent").get<std::string>()).value();
    checkpoint.has_memory = value.at("has_memory").get<bool>();
    checkpoint.frozen = value.at("frozen").get<bool>();
    checkpoint.engine = engine_kind_from(value.at("engine").get<std::string>()).value();
    checkpoint.hypervisor.libvirt_version = value.at("libvirt").get<std::string>();
    checkpoint.hypervisor.qemu_version = value.at("qemu").get<std::string>();
    checkpoint.paused = std::chrono::microseconds{value.at("paused_us").get<std::int64_t>()};
    checkpoint.created_at = time_from(value.at("created_at_us"));
    checkpoint.top = value.at("top").get<std::string>();
    checkpoint.memory_bytes = Bytes{value.at("memory_bytes").get<std::uint64_t>()};
    checkpoint.disk_bytes = Bytes{value.at("disk_bytes").get<std::uint64_t>()};
    read_files(value.at("files"), manifest);
    read_layer(value, layout, manifest);
    return manifest;
}

/// Reads `source`, JSON of our version, and makes of it what `from` does. `file`: what it is
/// called.
template <typename Source, typename From>
auto document_of(Source&& source, const fs::path& file, From from) -> Result<decltype(from(json{}))>
{
    try {
        const json value = json::parse(std::forward<Source>(source));
        if (value.at("version").get<int>() != version_of_checkpoints) {
            return checkpoint_damaged(file, "written by another version");
        }
        return from(value);
    } catch (const std::exception& error) {
        return checkpoint_damaged(file, error.what());
    }
}

template <typename From>
auto read_document(const fs::path& file, From from) -> Result<decltype(from(json{}))>
{
    std::ifstream in{file};
    if (!in) {
        return Error{ErrorCode::not_found, "there is no " + file.string()};
    }
    return document_of(in, file, from);
}

Result<> write_document(const fs::path& file, const json& value)
{
    // A name may come from anywhere; what is not UTF-8 in it must not throw here.
    const auto text = value.dump(2, ' ', false, json::error_handler_t::replace);
    return replace_durably(file, text + "\n", ours_alone);
}

} // namespace

std::vector<std::string> needed_files(const Checkpoint& checkpoint)
{
    if (!checkpoint.has_memory) {
        return {};
    }
    switch (checkpoint.engine) {
    case EngineKind::fast: return {"ram", "device"};
    case EngineKind::portable: return {"ram"};
    }
    return {};
}

Error checkpoint_damaged(const fs::path& file, std::string_view why)
{
    return {ErrorCode::failed_precondition,
            fmt::format("{} is damaged: {}", file.string(), why),
            "checkpoint_damaged"};
}

Result<CheckpointManifest> read_checkpoint(const Layout& layout, const fs::path& folder)
{
    COMMON_TRY(auto manifest, read_document(folder / "manifest.json", [&](const json& value) {
                   return manifest_from(value, layout);
               }));
    manifest.checkpoint.files = Layout::state(folder);
    return manifest;
}

Result<CheckpointManifest>
parse_checkpoint(const Layout& layout, const fs::path& folder, std::string_view text)
{
    COMMON_TRY(auto manifest,
               document_of(text, folder.filename() / "manifest.json", [&](const json& value) {
                   return manifest_from(value, layout);
               }));
    manifest.checkpoint.files = Layout::state(folder);
    return manifest;
}

Result<> write_checkpoint(const fs::path& folder, const CheckpointManifest& manifest)
{
    return write_document(folder / "manifest.json", to_json(manifest));
}

fs::path layer_stamp_file(const Layout& layout, const LayerId& id)
{
    return layout.layers() / (id.str() + ".json");
}

Result<LayerStamp> read_layer_stamp(const Layout& layout, const LayerId& id)
{
    return read_document(layer_stamp_file(layout, id), [](const json& value) {
        digest_from(value.at("layer").at("sha256"));
        LayerStamp stamp{stamp_from(value.at("layer")), {}};
        if (value.contains("fetched_sha256")) {
            stamp.fetched_digest = digest_from(value.at("fetched_sha256"));
        }
        return stamp;
    });
}

Result<> write_layer_stamp(const Layout& layout, const LayerId& id, const LayerStamp& stamp)
{
    json value{{"version", version_of_checkpoints}, {"layer", to_json(stamp.file)}};
    if (!stamp.fetched_digest.empty()) {
        value["fetched_sha256"] = stamp.fetched_digest;
    }
    return write_document(layer_stamp_file(layout, id), value);
}

} // namespace hostd::storage
