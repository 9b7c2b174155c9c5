#include "common/config/config.hpp"
#include "common/curve/keys.hpp"
#include "common/files/durable.hpp"
#include "common/version.hpp"
#include "coordinator/daemon/backup.hpp"
#include "coordinator/daemon/daemon.hpp"
#include "coordinator/daemon/tokens.hpp"
#include "coordinator/link/enrolment.hpp"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <fmt/format.h>

using common::Error;
using common::ErrorCode;
using common::Result;
namespace daemon_of = coordinator::daemon;

namespace {

constexpr int usage_error = 2;

struct Arguments {
    std::string config;
    std::string out;
    std::string name;
    std::string key_file;
    std::string list;
    std::string backup;
    bool json = false;
    bool with_blobs = false;
    bool replace = false;

    [[nodiscard]] daemon_of::BackupOutput output() const
    {
        return json ? daemon_of::BackupOutput::json : daemon_of::BackupOutput::text;
    }
};

Result<daemon_of::Settings> settings_of(const Arguments& arguments)
{
    return daemon_of::load_settings(arguments.config, &common::config::process_environment);
}

Result<> serve(const Arguments& arguments)
{
    COMMON_TRY(auto settings, settings_of(arguments));
    return daemon_of::run_daemon(std::move(settings));
}

Result<> keygen(const Arguments& arguments)
{
    COMMON_TRY(const auto keys, common::curve::generate_keys());
    if (auto written = common::curve::write_keys(arguments.out, "server", keys); !written) {
        auto error = std::move(written).error();
        if (error.code == ErrorCode::already_exists) {
            error.message += "; every host pins it, so it is never overwritten";
        }
        return error;
    }
    COMMON_CHECK(
        common::files::let_folders_group_read(std::filesystem::path{arguments.out} / "server.key"));
    fmt::print("wrote {0}/server.key (secret, stays here) and {0}/server.pub\n"
               "next: copy server.pub to each host (coordinator_key in its hostd.yaml)\n",
               arguments.out);
    return {};
}

Result<> enrol(const Arguments& arguments)
{
    COMMON_TRY(const auto settings, settings_of(arguments));
    if (!arguments.list.empty()) {
        COMMON_TRY(const auto count,
                   coordinator::link::enrol_all(settings.enrolment_file, arguments.list));
        fmt::print("enrolled {} hosts in {}\n", count, settings.enrolment_file.string());
        return {};
    }
    if (arguments.name.empty() || arguments.key_file.empty()) {
        return Error{ErrorCode::invalid_argument,
                     "say which host and name the file with its public key, or --list FILE"};
    }
    if (!common::is_name(arguments.name)) {
        return Error{ErrorCode::invalid_argument,
                     "'" + arguments.name + "' is no host name: letters, digits, dots, dashes"};
    }
    COMMON_TRY(const auto key, common::curve::read_key(arguments.key_file));
    COMMON_CHECK(
        coordinator::link::enrol(settings.enrolment_file, common::HostName{arguments.name}, key));
    fmt::print("enrolled {} in {}; a running coordinator takes it up by itself\n",
               arguments.name,
               settings.enrolment_file.string());
    return {};
}

Result<> token(const Arguments& arguments)
{
    COMMON_TRY(const auto settings, settings_of(arguments));
    COMMON_TRY(const auto made, daemon_of::make_token(settings.token_file, arguments.name));
    fmt::print("{}\n", made);
    fmt::print(stderr,
               "This is shown once. It counts from the coordinator's next start; an older token "
               "of the name {} does not any more.\n",
               arguments.name);
    return {};
}

Result<> verify_audit(const Arguments& arguments)
{
    COMMON_TRY(const auto settings, settings_of(arguments));
    return daemon_of::verify_audit(settings);
}

Result<> make_backup(const Arguments& arguments)
{
    if (arguments.out.empty()) {
        return Error{ErrorCode::invalid_argument,
                     "say where to: --out FOLDER, or --out FILE.tar; neither may be there"};
    }
    using Blobs = daemon_of::BackupRequest::Blobs;
    return daemon_of::make_backup({arguments.config,
                                   arguments.out,
                                   arguments.with_blobs ? Blobs::copied : Blobs::named,
                                   arguments.output()});
}

Result<> verify_backup(const Arguments& arguments)
{
    return daemon_of::verify_backup(arguments.backup, arguments.output());
}

Result<> restore_backup(const Arguments& arguments)
{
    using IfThere = daemon_of::RestoreRequest::IfThere;
    return daemon_of::restore_backup({arguments.config,
                                      arguments.backup,
                                      arguments.replace ? IfThere::replace : IfThere::refuse,
                                      arguments.output()});
}

using Action = std::function<Result<>(const Arguments&)>;

void declare_backup_commands(CLI::App& app, Arguments& arguments, Action& action)
{
    auto* backup = app.add_subcommand(
        "backup", "Write everything that a coordinator is to a folder, or an archive");
    backup->add_option("--out", arguments.out, "a new folder, or a new file *.tar; holds secrets");
    backup->add_flag("--with-blobs", arguments.with_blobs, "also what was uploaded for images");
    backup->add_flag("--json", arguments.json, "say as JSON what was written");
    auto* verify = backup->add_subcommand("verify", "Read a backup, and compare every digest");
    verify->add_option("PATH", arguments.backup, "the folder, or the file *.tar")->required();
    verify->add_flag("--json", arguments.json, "as JSON");
    backup->callback([verify, &action] {
        action = verify->parsed() ? Action{verify_backup} : Action{make_backup};
    });

    auto* restore = app.add_subcommand(
        "restore", "Make the coordinator of a backup anew, on an empty database and with no keys");
    restore->add_option("--from", arguments.backup, "the folder, or the file *.tar")->required();
    restore->add_flag("--replace",
                      arguments.replace,
                      "also where there is something: the database loses what it holds");
    restore->add_flag("--json", arguments.json, "say as JSON what was done");
    restore->callback([&action] { action = restore_backup; });
}

int report(const Error& error)
{
    fmt::print(stderr, "paddock-coordinator: {}\n", error.message);
    if (!error.details.empty()) {
        fmt::print(stderr, "{}\n", error.details);
    }
    return EXIT_FAILURE;
}

} // namespace

