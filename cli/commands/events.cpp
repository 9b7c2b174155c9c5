#include "cli/answers.hpp"
#include "cli/command_line.hpp"
#include "cli/event_line.hpp"
#include "cli/exit_status.hpp"
#include "cli/resolve.hpp"
#include "cli/text.hpp"
#include "client/event_follower.hpp"

#include <fmt/format.h>
#include <optional>

namespace cli {

using common::Error;
using common::ErrorCode;

namespace {

struct EventOptions {
    std::string target;
    std::string host;
    std::string action;
    std::string kind;
    std::string since;
    std::optional<std::uint64_t> from;
    std::uint64_t most = 0; ///< 0: no end.
};

common::Result<std::string> query_of(Context& context, const EventOptions& wanted)
{
    std::string query;
    const auto add = [&](const char* name, const std::string& value) {
        if (!value.empty()) {
            query += (query.empty() ? "?" : "&") + std::string{name} + "=" + client::encoded(value);
        }
    };
    if (!wanted.target.empty()) {
        COMMON_TRY(const auto target, audited_target(context.session, wanted.target));
        add("target", target);
    }
    add("host", wanted.host);
    add("action", wanted.action);
    add("kind", wanted.kind);
    return query;
}

/// The row behind which those of a moment and later are.
common::Result<std::uint64_t> row_before(Context& context, common::WallTime since)
{
    const auto first_of = [&](const std::string& query) -> common::Result<Json> {
        COMMON_TRY(const auto body, context.session.get("/v1/audit?limit=1" + query));
        return client::parse(body, context.session.url());
    };
    const auto seq_of = [](const Json& page) -> std::uint64_t {
        const auto& rows = inner_of(page, "rows");
        return rows.empty() ? 0 : static_cast<std::uint64_t>(number_of(rows.front(), "seq"));
    };
    // Looked at first: what comes between the two is followed.
    COMMON_TRY(const auto newest, first_of(""));
    std::string cursor;
    do {
        COMMON_TRY(
            const auto page,
            first_of("&order=oldest&since=" + client::encoded(common::to_rfc3339(since)) + cursor));
        if (const auto seq = seq_of(page); seq > 0) {
            return seq - 1;
        }
        const auto next = text_of(page, "next_cursor"); // So far nothing that we may see.
        cursor = next.empty() ? "" : "&cursor=" + client::encoded(next);
    } while (!cursor.empty());
    return seq_of(newest);
}

/// What of the events is to be seen.
class Following {
public:
    Following(const Context& context, const EventOptions& wanted)
        : console_{context.console}, most_{wanted.most}
    {}

    /// False: that was the last one.
    bool take(const client::ServerEvent& event)
    {
        if (event.name != "audit") {
            return true;
        }
        const auto row = Json::parse(event.data, nullptr, false);
        if (!row.is_object()) {
            return true;
        }
        Console::print(console_.output == Output::json ? shown_json(event.data) + "\n"
                                                       : event_line(row, console_.out));
        std::fflush(stdout); // Each is news.
        return all_written() && (most_ == 0 || ++seen_ < most_);
    }

private:
    const Console console_;
    const std::uint64_t most_;
    std::uint64_t seen_ = 0;
};

common::Result<int> follow(Context& context, const EventOptions& wanted)
{
    auto from = wanted.from;
    if (!wanted.since.empty()) {
        if (from) {
            return Error{ErrorCode::invalid_argument,
                         "events: --since and --from both say where to begin: not both"};
        }
        COMMON_TRY(const auto span, parse_span(wanted.since));
        COMMON_TRY(from, row_before(context, now() - span));
    }
    COMMON_TRY(const auto query, query_of(context, wanted));
    auto first = "/v1/events" + query;
    if (from) {
        first += fmt::format("{}from={}", query.empty() ? "?" : "&", *from);
    }
    const auto tell = [&console = context.console](const std::string& words) {
        Console::say(toned("paddock:", Tone::warn, console.err) + " " + words + "\n");
    };
    client::EventFollower follower{
        {.session =
             {context.settings.url, context.settings.token, context.session.request_id(), {}},
         .lost =
             [&](const std::string& why) {
                 tell("the connection is lost (" + why + "): coming back …");
             },
         .back = [&] { tell("connected again, and nothing is missed"); }}};
    Following following{context, wanted};
    COMMON_CHECK(follower.follow(
        {"GET", first, std::nullopt},
        [&] { return "/v1/events" + query; },
        [&](const client::ServerEvent& event) { return following.take(event); }));
    return exit_ok;
}

} // namespace

void add_events_command(CommandLine& line)
{
    auto* command =
        line.add(line.app,
                 "events",
                 "What happens in the fleet, as it happens",
                 {"paddock events",
                  "paddock events --since 1h --action sandbox --kind outcome",
                  "paddock events --target web -o json | jq -r .action",
                  "paddock events --action sandbox.create --kind outcome -n 1   # wait for one"});
    command->group("Fleet");
    auto wanted = std::make_shared<EventOptions>();
    command
        ->add_option("--target",
                     wanted->target,
                     "only about this: a sandbox, or the name of an image, a pool, …")
        ->type_name(of_sandbox);
    command->add_option("--host", wanted->host, "only on this host")->type_name(of_host);
    command
        ->add_option(
            "--action", wanted->action, "only of this kind: sandbox.create, or all of it: sandbox")
        ->type_name("ACTION");
    command->add_option("--kind", wanted->kind, "what is about to be done, or how it ended")
        ->type_name("KIND")
        ->transform(CLI::IsMember({"intent", "outcome"}, CLI::ignore_case));
    command->add_option("--since", wanted->since, "also those of so long ago until now")
        ->type_name(of_span);
    command->add_option("--from", wanted->from, "all behind the event of this number (seq)")
        ->type_name("NUMBER");
    command->add_option("-n,--count", wanted->most, "end after so many")->type_name("NUMBER");
    command->footer(
        command->get_footer() +
        "\n\nEach is a row of the audit: first its intent, then its outcome. It has no end: "
        "Ctrl-C. A "
        "lost connection is\nopened again for a minute; no event is missed or comes twice. With "
        "--output json each is a line, as the API\nhas it.");
    line.runs(command, [wanted](Context& context) { return follow(context, *wanted); });
}

} // namespace cli
