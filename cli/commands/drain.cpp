#include "cli/answers.hpp"
#include "cli/command_line.hpp"
#include "cli/draining.hpp"
#include "cli/exit_status.hpp"
#include "cli/text.hpp"

#include <chrono>
#include <fmt/format.h>
#include <mutex>
#include <thread>

namespace cli {

namespace {

struct DrainOptions {
    std::string host;
    std::string deadline;
    bool no_wait = false;
};

/// What the thread that asks knows last, for the one that shows it.
struct DrainNews {
    std::mutex mutex;
    std::string text;

    std::string get()
    {
        const std::lock_guard lock{mutex};
        return text;
    }
    void set(std::string now)
    {
        const std::lock_guard lock{mutex};
        text = std::move(now);
    }
};

common::Result<int>
tell_end(Context& context, const std::string& host, const std::string& body, const Emptying& kind)
{
    COMMON_TRY(const auto json, client::parse(body, context.session.url()));
    const auto& how = inner_of(inner_of(json, "host"), kind.object);
    const bool empty = text_of(how, "state") == kind.called;
    if (context.json()) {
        Console::print_json(body);
    } else if (empty) {
        Console::print(
            fmt::format("{} {}, {} moved\n", host, kind.called, number_of(how, "moved")));
    } else if (!inner_of(how, "left").empty()) {
        Console::print(left_table(how).render(context.console.out));
    }
    if (empty) {
        return exit_ok;
    }
    const auto remaining = number_of(how, "remaining");
    const auto left =
        remaining > 0 ? fmt::format("{} left", remaining) : "not all that has left is gone from it";
    const bool is_drain = &kind == &draining;
    common::Error error{
        common::ErrorCode::failed_precondition,
        is_drain
            ? fmt::format("host {} is not empty as its time is over: {}", host, left)
            : fmt::format("not all of host {} could be brought back elsewhere: {}", host, left),
        is_drain ? "drain_incomplete" : "evacuation_incomplete"};
    error.details = is_drain ? fmt::format("paddock drain {0}     tries again\n"
                                           "paddock uncordon {0}  ends it",
                                           host)
                             : fmt::format("what can be is tried again all the time\n"
                                           "paddock hosts get {0}  tells how far it is\n"
                                           "paddock uncordon {0}   ends it",
                                           host);
    return error;
}

/// `wish`: the body of the request.
common::Result<int> empty_host(Context& context,
                               const std::string& host,
                               const nlohmann::json& wish,
                               bool no_wait,
                               const Emptying& kind)
{
    const std::string verb = &kind == &draining ? "drain" : "evacuate";
    const auto news = std::make_shared<DrainNews>();
    COMMON_TRY(
        const auto body,
        long_call(
            context,
            {.what = fmt::format("{} {}", kind.under_way, host),
             .phase = [news] { return news->get(); },
             .if_interrupted =
                 fmt::format("the {} goes on; to end it: paddock uncordon {}", kind.object, host)},
            [=, &kind, &session = context.session]() -> common::Result<std::string> {
                COMMON_TRY(auto first,
                           session.post("/v1/hosts/" + client::encoded(host) + "/" + verb, wish));
                if (no_wait) {
                    return first;
                }
                constexpr std::chrono::seconds patience{30};
                session.set_timeout(patience); // Of one of many questions.
                return follow_drain(
                    session,
                    host,
                    std::move(first),
                    {.told = [&](const Json& now) { news->set(drain_progress(now)); },
                     .pause = [] { std::this_thread::sleep_for(std::chrono::seconds{1}); }},
                    kind);
            }));
    if (!no_wait) {
        return tell_end(context, host, body, kind);
    }
    if (context.json()) {
        Console::print_json(body);
    } else {
        Console::print(fmt::format("{} {}\n", host, kind.under_way));
    }
    return exit_ok;
}

common::Result<int> drain(Context& context, const DrainOptions& wanted)
{
    auto wish = nlohmann::json::object();
    if (!wanted.deadline.empty()) {
        COMMON_TRY(const auto deadline, parse_span(wanted.deadline));
        wish["deadline_sec"] = deadline.count();
    }
    return empty_host(context, wanted.host, wish, wanted.no_wait, draining);
}

struct EvacuateOptions {
    std::string host;
    bool powered_off = false;
    bool no_wait = false;
};

void add_evacuate(CommandLine& line)
{
    auto* command = line.add(
        line.app,
        "evacuate",
        "Of a host that is lost: bring back its sandboxes where there are copies of them",
        {"paddock evacuate h1                 # it fences itself, and has had the time to",
         "paddock evacuate h1 --powered-off   # you have made sure that nothing runs there",
         "paddock uncordon h1                 # ends it; what has gone on elsewhere stays"});
    command->group("Fleet");
    auto wanted = std::make_shared<EvacuateOptions>();
    command->add_option("HOST", wanted->host, "its enrolled name")->type_name("")->required();
    command->add_flag("--powered-off",
                      wanted->powered_off,
                      "it is off: else a sandbox may run twice, there and elsewhere");
    command->add_flag("--no-wait", wanted->no_wait, "only ask for it; `hosts get` tells of it");
    line.runs(command, [wanted](Context& context) {
        const nlohmann::json wish{{"powered_off", wanted->powered_off}};
        return empty_host(context, wanted->host, wish, wanted->no_wait, evacuating);
    });
}

} // namespace

void add_drain(CommandLine& line)
{
    auto* command =
        line.add(line.app,
                 "drain",
                 "Move its sandboxes to other hosts, and wait until it is empty",
                 {"paddock drain h1",
                  "paddock drain h1 --deadline 10m",
                  "paddock drain h1 --no-wait && paddock hosts get h1",
                  "paddock uncordon h1     # ends it; what has moved stays where it is"});
    command->group("Fleet");
    auto wanted = std::make_shared<DrainOptions>();
    command->add_option("HOST", wanted->host, "its enrolled name")->type_name("")->required();
    command->add_option("--deadline", wanted->deadline, "what has not left by then stays (1h)")
        ->type_name(of_span);
    command->add_flag("--no-wait", wanted->no_wait, "only ask for it; `hosts get` tells of it");
    line.runs(command, [wanted](Context& context) { return drain(context, *wanted); });
    add_evacuate(line);
}

} // namespace cli