int main(int argc, char** argv)
{
    CLI::App app{"paddock-coordinator places sandboxes on hosts, serves the HTTP API and keeps "
                 "the records.\nWithout a subcommand it serves, until SIGTERM."};
    Arguments arguments;
    Action action = serve;
    app.set_version_flag("--version", fmt::format("paddock-coordinator {}", common::version));
    app.add_option("--config",
                   arguments.config,
                   fmt::format("configuration file (default: {} if there is one)",
                               daemon_of::default_config_file));

    auto* keys = app.add_subcommand("keygen", "Make the key pair that hosts pin");
    keys->add_option("--out", arguments.out, "folder for server.key and server.pub")->required();
    keys->callback([&action] { action = keygen; });

    auto* host = app.add_subcommand("enrol", "Let a host in, under a name, by its public key");
    auto* named = host->add_option("NAME", arguments.name, "the host's name from now on");
    host->add_option("FILE", arguments.key_file, "its host.pub");
    host->add_option("--list", arguments.list, "many at once: a name and a public key a line")
        ->excludes(named);
    host->callback([&action] { action = enrol; });

    auto* tokens = app.add_subcommand("token", "Make a token for the HTTP API and print it, once");
    tokens->add_option("--name", arguments.name, "whose it is: it names the actor in the audit")
        ->required();
    tokens->callback([&action] { action = token; });

    auto* audit = app.add_subcommand("audit", "The record of everything that was done");
    audit->require_subcommand(1);
    auto* verify = audit->add_subcommand("verify", "Check that no row was changed or is missing");
    verify->callback([&action] { action = verify_audit; });

    declare_backup_commands(app, arguments, action);

    app.footer("A new coordinator: keygen; token; serve; enrol each host.\n\nConfiguration keys "
               "(default in brackets), each also from the environment:\n" +
               common::config::describe(daemon_of::keys()));
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? EXIT_SUCCESS : usage_error;
    }
    const auto done = action(arguments);
    return done ? EXIT_SUCCESS : report(done.error());
}
