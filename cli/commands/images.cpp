#include "cli/agent_injection.hpp"
#include "cli/answers.hpp"
#include "cli/command_line.hpp"
#include "cli/exit_status.hpp"
#include "cli/image_making.hpp"
#include "cli/image_source.hpp"
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
    COMMON_TRY(
        const auto answer,
        make_image(
            context,
            {{"name", wanted.name}, {"sandbox_id", sandbox}, {"from_snapshot", wanted.snapshot}},
            "making image " + wanted.name));
    return show_one(context, answer, "image");
}

common::Result<int> push(Context& context, const ImageFiles& wanted)
{
    COMMON_TRY(const auto answer, push_image(context, wanted));
    return show_one(context, answer, "image");
}

struct ImportOptions {
    std::string from;
    std::string host;
    std::string sha256;
    ImageFiles files;
};

common::Result<int> import_vm(Context& context, const ImportOptions& wanted)
{
    if (wanted.files.agent == agent_to_inject) {
        return common::Error{common::ErrorCode::invalid_argument,
                             "--agent inject: into a disk or a folder here, or a URL's; a VM on a "
                             "host keeps what it has"};
    }
    if (!wanted.files.prefetch.empty()) {
        return common::Error{common::ErrorCode::invalid_argument,
                             "--prefetch: an image of a VM stays on that VM's host"};
    }
    nlohmann::json body{{"name", wanted.files.name}, {"from_vm", wanted.from}};
    for (const auto& [field, text] :
         {std::pair{"host", &wanted.host}, std::pair{"agent", &wanted.files.agent}}) {
        if (!text->empty()) {
            body[field] = *text;
        }
    }
    COMMON_TRY(const auto answer, make_image(context, body, "copying the disk of " + wanted.from));
    return show_one(context, answer, "image");
}

common::Result<int> import(Context& context, const ImportOptions& wanted)
{
    if (!wanted.host.empty() || !is_image_source(wanted.from)) {
        return import_vm(context, wanted);
    }
    COMMON_TRY(const auto answer, import_image(context, wanted.files, wanted.from, wanted.sha256));
    return show_one(context, answer, "image");
}

/// What an image of files is like; `agent` is up to the command.
void add_file_options(CLI::App* command, ImageFiles& files)
{
    command->add_option("--kernel", files.kernel, "to boot it directly")->type_name("FILE");
    command->add_option("--initrd", files.initrd, "with a kernel")->type_name("FILE");
    command->add_option("--cmdline", files.cmdline, "with a kernel")->type_name("TEXT");
    command->add_option("--boot", files.boot, "bios or uefi, without a kernel (bios)")
        ->check(CLI::IsMember({"bios", "uefi"}))
        ->type_name("KIND");
    command->add_option("--cpu", files.cpu, "for sandboxes that do not say")->type_name("N");
    command->add_option("--memory", files.memory, "likewise, as in 512M or 2G")->type_name("SIZE");
    command
        ->add_option("--prefetch",
                     files.prefetch,
                     "which hosts fetch it at once: all (the default), none, or those with labels "
                     "as in disk=nvme,rack=a; others do once something of it is to run there")
        ->type_name("WHICH");
}

common::Result<int> show_image(Context& context, const std::string& name)
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
    group->alias("image");

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
    add_named("get", "All about one", "paddock images get tiny", show_image);
    add_named("rm", "Delete one that is yours", "paddock images rm web-1", remove);

    auto* command = line.add(*group,
                             "create",
                             "Make one of the disk that a snapshot of a sandbox holds",
                             {"paddock images create web-1 web clean"});
    auto wanted = std::make_shared<ImageOptions>();
    command->add_option("NAME", wanted->name, "of the new image")->type_name("")->required();
    add_sandbox(command, wanted->sandbox);
    command->add_option("SNAPSHOT", wanted->snapshot, "of that sandbox")->type_name("")->required();
    line.runs(command, [wanted](Context& context) { return create(context, *wanted); });

    auto* taken =
        line.add(*group,
                 "import",
                 "Make one of a URL, a disk or a folder here, or of a VM on a host",
                 {"paddock images import debian https://example.com/debian-12.qcow2 "
                  "--agent qemu --sha256 HEX",
                  "paddock images import web ./web.raw --agent none   # It is converted.",
                  "paddock images import stock ./genericcloud.qcow2 --agent inject",
                  "paddock images import tiny ./tiny/   # As tools/build-tiny-image makes.",
                  "paddock images import gold gold-vm --host h1"});
    auto from = std::make_shared<ImportOptions>();
    taken->add_option("NAME", from->files.name, "of the new image")->type_name("")->required();
    taken
        ->add_option("FROM",
                     from->from,
                     "http(s)://…; a qcow2 or raw file; a folder with image.json; else the name of "
                     "somebody else's VM, which may run, and goes on")
        ->type_name("")
        ->required();
    taken->add_option("--host", from->host, "of a VM, if several hosts have one of this name")
        ->type_name("HOST");
    taken->add_option("--sha256", from->sha256, "that the file, or what the URL answers, must have")
        ->type_name("HEX");
    taken
        ->add_option(
            "--agent",
            from->files.agent,
            "paddock, qemu or none (what image.json, or the VM's definition, says); inject: "
            "paddock, put into a copy of the disk first, by guestfish")
        ->check(CLI::IsMember({"paddock", "qemu", "none", agent_to_inject}))
        ->type_name("KIND");
    add_file_options(taken, from->files);
    line.runs(taken, [from](Context& context) { return import(context, *from); });

    auto* upload = line.add(
        *group,
        "push",
        "Make one of files here; every host fetches it, or those of --prefetch",
        {"paddock images push web web.qcow2 --agent paddock",
         "paddock images push cuda cuda.qcow2 --agent paddock --prefetch gpu=a100",
         "paddock images push tiny disk.qcow2 --kernel vmlinuz --initrd initrd --agent paddock",
         "qemu-img convert -O qcow2 debian.raw debian.qcow2   # a disk is qcow2 and stands alone"});
    auto files = std::make_shared<ImageFiles>();
    upload->add_option("NAME", files->name, "of the new image")->type_name("")->required();
    upload->add_option("DISK", files->disk, "a qcow2 file")->type_name("FILE")->required();
    upload
        ->add_option("--agent",
                     files->agent,
                     "what is in it that commands go through: paddock, qemu or none")
        ->check(CLI::IsMember({"paddock", "qemu", "none"}))
        ->type_name("KIND")
        ->required();
    add_file_options(upload, *files);
    line.runs(upload, [files](Context& context) { return push(context, *files); });
}

} // namespace cli
