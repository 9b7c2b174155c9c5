#include "cli/answers.hpp"
#include "cli/command_line.hpp"
#include "cli/exit_status.hpp"
#include "cli/text.hpp"

namespace cli {

namespace {

struct PoolOptions {
    std::string name;
    std::string image;
    std::string memory;
    std::string network;
    std::string max_age;
    unsigned cpu = 0;
    std::optional<unsigned> min;
    std::optional<unsigned> max;
};

common::Result<> put_bounds(const PoolOptions& wanted, nlohmann::json& body)
{
    if (wanted.min) {
        body["min"] = *wanted.min;
    }
    if (wanted.max) {
        body["max"] = *wanted.max;
    }
    if (!wanted.max_age.empty()) {
        COMMON_TRY(const auto age, parse_span(wanted.max_age));
        body["max_age_seconds"] = age.count();
    }
    return {};
}

common::Result<int> create(Context& context, const PoolOptions& wanted)
{
    nlohmann::json body{{"name", wanted.name}, {"image", wanted.image}};
    if (wanted.cpu > 0) {
        body["cpu"] = wanted.cpu;
    }
    if (!wanted.memory.empty()) {
        COMMON_TRY(body["memory_mb"], parse_memory_mb(wanted.memory));
    }
    if (!wanted.network.empty()) {
        body["network_mode"] = wanted.network;
    }
    COMMON_CHECK(put_bounds(wanted, body));
    COMMON_TRY(const auto answer,
               context.session.post("/v1/pools", body, client::Session::Asking::keyed));
    return show_one(context, answer, "pool");
}

common::Result<int> set(Context& context, const PoolOptions& wanted)
{
    auto body = nlohmann::json::object();
    COMMON_CHECK(put_bounds(wanted, body));
    COMMON_TRY(const auto answer,
               context.session.patch("/v1/pools/" + client::encoded(wanted.name), body));
    return show_one(context, answer, "pool");
}

common::Result<int> show_pool(Context& context, const PoolOptions& wanted)
{
    COMMON_TRY(const auto body, context.session.get("/v1/pools/" + client::encoded(wanted.name)));
    return show_one(context, body, "pool");
}

common::Result<int> remove(Context& context, const PoolOptions& wanted)
{
    COMMON_TRY(const auto body, context.session.del("/v1/pools/" + client::encoded(wanted.name)));
    if (context.json()) {
        Console::print_json(body);
    } else {
        Console::print(wanted.name + " deleted\n");
    }
    return exit_ok;
}

void add_bounds(CLI::App* command, PoolOptions& wanted)
{
    command->add_option("--min", wanted.min, "ready on each host, at least")->type_name("N");
    command->add_option("--max", wanted.max, "ready on each host, at most")->type_name("N");
    command->add_option("--max-age", wanted.max_age, "older ones are replaced")->type_name(of_span);
}

void add_named_pool(CommandLine& line,
                    CLI::App& group,
                    const std::string& name,
                    const std::string& help,
                    const std::string& example,
                    common::Result<int> (*action)(Context&, const PoolOptions&))
{
    auto* command = line.add(group, name, help, {example});
    auto wanted = std::make_shared<PoolOptions>();
    command->add_option("POOL", wanted->name, "its name")->type_name("")->required();
    if (name == "set") {
        add_bounds(command, *wanted);
    }
    line.runs(command, [=](Context& context) { return action(context, *wanted); });
}

} // namespace

void add_pool_commands(CommandLine& line)
{
    auto* group = line.add(line.app,
                           "pools",
                           "Sandboxes of a shape that stand ready before anybody asks",
                           {"paddock pools create ready tiny --min 2", "paddock pools ls"});
    group->group("State");
    group->require_subcommand(1);

    auto* all = line.add(*group, "ls", "All, and what they have ready", {"paddock pools ls"});
    line.runs(all, [](Context& context) {
        return list_and_show(
            context, "/v1/pools", "pools", [](const Json& items, common::WallTime) {
                return pools_table(items);
            });
    });

    auto* command = line.add(*group,
                             "create",
                             "Keep sandboxes of this shape ready on every host that has the image",
                             {"paddock pools create ready tiny --min 2",
                              "paddock pools create big debian-12 --cpu 4 --memory 4G --max 1"});
    auto wanted = std::make_shared<PoolOptions>();
    command->add_option("NAME", wanted->name, "how to speak of it")->type_name("")->required();
    command->add_option("IMAGE", wanted->image, "that they boot")->type_name("")->required();
    command->add_option("--cpu", wanted->cpu, "virtual CPUs (the image's)")->type_name("N");
    command->add_option("--memory", wanted->memory, "like 512M or 2G (the image's)")
        ->type_name("SIZE");
    command->add_option("--network", wanted->network, "nat, isolated or none (nat)")
        ->type_name("MODE")
        ->check(CLI::IsMember({"nat", "isolated", "none"}));
    add_bounds(command, *wanted);
    line.runs(command, [wanted](Context& context) { return create(context, *wanted); });

    add_named_pool(line, *group, "get", "All about one", "paddock pools get ready", show_pool);
    add_named_pool(line,
                   *group,
                   "set",
                   "How many it keeps, and for how long",
                   "paddock pools set ready --min 4",
                   set);
    add_named_pool(line,
                   *group,
                   "rm",
                   "Delete one, with what stands ready in it",
                   "paddock pools rm ready",
                   remove);
}

} // namespace cli
