#include "cli/agent_injection.hpp"

#include "cli/agent_unit.hpp"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <nlohmann/json.hpp>

namespace cli {

namespace fs = std::filesystem;
using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

constexpr const char* cloud_config =
    "# Of Paddock: no cloud tells this guest anything, and none is waited for.\n"
    "datasource_list: [ None ]\n";

/// What guestfish says, and what is to be done about it.
constexpr std::array known_troubles{
    std::pair{"no operating system was found", "no system was found on it"},
    std::pair{"multi-boot", "there are several systems on it"},
    std::pair{"/lib/systemd/systemd: No such file",
              "it has no systemd, which would start the agent"},
    std::pair{"supermin",
              "guestfish needs a kernel of this machine that it can read: apt-get "
              "install linux-image-cloud-amd64 (Ubuntu: chmod +r /boot/vmlinuz-*)"}};

/// Of all that guestfish said: errors that were no reason to end come before the one that was, and
/// advice after it.
std::string what_it_ended_with(const std::string& text)
{
    const auto error = text.rfind("error:");
    const auto line = error == std::string::npos ? 0 : text.rfind('\n', error) + 1;
    return text.substr(line, text.find('\n', line) - line);
}

Error explained(Error error, const std::string& what)
{
    if (const auto status = error.message.find("exit status "); status != std::string::npos) {
        error.message = "guestfish: " + what_it_ended_with(error.message.substr(status));
    }
    for (const auto& [said, meaning] : known_troubles) {
        if (error.message.find(said) != std::string::npos) {
            return {ErrorCode::failed_precondition,
                    fmt::format("put the agent into {}: {} ({})", what, meaning, error.message),
                    "not_injected"};
        }
    }
    return std::move(error).during("put the agent into " + what);
}

/// The machine of guestfish ended before it had looked at the disk, which is as it was.
bool did_not_begin(const Error& error)
{
    return error.message.find("guestfs_launch failed") != std::string::npos;
}

/// Nothing else is read than the file itself.
Result<> stands_alone(const ImageWork& work, const std::string& disk, const std::string& what)
{
    std::string text;
    COMMON_CHECK(run_tool(work,
                          {"qemu-img", "info", "-f", "qcow2", "--output=json", disk},
                          "qemu-utils",
                          [&text](std::string_view piece) {
                              text += piece;
                              return Result<>{};
                          }));
    const auto about = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!about.is_object()) {
        return not_an_image(what, "qemu-img tells nothing about it");
    }
    const bool names_another =
        about.contains("backing-filename") || text.find("\"data-file\"") != std::string::npos;
    if (names_another) {
        return not_an_image(what,
                            "it stands on another file; qemu-img convert -O qcow2 makes one that "
                            "stands alone");
    }
    return about.value("encrypted", false) ? Result<>{not_an_image(what, "it is encrypted")}
                                           : Result<>{};
}

Result<> write(const std::string& path, std::string_view text)
{
    std::ofstream file{path, std::ios::binary};
    file << text;
    file.close();
    return file ? Result<>{} : not_an_image(path, "it cannot be written; is its disk full?");
}

using Words = std::vector<std::string>;

/// Of guestfish. One that begins with "-" may fail: no SELinux, such a user, no cloud-init.
std::vector<Words> steps_for(const std::string& binary, const std::string& unit)
{
    const std::string program = "/usr/sbin/paddock-guest";
    const std::string units = "/etc/systemd/system/";
    const std::string name = "paddock-guest.service";
    const std::string wants = units + "multi-user.target.wants";
    return {{"stat", "/lib/systemd/systemd"},
            {"-cat", "/etc/selinux/config"},
            {"upload", binary, program},
            {"chmod", "0755", program},
            {"upload", unit, units + name},
            {"chmod", "0644", units + name},
            {"mkdir-p", wants},
            {"ln-sf", "../" + name, wants + "/" + name},
            {"-command", "useradd --create-home --shell /bin/bash sandbox"},
            {"-write", "/etc/cloud/cloud.cfg.d/99_paddock.cfg", cloud_config}};
}

