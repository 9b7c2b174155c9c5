#include "cli/answers.hpp"
#include "cli/command_line.hpp"
#include "cli/draining.hpp"
#include "cli/exit_status.hpp"
#include "common/version.hpp"

#include <fmt/format.h>

namespace cli {

namespace {

common::Result<int> get_host(Context& context, const std::string& name)
{
    COMMON_TRY(const auto body, context.session.get("/v1/hosts/" + client::encoded(name)));
    if (context.json()) {
        Console::print_json(body);
        return exit_ok;
    }
    COMMON_TRY(const auto json, client::parse(body, context.session.url()));
    auto host = inner_of(json, "host");
    std::string left;
    for (const auto* object : {draining.object, evacuating.object}) {
        const Json emptied = inner_of(host, object);
        if (!emptied.empty()) {
            host[object] = drain_text(emptied, now());
        }
        if (!inner_of(emptied, "left").empty()) {
            left += "\n" + left_table(emptied).render(context.console.out);
        }
    }
    Console::print(details_of(host, now(), context.console.out) + left);
    return exit_ok;
}

common::Result<int> list_vms(Context& context)
{
    COMMON_TRY(const auto body, context.session.get("/v1/vms"));
    if (context.json()) {
        Console::print_json(body);
        return exit_ok;
    }
    COMMON_TRY(const auto json, client::parse(body, context.session.url()));
    Console::print(vms_table(inner_of(json, "vms")).render(context.console.out));
    for (const auto& failed : inner_of(json, "host_errors")) {
        const common::Error error{
            common::ErrorCode::unavailable, text_of(failed, "error"), "host_failed"};
        context.console.report(common::Error{error}.during(text_of(failed, "host_name")),
                               context.session.request_id());
    }
    return exit_ok;
}

constexpr const char* field_labels = "labels"; ///< As the API's fields are called.
constexpr const char* field_taints = "taints";

/// What is set of hosts by name: labels, or taints.
struct LabelOptions {
    const char* field;
    std::string host;
    std::vector<std::string> labels;
};

common::Result<int> label_host(Context& context, const LabelOptions& wanted)
{
    auto labels = nlohmann::json::object();
    for (const auto& label : wanted.labels) {
        if (label.ends_with('-') && label.find('=') == std::string::npos) {
            labels[label.substr(0, label.size() - 1)] = nullptr;
            continue;
        }
        if (wanted.field == field_taints && label.find('=') == std::string::npos) {
            labels[label] = "";
            continue;
        }
        COMMON_TRY(const auto pair, pairs_of({label}, "a label"));
        labels.update(pair);
    }
    COMMON_TRY(const auto body,
               context.session.patch("/v1/hosts/" + client::encoded(wanted.host),
                                     {{wanted.field, std::move(labels)}}));
    return show_one(context, body, "host");
}

void add_labelling(CommandLine& line,
                   CLI::App& hosts,
                   const char* name,
                   const char* field,
                   const char* help,
                   const std::vector<std::string>& examples)
{
    auto* command = line.add(hosts, name, help, examples);
    auto wanted = std::make_shared<LabelOptions>(LabelOptions{field, {}, {}});
    command->add_option("HOST", wanted->host, "its enrolled name")->type_name("")->required();
    command->add_option("LABEL", wanted->labels, "NAME=VALUE sets one, NAME- takes it off")
        ->type_name("")
        ->required();
    line.runs(command, [wanted](Context& context) { return label_host(context, *wanted); });
}

/// One of what an operator asks of hosts.
struct HostStep {
    const char* name; ///< Of the command, and the route.
    const char* help;
    const char* doing;
    const char* done;
};
constexpr HostStep host_steps[] = {
    {"cordon", "Place nothing more on a host", "cordoning", "cordoned"},
    {"uncordon", "Place on it again, and drain it no more", "uncordoning", "uncordoned"},
};

common::Result<int>
ask_hosts(Context& context, const HostStep& step, const std::vector<std::string>& names)
{
    return for_each(context, names, [&](const std::string& name) -> common::Result<std::string> {
        const auto path = "/v1/hosts/" + client::encoded(name) + "/" + step.name;
        COMMON_TRY(auto answer,
                   long_call(context,
                             {.what = std::string{step.doing} + " " + name,
                              .if_interrupted = "it goes on; see: paddock hosts get " + name},
                             [&session = context.session, path] {
                                 return session.post(path, nlohmann::json::object());
                             }));
        if (!context.json()) {
            Console::print(fmt::format("{} {}\n", name, step.done));
        }
        return answer;
    });
}

void add_host_step(CommandLine& line, const HostStep& step)
{
    auto* command =
        line.add(line.app, step.name, step.help, {fmt::format("paddock {} h1", step.name)});
    command->group("Fleet");
    auto names = std::make_shared<std::vector<std::string>>();
    command->add_option("HOST", *names, "enrolled names")->type_name("")->required();
    line.runs(command,
              [names, &step](Context& context) { return ask_hosts(context, step, *names); });
}

common::Result<int> version(Context& context)
{
    if (!context.json()) {
        Console::print(fmt::format("paddock {}\n", common::version));
    }
    COMMON_TRY(const auto body, context.session.get("/version"));
    if (context.json()) {
        Console::print_json(body);
        return exit_ok;
    }
    COMMON_TRY(const auto json, client::parse(body, context.session.url()));
    Console::print(fmt::format("{} {}, API {}, at {}\n",
                               text_of(json, "name"),
                               text_of(json, "version"),
                               text_of(json, "api"),
                               context.session.url()));
    return exit_ok;
}

} // namespace

void add_fleet_commands(CommandLine& line)
{
    auto* group =
        line.add(line.app, "hosts", "The machines that sandboxes run on", {"paddock hosts ls"});
    group->group("Fleet");
    group->require_subcommand(1);
    auto* all = line.add(*group, "ls", "All, with capacity and use", {"paddock hosts ls"});
    line.runs(all, [](Context& context) {
        return list_and_show(context, "/v1/hosts", "hosts", hosts_table);
    });
    auto* one = line.add(*group, "get", "All about one", {"paddock hosts get h1"});
    auto host = std::make_shared<std::string>();
    one->add_option("HOST", *host, "its enrolled name")->type_name("")->required();
    line.runs(one, [host](Context& context) { return get_host(context, *host); });

    add_labelling(line,
                  *group,
                  "label",
                  field_labels,
                  "Set labels of one, or take them off",
                  {"paddock hosts label h1 rack=a1 gpu=", "paddock hosts label h1 rack-"});
    add_labelling(line,
                  *group,
                  "taint",
                  field_taints,
                  "Keep away what does not tolerate it; what is there stays",
                  {"paddock hosts taint h1 gpu=a100", "paddock hosts taint h1 gpu-"});

    for (const auto& step : host_steps) {
        add_host_step(line, step);
    }
    add_drain(line);

    auto* vms = line.add(line.app, "vms", "Other virtual machines on the hosts", {"paddock vms"});
    vms->group("Fleet");
    line.runs(vms, list_vms);

    auto* versions =
        line.add(line.app, "version", "This program's, and the coordinator's", {"paddock version"});
    versions->group("Help");
    line.runs(versions, version);
}

} // namespace cli
