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

common::Result<int> tell_end(Context& context, const std::string& host, const std::string& body)
{
    COMMON_TRY(const auto json, client::parse(body, context.session.url()));
    const auto& drain = inner_of(inner_of(json, "host"), "drain");
    const bool empty = text_of(drain, "state") == "drained";
    if (context.json()) {
        Console::print_json(body);
    } else if (empty) {
        Console::print(fmt::format("{} drained, {} moved\n", host, number_of(drain, "moved")));
    } else if (!inner_of(drain, "left").empty()) {
        Console::print(left_table(drain).render(context.console.out));
    }
    if (empty) {
        return exit_ok;
    }
    const auto remaining = number_of(drain, "remaining");
    common::Error error{common::ErrorCode::failed_precondition,
                        fmt::format("host {} is not empty as its time is over: {}",
                                    host,
                                    remaining > 0 ? fmt::format("{} left", remaining)
                                                  : "not all that has left is gone from it"),
                        "drain_incomplete"};
    error.details = fmt::format("paddock drain {0}     tries again\n"
                                "paddock uncordon {0}  ends it",
                                host);
    return error;
}

common::Result<int> drain(Context& context, const DrainOptions& wanted)
{
    auto wish = nlohmann::json::object();
    if (!wanted.deadline.empty()) {
        COMMON_TRY(const auto deadline, parse_span(wanted.deadline));
        wish["deadline_sec"] = deadline.count();
    }
    const auto& host = wanted.host;
    const auto news = std::make_shared<DrainNews>();
    COMMON_TRY(
        const auto body,
        long_call(
            context,
            {.what = "draining " + host,
             .phase = [news] { return news->get(); },
             .if_interrupted =
                 fmt::format("the drain goes on; to end it: paddock uncordon {}", host)},
            [news, wanted, wish, &session = context.session]() -> common::Result<std::string> {
                COMMON_TRY(
                    auto first,
                    session.post("/v1/hosts/" + client::encoded(wanted.host) + "/drain", wish));
                if (wanted.no_wait) {
                    return first;
                }
                constexpr std::chrono::seconds patience{30};
                session.set_timeout(patience); // Of one of many questions.
                return follow_drain(
                    session,
                    wanted.host,
                    std::move(first),
                    {.told = [&](const Json& now) { news->set(drain_progress(now)); },
                     .pause = [] { std::this_thread::sleep_for(std::chrono::seconds{1}); }});
            }));
    if (!wanted.no_wait) {
        return tell_end(context, host, body);
    }
    if (context.json()) {
        Console::print_json(body);
    } else {
        Console::print(host + " draining\n");
    }
    return exit_ok;
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
}

} // namespace cli