Words guestfish(const std::string& disk, const std::vector<Words>& steps)
{
    Words argv{"guestfish", "--rw", "--format=qcow2", "--add", disk, "--inspector"};
    for (const auto& step : steps) {
        argv.emplace_back(argv.back() == "--inspector" ? "--" : ":");
        argv.insert(argv.end(), step.begin(), step.end());
    }
    return argv;
}

} // namespace

Result<std::string> agent_binary()
{
    std::error_code none;
    if (const auto* said = std::getenv("PADDOCK_AGENT"); said != nullptr && *said != '\0') {
        return fs::is_regular_file(said, none)
                   ? Result<std::string>{said}
                   : Error{ErrorCode::failed_precondition,
                           std::string{said} + " (PADDOCK_AGENT) is no file",
                           "no_agent"};
    }
    const auto here = fs::read_symlink("/proc/self/exe", none).parent_path();
    for (const auto& path : {here / "paddock-guest",
                             here / "../lib/paddock/paddock-guest",
                             here / "../guest/paddock-guest"}) {
        if (fs::is_regular_file(path, none)) {
            return path.lexically_normal().string();
        }
    }
    return Error{ErrorCode::failed_precondition,
                 "there is no agent beside " + here.string() +
                     "/paddock to put into a disk; set PADDOCK_AGENT to a paddock-guest",
                 "no_agent"};
}

Result<std::string> inject_agent(const ImageWork& work,
                                 const std::string& disk,
                                 const std::string& what,
                                 const std::string& binary)
{
    COMMON_CHECK(stands_alone(work, disk, what));
    const auto& folder = work.folder.path();
    const auto changed = folder + "/changed.qcow2";
    const auto unit = folder + "/paddock-guest.service";
    const auto whole = folder + "/injected.qcow2";
    COMMON_CHECK(write(unit, agent_unit));
    if (work.console.err_is_tty) {
        Console::say("putting the agent into " + fs::path{what}.filename().string() + "\n");
    }
    COMMON_CHECK(run_tool(work,
                          {"qemu-img",
                           "create",
                           "-q",
                           "-f",
                           "qcow2",
                           "-F",
                           "qcow2",
                           "-b",
                           fs::absolute(disk).string(),
                           changed},
                          "qemu-utils"));
    std::string told;
    const auto run_guestfish = [&](Words environment) {
        environment.emplace_back("LIBGUESTFS_BACKEND=direct");
        told.clear();
        return run_tool(
            work,
            guestfish(changed, steps_for(binary, unit)),
            "guestfish",
            [&told](std::string_view piece) {
                told += piece;
                return Result<>{};
            },
            environment);
    };
    auto done = run_guestfish({});
    if (!done && did_not_begin(done.error())) {
        // libguestfs takes a KVM that opens for one that works, as QEMU does not (its `-cpu max`
        // sets registers that a hypervisor around this machine may refuse).
        if (work.console.err_is_tty) {
            Console::say("guestfish's machine did not start; once more without KVM\n");
        }
        done = run_guestfish({"LIBGUESTFS_BACKEND_SETTINGS=force_tcg"});
    }
    if (!done) {
        return explained(done.error(), what);
    }
    if (told.find("\nSELINUX=enforcing") != std::string::npos) {
        return Error{ErrorCode::failed_precondition,
                     fmt::format("put the agent into {}: it has SELinux, whose labels are not set "
                                 "here; install paddock-guest in a VM of it, and import that",
                                 what),
                     "not_injected"};
    }
    COMMON_CHECK(run_tool(
        work, {"qemu-img", "convert", "-f", "qcow2", "-O", "qcow2", changed, whole}, "qemu-utils"));
    std::error_code none;
    fs::remove(changed, none);
    return whole;
}

} // namespace cli
