#include "cli/image_source.hpp"

#include "cli/signals.hpp"
#include "common/process/child.hpp"

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

struct Making {
    const Console& console;
    const SignalReader& signals; ///< None ends the process before the folder is gone.
    const PrivateFolder& folder;
};

Error refused(const std::string& what, const std::string& why)
{
    return {ErrorCode::invalid_argument, what + ": " + why};
}

/// Runs it; what it writes to stdout goes to `sink`. A signal meanwhile ends it.
Result<> run(const SignalReader& signals,
             std::vector<std::string> argv,
             const std::string& package,
             const std::function<Result<>(std::string_view)>& sink)
{
    const common::process::Command command{std::move(argv), "", std::chrono::hours{24}};
    const auto ended = [&]() -> Result<common::process::Outcome> {
        COMMON_TRY(const auto child,
                   common::process::Child::start(
                       {.command = command, .on_output = sink, .interrupt = signals.fd()}));
        return child->finish();
    }();
    if (!ended && ended.error().code == ErrorCode::not_found) {
        return Error{ErrorCode::failed_precondition,
                     command.argv.front() + " is needed for that: apt-get install " + package,
                     "no_program"};
    }
    if (!ended) {
        return ended.error();
    }
    return ended->status == 0 ? Result<>{} : common::process::failed(command, *ended);
}

Result<> check_digest(const std::string& path, const std::string& what, const std::string& wanted)
{
    if (wanted.empty()) {
        return {};
    }
    COMMON_TRY(const auto digest, digest_of(path));
    return digest == wanted
               ? Result<>{}
               : refused(what, "its sha256 is " + digest + ", and not " + wanted + " as wanted");
}

Result<std::string> fetched(const Making& making, const std::string& url)
{
    const auto path = making.folder.path() + "/fetched";
    std::ofstream file{path, std::ios::binary};
    Progress progress{making.console, url, std::nullopt};
    const auto took =
        run(making.signals,
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
                return file ? Result<>{} : refused(path, "it cannot be written; is its disk full?");
            });
    progress.end();
    if (!took) {
        return took.error();
    }
    file.close();
    return file ? Result<std::string>{path}
                : refused(path, "it cannot be written; is its disk full?");
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
            return refused(what, fmt::format("it is packed by {} it first", how));
        }
    }
    const std::array others{"KDMV", "# Disk D", "vhdxfile", "conectix", "<<< Orac", "<<< QEMU"};
    std::error_code none;
    constexpr std::uintmax_t sector = 512;
    const auto size = fs::file_size(path, none);
    const bool is_other = std::ranges::any_of(
        others, [begins](const char* magic) { return begins.starts_with(magic); });
    if (none || size == 0 || size % sector != 0 || is_other) {
        return refused(what, fmt::format("it is neither a qcow2 nor a raw disk; {}", hint));
    }
    return Format::raw;
}

Result<> convert(const Making& making, const std::string& from, const std::string& to)
{
    if (making.console.err_is_tty) {
        Console::say("converting " + fs::path{from}.filename().string() + "\n");
    }
    return run(making.signals,
               {"qemu-img", "convert", "-f", "raw", "-O", "qcow2", from, to},
               "qemu-utils",
               [](std::string_view) { return Result<>{}; });
}

Result<> take_disk(const Making& making,
                   const std::string& path,
                   const std::string& what,
                   ImageSource& source)
{
    COMMON_TRY(const auto format, format_of(path, what));
    source.disk = path;
    if (format == Format::raw) {
        source.disk = making.folder.path() + "/disk.qcow2";
        COMMON_CHECK(convert(making, path, source.disk));
    }
    return {};
}

Result<nlohmann::json> read_about(const fs::path& file)
{
    std::ifstream in{file};
    auto about = nlohmann::json::parse(in, nullptr, /*allow_exceptions=*/false);
    if (!in || !about.is_object()) {
        return refused(file.string(),
                       "a folder is an image's if it has an image.json, which is a "
                       "JSON object; see tools/build-tiny-image");
    }
    return about;
}

/// What image.json says of the files beside it.
Result<ImageSource> of_folder(const Making& making, const fs::path& folder)
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
        return refused((folder / "image.json").string(), error.what());
    }
    if (source.disk.empty()) {
        return refused(folder.string(), "there is no disk.qcow2 in it");
    }
    COMMON_CHECK(take_disk(making, std::string{source.disk}, source.disk, source));
    return source;
}

Result<ImageSource>
prepared(const Making& making, const std::string& where, const std::string& sha256)
{
    ImageSource source;
    if (where.find("://") == std::string::npos) {
        std::error_code none;
        const auto status = fs::status(where, none);
        if (!fs::exists(status)) {
            return Error{ErrorCode::not_found, where + ": there is no such file or folder"};
        }
        if (fs::is_directory(status)) {
            return sha256.empty() ? of_folder(making, where)
                                  : refused(where, "a folder's digests are in its image.json");
        }
        if (!fs::is_regular_file(status)) {
            return refused(where, "it is no file");
        }
        COMMON_CHECK(check_digest(where, where, sha256));
        COMMON_CHECK(take_disk(making, where, where, source));
        return source;
    }
    const bool is_plain = where.starts_with("http://");
    if (!is_plain && !where.starts_with("https://")) {
        return refused(where, "an image comes from http or https, a file or a folder");
    }
    if (is_plain && sha256.empty()) {
        return refused(where, "http does not tell who answers: take https, or say --sha256");
    }
    COMMON_TRY(const auto file, fetched(making, where));
    COMMON_CHECK(check_digest(file, where, sha256));
    COMMON_CHECK(take_disk(making, file, where, source));
    return source;
}

} // namespace

bool is_image_source(const std::string& where)
{
    std::error_code none;
    return where.find('/') != std::string::npos || fs::exists(where, none);
}

Result<ImageSource>
image_source(const Console& console, const std::string& where, const std::string& sha256)
{
    const bool is_digest = sha256.size() == 64 && std::ranges::all_of(sha256, [](unsigned char c) {
                               return std::isdigit(c) != 0 || (c >= 'a' && c <= 'f');
                           });
    if (!sha256.empty() && !is_digest) {
        return refused("--sha256", "64 lower-case hexadecimal digits are expected");
    }
    std::optional<int> signal;
    auto source = [&]() -> Result<ImageSource> {
        const SignalReader signals{SIGINT, SIGTERM, SIGHUP};
        COMMON_TRY(const auto folder, PrivateFolder::make());
        auto found = prepared({console, signals, *folder}, where, sha256);
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
