#include "cli/answers.hpp"
#include "cli/audit_rows.hpp"
#include "cli/command_line.hpp"
#include "cli/exit_status.hpp"
#include "cli/local_file.hpp"
#include "cli/resolve.hpp"
#include "cli/text.hpp"
#include "common/rfc3339.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <optional>
#include <thread>

namespace cli {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

struct AuditOptions {
    std::string target;
    std::string host;
    std::string action;
    std::string actor;
    std::string kind;
    std::string result;
    std::string request;
    std::string since;
    std::string until;
    std::uint64_t most = 100;
};

/// "2h" ago, or a moment as RFC 3339 has it; as the API takes it.
Result<std::string> moment_of(const std::string& text, const char* option)
{
    if (common::from_rfc3339(text)) {
        return text;
    }
    const auto span = parse_span(text);
    if (!span) {
        return Error{ErrorCode::invalid_argument,
                     fmt::format("{} must be so long ago, as 90s, 2h or 7d, or a time as "
                                 "2026-01-31T12:00:00Z, not \"{}\"",
                                 option,
                                 printable(text))};
    }
    return common::to_rfc3339(now() - *span);
}

Result<std::string> query_of(Context& context, const AuditOptions& wanted)
{
    std::string query;
    const auto add = [&](const char* name, const std::string& value) {
        if (!value.empty()) {
            query += std::string{name} + "=" + client::encoded(value) + "&";
        }
    };
    if (!wanted.target.empty()) {
        COMMON_TRY(const auto target, audited_target(context.session, wanted.target));
        add("target", target);
    }
    add("host", wanted.host);
    add("action", wanted.action);
    add("actor", wanted.actor);
    add("kind", wanted.kind);
    add("result", wanted.result);
    add("request_id", wanted.request);
    if (!wanted.since.empty()) {
        COMMON_TRY(const auto since, moment_of(wanted.since, "--since"));
        add("since", since);
    }
    if (!wanted.until.empty()) {
        COMMON_TRY(const auto until, moment_of(wanted.until, "--until"));
        add("until", until);
    }
    return query;
}

Result<int> list(Context& context, const AuditOptions& wanted)
{
    constexpr std::uint64_t page_size = 500; // The API's most.
    COMMON_TRY(const auto query, query_of(context, wanted));
    Listing listing{"rows", {}, {}};
    for (bool more = true; more;) {
        const auto cursor = text_of(listing.document, "next_cursor");
        COMMON_TRY(auto body,
                   context.session.get(
                       fmt::format("/v1/audit?{}limit={}{}",
                                   query,
                                   std::min(page_size, wanted.most - listing.items().size()),
                                   cursor.empty() ? "" : "&cursor=" + client::encoded(cursor))));
        COMMON_TRY(auto page, client::parse(body, context.session.url()));
        if (cursor.empty()) {
            listing.verbatim = std::move(body);
        } else {
            auto rows = std::move(listing.document["rows"]);
            const auto& fresh = inner_of(page, "rows");
            rows.insert(rows.end(), fresh.begin(), fresh.end());
            page["rows"] = std::move(rows);
            listing.verbatim = page.dump(-1, ' ', false, Json::error_handler_t::replace);
        }
        listing.document = std::move(page);
        // A page may be short, and there is more all the same.
        more = listing.items().size() < wanted.most &&
               !text_of(listing.document, "next_cursor").empty();
    }
    show_list(context, listing, audit_table(listing.items()));
    return exit_ok;
}

struct ExportOptions {
    std::string file = "-";
    std::uint64_t from = 1;
};

/// All rows from one on. What is cut off goes on behind the last whole row, as long as rows come.
Result<> fetch(Context& context, std::uint64_t from, AuditLines& lines, Progress& progress)
{
    constexpr int most_failures = 5;
    constexpr std::chrono::seconds pause{1};
    for (int failures = 0;;) {
        const auto before = lines.rows();
        const auto after = std::max(from - 1, lines.last());
        const auto ended = context.session.download(fmt::format("/v1/audit/export?after={}", after),
                                                    [&](std::string_view piece) {
                                                        progress.add(piece.size());
                                                        return lines.take(piece);
                                                    });
        if (ended && lines.whole()) {
            return {};
        }
        if (ended) {
            return Error{ErrorCode::internal,
                         "the audit's last row has no end: whoever answers there is no Paddock"};
        }
        failures = lines.rows() > before ? 1 : failures + 1;
        if (ended.error().code != ErrorCode::unavailable || lines.stuck() || lines.rows() == 0 ||
            failures > most_failures) {
            return ended.error();
        }
        lines.cut_off();
        std::this_thread::sleep_for(pause);
    }
}

Result<int> save(Context& context, const ExportOptions& wanted)
{
    COMMON_TRY(auto target, LocalTarget::open(wanted.file, false));
    AuditLines lines{[&](std::string_view text) { return target.write(text); }};
    Progress progress{context.console, "audit", std::nullopt};
    context.session.set_timeout(std::chrono::minutes{15}); // For one piece of it.
    const auto fetched = fetch(context, wanted.from, lines, progress);
    progress.end();
    if (!target.failure().empty()) {
        return Error{ErrorCode::failed_precondition, target.failure()};
    }
    COMMON_CHECK(fetched);
    COMMON_CHECK(target.finish("0600")); // Who did what is not everybody's to read.
    if (wanted.file == "-") {
        return exit_ok;
    }
    if (context.json()) {
        Console::print_json(nlohmann::json{
            {"path", wanted.file}, {"rows", lines.rows()}, {"last_seq", lines.last()}}
                                .dump());
    } else {
        Console::say(lines.rows() == 0
                         ? "no rows\n"
                         : fmt::format("{} rows, the last is {}\n", lines.rows(), lines.last()));
    }
    return exit_ok;
}

Result<int> verify(Context& context)
{
    COMMON_TRY(const auto body,
               long_call(context, {.what = "verifying"}, [&session = context.session] {
                   return session.get("/v1/audit/verify");
               }));
    COMMON_TRY(const auto verdict, client::parse(body, context.session.url()));
    const bool ok = text_of(verdict, "ok") == "true";
    const auto rows = text_of(verdict, "rows");
    const auto head = printable(text_of(verdict, "head_hash"));
    if (context.json()) {
        Console::print_json(body);
    } else if (ok) {
        Console::print(fmt::format("{}: {} rows, each fits the one before; head {}\n",
                                   toned("ok", Tone::good, context.console.out),
                                   rows,
                                   head));
    } else {
        Console::print(
            fmt::format("{}: row {} does not fit: {}\nthe {} rows before it fit; head {}\n",
                        toned("broken", Tone::bad, context.console.out),
                        text_of(verdict, "broken_seq"),
                        printable(text_of(verdict, "why")),
                        rows,
                        head));
    }
    return ok ? exit_ok : exit_check_failed;
}

CLI::App* add_list(CommandLine& line)
{
    auto* command =
        line.add(line.app,
                 "audit",
                 "Who did what",
                 {"paddock audit web                       # all about one sandbox",
                  "paddock audit --since 1h --action sandbox --kind outcome",
                  "paddock audit --actor token:ci --result no_capacity -n 20",
                  "paddock audit --request req-abcdefghij234567   # as an error names it",
                  "paddock audit export audit.ndjson",
                  "paddock audit verify || echo 'somebody changed the record'"});
    command->group("Fleet");
    command->require_subcommand(0, 1);
    auto wanted = std::make_shared<AuditOptions>();
    command
        ->add_option("SANDBOX",
                     wanted->target,
                     "only about this: a sandbox, or the name of an image, a pool, …")
        ->type_name("");
    command->add_option("--host", wanted->host, "only on this host")->type_name(of_host);
    command
        ->add_option(
            "--action", wanted->action, "only of this kind: sandbox.create, or all of it: sandbox")
        ->type_name("ACTION");
    command->add_option("--actor", wanted->actor, "only by this one, as token:ci")
        ->type_name("ACTOR");
    command->add_option("--kind", wanted->kind, "what was about to be done, or how it ended")
        ->type_name("KIND")
        ->check(CLI::IsMember({"intent", "outcome"}));
    command->add_option("--result", wanted->result, "only what ended so: ok, or an error's reason")
        ->type_name("RESULT");
    command->add_option("--request", wanted->request, "only of this request")->type_name("ID");
    command->add_option("--since", wanted->since, "so long ago and later, or from a time on")
        ->type_name(of_span);
    command->add_option("--until", wanted->until, "before then, likewise")->type_name(of_span);
    command->add_option("-n,--count", wanted->most, "so many at most (100)")
        ->type_name("NUMBER")
        ->check(CLI::PositiveNumber);
    command->footer(
        command->get_footer() +
        "\n\nThe newest comes first. Each thing that is done has two rows: its intent "
        "(\"begins\"), "
        "then its outcome.\nA TIME is 90s, 2h or 7d ago, or as 2026-01-31T12:00:00Z. To follow "
        "what happens: paddock events.");
    line.runs(command, [wanted](Context& context) { return list(context, *wanted); });
    return command;
}

} // namespace

