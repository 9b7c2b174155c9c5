#include "cli/answers.hpp"
#include "cli/command_line.hpp"
#include "cli/exit_status.hpp"
#include "cli/reach.hpp"
#include "cli/text.hpp"
#include "common/version.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace cli {

namespace {

enum class Verdict { ok, warn, fail };

struct Check {
    Verdict verdict;
    std::string name;
    std::string what;
    std::string fix{}; ///< What to do about it.
};

/// What it goes by.
struct Examination {
    const Settings& settings;
    client::ApiClient http;
    client::ApiClient::Headers headers;
    std::vector<Check> checks;

    client::ApiClient::Reply get(const std::string& path) { return http.get(path, headers); }
    void add(Verdict verdict, std::string name, std::string what, std::string fix = "")
    {
        checks.push_back({verdict, std::move(name), std::move(what), std::move(fix)});
    }
};

std::string_view to_string(Verdict verdict)
{
    switch (verdict) {
    case Verdict::ok: return "ok";
    case Verdict::warn: return "warn";
    case Verdict::fail: return "fail";
    }
    return "fail";
}

Tone tone_of(Verdict verdict)
{
    switch (verdict) {
    case Verdict::ok: return Tone::good;
    case Verdict::warn: return Tone::warn;
    case Verdict::fail: return Tone::bad;
    }
    return Tone::bad;
}

constexpr const char* how_to_get_a_token =
    "make one where the coordinator runs: paddock-coordinator --config FILE token --name YOU, "
    "restart it, and put PADDOCK_TOKEN=… into ~/.config/paddock/config (chmod 600); on a machine "
    "of quickstart's run paddock as root";

bool check_reach(Examination& at)
{
    constexpr std::chrono::seconds timeout{5};
    const auto reached = reach_any(at.settings.url, timeout);
    if (reached) {
        at.add(Verdict::ok, "connection", *reached);
        return true;
    }
    const bool no_name = reached.error().code == common::ErrorCode::not_found;
    at.add(Verdict::fail,
           "connection",
           reached.error().message,
           no_name ? fmt::format("mend the URL, which is from {}, or the name's DNS",
                                 at.settings.url_from)
                   : fmt::format("start the coordinator, or name another with --url or PADDOCK_URL "
                                 "(this one is from {}); is a firewall between?",
                                 at.settings.url_from));
    return false;
}

bool check_version(Examination& at)
{
    const auto reply = at.get("/version");
    const auto json = reply.json();
    if (reply.status != 200 || !json.is_object() || !json.contains("version")) {
        const auto error =
            reply.status == 0 ? reply.failure : client::error_of(reply, at.settings.url).message;
        at.add(Verdict::fail,
               "coordinator",
               "what answers there is no Paddock coordinator: " + error,
               "name the coordinator's URL; if it refuses this name as Host, add it to its "
               "allowed_hosts");
        return false;
    }
    const auto theirs = json.value("version", "");
    const bool same = theirs == common::version;
    at.add(
        same ? Verdict::ok : Verdict::warn,
        "coordinator",
        fmt::format("{} {}", json.value("name", ""), theirs),
        same ? ""
             : fmt::format("this program is {}: install that of the coordinator", common::version));
    return true;
}

bool check_token(Examination& at)
{
    const auto reply = at.get("/v1/sandboxes?limit=1");
    if (reply.status == 200) {
        at.add(Verdict::ok,
               "token",
               at.settings.token.empty() ? "none is needed"
                                         : "accepted; it is from " + at.settings.token_from);
        return true;
    }
    const bool none = at.settings.token.empty();
    if (reply.status == 401 || reply.status == 403) {
        at.add(Verdict::fail,
               "token",
               none ? "there is none" : "refused: the one from " + at.settings.token_from,
               how_to_get_a_token);
    } else {
        at.add(Verdict::fail,
               "token",
               reply.status == 0 ? reply.failure : client::error_of(reply, at.settings.url).message,
               "see the components below, and the coordinator's log");
    }
    return reply.status != 401 && reply.status != 403;
}

std::string fix_of(const std::string& component)
{
    if (component == "database") {
        return "start PostgreSQL; is the coordinator's database_url right?";
    }
    if (component == "lease") {
        return "another coordinator holds it, or the database is away: use the other's URL, or "
               "wait";
    }
    if (component == "hosts") {
        return "start paddock-hostd on a host that is enrolled; its log says why it is not let in";
    }
    return "see the coordinator's log";
}

void check_ready(Examination& at)
{
    const auto json = at.get("/readyz").json();
    const auto components = json.is_object() ? json.value("components", nlohmann::json::array())
                                             : nlohmann::json::array();
    if (components.empty()) {
        at.add(Verdict::fail, "readiness", "the coordinator does not say", "see its log");
    }
    for (const auto& component : components) {
        const auto name = component.value("name", "");
        const bool ready = component.value("ready", false);
        at.add(ready ? Verdict::ok : Verdict::fail,
               name,
               ready ? "ready" : "not ready",
               ready ? "" : fix_of(name));
    }
}

void check_hosts(Examination& at)
{
    const auto json =
        nlohmann::ordered_json::parse(at.get("/v1/hosts?limit=500").body, nullptr, false);
    if (!json.is_object()) {
        return; // Told by what was asked before.
    }
    const auto& hosts = inner_of(json, "hosts");
    if (hosts.empty()) {
        at.add(
            Verdict::fail,
            "hosts",
            "none was ever here",
            "enrol one: paddock-coordinator enrol NAME host.pub; then start paddock-hostd there");
    }
    for (const auto& host : hosts) {
        const auto health = text_of(host, "health");
        const bool ready = health == "ready" || health == "warming";
        at.add(ready ? Verdict::ok : Verdict::warn,
               "host " + text_of(host, "name"),
               fmt::format("{}, {} sandboxes, {} of {} MiB reserved",
                           health,
                           number_of(host, "sandboxes"),
                           number_of(host, "used_memory_mb"),
                           number_of(host, "capacity_memory_mb")),
               ready ? "" : "is it up, and paddock-hostd with it? Its log says more");
        for (const auto& warning : inner_of(host, "warnings")) {
            at.add(Verdict::warn,
                   "host " + text_of(host, "name"),
                   warning.is_string() ? warning.get<std::string>() : warning.dump(),
                   "on that host: paddock-hostd preflight");
        }
    }
}

void check_images(Examination& at)
{
    const auto json =
        nlohmann::ordered_json::parse(at.get("/v1/images?limit=500").body, nullptr, false);
    if (!json.is_object()) {
        return;
    }
    std::string names;
    for (const auto& image : inner_of(json, "images")) {
        names += (names.empty() ? "" : ", ") + text_of(image, "name");
    }
    at.add(names.empty() ? Verdict::fail : Verdict::ok,
           "images",
           names.empty() ? "there is none, so nothing can be created" : names,
           names.empty() ? "on a host: paddock-hostd image add NAME FILE" : "");
}

void examine(Examination& at)
{
    at.add(
        Verdict::ok, "settings", fmt::format("{} from {}", at.settings.url, at.settings.url_from));
    for (const auto& warning : at.settings.warnings) {
        at.add(Verdict::warn,
               "settings",
               warning,
               "if that should count: PADDOCK_TOKEN, or ~/.config/paddock/config");
    }
    if (!check_reach(at) || !check_version(at)) {
        return;
    }
    const bool let_in = check_token(at);
    check_ready(at);
    if (let_in) {
        check_hosts(at);
        check_images(at);
    }
}

void show(const Context& context, const std::vector<Check>& checks)
{
    const auto& look = context.console.out;
    std::size_t widest = 0;
    for (const auto& check : checks) {
        widest = std::max(widest, width_of(printable(check.name)));
    }
    for (const auto& check : checks) {
        const auto name = printable(check.name);
        Console::print(fmt::format(
            "{}  {}{}  {}\n",
            toned(fmt::format("{:<4}", to_string(check.verdict)), tone_of(check.verdict), look),
            name,
            std::string(widest - width_of(name), ' '),
            printable(check.what)));
        if (!check.fix.empty()) {
            Console::print(std::string(widest + 8, ' ') + toned("fix: ", Tone::dim, look) +
                           check.fix + "\n");
        }
    }
}

std::string json_of(const std::vector<Check>& checks, bool failed)
{
    Json json{{"ok", !failed}, {"checks", Json::array()}};
    for (const auto& check : checks) {
        Json one{
            {"name", check.name}, {"status", to_string(check.verdict)}, {"message", check.what}};
        if (!check.fix.empty()) {
            one["fix"] = check.fix;
        }
        json["checks"].push_back(std::move(one));
    }
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

common::Result<int> doctor(Context& context)
{
    Examination at{context.settings,
                   {context.settings.url, context.settings.token},
                   {{"X-Request-ID", context.session.request_id()}},
                   {}};
    at.http.set_timeout(std::chrono::seconds{20});
    examine(at);
    const bool failed = std::ranges::any_of(
        at.checks, [](const Check& check) { return check.verdict == Verdict::fail; });
    if (context.json()) {
        Console::print_json(json_of(at.checks, failed));
    } else {
        show(context, at.checks);
    }
    return failed ? exit_check_failed : exit_ok;
}

} // namespace

void add_doctor(CommandLine& line)
{
    auto* command =
        line.add(line.app,
                 "doctor",
                 "Is all well, and if not, what to do",
                 {"paddock doctor", "paddock doctor --url https://paddock.example:8443"});
    command->group("Help");
    line.runs(command, doctor);
}

} // namespace cli
