#include "cli/draining.hpp"

#include "cli/text.hpp"

#include <fmt/format.h>

namespace cli {

using common::Error;
using common::ErrorCode;

std::string drain_progress(const Json& drain)
{
    return fmt::format(
        "moved {}, {} left", number_of(drain, "moved"), number_of(drain, "remaining"));
}

std::string drain_text(const Json& drain, common::WallTime now)
{
    const auto state = text_of(drain, "state");
    auto text = state + ", " + drain_progress(drain);
    if (const auto end = text_of(drain, "until"); state == "draining" && !end.empty()) {
        text += ", until " + end + " (" + until(end, now) + ")";
    }
    return text;
}

Table left_table(const Json& drain)
{
    Table table{{"SANDBOX", "REASON", "MESSAGE"}};
    for (const auto& left : inner_of(drain, "left")) {
        table.add({{text_of(left, "sandbox_id")},
                   {text_of(left, "reason"), Tone::warn},
                   {text_of(left, "message")}});
    }
    return table;
}

namespace {

/// The next answer that there is.
common::Result<std::string>
ask_again(client::Session& session, const std::string& path, const DrainWatch& watch)
{
    constexpr int most_attempts = 60;
    for (int attempt = 1;; ++attempt) {
        watch.pause();
        auto answer = session.get(path);
        if (answer || answer.error().code != ErrorCode::unavailable || attempt == most_attempts) {
            return answer;
        }
    }
}

} // namespace

common::Result<std::string> follow_drain(client::Session& session,
                                         const std::string& host,
                                         std::string body,
                                         const DrainWatch& watch,
                                         const Emptying& kind)
{
    while (true) {
        COMMON_TRY(const auto json, client::parse(body, session.url()));
        const auto& drain = inner_of(inner_of(json, "host"), kind.object);
        if (drain.empty()) {
            return Error{ErrorCode::failed_precondition,
                         fmt::format("host {} is not {} any more: somebody has uncordoned it",
                                     host,
                                     kind.called),
                         kind.ended};
        }
        watch.told(drain);
        if (text_of(drain, "state") != kind.under_way) {
            return body;
        }
        COMMON_TRY(body, ask_again(session, "/v1/hosts/" + client::encoded(host), watch));
    }
}

} // namespace cli
