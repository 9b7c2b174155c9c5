#include "cli/answers.hpp"
#include "cli/command_line.hpp"
#include "cli/exit_status.hpp"
#include "cli/resolve.hpp"

namespace cli {

namespace {

struct Filter {
    std::string state;
    std::string agent;
    std::string host;
    std::string image;
    std::vector<std::string> labels;
    bool ids_only = false;
};

common::Result<std::string> query_of(const Filter& filter)
{
    std::string query;
    const auto add = [&](const char* name, const std::string& value) {
        if (!value.empty()) {
            query += (query.empty() ? "" : "&") + std::string{name} + "=" + client::encoded(value);
        }
    };
    add("state", filter.state);
    add("agent_id", filter.agent);
    add("host", filter.host);
    add("base_image", filter.image);
    COMMON_CHECK(pairs_of(filter.labels, "--label"));
    for (const auto& label : filter.labels) {
        add("label", label);
    }
    return query;
}

common::Result<int> list(Context& context, const Filter& filter)
{
    COMMON_TRY(const auto query, query_of(filter));
    COMMON_TRY(const auto listing, list_all(context.session, "/v1/sandboxes", query, "sandboxes"));
    if (!filter.ids_only) {
        show_list(context, listing, sandboxes_table(listing.items(), now()));
        return exit_ok;
    }
    for (const auto& item : listing.items()) {
        Console::print(text_of(item, "id") + "\n");
    }
    return exit_ok;
}

common::Result<int> show_sandbox(Context& context, const std::string& name)
{
    COMMON_TRY(const auto id, sandbox_id(context.session, name));
    COMMON_TRY(const auto body, context.session.get("/v1/sandboxes/" + id));
    return show_one(context, body, "sandbox");
}

common::Result<int> ip(Context& context, const std::string& name)
{
    COMMON_TRY(const auto id, sandbox_id(context.session, name));
    COMMON_TRY(const auto body,
               long_call(context, {.what = "waiting for the address of " + name}, [&, id] {
                   return context.session.get("/v1/sandboxes/" + id + "/ip");
               }));
    if (context.json()) {
        Console::print_json(body);
        return exit_ok;
    }
    COMMON_TRY(const auto json, client::parse(body, context.session.url()));
    Console::print(text_of(json, "ip_address") + "\n");
    return exit_ok;
}

common::Result<int> history(Context& context, const std::string& name)
{
    COMMON_TRY(const auto id, sandbox_id(context.session, name));
    return list_and_show(context, "/v1/sandboxes/" + id + "/commands", "commands", commands_table);
}

/// A command that is about one sandbox and has no options of its own.
void add_simple(CommandLine& line,
                const std::string& name,
                const std::string& help,
                const std::string& example,
                common::Result<int> (*action)(Context&, const std::string&))
{
    auto* command = line.add(line.app, name, help, {example});
    command->group("Sandboxes");
    auto sandbox = std::make_shared<std::string>();
    add_sandbox(command, *sandbox);
    line.runs(command, [=](Context& context) { return action(context, *sandbox); });
}

} // namespace

void add_sandbox_commands(CommandLine& line)
{
    auto* command = line.add(line.app,
                             "ls",
                             "Sandboxes, newest first",
                             {"paddock ls",
                              "paddock ls --state RUNNING --label team=search",
                              "paddock rm $(paddock ls -q --agent nightly)"});
    command->group("Sandboxes");
    auto filter = std::make_shared<Filter>();
    command->add_option("--state", filter->state, "only these: RUNNING, STOPPED, …")
        ->type_name("STATE")
        ->transform(CLI::IsMember(
            {"CREATED", "STARTING", "RUNNING", "STOPPED", "DESTROYED", "ERROR"}, CLI::ignore_case));
    add_repeated(
        command, "--label", filter->labels, "only those that have it; several: all of them")
        ->type_name(of_pair);
    command->add_option("--agent", filter->agent, "only this agent's")->type_name("AGENT");
    command->add_option("--host", filter->host, "only on this host")->type_name(of_host);
    command->add_option("--image", filter->image, "only of this image")->type_name(of_image);
    command->add_flag("-q,--quiet", filter->ids_only, "ids alone, one a line");
    line.runs(command, [filter](Context& context) { return list(context, *filter); });

    add_simple(line, "get", "All about one sandbox", "paddock get web", show_sandbox);
    add_simple(line,
               "ip",
               "Its address, once it has one",
               "ping -c 1 $(paddock ip web)     # on its host",
               ip);
    add_simple(line,
               "commands",
               "What was run in it, and how that ended",
               "paddock commands web",
               history);
}

} // namespace cli
