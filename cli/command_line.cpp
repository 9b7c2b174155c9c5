#include "cli/command_line.hpp"

#include "cli/exit_status.hpp"
#include "common/version.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace cli {

namespace {

constexpr char bracket_mark = '\x01'; ///< See as_typed().

} // namespace

CommandLine::CommandLine()
    : app{"paddock works with sandboxes on a fleet, through the coordinator's HTTP API.", "paddock"}
{
    app.require_subcommand(1);
    app.fallthrough();
    app.set_version_flag("--version", fmt::format("paddock {}", common::version));
    app.add_option(
           "--url",
           flags.url,
           fmt::format("the coordinator, or several with commas (PADDOCK_URL; {})", default_url))
        ->type_name("URL");
    app.add_option("--token-file",
                   flags.token_file,
                   "a file that holds the token (PADDOCK_TOKEN_FILE, PADDOCK_TOKEN)")
        ->type_name("FILE");
    app.add_option("--config", flags.config, "settings (PADDOCK_CONFIG; ~/.config/paddock/config)")
        ->type_name("FILE");
    app.add_option("-o,--output", output, "table, for people, or json: the API's answer as it came")
        ->check(CLI::IsMember({"table", "json"}))
        ->type_name("FORMAT");
    app.get_formatter()->column_width(34);
    app.get_formatter()->label("REQUIRED", "");
    app.footer(
        "Where it finds the coordinator and its token: options, then the environment, then "
        "the first of\n~/.config/paddock/config and /var/lib/paddock/quickstart.env (root's) "
        "that is there: lines of\nPADDOCK_URL=… and PADDOCK_TOKEN=… in a file that nobody else may "
        "read.\n\n"
        "A SANDBOX is its id, its name, or the beginning of its id: three characters and more, "
        "and eight where\nsomething of it would be lost (rm, snapshot rm, snapshot restore).\n\n" +
        exit_status_help() +
        "\nBegin with:\n"
        "  paddock doctor                    is all well, and if not, what to do\n"
        "  ID=$(paddock create tiny)         a sandbox that runs\n"
        "  paddock run $ID -- uname -a       a command in it\n"
        "  paddock exec -it $ID              a shell in it\n"
        "  paddock COMMAND --help            more of each, with examples");
    add_sandbox_commands(*this);
    add_create_commands(*this);
    add_lifecycle_commands(*this);
    add_run_commands(*this);
    add_exec_commands(*this);
    add_terminal_commands(*this);
    add_file_commands(*this);
    add_snapshot_commands(*this);
    add_image_commands(*this);
    add_pool_commands(*this);
    add_template_commands(*this);
    add_reading_commands(*this);
    add_fleet_commands(*this);
    add_events_command(*this);
    add_audit_commands(*this);
    add_doctor(*this);
    add_completion(*this);
}

CLI::App* CommandLine::add(CLI::App& parent,
                           const std::string& name,
                           const std::string& help,
                           const std::vector<std::string>& examples)
{
    auto* command = parent.add_subcommand(name, help);
    command->group("Commands");
    if (!examples.empty()) {
        std::string footer = "Examples:";
        for (const auto& example : examples) {
            footer += "\n  " + example;
        }
        command->footer(footer);
    } else {
        command->footer("");
    }
    return command;
}

void CommandLine::runs(CLI::App* command, Action action)
{
    command->callback([this, command, action = std::move(action)] {
        if (command->get_subcommands().empty()) {
            chosen_ = action;
        }
    });
}

const Action& CommandLine::parse(const std::vector<std::string>& arguments)
{
    // CLI11 takes them from the end.
    std::vector<std::string> words{arguments.rbegin(), arguments.rend()};
    constexpr std::array<std::string_view, 2> with_words{"run", "exec"};
    const auto run =
        std::find_first_of(words.rbegin(), words.rend(), with_words.begin(), with_words.end())
            .base();
    for (auto word = words.begin(); word < run; ++word) {
        if (word->starts_with('[') && word->ends_with(']')) {
            *word += bracket_mark;
        }
    }
    app.parse(words);
    return chosen_;
}

std::string as_typed(std::string word)
{
    if (word.starts_with('[') && word.ends_with(std::string{']', bracket_mark})) {
        word.pop_back();
    }
    return word;
}

CLI::Option* add_sandbox(CLI::App* command, std::string& into)
{
    return command->add_option("SANDBOX", into, "its id, its name, or the beginning of its id")
        ->type_name("")
        ->required();
}

CLI::Option* add_repeated(CLI::App* command,
                          const std::string& name,
                          std::vector<std::string>& into,
                          const std::string& help)
{
    return command->add_option(name, into, help)->allow_extra_args(false)->take_all();
}

} // namespace cli
