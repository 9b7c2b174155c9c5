#include "cli/command_line.hpp"
#include "cli/exit_status.hpp"
#include "common/id.hpp"

#include <cstdlib>
#include <fmt/format.h>

using common::Error;
using common::ErrorCode;

namespace {

std::optional<std::string> environment(const std::string& name)
{
    const char* value =
        std::getenv(name.c_str()); // NOLINT(concurrency-mt-unsafe): before any thread.
    return value != nullptr ? std::optional<std::string>{value} : std::nullopt;
}

/// Asked for before the options could be read: a wrong one is told in that form too.
bool wants_json(const std::vector<std::string>& arguments)
{
    for (std::size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
        const auto& word = arguments[i];
        const bool named = word == "-o" || word == "--output";
        if (word == "-ojson" || word == "--output=json" ||
            (named && i + 1 < arguments.size() && arguments[i + 1] == "json")) {
            return true;
        }
    }
    return false;
}

int usage(const cli::CommandLine& line, const CLI::ParseError& error, const cli::Console& console)
{
    if (console.output == cli::Output::json) {
        console.report(Error{ErrorCode::invalid_argument, error.what(), "usage"}, "");
        return cli::exit_usage;
    }
    std::string command = "paddock";
    for (const auto* app = &line.app; !app->get_subcommands().empty();) {
        app = app->get_subcommands().front();
        command += " " + app->get_name();
    }
    cli::Console::say(fmt::format("paddock: {}\nsee: {} --help\n", error.what(), command));
    return cli::exit_usage;
}

cli::Context context_of(cli::Settings settings, cli::Console console, client::Session& session)
{
    cli::Context context{std::move(settings), console, session, {}};
    context.another_session = [options = client::Session::Options{context.settings.url,
                                                                  context.settings.token,
                                                                  session.request_id(),
                                                                  {}}] {
        auto another = std::make_unique<client::Session>(options);
        another->set_timeout(std::chrono::seconds{2}); // For looking while something else waits.
        return another;
    };
    return context;
}

int ended(int status, const cli::Console& console, bool thread_left)
{
    if (!cli::all_written()) {
        console.report(Error{ErrorCode::internal, "the output could not be written", "output_lost"},
                       "");
        status = cli::exit_failed;
    }
    if (thread_left) {
        std::_Exit(status);
    }
    return status;
}

int perform(const cli::CommandLine& line, const cli::Action& action, const cli::Console& console)
{
    const auto request = common::mint<common::RequestId>().str();
    auto settings = cli::load_settings(line.flags, environment);
    if (!settings) {
        console.report(settings.error(), "");
        return cli::exit_status_of(settings.error());
    }
    client::Session session{{settings->url, settings->token, request, {}}};
    auto context = context_of(*std::move(settings), console, session);
    const auto done = action(context);
    if (!done) {
        auto error = done.error();
        if (error.reason == "unreachable") {
            error.details = "paddock doctor says why";
        }
        console.report(error, request);
    }
    return ended(done ? *done : cli::exit_status_of(done.error()), console, context.thread_left);
}

} // namespace

int main(int argc, char** argv)
{
    const std::vector<std::string> arguments{argv + 1, argv + argc};
    cli::CommandLine line;
    auto console = cli::Console::of_process(!environment("NO_COLOR").value_or("").empty());
    console.output = wants_json(arguments) ? cli::Output::json : cli::Output::table;
    try {
        const auto& action = line.parse(arguments);
        console.output = line.output == "json" ? cli::Output::json : cli::Output::table;
        return perform(line, action, console);
    } catch (const CLI::Success& told) { // --help or --version
        return line.app.exit(told);
    } catch (const CLI::ParseError& error) {
        return usage(line, error, console);
    } catch (const std::exception& bug) {
        console.report(Error{ErrorCode::internal, bug.what()}, "");
        return cli::exit_failed;
    }
}
