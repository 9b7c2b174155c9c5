#include "hostd/libvirt/qemu_agent.hpp"

#include "common/digest/base64.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <thread>

namespace hostd::libvirt {

using common::Error;
using common::ErrorCode;
using common::Result;
using nlohmann::json;
using std::chrono::milliseconds;

namespace {

// Fixed text; $1 is the folder, the rest the command. 125 with this first line: no folder.
constexpr std::string_view enter =
    R"sh(HOME=$(getent passwd "$(id -u)" | cut -d: -f6); USER=$(id -un); LOGNAME=$USER
export HOME USER LOGNAME
cd -- "${1:-${HOME:-/}}" 2>/dev/null || { echo paddock:no_such_cwd >&2; exit 125; }
shift
exec "$@")sh";
constexpr std::string_view no_such_cwd = "paddock:no_such_cwd\n";
constexpr auto first_poll = milliseconds{5};
constexpr auto last_poll = milliseconds{100};
constexpr auto grace = milliseconds{5000};

Result<std::string> text_of(const json& command)
{
    try {
        return command.dump();
    } catch (const json::type_error&) {
        return Error{ErrorCode::invalid_argument,
                     "qemu-guest-agent takes a command only as UTF-8, and this one is not"};
    }
}

/// The reply's "return" object; never throws on what a guest may say.
Result<json> call_for(const QemuAgentCall& call, const json& command)
{
    COMMON_TRY(const auto text, text_of(command));
    COMMON_TRY(const auto reply, call(text));
    auto parsed = json::parse(reply, nullptr, /*allow_exceptions=*/false);
    if (!parsed.is_object() || !parsed.contains("return")) {
        return Error{ErrorCode::internal, "qemu-guest-agent answered something else than a reply"};
    }
    return parsed["return"];
}

Result<std::int64_t>
begin(const QemuAgentCall& call, const std::vector<std::string>& argv, const std::string& input)
{
    json arguments{{"path", argv.front()},
                   {"arg", std::vector<std::string>{argv.begin() + 1, argv.end()}},
                   {"capture-output", true}};
    if (!input.empty()) {
        arguments["input-data"] = common::digest::to_base64(input);
    }
    COMMON_TRY(const auto reply,
               call_for(call, {{"execute", "guest-exec"}, {"arguments", arguments}}));
    if (!reply.is_object() || !reply.contains("pid") || !reply["pid"].is_number_integer()) {
        return Error{ErrorCode::internal, "qemu-guest-agent gave no pid"};
    }
    return reply["pid"].get<std::int64_t>();
}

/// Polls until the process ended. `timeout` at the deadline.
Result<json> wait_for(const QemuAgentCall& call,
                      std::int64_t pid,
                      std::chrono::steady_clock::time_point deadline)
{
    auto pause = first_poll;
    while (true) {
        const json ask{{"execute", "guest-exec-status"}, {"arguments", {{"pid", pid}}}};
        COMMON_TRY(auto status, call_for(call, ask));
        if (status.is_object() && status.value("exited", json{}) == json(true)) {
            return status;
        }
        if (std::chrono::steady_clock::now() >= deadline) {
            return Error{ErrorCode::timeout,
                         "qemu-guest-agent did not report the command's end",
                         "outcome_unknown"};
        }
        std::this_thread::sleep_for(pause);
        pause = std::min(pause * 2, last_poll);
    }
}

std::string output_of(const json& status, const char* field)
{
    const auto found = status.find(field);
    if (found == status.end() || !found->is_string()) {
        return {};
    }
    return common::digest::from_base64(found->get<std::string>()).value_or("");
}

int number_of(const json& status, const char* field)
{
    const auto found = status.find(field);
    if (found == status.end() || !found->is_number_integer()) {
        return 0;
    }
    return static_cast<int>(std::clamp<std::int64_t>(found->get<std::int64_t>(), 0, 255));
}

bool flag_of(const json& status, const char* field)
{
    const auto found = status.find(field);
    return found != status.end() && *found == json(true);
}

void cut(std::string& text, bool& truncated, common::Bytes limit)
{
    if (text.size() > limit.count()) {
        text.resize(limit.count());
        truncated = true;
    }
}

Result<> check_user(const QemuAgentCall& call, const std::string& user)
{
    COMMON_TRY(const auto pid, begin(call, {"id", "-u", "--", user}, {}));
    COMMON_TRY(const auto status,
               wait_for(call, pid, std::chrono::steady_clock::now() + std::chrono::seconds{10}));
    if (number_of(status, "exitcode") != 0) {
        return Error{ErrorCode::refused, "no user '" + user + "' in this guest", "unknown_user"};
    }
    return {};
}

Error unknown_outcome(Error error)
{
    return {ErrorCode::timeout,
            "outcome of the command unknown: " + std::move(error).message,
            "outcome_unknown"};
}

/// What it counts, nobody here needs: a guest without a mounted disk has nothing to freeze.
Result<> count_from(const QemuAgentCall& call, const char* command)
{
    COMMON_TRY(const auto count, call_for(call, {{"execute", command}}));
    if (!count.is_number_unsigned()) {
        return Error{ErrorCode::internal,
                     fmt::format("qemu-guest-agent did not say what {} did", command)};
    }
    return {};
}

} // namespace

