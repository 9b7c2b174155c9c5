#include "cli/answers.hpp"
#include "cli/command_line.hpp"
#include "cli/exit_status.hpp"
#include "cli/resolve.hpp"
#include "cli/text.hpp"

#include <fmt/format.h>

namespace cli {

namespace {

/// One of the calls that bring sandboxes from one phase to another.
struct Step {
    const char* name;  ///< Of the command and of the route.
    const char* doing; ///< "stopping"
    const char* help;
    const char* example;
    bool ends_guest = false; ///< It takes --force and --timeout.
    bool waits_for_ip = false;
};

constexpr Step steps[] = {
    {"start",
     "starting",
     "Boot sandboxes that are stopped",
     "paddock start web --wait-for-ip",
     false,
     true},
    {"stop",
     "stopping",
     "Shut them down; their disks are kept",
     "paddock stop web db --timeout 20s",
     true},
    {"restart", "restarting", "Stop them and boot them anew", "paddock restart web --force", true},
    {"pause", "pausing", "Keep their memory, give them no CPU", "paddock pause web"},
    {"resume", "resuming", "Let paused and suspended ones go on", "paddock resume web"},
    {"suspend", "suspending", "Their memory to disk; they reserve nothing", "paddock suspend web"},
};

struct LifecycleOptions {
    std::vector<std::string> sandboxes;
    bool force = false;
    std::string timeout;
    bool wait_for_ip = false;
};

void tell(Context& context, const std::string& name, const std::string& body)
{
    const auto json = client::parse(body, context.session.url());
    if (context.json() || !json) {
        return;
    }
    const auto phase = text_of(inner_of(*json, "sandbox"), "phase");
    Console::print(
        fmt::format("{} {}\n", name, toned(phase, tone_of_phase(phase), context.console.out)));
}

common::Result<int> take(Context& context, const Step& step, const LifecycleOptions& wanted)
{
    auto body = nlohmann::json::object();
    if (wanted.force) {
        body["force"] = true;
    }
    if (!wanted.timeout.empty()) {
        COMMON_TRY(const auto timeout, parse_span(wanted.timeout));
        body["timeout_sec"] = timeout.count();
    }
    if (wanted.wait_for_ip) {
        body["wait_for_ip"] = true;
    }
    return for_each(
        context, wanted.sandboxes, [&](const std::string& name) -> common::Result<std::string> {
            COMMON_TRY(const auto id, sandbox_id(context.session, name));
            const auto path = "/v1/sandboxes/" + id + "/" + step.name;
            COMMON_TRY(auto answer,
                       long_call(context,
                                 {.what = std::string{step.doing} + " " + name,
                                  .phase = phase_of(context, id),
                                  .if_interrupted = "it goes on; see: paddock get " + name},
                                 [&session = context.session, path, body] {
                                     return session.post(path, body);
                                 }));
            tell(context, name, answer);
            return answer;
        });
}

common::Result<int> remove(Context& context, const std::vector<std::string>& names, bool lenient)
{
    return for_each(context, names, [&](const std::string& name) -> common::Result<std::string> {
        auto answer = [&]() -> common::Result<std::string> {
            COMMON_TRY(const auto id, sandbox_id(context.session, name, Meant::certain));
            return long_call(
                context,
                {.what = "destroying " + name,
                 .if_interrupted = "its end goes on; see: paddock get " + name},
                [&session = context.session, id] { return session.del("/v1/sandboxes/" + id); });
        }();
        if (!answer && lenient && answer.error().code == common::ErrorCode::not_found) {
            return std::string{};
        }
        if (answer && !context.json()) {
            Console::print(name + " destroyed\n");
        }
        return answer;
    });
}

common::Result<int> extend(Context& context, const std::string& name, const std::string& span)
{
    COMMON_TRY(const auto ttl, parse_span(span));
    COMMON_TRY(const auto id, sandbox_id(context.session, name));
    COMMON_TRY(
        const auto body,
        context.session.post("/v1/sandboxes/" + id + "/extend", {{"ttl_seconds", ttl.count()}}));
    if (context.json()) {
        Console::print_json(body);
        return exit_ok;
    }
    COMMON_TRY(const auto json, client::parse(body, context.session.url()));
    const auto& sandbox = inner_of(json, "sandbox");
    Console::print(
        fmt::format("{} expires {}\n", name, until(text_of(sandbox, "expires_at"), now())));
    return exit_ok;
}

CLI::Option* add_sandboxes(CLI::App* command,
                           std::vector<std::string>& into,
                           const std::string& help = "ids, names, or beginnings of ids")
{
    return command->add_option("SANDBOX", into, help)->type_name("")->required();
}

void add_step(CommandLine& line, const Step& step)
{
    auto* command = line.add(line.app, step.name, step.help, {step.example});
    command->group("Life");
    auto wanted = std::make_shared<LifecycleOptions>();
    add_sandboxes(command, wanted->sandboxes);
    if (step.ends_guest) {
        command->add_flag("-f,--force", wanted->force, "cut the power, ask nobody");
        command->add_option("--timeout", wanted->timeout, "then the power is cut")
            ->type_name(of_span);
    }
    if (step.waits_for_ip) {
        command->add_flag("--wait-for-ip", wanted->wait_for_ip, "return once it has an address");
    }
    line.runs(command, [&step, wanted](Context& context) { return take(context, step, *wanted); });
}

} // namespace

void add_lifecycle_commands(CommandLine& line)
{
    for (const auto& step : steps) {
        add_step(line, step);
    }
    struct Removal {
        std::vector<std::string> sandboxes;
        bool force = false;
    };
    auto* command = line.add(line.app,
                             "rm",
                             "Destroy sandboxes, with their disks and snapshots",
                             {"paddock rm web db", "paddock rm --force $(paddock ls -q)"});
    command->group("Sandboxes");
    auto removal = std::make_shared<Removal>();
    // None at all is what `$(paddock ls -q)` gives where there are none.
    auto* names = add_sandboxes(command,
                                removal->sandboxes,
                                "ids, names, or beginnings of ids (eight characters and more)")
                      ->required(false);
    command->add_flag("-f,--force", removal->force, "what is not there is no failure");
    line.runs(command, [removal, names](Context& context) -> common::Result<int> {
        if (names->count() == 0 && !removal->force) {
            return common::Error{common::ErrorCode::invalid_argument,
                                 "rm: which sandbox? Name one or several"};
        }
        return remove(context, removal->sandboxes, removal->force);
    });

    auto* longer =
        line.add(line.app, "extend", "A new time to live, from now", {"paddock extend web 2h"});
    longer->group("Life");
    struct Extension {
        std::string sandbox;
        std::string span;
    };
    auto extension = std::make_shared<Extension>();
    add_sandbox(longer, extension->sandbox);
    longer->add_option("TIME", extension->span, "like 90s, 10m, 2h, 7d")->type_name("")->required();
    line.runs(longer, [extension](Context& context) {
        return extend(context, extension->sandbox, extension->span);
    });
}

} // namespace cli
