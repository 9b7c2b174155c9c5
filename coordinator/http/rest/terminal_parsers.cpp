#include "coordinator/http/rest/terminal_parsers.hpp"

#include "coordinator/http/fields.hpp"
#include "coordinator/http/query_fields.hpp"
#include "coordinator/http/rest/parsers.hpp"
#include "coordinator/http/rules.hpp"

#include <algorithm>

namespace coordinator::http::rest {

using common::Result;

namespace {

constexpr Range heights{1, 200};
constexpr Range widths{1, 500};
constexpr Range line_counts{0, 2000};
constexpr std::size_t max_variables = 64;
constexpr std::size_t max_keys = 256;
constexpr std::size_t max_name = 64;
constexpr std::size_t max_typed = std::size_t{8} << 10U;

/// Names, ids and keys: which of them there are, the guest says.
std::string word(std::string_view text)
{
    const bool good = !text.empty() && text.size() <= max_name &&
                      std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
    return good ? "" : "must be 1 to 64 printable characters without spaces";
}

std::string typed(std::string_view text)
{
    const bool good = text.size() <= max_typed && text.find('\0') == std::string_view::npos;
    return good ? "" : "must be at most 8 KiB, without NUL";
}

std::string attempt_of(TerminalAction action)
{
    switch (action) {
    case TerminalAction::sessions:
    case TerminalAction::windows:
    case TerminalAction::panes: return "list terminals";
    case TerminalAction::create_session: return "create a terminal session";
    case TerminalAction::create_pane: return "create a pane";
    case TerminalAction::read: return "read a pane";
    case TerminalAction::send_keys: return "send keys to a pane";
    case TerminalAction::resize: return "resize a pane";
    case TerminalAction::switch_to: return "switch to a pane";
    case TerminalAction::kill_pane: return "kill a pane";
    case TerminalAction::kill_window: return "kill a window";
    case TerminalAction::kill_session: return "kill a terminal session";
    case TerminalAction::watch: return "watch a pane";
    }
    return "";
}

void need(Fields& fields, const char* name)
{
    if (!fields.has(name)) {
        fields.wrong(name, "is required");
    }
}

unsigned number(Fields& fields, const char* name, Range range)
{
    return static_cast<unsigned>(fields.integer(name, range).value_or(0));
}

void read_program(Fields& fields, TerminalRequest& wanted)
{
    wanted.command = fields.text("command", typed).value_or("");
    wanted.cwd = fields.text("cwd", rules::absolute_path).value_or("");
    wanted.env = fields.texts("env", rules::env_name, typed, max_variables);
    auto size = wanted.command.size();
    for (const auto& [name, value] : wanted.env) {
        size += name.size() + value.size();
    }
    if (size > max_typed) {
        fields.wrong(wanted.env.empty() ? "command" : "env",
                     "must be at most 8 KiB with the command");
    }
}

void read_size(Fields& fields, TerminalRequest& wanted)
{
    wanted.rows = number(fields, "rows", heights);
    wanted.columns = number(fields, "cols", widths);
    if (fields.has("rows") != fields.has("cols")) {
        fields.wrong(fields.has("rows") ? "cols" : "rows", "is required beside the other");
    }
}

void read_new_pane(Fields& fields, TerminalRequest& wanted)
{
    need(fields, "session_name");
    wanted.target = fields.text("session_name", word).value_or("");
    wanted.window = fields.text("window_name", word).value_or("");
    wanted.new_window = fields.boolean("new_window").value_or(false);
    wanted.beside = fields.boolean("horizontal").value_or(false);
    read_program(fields, wanted);
}

void read_keys(Fields& fields, TerminalRequest& wanted)
{
    if (auto text = fields.text("text", typed); text && !text->empty()) {
        wanted.keys.push_back({true, *std::move(text)});
    }
    if (auto key = fields.text("key", word)) {
        wanted.keys.push_back({false, *std::move(key)});
    }
    const auto keys = fields.list("keys", word, max_keys - 2);
    for (const auto& key : keys.value_or(std::vector<std::string>{})) {
        wanted.keys.push_back({false, key});
    }
    if (!fields.has("text") && !fields.has("key") && !fields.has("keys")) {
        fields.wrong("key", "is required, or text, or keys");
    }
}

Result<TerminalRequest> parse_body(TerminalRequest wanted, const Request& request)
{
    const auto attempt = attempt_of(wanted.action);
    COMMON_CHECK(parse_no_query(request.query, attempt));
    COMMON_TRY(auto fields, Fields::parse(request.body));
    wanted.user = fields.text("user", rules::user).value_or(wanted.user);
    if (wanted.action == TerminalAction::create_session) {
        wanted.name = fields.text("name", word).value_or("");
        wanted.window = fields.text("window_name", word).value_or("");
        read_program(fields, wanted);
        read_size(fields, wanted);
    } else if (wanted.action == TerminalAction::create_pane) {
        read_new_pane(fields, wanted);
    } else {
        need(fields, "pane_id");
        wanted.target = fields.text("pane_id", word).value_or("");
    }
    if (wanted.action == TerminalAction::read) {
        wanted.last_lines = number(fields, "last_n_lines", line_counts);
    }
    if (wanted.action == TerminalAction::send_keys) {
        read_keys(fields, wanted);
    }
    if (wanted.action == TerminalAction::resize) {
        need(fields, "rows");
        read_size(fields, wanted);
    }
    COMMON_CHECK(fields.finish(attempt));
    return wanted;
}

Result<TerminalRequest> parse_query(TerminalRequest wanted, const Request& request)
{
    QueryFields fields{request.query};
    wanted.user = fields.text("user", rules::user).value_or(wanted.user);
    if (wanted.action == TerminalAction::windows || wanted.action == TerminalAction::panes) {
        wanted.target = fields.text("session", word).value_or("");
    }
    if (wanted.action == TerminalAction::watch) {
        const auto pane = fields.text("pane_id", word);
        if (!pane && fields.all("pane_id").empty()) {
            fields.wrong("pane_id", "is required");
        }
        wanted.target = pane.value_or("");
    }
    if (request.path.size() > 1) {
        wanted.target = request.path[1];
        if (auto wrong = word(wanted.target); !wrong.empty()) {
            fields.wrong("path", std::move(wrong));
        }
    }
    const auto attempt = attempt_of(wanted.action);
    COMMON_CHECK(fields.finish(attempt));
    COMMON_CHECK(parse_nothing(request.body, attempt));
    return wanted;
}

} // namespace

Result<TerminalRequest> parse_terminal(TerminalAction action, const Request& request)
{
    using enum TerminalAction;
    TerminalRequest wanted;
    wanted.action = action;
    const bool has_body = action == create_session || action == create_pane || action == read ||
                          action == send_keys || action == resize || action == switch_to;
    return has_body ? parse_body(std::move(wanted), request)
                    : parse_query(std::move(wanted), request);
}

} // namespace coordinator::http::rest
