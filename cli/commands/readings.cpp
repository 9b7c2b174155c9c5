#include "cli/answers.hpp"
#include "cli/command_line.hpp"
#include "cli/exit_status.hpp"
#include "cli/resolve.hpp"
#include "cli/text.hpp"
#include "common/digest/base64.hpp"

#include <cmath>
#include <fmt/format.h>
#include <map>
#include <thread>

namespace cli {

namespace {

using common::Error;
using common::ErrorCode;
using common::Result;

struct LogOptions {
    std::string sandbox;
    std::uint32_t bytes = 64U << 10U;
};

Result<int> show_console(Context& context, const LogOptions& wanted)
{
    COMMON_TRY(const auto id, sandbox_id(context.session, wanted.sandbox));
    COMMON_TRY(
        const auto body,
        context.session.get(fmt::format("/v1/sandboxes/{}/logs?tail_bytes={}", id, wanted.bytes)));
    if (context.json()) {
        Console::print_json(body);
        return exit_ok;
    }
    COMMON_TRY(const auto json, client::parse(body, context.session.url()));
    auto text = text_of(json, "data");
    if (text_of(json, "encoding") == "base64") {
        text = common::digest::from_base64(text).value_or("");
    }
    if (context.console.out.width == 0) {
        Console::print(text); // As it is: for a file, or a program.
        return exit_ok;
    }
    // A guest's words must not steer the terminal of who reads them.
    for (std::size_t from = 0; from < text.size();) {
        const auto to = std::min(text.find('\n', from), text.size());
        auto line = text.substr(from, to - from);
        std::erase(line, '\r');
        Console::print(printable(line) + "\n");
        from = to + 1;
    }
    return exit_ok;
}

struct TopOptions {
    std::uint32_t interval = 2; ///< Seconds.
    std::uint32_t rounds = 0;   ///< 0: until it is ended.
};

/// What sandboxes use, round by round: their CPU is what they used between two.
class Usage {
public:
    explicit Usage(Context& context) : context_{context} {}

    /// Each running sandbox with its metrics, and "cpu_percent" where it was there before.
    Result<Json> look()
    {
        COMMON_TRY(const auto listing,
                   list_all(context_.session, "/v1/sandboxes", "state=RUNNING", "sandboxes"));
        std::map<std::string, Sample> samples;
        auto all = Json::array();
        for (const auto& sandbox : listing.items()) {
            const auto id = text_of(sandbox, "id");
            auto body = context_.session.get("/v1/sandboxes/" + id + "/metrics");
            if (!body && body.error().code == ErrorCode::not_found) {
                continue; // Gone meanwhile.
            }
            Json one{{"sandbox_id", id},
                     {"sandbox_name", text_of(sandbox, "sandbox_name")},
                     {"host_name", text_of(sandbox, "host_name")}};
            if (!body) {
                one["error"] = body.error().message;
            } else {
                COMMON_TRY(const auto metrics, client::parse(*body, context_.session.url()));
                one.update(metrics);
                const Sample now{std::chrono::steady_clock::now(), number_of(metrics, "cpu_ms")};
                set_percent(one, id, now);
                samples.emplace(id, now);
            }
            all.push_back(std::move(one));
        }
        before_ = std::move(samples);
        return all;
    }

private:
    struct Sample {
        common::SteadyTime at;
        std::int64_t cpu_ms = 0;
    };

    void set_percent(Json& one, const std::string& id, const Sample& now) const
    {
        const auto before = before_.find(id);
        if (before == before_.end() || now.cpu_ms < before->second.cpu_ms) {
            return; // Its QEMU is another one.
        }
        const std::chrono::duration<double, std::milli> span = now.at - before->second.at;
        const auto used = static_cast<double>(now.cpu_ms - before->second.cpu_ms);
        one["cpu_percent"] = std::round(1000.0 * used / std::max(span.count(), 1.0)) / 10.0;
    }

