#include "common/version.hpp"
#include "hostd/daemon/daemon.hpp"
#include "hostd/daemon/guard.hpp"
#include "hostd/daemon/image_commands.hpp"
#include "hostd/daemon/preflight.hpp"
#include "hostd/link/keys.hpp"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <fmt/format.h>
#include <malloc.h>

using common::Error;
using common::ErrorCode;
using common::Result;
namespace daemon_of = hostd::daemon;

namespace {

constexpr int usage_error = 2;

/// What the command line says, as text: turned into values when it is carried out.
struct Arguments {
    std::string config;
    std::string image;
    bool all = false;
    bool json = false;
    bool replace = false;
    std::string disk;
    std::string kernel;
    std::string initrd;
    std::string cmdline;
    std::string boot;
    std::string agent = "none";
    unsigned vcpus = 0;
    std::uint64_t memory_mb = 0;
    std::string out;

    [[nodiscard]] daemon_of::Output output() const
    {
        return json ? daemon_of::Output::json : daemon_of::Output::text;
    }
};

Result<daemon_of::Settings> settings_of(const Arguments& arguments)
{
    return daemon_of::load_settings(arguments.config, &common::config::process_environment);
}

Result<common::ImageName> image_name(const std::string& text)
{
    if (!common::is_name(text)) {
        return Error{ErrorCode::invalid_argument,
                     fmt::format("'{}' is no image name: 1 to 63 letters, digits, dots, dashes or "
                                 "underscores, beginning and ending with a letter or digit",
                                 text)};
    }
    return common::ImageName{text};
}

Result<> add_image(const Arguments& arguments)
{
    COMMON_TRY(const auto settings, settings_of(arguments));
    hostd::storage::ImageRequest request;
    COMMON_TRY(request.name, image_name(arguments.image));
    request.disk = arguments.disk;
    request.kernel = arguments.kernel;
    request.initrd = arguments.initrd;
    request.cmdline = arguments.cmdline;
    const auto implied = arguments.kernel.empty() ? "bios" : "kernel";
    // CLI11 has checked both words.
    request.boot = *hostd::boot_from(arguments.boot.empty() ? implied : arguments.boot);
    request.agent = *hostd::agent_kind_from(arguments.agent);
    request.vcpus = arguments.vcpus;
    request.memory = common::Bytes::mib(arguments.memory_mb);
    using IfTaken = hostd::storage::ImageRequest::IfTaken;
    request.if_taken = arguments.replace ? IfTaken::replace : IfTaken::refuse;
    return daemon_of::add_image(settings, request);
}

Result<> list_images(const Arguments& arguments)
{
    COMMON_TRY(const auto settings, settings_of(arguments));
    return daemon_of::list_images(settings, arguments.output());
}

Result<> remove_image(const Arguments& arguments)
{
    COMMON_TRY(const auto settings, settings_of(arguments));
    COMMON_TRY(const auto name, image_name(arguments.image));
    return daemon_of::remove_image(settings, name);
}

Result<> verify_images(const Arguments& arguments)
{
    COMMON_TRY(const auto settings, settings_of(arguments));
    if (arguments.all) {
        return daemon_of::verify_images(settings, common::ImageName{});
    }
    if (arguments.image.empty()) {
        return Error{ErrorCode::invalid_argument, "name an image, or say --all"};
    }
    COMMON_TRY(const auto name, image_name(arguments.image));
    return daemon_of::verify_images(settings, name);
}

Result<> keygen(const Arguments& arguments)
{
    COMMON_TRY(const auto keys, hostd::link::generate_keys());
    if (auto written = hostd::link::write_keys(arguments.out, keys); !written) {
        auto error = std::move(written).error();
        if (error.code == ErrorCode::already_exists) {
            error.message += "; it is this host's identity and never overwritten";
        }
        return error;
    }
    fmt::print("wrote {0}/host.key (secret, stays here) and {0}/host.pub\n"
               "next, on the coordinator: paddock-coordinator enrol HOSTNAME host.pub\n",
               arguments.out);
    return {};
}

Result<> preflight(const Arguments& arguments)
{
    COMMON_TRY(const auto settings, settings_of(arguments));
    if (!daemon_of::print_checks(daemon_of::preflight(settings), arguments.output())) {
        return Error{ErrorCode::failed_precondition, "this host is not ready: see FAILED above"};
    }
    return {};
}

Result<> serve(const Arguments& arguments)
{
    COMMON_TRY(const auto settings, settings_of(arguments));
    return daemon_of::run_daemon(settings);
}

Result<> guard(const Arguments& arguments)
{
    COMMON_TRY(const auto settings, settings_of(arguments));
    return daemon_of::run_guard(settings);
}

using Action = std::function<Result<>(const Arguments&)>;

void declare_image_commands(CLI::App& app, Arguments& arguments, Action& action)
{
    auto* image = app.add_subcommand("image", "Register, list, remove and verify images");
    image->require_subcommand(1);
    auto* add = image->add_subcommand(
        "add", "Verify and copy a qcow2 disk (and kernel, initrd) into state_dir");
    add->add_option("NAME", arguments.image, "what sandboxes call it")->required();
    add->add_option("FILE", arguments.disk, "a qcow2 file without backing file")->required();
    add->add_option("--kernel", arguments.kernel, "boot this kernel directly");
    add->add_option("--initrd", arguments.initrd, "its initial file system");
    add->add_option("--cmdline", arguments.cmdline, "the kernel's command line");
    add->add_option("--boot", arguments.boot, "default: kernel with --kernel, else bios")
        ->check(CLI::IsMember({"kernel", "bios", "uefi"}));
    add->add_option("--agent", arguments.agent, "how commands get in: our agent, qemu's, not")
        ->check(CLI::IsMember({"paddock", "qemu", "none"}))
        ->capture_default_str();
    add->add_option("--vcpus", arguments.vcpus, "what a sandbox gets that names no number");
    add->add_option("--memory-mb", arguments.memory_mb, "likewise, MiB");
    add->add_flag("--replace", arguments.replace, "take the place of an image of that name");
    add->callback([&action] { action = add_image; });

    auto* list = image->add_subcommand("list", "The images that sandboxes can be made from");
    list->add_flag("--json", arguments.json, "as JSON");
    list->callback([&action] { action = list_images; });

    auto* remove = image->add_subcommand("rm", "Remove an image that no sandbox stands on");
    remove->add_option("NAME", arguments.image)->required();
    remove->callback([&action] { action = remove_image; });

    auto* verify = image->add_subcommand("verify", "Read everything again and compare digests");
    auto* all = verify->add_flag("--all", arguments.all, "every image");
    verify->add_option("NAME", arguments.image)->excludes(all);
    verify->callback([&action] { action = verify_images; });
}

int report(const Error& error)
{
    fmt::print(stderr, "paddock-hostd: {}\n", error.message);
    if (!error.details.empty()) {
        fmt::print(stderr, "{}\n", error.details);
    }
    return EXIT_FAILURE;
}

} // namespace

