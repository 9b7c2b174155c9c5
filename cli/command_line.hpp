#pragma once

#include "cli/context.hpp"

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace cli {

/// The program's commands and options, and which command was asked for.
class CommandLine {
public:
    CommandLine();

    CLI::App app;
    Flags flags;
    std::string output = "table";

    /// A command below `parent`, with what it does and examples of it, one a line.
    CLI::App* add(CLI::App& parent,
                  const std::string& name,
                  const std::string& help,
                  const std::vector<std::string>& examples);
    /// What runs if this command is asked for, and none below it.
    void runs(CLI::App* command, Action action);

    /// The action that was asked for; empty before a parse. Throws CLI::ParseError.
    const Action& parse(const std::vector<std::string>& arguments);

private:
    Action chosen_;
};

// Words that say what a value is: shown by --help, and what completion looks up by them.
inline constexpr const char* of_sandbox = "SANDBOX";
inline constexpr const char* of_snapshot = "SNAPSHOT";
inline constexpr const char* of_image = "IMAGE";
inline constexpr const char* of_host = "HOST";
inline constexpr const char* of_pool = "POOL";
inline constexpr const char* of_template = "TEMPLATE";
inline constexpr const char* of_exec = "EXEC";
inline constexpr const char* of_span = "TIME";
inline constexpr const char* of_pair = "KEY=VALUE";

/// A word of a guest's command as it was typed: CLI11 would take one in brackets for a list, and
/// drop them, so parse() puts a mark behind those.
std::string as_typed(std::string word);

/// What one of the commands below has in common: a sandbox that it is about.
CLI::Option* add_sandbox(CLI::App* command, std::string& into);
/// An option that may be given several times, one value each.
CLI::Option* add_repeated(CLI::App* command,
                          const std::string& name,
                          std::vector<std::string>& into,
                          const std::string& help);

// One for each file of commands/.
void add_sandbox_commands(CommandLine& line);
void add_create_commands(CommandLine& line);
void add_lifecycle_commands(CommandLine& line);
void add_run_commands(CommandLine& line);
void add_exec_commands(CommandLine& line);
void add_terminal_commands(CommandLine& line);
void add_file_commands(CommandLine& line);
void add_snapshot_commands(CommandLine& line);
void add_image_commands(CommandLine& line);
void add_pool_commands(CommandLine& line);
void add_template_commands(CommandLine& line);
void add_template_files(CommandLine& line, CLI::App& group); ///< A part of these.
void add_reading_commands(CommandLine& line);
void add_screenshot(CommandLine& line); ///< A part of these.
void add_fleet_commands(CommandLine& line);
void add_drain(CommandLine& line); ///< A part of these.
void add_events_command(CommandLine& line);
void add_audit_commands(CommandLine& line);
void add_doctor(CommandLine& line);
void add_completion(CommandLine& line);

} // namespace cli
