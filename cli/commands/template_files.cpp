#include "cli/answers.hpp"
#include "cli/command_line.hpp"
#include "cli/exit_status.hpp"
#include "cli/template_plan.hpp"
#include "cli/template_text.hpp"
#include "common/config/document.hpp"

#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>

namespace cli {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

struct ApplyOptions {
    std::vector<std::string> files;
    bool check = false;
    bool dry_run = false;
};

/// As far as it may be one: the reader says so if there is more.
Result<std::string> text_of_file(const std::string& path)
{
    std::ifstream file;
    if (path != "-") {
        file.open(path, std::ios::binary);
    }
    auto& in = path == "-" ? std::cin : file;
    std::string text(common::config::most_of_document.count() + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (in.bad() || !(in || in.eof())) {
        return Error{ErrorCode::not_found,
                     path + ": it cannot be read: is it a file that is there?"};
    }
    return text;
}

Result<TemplateFile> read_one(const std::string& path)
{
    COMMON_TRY(const auto text, text_of_file(path));
    const auto folder = std::filesystem::absolute(path).parent_path();
    return read_template(text, path == "-" ? "stdin" : path, folder);
}

/// All of them, or all that is wrong in any.
Result<std::vector<TemplateFile>> read_all(const std::vector<std::string>& paths)
{
    std::vector<TemplateFile> files;
    std::vector<Error> wrong;
    std::map<std::string, std::string> origins;
    for (const auto& path : paths) {
        auto file = read_one(path);
        if (!file) {
            wrong.push_back(std::move(file).error());
            continue;
        }
        const auto [there, is_new] = origins.emplace(file->name, file->origin);
        if (!is_new) {
            wrong.push_back({ErrorCode::invalid_argument,
                             file->origin + ": " + file->name + " is in " + there->second + ", too",
                             "invalid_template"});
        }
        files.push_back(*std::move(file));
    }
    if (wrong.empty()) {
        return files;
    }
    if (wrong.size() == 1) {
        return wrong.front();
    }
    Error all{ErrorCode::invalid_argument,
              std::to_string(wrong.size()) + " files are no templates as they stand",
              "invalid_template"};
    for (const auto& one : wrong) {
        all.fields.insert(all.fields.end(), one.fields.begin(), one.fields.end());
        if (one.fields.empty()) { // "FILE:LINE: what"
            const auto colon = std::min(one.message.find(": "), one.message.size() - 1);
            all.fields.push_back({one.message.substr(0, colon + 1), one.message.substr(colon + 1)});
        }
    }
    return all;
}

const char* word_of(StepAction action)
{
    switch (action) {
    case StepAction::none: return "unchanged";
    case StepAction::create: return "created";
    case StepAction::change: return "changed";
    case StepAction::replace: return "replaced";
    }
    return "";
}

struct Planned {
    const TemplateFile& file;
    std::vector<TemplateStep> steps;
};

/// What was done of it, for people as it is done, and as one document at the end.
class Progressed {
public:
    Progressed(const Context& context, bool only_planned)
        : json_{context.json()}, only_planned_{only_planned}
    {}

    void add(const TemplateFile& file, const TemplateStep& step)
    {
        const bool is_none = step.action == StepAction::none;
        const std::string word = word_of(step.action);
        if (!json_) {
            Console::print(to_string(step.kind) + " " + step.name + " " +
                           (only_planned_ && !is_none ? "would be " : "") + word + "\n");
        }
        steps_.push_back({{"file", file.origin},
                          {"kind", to_string(step.kind)},
                          {"name", step.name},
                          {"result", word},
                          {"done", !only_planned_ || is_none},
                          {"body", step.body}});
    }
    void print() const
    {
        if (json_) {
            Console::print_json(nlohmann::ordered_json{{"steps", steps_}}.dump());
        }
    }

private:
    const bool json_;
    const bool only_planned_;
    nlohmann::ordered_json steps_ = nlohmann::ordered_json::array();
};

Result<> perform_all(Context& context, const std::vector<Planned>& plan, Progressed& progressed)
{
    for (const auto& [file, steps] : plan) {
        for (const auto& step : steps) {
            if (const auto done = perform(context, file, step); !done) {
                return Error{done.error()}.during(file.origin + ": " + to_string(step.kind) + " " +
                                                  step.name);
            }
            progressed.add(file, step);
        }
    }
    return {};
}

Result<int> checked(const Context& context, const std::vector<TemplateFile>& files)
{
    auto all = nlohmann::ordered_json::array();
    for (const auto& file : files) {
        all.push_back({{"file", file.origin}, {"name", file.name}});
        if (!context.json()) {
            Console::print(file.origin + ": template " + file.name + " is well-formed\n");
        }
    }
    if (context.json()) {
        Console::print_json(nlohmann::ordered_json{{"templates", all}}.dump());
    }
    return exit_ok;
}

Result<int> apply(Context& context, const ApplyOptions& wanted)
{
    COMMON_TRY(const auto files, read_all(wanted.files));
    for (const auto& file : files) {
        for (const auto& note : file.notes) {
            Console::say(note + "\n");
        }
    }
    if (wanted.check) {
        return checked(context, files);
    }
    std::vector<Planned> plan;
    for (const auto& file : files) {
        auto steps = plan_of(context.session, file);
        if (!steps) {
            return std::move(steps).error().during(file.origin);
        }
        plan.push_back({file, *std::move(steps)});
    }
    Progressed progressed{context, wanted.dry_run};
    Result<> done;
    if (wanted.dry_run) {
        for (const auto& [file, steps] : plan) {
            for (const auto& step : steps) {
                progressed.add(file, step);
            }
        }
    } else {
        done = perform_all(context, plan, progressed);
    }
    progressed.print();
    COMMON_CHECK(done);
    return exit_ok;
}

Result<int> export_template(Context& context, const std::string& name)
{
    COMMON_TRY(const auto answer, context.session.get("/v1/templates/" + client::encoded(name)));
    if (context.json()) {
        Console::print_json(answer);
        return exit_ok;
    }
    COMMON_TRY(const auto whole, client::parse(answer, context.session.url()));
    Json pool;
    if (const auto found = context.session.get("/v1/pools/" + client::encoded(name)); found) {
        COMMON_TRY(const auto all, client::parse(*found, context.session.url()));
        pool = inner_of(all, "pool");
    } else if (found.error().code != ErrorCode::not_found) {
        return found.error();
    }
    const auto& body = inner_of(whole, "template");
    const bool is_its_own = text_of(pool, "image") == text_of(body, "image");
    COMMON_TRY(const auto text, template_text(body, is_its_own ? pool : Json{}));
    Console::print(text);
    return exit_ok;
}

constexpr auto keys_help = R"(

A file says, in YAML:
  name: web               what creates call it; the one key that has to be there
  description: TEXT       for people
  image: tiny             an image that is there; or a disk, of which one is made:
  disk: FILE              qcow2 or raw, beside this file or not; or a folder with image.json; or
                          {from: URL, sha256: HEX}; and {kind: ephemeral}
  agent: qemu             in that disk, for commands: paddock, qemu or none; or inject
  prefetch: WHICH         hosts that fetch it at once: all, none or label=value,…
  kernel: FILE            to boot that disk directly, with initrd: FILE and cmdline: TEXT
  firmware: uefi          or bios, without a kernel
  vcpus: 2                the image's, if it is not said
  memory: 1GiB            likewise; or 512MiB, or 512
  network: nat            or isolated, or none
  env: {KEY: VALUE}       in the environment of commands; labels: likewise
  ttl: 2h                 destroyed after so long
  ready_command: TEXT     what has to succeed before a create is answered; ready_timeout: 2m
  auto_start: false       what is created is not booted
  pool: 2                 so many stand ready on each host; or {min, max, max_age, use}
  replicas: {count, every, memory}
  placement: {host, labels, tolerations, accelerator, group, spread_by, apart}
  file_policy: {roots, never_read, never_written}

Keys of older tools are taken, and it is told what they became: memory_mb, rootfs, boot_args,
guest_agent and resource_limits. A key that nobody knows is refused.)";

} // namespace

