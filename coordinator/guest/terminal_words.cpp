#include "coordinator/guest/terminal_words.hpp"

#include "common/clock.hpp"
#include "coordinator/guest/words.hpp"

#include <algorithm>
#include <array>
#include <iterator>

namespace coordinator::guest {

using common::Result;

namespace {

/// What guest/terminals and its keepers refuse for.
constexpr auto terminal_reasons = std::to_array<std::string_view>({"invalid_name",
                                                                   "invalid_id",
                                                                   "invalid_size",
                                                                   "invalid_keys",
                                                                   "invalid_program",
                                                                   "no_such_session",
                                                                   "no_such_window",
                                                                   "no_such_pane",
                                                                   "session_exists",
                                                                   "pane_ended",
                                                                   "no_space",
                                                                   "too_many_keys",
                                                                   "busy",
                                                                   "too_many_sessions",
                                                                   "too_many_panes",
                                                                   "too_many_watchers",
                                                                   "too_many_cells",
                                                                   "no_such_cwd",
                                                                   "not_executable",
                                                                   "tmux_gone",
                                                                   "tmux_silent",
                                                                   "tmux_failed",
                                                                   "terminals_gone",
                                                                   "too_many_users",
                                                                   "agent_too_old"});

constexpr std::int64_t year_9999 = 253'402'300'799;

template <typename To, typename From, typename Function>
std::vector<To> all_of(std::vector<From>& from, Function&& function)
{
    std::vector<To> to;
    to.reserve(from.size());
    std::ranges::transform(from, std::back_inserter(to), function);
    return to;
}

TerminalSession session_of(proto::TerminalSession& said)
{
    return {shown(std::move(said.id)),
            shown(std::move(said.name)),
            common::from_unix_us(std::clamp<std::int64_t>(said.created, 0, year_9999) * 1'000'000),
            said.windows,
            said.attached,
            said.column,
            said.row};
}

TerminalWindow window_of(proto::TerminalWindow& said)
{
    return {shown(std::move(said.id)),
            shown(std::move(said.session)),
            said.index,
            shown(std::move(said.name)),
            said.active,
            said.panes,
            said.rows,
            said.columns};
}

std::optional<TerminalEnd> end_of(const std::optional<proto::TerminalEnd>& said)
{
    return said ? std::optional{TerminalEnd{said->exit_code, said->signal}} : std::nullopt;
}

TerminalPane pane_of(proto::TerminalPane& said)
{
    return {shown(std::move(said.id)),
            shown(std::move(said.session)),
            said.window_index,
            shown(std::move(said.window)),
            said.index,
            shown(std::move(said.title)),
            shown(std::move(said.path)),
            static_cast<std::uint64_t>(std::max<std::int64_t>(said.pid, 0)),
            said.active,
            said.rows,
            said.columns,
            said.ended,
            end_of(said.end)};
}

} // namespace

proto::TerminalCall call_of(const TerminalRequest& request)
{
    proto::TerminalCall call;
    call.what = to_string(request.action);
    call.target = request.target;
    call.name = request.name;
    call.window = request.window;
    call.new_window = request.new_window;
    call.beside = request.beside;
    call.line = request.command;
    call.cwd = request.cwd;
    call.env = request.env;
    call.rows = request.rows;
    call.columns = request.columns;
    call.last_lines = request.last_lines;
    for (const auto& [is_text, value] : request.keys) {
        call.keys.push_back(is_text ? proto::TerminalKey{"", value}
                                    : proto::TerminalKey{value, ""});
    }
    return call;
}

Result<TerminalAnswer> terminal_answer_of(std::string_view head)
{
    auto reply = proto::decode_call<proto::TerminalReply>(head);
    if (!reply) {
        return makes_no_sense(reply.error());
    }
    if (reply->error) {
        return refusal_of(*std::move(reply->error), terminal_reasons, "no_such_pane");
    }
    TerminalAnswer answer;
    answer.sessions = all_of<TerminalSession>(reply->sessions, &session_of);
    answer.windows = all_of<TerminalWindow>(reply->windows, &window_of);
    answer.panes = all_of<TerminalPane>(reply->panes, &pane_of);
    answer.name = shown(std::move(reply->name));
    answer.text = std::move(reply->text);
    answer.lines = reply->lines;
    answer.truncated = reply->truncated;
    return answer;
}

TerminalPiece piece_of(proto::TerminalNews news)
{
    const bool is_known = news.what == "screen" || news.what == "output" || news.what == "size";
    return {is_known ? std::move(news.what) : "ended",
            std::move(news.bytes),
            news.rows,
            news.columns,
            end_of(news.end),
            is_word(news.reason) ? std::move(news.reason) : std::string{}};
}

} // namespace coordinator::guest
