#include "cli/answers.hpp"
#include "cli/command_line.hpp"
#include "cli/exit_status.hpp"
#include "cli/resolve.hpp"
#include "cli/text.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <fmt/format.h>
#include <iterator>

namespace cli {

using common::Error;
using common::ErrorCode;

namespace {

struct RunOptions {
    std::string sandbox;
    std::vector<std::string> words;
    std::string user;
    std::string cwd;
    std::string timeout;
    std::vector<std::string> env;
    bool with_stdin = false;
};

/// All of stdin, which the API takes as text with the rest of the request.
common::Result<std::string> read_stdin()
{
    constexpr std::size_t most = std::size_t{1} << 20U; // The API's bound on a body.
    std::string text;
    std::array<char, 4096> piece{};
    while (const auto count = std::fread(piece.data(), 1, piece.size(), stdin)) {
        text.append(piece.data(), count);
        if (text.size() > most) {
            return Error{ErrorCode::too_large,
                         "run takes at most 1 MiB of stdin, which is sent as a whole"};
        }
    }
    // It travels as JSON, which has no bytes that are no text: they would arrive as others.
    try {
        static_cast<void>(nlohmann::json(text).dump());
    } catch (const nlohmann::json::exception&) {
        return Error{ErrorCode::invalid_argument,
                     "run takes UTF-8 on stdin: send other bytes through base64"};
    }
    return text;
}

common::Result<nlohmann::json> body_of(const RunOptions& wanted)
{
    std::vector<std::string> words;
    std::ranges::transform(wanted.words, std::back_inserter(words), &as_typed);
    nlohmann::json body{{"command", shell_line(words)}};
    if (!wanted.user.empty()) {
        body["user"] = wanted.user;
    }
    if (!wanted.cwd.empty()) {
        body["cwd"] = wanted.cwd;
    }
    if (!wanted.timeout.empty()) {
        COMMON_TRY(const auto timeout, parse_span(wanted.timeout));
        body["timeout_sec"] = timeout.count();
    }
    if (!wanted.env.empty()) {
        COMMON_TRY(body["env"], pairs_of(wanted.env, "--env"));
    }
    if (wanted.with_stdin) {
        COMMON_TRY(body["stdin"], read_stdin());
    }
    return body;
}

/// What of its end its output does not show.
void tell_ending(const Console& console, const Json& command)
{
    const auto tell = [&](const char* what) {
        std::fflush(stdout);
        Console::say(toned("paddock:", Tone::warn, console.err) + " " + what + "\n");
    };
    if (command.value("truncated", false)) {
        tell("the output was longer than what is kept of it, and is cut");
    }
    if (command.value("timed_out", false)) {
        tell("the command's time was up, and it was killed with all that it had started");
    }
}

common::Result<int> run(Context& context, const RunOptions& wanted)
{
    COMMON_TRY(const auto body, body_of(wanted));
    COMMON_TRY(const auto id, sandbox_id(context.session, wanted.sandbox));
    context.session.set_timeout(std::chrono::minutes{90}); // Commands may take an hour.
    auto answer = wait_for(context.console,
                           {.what = "running in " + wanted.sandbox,
                            .if_interrupted = "the command goes on in the sandbox until its time "
                                              "is up; see: paddock commands " +
                                              wanted.sandbox},
                           [&session = context.session, id, body] {
                               return session.post("/v1/sandboxes/" + id + "/run", body);
                           });
    COMMON_TRY(const auto text, *std::move(answer));
    COMMON_TRY(const auto json, client::parse(text, context.session.url()));
    const auto& command = inner_of(json, "command");
    if (context.json()) {
        Console::print_json(text);
    } else {
        Console::print(text_of(command, "stdout"));
        std::fflush(stdout);
        Console::say(text_of(command, "stderr"));
        tell_ending(context.console, command);
    }
    return static_cast<int>(number_of(command, "exit_code"));
}

} // namespace

void add_run_commands(CommandLine& line)
{
    auto* command =
        line.add(line.app,
                 "run",
                 "A command in a sandbox, to its end: its output and exit status",
                 {"paddock run web 'uname -a; id'          # one word: for the guest's shell",
                  "paddock run web -- ls -l '/my files'    # several: as they are",
                  "paddock run -u root -t 5m web -- apk add jq",
                  "paddock run -i web -- wc -l <list.txt"});
    command->group("Sandboxes");
    auto wanted = std::make_shared<RunOptions>();
    add_sandbox(command, wanted->sandbox);
    command->add_option("COMMAND", wanted->words, "put -- before it if it has options")
        ->type_name("")
        ->required();
    command->add_option("-u,--user", wanted->user, "as whom (sandbox)")->type_name("USER");
    command->add_option("-C,--cwd", wanted->cwd, "where (the user's home)")->type_name("FOLDER");
    command
        ->add_option("-t,--timeout", wanted->timeout, "killed after so long, with all it started")
        ->type_name(of_span);
    add_repeated(command, "-e,--env", wanted->env, "in its environment")->type_name(of_pair);
    command->add_flag(
        "-i,--stdin", wanted->with_stdin, "it reads this program's stdin, 1 MiB at most");
    line.runs(command, [wanted](Context& context) { return run(context, *wanted); });
}

} // namespace cli
