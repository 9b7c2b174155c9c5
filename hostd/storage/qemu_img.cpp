#include "hostd/storage/qemu_img.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace hostd::storage {

using common::Error;
using common::ErrorCode;
using common::Result;
using common::process::Command;
using nlohmann::json;

namespace {

constexpr auto quick = std::chrono::seconds{30};
constexpr auto copying = std::chrono::hours{1};
constexpr auto thorough = std::chrono::minutes{10}; // A check reads all of a large image's tables.

/// For a file that may be made to eat its reader: prlimit(1) bounds the memory and time it takes.
Command bounded(Command command)
{
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(command.timeout).count();
    command.argv.insert(command.argv.begin(),
                        {"prlimit", "--as=4294967296", fmt::format("--cpu={}", seconds), "--"});
    return command;
}

/// What qemu-img was to do.
std::string verb_of(const Command& command)
{
    const auto at = std::ranges::find(command.argv, "qemu-img");
    return at == command.argv.end() || at + 1 == command.argv.end() ? "" : *(at + 1);
}

} // namespace

Command create_overlay(const std::filesystem::path& overlay, const std::filesystem::path& backing)
{
    return {{"qemu-img",
             "create",
             "-q",
             "-f",
             "qcow2",
             "-F",
             "qcow2",
             "-b",
             backing.string(),
             overlay.string()},
            {},
            quick};
}

Command create_overlay_unopened(const std::filesystem::path& overlay,
                                const std::filesystem::path& backing,
                                common::Bytes virtual_size)
{
    auto command = create_overlay(overlay, backing);
    command.argv.insert(command.argv.begin() + 2, "-u");
    command.argv.push_back(std::to_string(virtual_size.count()));
    return command;
}

Command inspect(const std::filesystem::path& file)
{
    // The format is given, never guessed: a raw file can claim to be anything.
    return bounded(
        {{"qemu-img", "info", "-U", "-f", "qcow2", "--output=json", file.string()}, {}, quick});
}

Command check(const std::filesystem::path& file)
{
    return bounded({{"qemu-img", "check", "-q", "-f", "qcow2", file.string()}, {}, thorough});
}

Command put_on(const std::filesystem::path& disk, const std::filesystem::path& backing)
{
    return bounded({{"qemu-img",
                     "rebase",
                     "-q",
                     "-u",
                     "-f",
                     "qcow2",
                     "-F",
                     "qcow2",
                     "-b",
                     backing.string(),
                     disk.string()},
                    {},
                    quick});
}

/// With qemu-img's own cache modes: its target's, `unsafe`, leaves the sync to the caller. What is
/// all zeros becomes a hole, also where the guest had written it.
Command flatten(const std::filesystem::path& top, const std::filesystem::path& into)
{
    return {
        {"qemu-img", "convert", "-q", "-f", "qcow2", "-O", "qcow2", top.string(), into.string()},
        {},
        copying};
}

Command copy_of(const std::filesystem::path& disk,
                const std::string& format,
                const std::filesystem::path& into)
{
    return {{"qemu-img",
             "convert",
             "-q",
             "-U",
             "-f",
             format,
             "-O",
             "qcow2",
             disk.string(),
             into.string()},
            {},
            copying};
}

Command measure(const std::filesystem::path& disk, const std::string& format)
{
    return bounded(
        {{"qemu-img", "measure", "-U", "-f", format, "-O", "qcow2", "--output=json", disk.string()},
         {},
         thorough});
}

Result<common::Bytes> parse_measure(std::string_view text)
{
    const auto told = json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!told.is_object() || !told.value("required", json{}).is_number_unsigned()) {
        return Error{ErrorCode::internal, "qemu-img measure printed something unexpected"};
    }
    return common::Bytes{told["required"].get<std::uint64_t>()};
}

Result<ImageFacts> parse_info(std::string_view text)
{
    const auto info = json::parse(text, nullptr, /*allow_exceptions=*/false);
    const auto not_info = [] {
        return Error{ErrorCode::internal, "qemu-img info printed something unexpected"};
    };
    if (!info.is_object() || !info.contains("format") || !info["format"].is_string() ||
        !info.contains("virtual-size") || !info["virtual-size"].is_number_unsigned()) {
        return not_info();
    }
    ImageFacts facts;
    facts.format = info["format"].get<std::string>();
    facts.virtual_bytes = info["virtual-size"].get<std::uint64_t>();
    facts.has_backing_file = info.contains("backing-filename");
    facts.encrypted = info.value("encrypted", json{}) == json(true);
    if (const auto found = info.find("snapshots"); found != info.end()) {
        if (!found->is_array()) {
            return not_info();
        }
        facts.snapshots = found->size();
    }
    if (const auto specific = info.find("format-specific"); specific != info.end()) {
        if (!specific->is_object() || !specific->value("data", json::object()).is_object()) {
            return not_info();
        }
        const auto data = specific->value("data", json::object());
        facts.has_data_file = data.contains("data-file") || data.contains("data-file-raw");
        facts.corrupt = data.value("corrupt", json{}) == json(true);
    }
    return facts;
}

Result<std::string> run_qemu_img(const Runner& runner, const Command& command)
{
    COMMON_TRY(auto outcome, runner(command));
    if (outcome.status == 0) {
        return std::move(outcome.out);
    }
    const bool full = outcome.err.find("No space left") != std::string::npos ||
                      outcome.err.find("quota exceeded") != std::string::npos;
    return Error{full ? ErrorCode::resource_exhausted : ErrorCode::internal,
                 fmt::format("qemu-img {}: exit status {}: {}",
                             verb_of(command),
                             outcome.status,
                             outcome.err.substr(0, outcome.err.find('\n'))),
                 full ? "disk_full" : ""};
}

} // namespace hostd::storage
