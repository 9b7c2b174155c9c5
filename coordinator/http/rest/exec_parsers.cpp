#include "coordinator/http/rest/exec_parsers.hpp"
#include "common/digest/base64.hpp"
#include "coordinator/http/fields.hpp"
#include "coordinator/http/query_fields.hpp"
#include "coordinator/http/rest/shape_fields.hpp"
#include "coordinator/http/rules.hpp"

#include <array>
#include <csignal>

namespace coordinator::http::rest {

namespace {

constexpr std::size_t max_arguments = 1024;
constexpr std::size_t max_command = std::size_t{48} << 10U; ///< Its agent takes it in one frame.
constexpr Range timeout_seconds{0, 31L * 24 * 3600};
constexpr Range terminal_side{1, 1000};
constexpr std::size_t max_stdin = std::size_t{64} << 10U;

struct NamedSignal {
    std::string_view name;
    int number;
};
constexpr std::array signals{NamedSignal{"HUP", SIGHUP},
                             NamedSignal{"INT", SIGINT},
                             NamedSignal{"QUIT", SIGQUIT},
                             NamedSignal{"KILL", SIGKILL},
                             NamedSignal{"USR1", SIGUSR1},
                             NamedSignal{"USR2", SIGUSR2},
                             NamedSignal{"TERM", SIGTERM},
                             NamedSignal{"CONT", SIGCONT},
                             NamedSignal{"STOP", SIGSTOP},
                             NamedSignal{"TSTP", SIGTSTP},
                             NamedSignal{"WINCH", SIGWINCH}};

std::string argument(std::string_view text)
{
    return text.find('\0') == std::string_view::npos ? "" : "must not contain NUL";
}

std::size_t size_of(const std::vector<std::string>& argv)
{
    std::size_t size = 0;
    for (const auto& word : argv) {
        size += word.size() + 1;
    }
    return size;
}

std::optional<TerminalSize> read_size(Fields& fields)
{
    const auto rows = fields.integer("rows", terminal_side);
    const auto columns = fields.integer("cols", terminal_side);
    TerminalSize size;
    size.rows = static_cast<std::uint16_t>(rows.value_or(size.rows));
    size.columns = static_cast<std::uint16_t>(columns.value_or(size.columns));
    return rows || columns ? std::optional{size} : std::nullopt;
}

} // namespace

common::Result<LiveRequest> parse_exec(std::string_view body)
{
    COMMON_TRY(auto fields, Fields::parse(body));
    LiveRequest request;
    const auto words = fields.list("cmd", argument, max_arguments);
    request.argv = words.value_or(std::vector<std::string>{});
    if (!fields.has("cmd")) {
        fields.wrong("cmd", "is required");
    } else if (words && (words->empty() || words->front().empty())) {
        fields.wrong("cmd", "names no program");
    } else if (size_of(request.argv) > max_command) {
        fields.wrong("cmd", "must be at most 48 KiB in all");
    }
    request.user = fields.text("user", rules::user).value_or(request.user);
    request.cwd = fields.text("cwd", rules::absolute_path).value_or("");
    request.env = read_env(fields);
    request.has_stdin = fields.boolean("stdin").value_or(false);
    const bool terminal = fields.boolean("pty").value_or(false);
    const auto size = read_size(fields);
    if (terminal) {
        request.terminal = size.value_or(TerminalSize{});
        request.has_stdin = true;
    } else if (size) {
        fields.wrong(fields.has("rows") ? "rows" : "cols", "needs pty");
    }
    request.is_read = !fields.boolean("detach").value_or(false);
    if (const auto timeout = fields.integer("timeout_sec", timeout_seconds);
        timeout.value_or(0) > 0) {
        request.timeout = std::chrono::seconds{*timeout};
    }
    COMMON_CHECK(fields.finish("start a command"));
    return request;
}

common::Result<StdinPiece> parse_stdin(std::string_view body)
{
    COMMON_TRY(auto fields, Fields::parse(body));
    StdinPiece piece;
    const auto text = fields.text("data", rules::any);
    const auto base64 = fields.text("data_base64", rules::any);
    piece.eof = fields.boolean("eof").value_or(false);
    if (fields.has("data") && fields.has("data_base64")) {
        fields.wrong("data", "and data_base64 exclude each other");
    } else if (!fields.has("data") && !fields.has("data_base64") && !piece.eof) {
        fields.wrong("data", "or data_base64 or eof is required");
    }
    piece.data = text.value_or("");
    if (base64) {
        auto bytes = common::digest::from_base64(*base64);
        if (!bytes) {
            fields.wrong("data_base64", "is not base64");
        }
        piece.data = std::move(bytes).value_or("");
    }
    if (piece.data.size() > max_stdin) {
        fields.wrong(base64 ? "data_base64" : "data", "must be at most 64 KiB");
    }
    COMMON_CHECK(fields.finish("write to a command"));
    return piece;
}

common::Result<ExecSignal> parse_signal(std::string_view body)
{
    COMMON_TRY(auto fields, Fields::parse(body));
    ExecSignal signal;
    if (const auto name = fields.text("signal", rules::any)) {
        const auto bare = name->starts_with("SIG") ? name->substr(3) : *name;
        for (const auto& known : signals) {
            signal.number = known.name == bare ? known.number : signal.number;
        }
        if (signal.number == 0) {
            fields.wrong("signal",
                         "must be one of HUP, INT, QUIT, KILL, USR1, USR2, TERM, CONT, STOP, TSTP "
                         "and WINCH");
        }
    } else if (!fields.has("signal")) {
        fields.wrong("signal", "is required");
    }
    COMMON_CHECK(fields.finish("signal a command"));
    return signal;
}

common::Result<TerminalSize> parse_resize(std::string_view body)
{
    COMMON_TRY(auto fields, Fields::parse(body));
    for (const auto* side : {"rows", "cols"}) {
        if (!fields.has(side)) {
            fields.wrong(side, "is required");
        }
    }
    const auto size = read_size(fields);
    COMMON_CHECK(fields.finish("resize a command's terminal"));
    return size.value_or(TerminalSize{});
}

common::Result<std::uint64_t> parse_from(const Request& request)
{
    QueryFields fields{request.query};
    const auto from = fields.position(request.last_event_id);
    COMMON_CHECK(fields.finish("read a command's output"));
    return from.value_or(0);
}

} // namespace coordinator::http::rest