std::vector<std::string> qemu_agent_argv(const ExecSpec& exec)
{
    std::vector<std::string> argv;
    if (exec.timeout.count() > 0) {
        // In the foreground of its own group: what is killed is all of it.
        argv = {"timeout",
                "--signal=KILL",
                fmt::format("{}.{:03}", exec.timeout.count() / 1000, exec.timeout.count() % 1000)};
    }
    const auto add = [&argv](std::initializer_list<std::string> more) {
        argv.insert(argv.end(), more);
    };
    if (exec.user != "root" && exec.user != "0") {
        add({"runuser", "-u", exec.user, "--"});
    }
    add({"/bin/sh", "-c", std::string{enter}, "sh", exec.cwd, "env"});
    for (const auto& [name, value] : exec.env) {
        argv.push_back(name + "=" + value);
    }
    if (exec.argv.empty()) {
        add({"/bin/sh", "-c", exec.shell});
    } else {
        argv.insert(argv.end(), exec.argv.begin(), exec.argv.end());
    }
    return argv;
}

Result<ExecOutcome> qemu_agent_run(const QemuAgentCall& call, const ExecSpec& exec)
{
    COMMON_CHECK(check_user(call, exec.user));
    ExecOutcome outcome;
    outcome.started_at = std::chrono::system_clock::now();
    const auto started = std::chrono::steady_clock::now();
    const auto pid = begin(call, qemu_agent_argv(exec), exec.stdin_bytes);
    if (!pid) {
        const bool unsaid = pid.error().code == ErrorCode::invalid_argument;
        return unsaid ? pid.error() : unknown_outcome(pid.error());
    }
    const auto limit =
        exec.timeout.count() > 0 ? exec.timeout : milliseconds{std::chrono::hours{24}};
    const auto status = wait_for(call, *pid, started + limit + grace);
    if (!status) {
        return unknown_outcome(status.error());
    }
    const auto ended = std::chrono::steady_clock::now();
    outcome.ended_at = std::chrono::system_clock::now();
    outcome.in_guest = std::chrono::duration_cast<std::chrono::microseconds>(ended - started);
    outcome.signal = number_of(*status, "signal");
    outcome.exit_code = outcome.signal != 0 ? 128 + outcome.signal : number_of(*status, "exitcode");
    outcome.stdout_bytes = output_of(*status, "out-data");
    outcome.stderr_bytes = output_of(*status, "err-data");
    outcome.stdout_truncated = flag_of(*status, "out-truncated");
    outcome.stderr_truncated = flag_of(*status, "err-truncated");
    cut(outcome.stdout_bytes, outcome.stdout_truncated, exec.output_limit);
    cut(outcome.stderr_bytes, outcome.stderr_truncated, exec.output_limit);
    if (outcome.exit_code == 125 && outcome.stderr_bytes == no_such_cwd) {
        return Error{ErrorCode::refused, "enter '" + exec.cwd + "': no such folder", "no_such_cwd"};
    }
    constexpr int killed = 137; // What timeout(1) ends with after SIGKILL.
    outcome.timed_out =
        exec.timeout.count() > 0 && outcome.exit_code == killed && ended - started >= exec.timeout;
    return outcome;
}

Result<> qemu_agent_freeze(const QemuAgentCall& call)
{
    return count_from(call, "guest-fsfreeze-freeze");
}

Result<> qemu_agent_thaw(const QemuAgentCall& call)
{
    return count_from(call, "guest-fsfreeze-thaw");
}

} // namespace hostd::libvirt