int main(int argc, char** argv)
{
    // Each of twenty threads would keep a heap of its own for what it rarely needs: three quarters
    // more memory with fifty sandboxes.
    ::mallopt(M_ARENA_MAX, 2);
    // A root shell by `su` lacks the folders that nft, ip and dnsmasq live in.
    const char* path = std::getenv("PATH"); // NOLINT(concurrency-mt-unsafe): no threads yet.
    ::setenv("PATH", fmt::format("{}:/usr/sbin:/sbin", path ? path : "/usr/bin:/bin").c_str(), 1);

    CLI::App app{"paddock-hostd runs sandboxes (virtual machines) on this host for a Paddock "
                 "coordinator.\nWithout a subcommand it serves, until SIGTERM; VMs go on running."};
    Arguments arguments;
    Action action = serve;
    app.set_version_flag("--version", fmt::format("paddock-hostd {}", common::version));
    app.add_option("--config",
                   arguments.config,
                   fmt::format("configuration file (default: {} if there is one)",
                               daemon_of::default_config_file));
    declare_image_commands(app, arguments, action);

    auto* check = app.add_subcommand("preflight", "Look whether this host has all that it takes");
    check->add_flag("--json", arguments.json, "as JSON");
    check->callback([&action] { action = preflight; });

    auto* keys = app.add_subcommand("keygen", "Make this host's key pair, its identity");
    keys->add_option("--out", arguments.out, "folder for host.key and host.pub")->required();
    keys->callback([&action] { action = keygen; });

    auto* guards = app.add_subcommand(
        "guard",
        "Keep what `fence` promises while hostd does not run: a service of its own, beside it");
    guards->callback([&action] { action = guard; });

    app.footer("A new host: preflight; keygen; enrol host.pub on the coordinator; image add; "
               "serve.\n\nConfiguration keys (default in brackets), each also from the "
               "environment:\n" +
               common::config::describe(daemon_of::keys()));
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? EXIT_SUCCESS : usage_error;
    }
    const auto done = action(arguments);
    return done ? EXIT_SUCCESS : report(done.error());
}
