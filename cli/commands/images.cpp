#include "cli/answers.hpp"
#include "cli/command_line.hpp"
#include "cli/exit_status.hpp"
#include "cli/resolve.hpp"

namespace cli {

namespace {

struct ImageOptions {
    std::string name;
    std::string sandbox;
    std::string snapshot;
};

common::Result<int> create(Context& context, const ImageOptions& wanted)
{
    COMMON_TRY(const auto sandbox, sandbox_id(context.session, wanted.sandbox));
    const nlohmann::json body{
        {"name", wanted.name}, {"sandbox_id", sandbox}, {"from_snapshot", wanted.snapshot}};
    COMMON_TRY(const auto answer,
               long_call(context,
                         {.what = "making image " + wanted.name,
                          .if_interrupted = "it goes on; see: paddock images get " + wanted.name},
                         [&session = context.session, body] {
                             return session.post(
                                 "/v1/images", body, client::Session::Asking::keyed);
                         }));
    return show_one(context, answer, "image");
}

common::Result<int> get(Context& context, const std::string& name)
{
    COMMON_TRY(const auto body, context.session.get("/v1/images/" + client::encoded(name)));
    return show_one(context, body, "image");
}

common::Result<int> remove(Context& context, const std::string& name)
{
    COMMON_TRY(
        const auto body,
        long_call(context, {.what = "deleting image " + name}, [&session = context.session, name] {
            return session.del("/v1/images/" + client::encoded(name));
        }));
    if (context.json()) {
        Console::print_json(body);
    } else {
        Console::print(name + " deleted\n");
    }
    return exit_ok;
}

} // namespace

void add_image_commands(CommandLine& line)
{
    auto* group = line.add(line.app, "images", "What sandboxes boot", {"paddock images ls"});
    group->group("State");
    group->require_subcommand(1);

    auto* all = line.add(*group, "ls", "All, and on which hosts they are", {"paddock images ls"});
    line.runs(all, [](Context& context) {
        return list_and_show(context, "/v1/images", "images", images_table);
    });

    const auto add_named =
        [&](const char* name, const char* help, const char* example, auto action) {
            auto* command = line.add(*group, name, help, {example});
            auto image = std::make_shared<std::string>();
            command->add_option("IMAGE", *image, "its name")->type_name("")->required();
            line.runs(command, [=](Context& context) { return action(context, *image); });
        };
    add_named("get", "All about one", "paddock images get tiny", get);
    add_named("rm", "Delete one that was made of a snapshot", "paddock images rm web-1", remove);

    auto* command = line.add(*group,
                             "create",
                             "Make one of the disk that a snapshot of a sandbox holds",
                             {"paddock images create web-1 web clean"});
    auto wanted = std::make_shared<ImageOptions>();
    command->add_option("NAME", wanted->name, "of the new image")->type_name("")->required();
    add_sandbox(command, wanted->sandbox);
    command->add_option("SNAPSHOT", wanted->snapshot, "of that sandbox")->type_name("")->required();
    line.runs(command, [wanted](Context& context) { return create(context, *wanted); });
}

} // namespace cli