void add_template_files(CommandLine& line, CLI::App& group)
{
    auto* command = line.add(group,
                             "apply",
                             "Make templates as files say, with their images and pools",
                             {"paddock templates apply web.yaml",
                              "paddock templates apply --check *.yaml     # asks nobody",
                              "paddock templates apply --dry-run web.yaml # makes nothing",
                              "paddock create --template web"});
    command->footer(command->get_footer() + keys_help);
    auto wanted = std::make_shared<ApplyOptions>();
    command->add_option("FILE", wanted->files, "one template each; - is stdin")
        ->type_name("")
        ->required();
    auto* check =
        command->add_flag("--check", wanted->check, "only read the files, and say what is wrong");
    command
        ->add_flag(
            "--dry-run", wanted->dry_run, "say what would be done; with -o json, what is sent")
        ->excludes(check);
    line.runs(command, [wanted](Context& context) { return apply(context, *wanted); });

    auto* written = line.add(group,
                             "export",
                             "The file that one could have been made of",
                             {"paddock templates export web > web.yaml",
                              "paddock templates export web | paddock templates apply -"});
    auto which = std::make_shared<std::string>();
    written->add_option(of_template, *which, "its name")->type_name("")->required();
    line.runs(written, [which](Context& context) { return export_template(context, *which); });
}

} // namespace cli
