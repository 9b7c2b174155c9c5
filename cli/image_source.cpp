#include "cli/image_source.hpp"

#include "cli/agent_injection.hpp"
#include "cli/image_tools.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <nlohmann/json.hpp>

namespace cli {

using common::Error;
using common::ErrorCode;
using common::Result;
namespace fs = std::filesystem;

namespace {

constexpr std::string_view hint =
    "qemu-img convert -O qcow2 makes a disk of most formats one that is taken";

Result<> check_digest(const std::string& path, const std::string& what, const std::string& wanted)
{
    if (wanted.empty()) {
        return {};
    }
    COMMON_TRY(const auto digest, digest_of(path));
    return digest == wanted
               ? Result<>{}
               : not_an_image(what,
                              "its sha256 is " + digest + ", and not " + wanted + " as wanted");
}

Result<std::string> fetched(const ImageWork& work, const std::string& url)
{
    const auto path = work.folder.path() + "/fetched";
    std::ofstream file{path, std::ios::binary};
    Progress progress{work.console, url, std::nullopt};
    const auto took =
        run_tool(work,
                 {"curl",
                  "--fail",
                  "--location",
                  "--silent",
                  "--show-error",
                  "--globoff",
                  "--proto",
                  "=http,https",
                  "--proto-redir",
                  url.starts_with("https:") ? "=https" : "=http,https",
                  "--speed-limit",
                  "1",
                  "--speed-time",
                  "60",
                  "--",
                  url},
                 "curl",
                 [&](std::string_view piece) -> Result<> {
                     progress.add(piece.size());
                     file.write(piece.data(), static_cast<std::streamsize>(piece.size()));
                     return file ? Result<>{}
                                 : not_an_image(path, "it cannot be written; is its disk full?");
                 });
    progress.end();
    if (!took) {
        return took.error();
    }
    file.close();
    return file ? Result<std::string>{path}
                : not_an_image(path, "it cannot be written; is its disk full?");
}

enum class Format { qcow2, raw };

/// By its first bytes. `what`: as people know it.
Result<Format> format_of(const std::string& path, const std::string& what)
{
    std::array<char, 8> first{};
    std::ifstream file{path, std::ios::binary};
    file.read(first.data(), first.size());
    const std::string_view begins{first.data(), static_cast<std::size_t>(file.gcount())};
    if (begins.starts_with("QFI\xfb")) {
        return Format::qcow2;
    }
    const std::array packed{std::pair{"\x1f\x8b", "gzip: gunzip"},
                            std::pair{"\xfd"
                                      "7zXZ",
                                      "xz: unxz"},
                            std::pair{"\x28\xb5\x2f\xfd", "zstd: unzstd"},
                            std::pair{"BZh", "bzip2: bunzip2"},
                            std::pair{"PK\x03\x04", "zip: unzip"}};
    for (const auto& [magic, how] : packed) {
        if (begins.starts_with(magic)) {
            return not_an_image(what, fmt::format("it is packed by {} it first", how));
        }
    }
    const std::array others{"KDMV", "# Disk D", "vhdxfile", "conectix", "<<< Orac", "<<< QEMU"};
    std::error_code none;
    constexpr std::uintmax_t sector = 512;
    const auto size = fs::file_size(path, none);
    const bool is_other = std::ranges::any_of(
        others, [begins](const char* magic) { return begins.starts_with(magic); });
    if (none || size == 0 || size % sector != 0 || is_other) {
        return not_an_image(what, fmt::format("it is neither a qcow2 nor a raw disk; {}", hint));
    }
    return Format::raw;
}

Result<> convert(const ImageWork& work, const std::string& from, const std::string& to)
{
    if (work.console.err_is_tty) {
        Console::say("converting " + fs::path{from}.filename().string() + "\n");
    }
    return run_tool(
        work, {"qemu-img", "convert", "-f", "raw", "-O", "qcow2", from, to}, "qemu-utils");
}

Result<> take_disk(const ImageWork& work,
                   const std::string& path,
                   const std::string& what,
                   ImageSource& source)
{
    COMMON_TRY(const auto format, format_of(path, what));
    source.disk = path;
    if (format == Format::raw) {
        source.disk = work.folder.path() + "/disk.qcow2";
        COMMON_CHECK(convert(work, path, source.disk));
    }
    return {};
}

Result<nlohmann::json> read_about(const fs::path& file)
{
    std::ifstream in{file};
    auto about = nlohmann::json::parse(in, nullptr, /*allow_exceptions=*/false);
    if (!in || !about.is_object()) {
        return not_an_image(file.string(),
                            "a folder is an image's if it has an image.json, which is a "
                            "JSON object; see tools/build-tiny-image");
    }
    return about;
}

/// What image.json says of the files beside it.
Result<ImageSource> of_folder(const ImageWork& work, const fs::path& folder)
{
    COMMON_TRY(const auto about, read_about(folder / "image.json"));
    ImageSource source;
    try {
        source.agent = about.value("agent", "");
        source.cmdline = about.value("cmdline", "");
        source.vcpus = about.value("vcpus", 0U);
        source.memory_mb = about.value("memory_mb", 0U);
        const auto digests = about.value("sha256", nlohmann::json::object());
        for (const auto& [part, file, to] : {std::tuple{"disk", "disk.qcow2", &source.disk},
                                             std::tuple{"kernel", "kernel", &source.kernel},
                                             std::tuple{"initrd", "initrd", &source.initrd}}) {
            const auto path = folder / file;
            if (fs::exists(path)) {
                *to = path.string();
                const auto digest =
                    digests.value(part, about.value(std::string{part} + "_sha256", ""));
                COMMON_CHECK(check_digest(path.string(), path.string(), digest));
            }
        }
    } catch (const nlohmann::json::exception& error) {
        return not_an_image((folder / "image.json").string(), error.what());
    }
    if (source.disk.empty()) {
        return not_an_image(folder.string(), "there is no disk.qcow2 in it");
    }
    COMMON_CHECK(take_disk(work, std::string{source.disk}, source.disk, source));
    return source;
}

Result<ImageSource>
prepared(const ImageWork& work, const std::string& where, const std::string& sha256)
{
    ImageSource source;
    if (where.find("://") == std::string::npos) {
        std::error_code none;
        const auto status = fs::status(where, none);
        if (!fs::exists(status)) {
            return Error{ErrorCode::not_found, where + ": there is no such file or folder"};
        }
        if (fs::is_directory(status)) {
            return sha256.empty() ? of_folder(work, where)
                                  : not_an_image(where, "a folder's digests are in its image.json");
        }
        if (!fs::is_regular_file(status)) {
            return not_an_image(where, "it is no file");
        }
        COMMON_CHECK(check_digest(where, where, sha256));
        COMMON_CHECK(take_disk(work, where, where, source));
        return source;
    }
    const bool is_plain = where.starts_with("http://");
    if (!is_plain && !where.starts_with("https://")) {
        return not_an_image(where, "an image comes from http or https, a file or a folder");
    }
    if (is_plain && sha256.empty()) {
        return not_an_image(where, "http does not tell who answers: take https, or say --sha256");
    }
    COMMON_TRY(const auto file, fetched(work, where));
    COMMON_CHECK(check_digest(file, where, sha256));
    COMMON_CHECK(take_disk(work, file, where, source));
    return source;
}

} // namespace

bool is_image_source(const std::string& where)
{
    std::error_code none;
    return where.find('/') != std::string::npos || fs::exists(where, none);
}

Result<ImageSource> image_source(const Console& console,
                                 const std::string& where,
                                 const std::string& sha256,
                                 const std::string& inject)
{
    const bool is_digest = sha256.size() == 64 && std::ranges::all_of(sha256, [](unsigned char c) {
                               return std::isdigit(c) != 0 || (c >= 'a' && c <= 'f');
                           });
    if (!sha256.empty() && !is_digest) {
        return not_an_image("--sha256", "64 lower-case hexadecimal digits are expected");
    }
    std::optional<int> signal;
    auto source = [&]() -> Result<ImageSource> {
        const SignalReader signals{SIGINT, SIGTERM, SIGHUP};
        COMMON_TRY(const auto folder, PrivateFolder::make());
        const ImageWork work{console, signals, *folder};
        auto found = prepared(work, where, sha256);
        if (found && !inject.empty()) {
            auto with = inject_agent(work, found->disk, where, inject);
            with ? void(found->disk = *std::move(with)) : void(found = with.error());
        }
        if (found && found->disk.starts_with(folder->path())) {
            // Whatever ends us from here on, nothing is left of it.
            found->made.reset(::open(found->disk.c_str(), O_RDONLY | O_CLOEXEC));
            found->disk = fmt::format("/proc/self/fd/{}", found->made.get());
        }
        signal = signals.take();
        return found;
    }();
    if (signal) {
        die_by(*signal);
    }
    return source;
}

} // namespace cli
