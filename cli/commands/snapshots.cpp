#include "cli/answers.hpp"
#include "cli/command_line.hpp"
#include "cli/exit_status.hpp"
#include "cli/resolve.hpp"

#include <fmt/format.h>

namespace cli {

namespace {

struct SnapshotOptions {
    std::string sandbox;
    std::string name;
    bool memory = false;
    bool no_memory = false;
};

/// "/v1/sandboxes/<id>/snapshots" and, where one is meant, its name.
common::Result<std::string>
path_of(Context& context, const SnapshotOptions& wanted, Meant meant = Meant::likely)
{
    COMMON_TRY(const auto id, sandbox_id(context.session, wanted.sandbox, meant));
    return "/v1/sandboxes/" + id + "/snapshots" +
           (wanted.name.empty() ? "" : "/" + client::encoded(wanted.name));
}

common::Result<int> create(Context& context, SnapshotOptions wanted)
{
    nlohmann::json body{{"name", wanted.name}};
    if (wanted.memory || wanted.no_memory) {
        body["memory"] = wanted.memory;
    }
    const auto what = fmt::format("taking {} of {}", wanted.name, wanted.sandbox);
    wanted.name.clear();
    COMMON_TRY(const auto path, path_of(context, wanted));
    COMMON_TRY(
        const auto answer,
        long_call(context,
                  {.what = what,
                   .if_interrupted = "it goes on; see: paddock snapshot ls " + wanted.sandbox},
                  [&session = context.session, path, body] {
                      return session.post(path, body, client::Session::Asking::keyed);
                  }));
    return show_one(context, answer, "snapshot");
}

common::Result<int> list(Context& context, const SnapshotOptions& wanted)
{
    COMMON_TRY(const auto path, path_of(context, wanted));
    return list_and_show(context, path, "snapshots", snapshots_table);
}

common::Result<int> show_snapshot(Context& context, const SnapshotOptions& wanted)
{
    COMMON_TRY(const auto path, path_of(context, wanted));
    COMMON_TRY(const auto body, context.session.get(path));
    return show_one(context, body, "snapshot");
}

common::Result<int> said(Context& context, const std::string& body, const std::string& words)
{
    if (context.json()) {
        Console::print_json(body);
    } else {
        Console::print(words + "\n");
    }
    return exit_ok;
}

common::Result<int> remove(Context& context, const SnapshotOptions& wanted)
{
    COMMON_TRY(const auto path, path_of(context, wanted, Meant::certain));
    COMMON_TRY(const auto body,
               long_call(context,
                         {.what = "deleting " + wanted.name},
                         [&session = context.session, path] { return session.del(path); }));
    return said(context, body, wanted.name + " deleted");
}

/// A step that is asked for below a snapshot: restore, verify.
common::Result<std::string> ask(Context& context,
                                const SnapshotOptions& wanted,
                                Meant meant,
                                const std::string& step,
                                const Waiting& waiting)
{
    COMMON_TRY(const auto path, path_of(context, wanted, meant));
    return long_call(context, waiting, [&session = context.session, path, step] {
        return session.post(path + "/" + step, nlohmann::json::object());
    });
}

common::Result<int> restore(Context& context, const SnapshotOptions& wanted)
{
    COMMON_TRY(const auto body,
               ask(context,
                   wanted,
                   Meant::certain, // What it has now is lost.
                   "restore",
                   {.what = fmt::format("bringing {} back to {}", wanted.sandbox, wanted.name),
                    .if_interrupted = "it goes on; see: paddock get " + wanted.sandbox}));
    COMMON_TRY(const auto json, client::parse(body, context.session.url()));
    const auto phase = text_of(inner_of(json, "sandbox"), "phase");
    return said(
        context, body, fmt::format("{} is as in {}, {}", wanted.sandbox, wanted.name, phase));
}

common::Result<int> verify(Context& context, const SnapshotOptions& wanted)
{
    COMMON_TRY(
        const auto body,
        ask(context, wanted, Meant::likely, "verify", {.what = "reading all of " + wanted.name}));
    return said(context, body, wanted.name + " is as it was taken");
}

/// What other hosts have of it, and what is wrong with that.
common::Result<int> list_replicas(Context& context, const std::string& sandbox)
{
    COMMON_TRY(const auto id, sandbox_id(context.session, sandbox, Meant::likely));
    COMMON_TRY(const auto body, context.session.get("/v1/sandboxes/" + id + "/replicas"));
    if (context.json()) {
        Console::print_json(body);
        return exit_ok;
    }
    COMMON_TRY(const auto json, client::parse(body, context.session.url()));
    const auto wanted = number_of(json, "wanted");
    if (wanted == 0) {
        Console::print(sandbox + " is to have no copies: paddock create --replicas 1\n");
        return exit_ok;
    }
    const auto& copies = inner_of(json, "copies");
    Console::print(replicas_table(copies, now()).render(context.console.out));
    if (const auto error = text_of(json, "error"); !error.empty()) {
        Console::print(fmt::format("{} of {} copies; {}\n", copies.size(), wanted, error));
    }
    return exit_ok;
}

void add_named_snapshot(CommandLine& line,
                        CLI::App& group,
                        const std::string& name,
                        const std::string& help,
                        const std::string& example,
                        common::Result<int> (*action)(Context&, const SnapshotOptions&))
{
    auto* command = line.add(group, name, help, {example});
    auto wanted = std::make_shared<SnapshotOptions>();
    add_sandbox(command, wanted->sandbox);
    command->add_option("SNAPSHOT", wanted->name, "its name")->type_name("")->required();
    line.runs(command, [=](Context& context) { return action(context, *wanted); });
}

} // namespace

void add_snapshot_commands(CommandLine& line)
{
    auto* group =
        line.add(line.app,
                 "snapshot",
                 "Checkpoints of a sandbox: its disk and memory at one moment",
                 {"paddock snapshot create web clean", "paddock snapshot restore web clean"});
    group->group("State");
    group->require_subcommand(1);

    auto* command = line.add(
        *group,
        "create",
        "Take one; it stands still for a moment",
        {"paddock snapshot create web clean", "paddock snapshot create web nightly --no-memory"});
    auto wanted = std::make_shared<SnapshotOptions>();
    add_sandbox(command, wanted->sandbox);
    command->add_option("NAME", wanted->name, "how to speak of it")->type_name("")->required();
    auto* with = command->add_flag("--memory", wanted->memory, "with memory, or not at all");
    command->add_flag("--no-memory", wanted->no_memory, "of the disk alone")->excludes(with);
    line.runs(command, [wanted](Context& context) { return create(context, *wanted); });

    auto* all = line.add(*group, "ls", "Oldest first", {"paddock snapshot ls web"});
    auto listed = std::make_shared<SnapshotOptions>();
    add_sandbox(all, listed->sandbox);
    line.runs(all, [listed](Context& context) { return list(context, *listed); });

    add_named_snapshot(
        line, *group, "get", "All about one", "paddock snapshot get web clean", show_snapshot);
    add_named_snapshot(line, *group, "rm", "Delete one", "paddock snapshot rm web clean", remove);
    add_named_snapshot(line,
                       *group,
                       "restore",
                       "Bring the sandbox back to it, in place",
                       "paddock snapshot restore web clean",
                       restore);
    add_named_snapshot(line,
                       *group,
                       "verify",
                       "Read all its files and compare their digests",
                       "paddock snapshot verify web clean",
                       verify);

    auto* replicas = line.add(
        line.app,
        "replicas",
        "Copies of a sandbox on other hosts, and how old they are",
        {"paddock create tiny --name web --replicas 1 --replica-every 1m", "paddock replicas web"});
    replicas->group("State");
    auto sandbox = std::make_shared<std::string>();
    add_sandbox(replicas, *sandbox);
    line.runs(replicas, [sandbox](Context& context) { return list_replicas(context, *sandbox); });
}

} // namespace cli