void add_audit_commands(CommandLine& line)
{
    auto* audit = add_list(line);
    auto* out =
        line.add(*audit,
                 "export",
                 "All rows as NDJSON, to be kept or verified elsewhere",
                 {"paddock audit export audit.ndjson",
                  "paddock audit export --from 1001 more.ndjson   # what came since row 1000",
                  "paddock audit export | jq -r .action | sort | uniq -c"});
    auto wanted = std::make_shared<ExportOptions>();
    out->add_option("FILE", wanted->file, "is there when all of it is; - is stdout (-)")
        ->type_name("");
    out->add_option("--from", wanted->from, "the first row's number (1)")
        ->type_name("SEQ")
        ->check(CLI::PositiveNumber);
    out->footer(out->get_footer() +
                "\n\nA row a line, oldest first. Each has the bytes that its hash is of (payload, "
                "base64), which end with\nthe hash of the row before: sha256 is all that it takes "
                "to verify them.");
    line.runs(out, [wanted](Context& context) { return save(context, *wanted); });

    auto* check =
        line.add(*audit,
                 "verify",
                 "Whether no row was changed and none is missing",
                 {"paddock audit verify",
                  "paddock audit verify -o json | jq -r .head_hash   # to be kept elsewhere"});
    check->footer(check->get_footer() +
                  "\n\nExits with 0 if all rows fit, with 1 if one does not; any other status is a "
                  "failure to find out. The head's\nhash, kept where nobody of the database's can "
                  "write, shows later that nothing before it was made anew.");
    line.runs(check, [](Context& context) { return verify(context); });
}

} // namespace cli
