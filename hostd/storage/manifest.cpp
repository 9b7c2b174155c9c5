#include "hostd/storage/manifest.hpp"

#include "hostd/storage/durable.hpp"
#include "hostd/storage/stamp_json.hpp"

#include <fmt/format.h>
#include <fstream>
#include <nlohmann/json.hpp>

namespace hostd::storage {

using common::Error;
using common::ErrorCode;
using common::Result;
using nlohmann::json;

namespace {

constexpr int version = 1;
// A hostd from before them would show it to everybody, or not know what it is.
constexpr int version_of_tenants = 2;
constexpr int version_of_registrations = 3;
constexpr int version_of_vms = 4;

/// The id in a field; throws if it is none.
template <typename Id>
std::string id_at(const json& value, const char* field)
{
    auto text = value.at(field).get<std::string>();
    if (!common::parse_id<Id>(text)) {
        throw std::invalid_argument{fmt::format("'{}' is no id", field)};
    }
    return text;
}

Manifest from_json(const json& value)
{
    Manifest manifest;
    manifest.name = value.at("name").get<std::string>();
    manifest.disk = stamp_from(value.at("disk"));
    manifest.kernel = stamp_from(value.at("kernel"));
    manifest.initrd = stamp_from(value.at("initrd"));
    manifest.cmdline = value.at("cmdline").get<std::string>();
    manifest.boot = boot_from(value.at("boot").get<std::string>()).value();
    manifest.agent = agent_kind_from(value.at("agent").get<std::string>()).value();
    manifest.virtual_bytes = value.at("virtual_bytes").get<std::uint64_t>();
    manifest.vcpus = value.at("vcpus").get<unsigned>();
    manifest.memory_bytes = value.at("memory_bytes").get<std::uint64_t>();
    manifest.registered_at_us = value.at("registered_at_us").get<std::int64_t>();
    const auto written = value.at("version").get<int>();
    if (written != version) {
        manifest.tenant = value.at("tenant").get<std::string>();
    }
    if (written == version_of_tenants) {
        manifest.from_snapshot = id_at<common::SnapshotId>(value, "from_snapshot");
    }
    if (written == version_of_registrations) {
        manifest.registration = id_at<common::ImageId>(value, "registration");
    }
    if (written == version_of_vms) {
        manifest.from_vm = value.at("from_vm").get<std::string>();
        manifest.source = stamp_from(value.at("source"));
        manifest.made_by = value.at("made_by").get<std::string>();
    }
    return manifest;
}

} // namespace

Result<Manifest> read_manifest(const std::filesystem::path& folder)
{
    const auto file = folder / "manifest.json";
    std::ifstream in{file};
    if (!in) {
        return Error{ErrorCode::not_found, "no image at " + folder.string()};
    }
    try {
        const auto value = json::parse(in);
        const auto written = value.at("version").get<int>();
        if (written < version || written > version_of_vms) {
            return Error{ErrorCode::failed_precondition,
                         file.string() + ": written by a newer version"};
        }
        return from_json(value);
    } catch (const std::exception& error) {
        return Error{ErrorCode::failed_precondition,
                     fmt::format("{} is damaged ({}): register the image again",
                                 file.string(),
                                 error.what())};
    }
}

Result<> write_manifest(const std::filesystem::path& folder, const Manifest& manifest)
{
    json value{{"version", version},
               {"name", manifest.name},
               {"disk", to_json(manifest.disk)},
               {"kernel", to_json(manifest.kernel)},
               {"initrd", to_json(manifest.initrd)},
               {"cmdline", manifest.cmdline},
               {"boot", to_string(manifest.boot)},
               {"agent", to_string(manifest.agent)},
               {"virtual_bytes", manifest.virtual_bytes},
               {"vcpus", manifest.vcpus},
               {"memory_bytes", manifest.memory_bytes},
               {"registered_at_us", manifest.registered_at_us}};
    if (!manifest.tenant.empty()) {
        value["version"] = version_of_tenants;
        value["tenant"] = manifest.tenant;
        value["from_snapshot"] = manifest.from_snapshot;
    }
    if (!manifest.registration.empty()) {
        value["version"] = version_of_registrations;
        value["registration"] = manifest.registration;
        value.erase("from_snapshot");
    }
    if (!manifest.from_vm.empty()) {
        value["version"] = version_of_vms;
        value["from_vm"] = manifest.from_vm;
        value["source"] = to_json(manifest.source);
        value["made_by"] = manifest.made_by;
        value.erase("from_snapshot");
    }
    return replace_durably(folder / "manifest.json", value.dump(2) + "\n", 0644);
}

Image to_image(const Manifest& manifest, const std::filesystem::path& folder)
{
    Image image;
    image.name = common::ImageName{manifest.name};
    image.digest = manifest.disk.digest;
    image.size = common::Bytes{manifest.disk.size};
    image.virtual_size = common::Bytes{manifest.virtual_bytes};
    image.boot = manifest.boot;
    image.agent = manifest.agent;
    image.disk = folder / "disk.qcow2";
    if (manifest.boot == Boot::kernel) {
        image.kernel = folder / "kernel";
        image.initrd = manifest.initrd.digest.empty() ? "" : folder / "initrd";
    }
    image.cmdline = manifest.cmdline;
    image.default_vcpus = manifest.vcpus;
    image.default_memory = common::Bytes{manifest.memory_bytes};
    image.registered_at = common::from_unix_us(manifest.registered_at_us);
    image.tenant = manifest.tenant;
    image.from_snapshot = common::SnapshotId{manifest.from_snapshot};
    image.registration = common::ImageId{manifest.registration};
    image.from_vm = manifest.from_vm;
    return image;
}

} // namespace hostd::storage
