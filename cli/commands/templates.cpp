#include "cli/answers.hpp"
#include "cli/command_line.hpp"
#include "cli/exit_status.hpp"
#include "cli/shape_options.hpp"
#include "cli/show.hpp"

namespace cli {

namespace {

constexpr const char* all_templates = "/v1/templates";

struct TemplateOptions {
    std::string name;
    std::string image;
    std::string description;
    ShapeOptions shape;
    bool no_start = false;
    bool replaces = false;
};

std::string path_of(const std::string& name)
{
    return std::string{all_templates} + "/" + client::encoded(name);
}

common::Result<int> make_template(Context& context, const TemplateOptions& wanted)
{
    nlohmann::json body{{"image", wanted.image}, {"auto_start", !wanted.no_start}};
    if (!wanted.description.empty()) {
        body["description"] = wanted.description;
    }
    COMMON_CHECK(put_shape(wanted.shape, body));
    if (wanted.replaces) {
        COMMON_TRY(const auto answer, context.session.put(path_of(wanted.name), body));
        return show_one(context, answer, "template");
    }
    body["name"] = wanted.name;
    COMMON_TRY(const auto answer,
               context.session.post(all_templates, body, client::Session::Asking::keyed));
    return show_one(context, answer, "template");
}

common::Result<int> show_template(Context& context, const std::string& name)
{
    COMMON_TRY(const auto body, context.session.get(path_of(name)));
    return show_one(context, body, "template");
}

common::Result<int> remove_template(Context& context, const std::string& name)
{
    COMMON_CHECK(context.session.del(path_of(name)));
    if (context.json()) {
        Console::print_json(Json{{"deleted", name}}.dump());
    } else {
        Console::print(name + " deleted\n");
    }
    return exit_ok;
}

} // namespace

void add_template_commands(CommandLine& line)
{
    auto* group = line.add(line.app,
                           "templates",
                           "What creates have in common, under a name",
                           {"paddock templates create web tiny --memory 512M --label team=search",
                            "paddock templates apply web.yaml",
                            "paddock create --template web"});
    group->group("State");
    group->require_subcommand(1);

    auto* list = line.add(*group, "ls", "All of yours", {"paddock templates ls"});
    line.runs(list, [](Context& context) {
        return list_and_show(context, all_templates, "templates", templates_table);
    });

    auto* command = line.add(*group,
                             "create",
                             "Make one; what is not said is the image's, or a create's",
                             {"paddock templates create web tiny --memory 512M --env STAGE=test",
                              "paddock templates create web tiny --memory 1G --replace"});
    auto wanted = std::make_shared<TemplateOptions>();
    command->add_option("NAME", wanted->name, "how to speak of it")->type_name("")->required();
    command->add_option("IMAGE", wanted->image, "what it boots")->type_name("")->required();
    command->add_option("--description", wanted->description, "for people")->type_name("TEXT");
    add_shape_options(command, wanted->shape);
    command->add_flag("--no-start", wanted->no_start, "what is created is not booted");
    command->add_flag("--replace", wanted->replaces, "in place of all that it says now");
    line.runs(command, [wanted](Context& context) { return make_template(context, *wanted); });

    const auto add_named = [&](const char* name, const char* help, auto action) {
        auto* named =
            line.add(*group, name, help, {std::string{"paddock templates "} + name + " web"});
        auto which = std::make_shared<std::string>();
        named->add_option(of_template, *which, "its name")->type_name("")->required();
        line.runs(named, [=](Context& context) { return action(context, *which); });
    };
    add_named("get", "All that one says", show_template);
    add_named("rm", "Delete one; what was created with it lives on", remove_template);
    add_template_files(line, *group);
}

} // namespace cli