    Context& context_;
    std::map<std::string, Sample> before_;
};

Table usage_table(const Json& all)
{
    Table table{{"ID", "NAME", "HOST", "CPU %", "MEMORY", "DISK", "READ", "WRITTEN", "IN", "OUT"}};
    for (const auto& one : all) {
        const auto size = [&one](const char* field) {
            return one.contains(field)
                       ? size_text(static_cast<std::uint64_t>(number_of(one, field)))
                       : std::string{};
        };
        table.add(
            {{text_of(one, "sandbox_id")},
             {text_of(one, "sandbox_name")},
             {text_of(one, "host_name")},
             {one.contains("cpu_percent") ? fmt::format("{:.1f}", one["cpu_percent"].get<double>())
                                          : std::string{}},
             {size("memory_bytes")},
             {size("disk_bytes")},
             {size("disk_read_bytes")},
             {size("disk_written_bytes")},
             {size("received_bytes")},
             {size("sent_bytes")}});
    }
    return table;
}

Result<int> top(Context& context, const TopOptions& wanted)
{
    const bool is_watched = context.console.out.width > 0 && !context.json();
    const auto rounds = wanted.rounds == 0 && !is_watched ? 1 : wanted.rounds;
    Usage usage{context};
    COMMON_CHECK(usage.look()); // To count from.
    for (std::uint32_t round = 1; rounds == 0 || round <= rounds; ++round) {
        std::this_thread::sleep_for(std::chrono::seconds{wanted.interval});
        COMMON_TRY(const auto all, usage.look());
        if (context.json()) {
            Console::print_json(Json{{"sandboxes", all}}.dump());
        } else {
            Console::print((is_watched ? "\x1b[H\x1b[J" : "") +
                           usage_table(all).render(context.console.out));
        }
        std::fflush(stdout);
        if (!all_written()) {
            break;
        }
    }
    return exit_ok;
}

struct PortOptions {
    std::string sandbox;
    unsigned port = 0;
    std::string path = "/";
};

/// What a server in a sandbox answers to a GET.
Result<int> get_from_port(Context& context, const PortOptions& wanted)
{
    COMMON_TRY(const auto id, sandbox_id(context.session, wanted.sandbox));
    const auto slash = wanted.path.starts_with('/') ? "" : "/";
    COMMON_TRY(const auto body,
               context.session.get(fmt::format(
                   "/v1/sandboxes/{}/ports/{}{}{}", id, wanted.port, slash, wanted.path)));
    Console::print(body);
    return exit_ok;
}

} // namespace

void add_reading_commands(CommandLine& line)
{
    auto* logs = line.add(line.app,
                          "logs",
                          "The end of what its console has said",
                          {"paddock logs web", "paddock logs web --bytes 262144 > console.log"});
    logs->group("Sandboxes");
    auto log_options = std::make_shared<LogOptions>();
    add_sandbox(logs, log_options->sandbox);
    logs->add_option("--bytes", log_options->bytes, "so much of it at most")
        ->type_name("N")
        ->check(CLI::Range(1U, 256U << 10U))
        ->capture_default_str();
    line.runs(logs,
              [log_options](Context& context) { return show_console(context, *log_options); });
    add_screenshot(line);

    auto* usage =
        line.add(line.app,
                 "top",
                 "What running sandboxes use, again and again",
                 {"paddock top", "paddock top -n 1 -o json | jq '.sandboxes[].cpu_percent'"});
    usage->group("Sandboxes");
    auto top_options = std::make_shared<TopOptions>();
    usage->add_option("-i,--interval", top_options->interval, "seconds between two looks")
        ->type_name("S")
        ->check(CLI::Range(1U, 3600U))
        ->capture_default_str();
    usage->add_option("-n", top_options->rounds, "end after so many; without a terminal after one")
        ->type_name("N");
    line.runs(usage, [top_options](Context& context) { return top(context, *top_options); });

    auto* ports = line.add(line.app,
                           "ports",
                           "GET from an HTTP server in a sandbox",
                           {"paddock ports web 8080", "paddock ports web 8080 /status"});
    ports->group("Sandboxes");
    auto port = std::make_shared<PortOptions>();
    add_sandbox(ports, port->sandbox);
    ports->add_option("PORT", port->port, "that it listens on")
        ->type_name("")
        ->required()
        ->check(CLI::Range(1, 65535));
    ports->add_option("PATH", port->path, "and query, as the server takes them (/)")->type_name("");
    line.runs(ports, [port](Context& context) { return get_from_port(context, *port); });
}

} // namespace cli
