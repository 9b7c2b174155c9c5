#include "cli/answers.hpp"
#include "cli/command_line.hpp"
#include "cli/exit_status.hpp"
#include "cli/live_command.hpp"
#include "cli/resolve.hpp"
#include "cli/terminal.hpp"
#include "cli/text.hpp"

#include <algorithm>
#include <cstdlib>
#include <iterator>

namespace cli {

using common::Error;
using common::ErrorCode;

namespace {

struct ExecOptions {
    std::string sandbox;
    std::vector<std::string> words;
    bool with_stdin = false;
    bool with_terminal = false;
    bool detach = false;
    bool list = false;
    std::string attach;
    std::uint64_t from = 0;
    std::string user;
    std::string cwd;
    std::string timeout;
    std::string keys = "ctrl-p,ctrl-q";
    std::vector<std::string> env;
};

/// What somebody gets who asks for no command: the shell that a login would begin.
std::vector<std::string> login_shell()
{
    return {"/bin/sh", "-c", "command -v bash >/dev/null && exec bash -l; exec sh -l"};
}

common::Result<> check(const ExecOptions& wanted, const Context& context)
{
    const auto wrong = [](const char* why) {
        return Error{ErrorCode::invalid_argument, std::string{"exec: "} + why};
    };
    if ((wanted.list || !wanted.attach.empty()) && !wanted.words.empty()) {
        return wrong("--list and --attach take no command");
    }
    if (wanted.detach && !wanted.attach.empty()) {
        return wrong("--attach comes back to a command, --detach leaves it: not both");
    }
    if (context.json() && wanted.with_terminal && !wanted.detach) {
        return wrong("--output json is for programs, and a terminal for people: not both");
    }
    const bool has_command = wanted.list || !wanted.attach.empty() || !wanted.words.empty();
    if (!has_command && !(wanted.with_stdin && wanted.with_terminal)) {
        return wrong("which command? With -it alone: a shell");
    }
    return {};
}

common::Result<nlohmann::json> body_of(const ExecOptions& wanted)
{
    std::vector<std::string> words;
    std::ranges::transform(wanted.words, std::back_inserter(words), &as_typed);
    nlohmann::json body{{"cmd", words.empty() ? login_shell() : words}};
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
    COMMON_TRY(auto env, pairs_of(wanted.env, "--env"));
    if (wanted.with_stdin) {
        body["stdin"] = true;
    }
    if (wanted.with_terminal) {
        body["pty"] = true;
        if (const auto size = terminal_size()) {
            body["rows"] = size->rows;
            body["cols"] = size->columns;
        }
        const char* term = std::getenv("TERM"); // NOLINT(concurrency-mt-unsafe): before any thread.
        if (term != nullptr && !env.contains("TERM")) {
            env["TERM"] = term;
        }
    }
    if (wanted.detach) {
        body["detach"] = true;
    }
    if (!env.empty()) {
        body["env"] = std::move(env);
    }
    return body;
}

common::Result<int> detach(Context& context, const std::string& id, const nlohmann::json& body)
{
    COMMON_TRY(
        const auto answer,
        long_call(context,
                  {.what = "starting it", .if_interrupted = "it may be started all the same"},
                  [&session = context.session, id, body] {
                      return session.post("/v1/sandboxes/" + id + "/exec", body);
                  }));
    if (context.json()) {
        Console::print_json(answer);
        return exit_ok;
    }
    COMMON_TRY(const auto json, client::parse(answer, context.session.url()));
    Console::print(text_of(inner_of(json, "exec"), "id") + "\n");
    return exit_ok;
}

common::Result<int> exec(Context& context, const ExecOptions& wanted)
{
    COMMON_CHECK(check(wanted, context));
    LiveWish wish;
    COMMON_TRY(wish.keys, DetachKeys::parse(wanted.keys));
    COMMON_TRY(auto body, body_of(wanted));
    COMMON_CHECK(client::text_of(body)); // It is sent as it is from here on.
    COMMON_TRY(wish.sandbox, sandbox_id(context.session, wanted.sandbox));
    if (wanted.list) {
        return list_and_show(
            context, "/v1/sandboxes/" + wish.sandbox + "/exec", "execs", execs_table);
    }
    if (wanted.detach) {
        return detach(context, wish.sandbox, body);
    }
    wish.as_said = wanted.sandbox;
    wish.exec = wanted.attach;
    wish.from = wanted.from;
    wish.start = wanted.attach.empty() ? std::move(body) : nlohmann::json{};
    wish.with_stdin = wanted.with_stdin;
    wish.with_terminal = wanted.with_terminal;
    return run_live(context, std::move(wish));
}

void add_options(CLI::App* command, ExecOptions& wanted)
{
    command->add_flag("-i,--stdin", wanted.with_stdin, "it reads this program's stdin");
    command->add_flag("-t,--tty", wanted.with_terminal, "it has a terminal: with -i, this one");
    command->add_flag("-d,--detach", wanted.detach, "start it, print its id, leave it alone");
    command->add_option("--attach", wanted.attach, "no new one: come back to this one")
        ->type_name(of_exec);
    command->add_option("--from", wanted.from, "with --attach: its output from here on (0)")
        ->type_name("POSITION");
    command->add_flag("--list", wanted.list, "those that run, and those that ended lately");
    command->add_option("-u,--user", wanted.user, "as whom (sandbox)")->type_name("USER");
    command->add_option("-w,-C,--cwd", wanted.cwd, "where (the user's home)")->type_name("FOLDER");
    add_repeated(command, "-e,--env", wanted.env, "in its environment")->type_name(of_pair);
    command
        ->add_option(
            "--timeout", wanted.timeout, "killed after so long, with all it started (never)")
        ->type_name(of_span);
    command
        ->add_option(
            "--detach-keys", wanted.keys, "typed one after the other they leave it (ctrl-p,ctrl-q)")
        ->type_name("KEYS");
}

} // namespace

void add_exec_commands(CommandLine& line)
{
    auto* command = line.add(line.app,
                             "exec",
                             "A command in a sandbox, live: its output as it comes",
                             {"paddock exec web -- tail -f /var/log/syslog",
                              "paddock exec -it web                     # a shell",
                              "paddock exec -it web -- vi notes.txt",
                              "tar c src | paddock exec -i web -- tar x",
                              "ID=$(paddock exec -d web -- make test)   # it runs on by itself",
                              "paddock exec --list web",
                              "paddock exec --attach $ID web            # from its first byte"});
    command->group("Sandboxes");
    auto wanted = std::make_shared<ExecOptions>();
    add_sandbox(command, wanted->sandbox);
    command
        ->add_option("COMMAND",
                     wanted->words,
                     "a program and its arguments, as they are: no shell reads them; put -- before "
                     "it if it has options")
        ->type_name("");
    add_options(command, *wanted);
    command->footer(
        command->get_footer() +
        "\n\nIt ends with the command's exit status, 128 and more if that ended by a signal."
        "\n\nCtrl-C: with -it a key like any other, and what it does is the guest's to say. "
        "Without, "
        "it goes to the\ncommand as SIGINT, as SIGTERM and SIGQUIT do; a second one ends this "
        "program, and leaves the command.\nIf the terminal goes away, or who reads the output, the "
        "command is sent SIGHUP. Only looking at one\n(--attach without -i) leaves it alone."
        "\n\nCtrl-P Ctrl-Q with -it: leave it and have it go on (--detach-keys). Ctrl-P alone "
        "arrives half a second late."
        "\n\nA lost connection is opened again for a minute, and goes on where it was: the command "
        "does not notice,\nand is never started twice. If nobody reads, a command does not wait; "
        "the newest 512 KiB are kept."
        "\n\nWith --output json each event is a line: start, stdout, stderr, gap, exit.");
    line.runs(command, [wanted](Context& context) { return exec(context, *wanted); });
}

} // namespace cli
