#include "cli/show.hpp"

#include "cli/text.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace cli {

namespace {

std::string age_of(const Json& item, const char* field, common::WallTime now)
{
    return age(text_of(item, field), now);
}

/// "a=1,b=2" of an object, "a,b" of a list.
std::string joined(const Json& json)
{
    std::string text;
    for (const auto& [key, value] : json.items()) {
        const auto shown = value.is_string() ? value.get<std::string>() : value.dump();
        text += (text.empty() ? "" : ",") + (json.is_object() ? key + "=" + shown : shown);
    }
    return text;
}

std::string used_of(const Json& host, const char* used, const char* capacity)
{
    return fmt::format("{}/{}", number_of(host, used), number_of(host, capacity));
}

Tone tone_of_exit(const Json& command)
{
    if (text_of(command, "status") == "running") {
        return Tone::dim;
    }
    return number_of(command, "exit_code") == 0 ? Tone::good : Tone::bad;
}

std::string exit_of(const Json& command)
{
    const auto status = text_of(command, "status");
    return status == "finished" ? text_of(command, "exit_code") : status;
}

std::string took(const Json& command)
{
    const auto began = parse_time(text_of(command, "started_at"));
    const auto ended = parse_time(text_of(command, "ended_at"));
    if (!began || !ended || text_of(command, "status") == "running") {
        return "";
    }
    return short_span(std::chrono::duration_cast<std::chrono::seconds>(*ended - *began));
}

} // namespace

Tone tone_of_phase(const std::string& phase)
{
    if (phase == "running" || phase == "ready") {
        return Tone::good;
    }
    if (phase == "error" || phase == "lost" || phase == "unreachable") {
        return Tone::bad;
    }
    if (phase == "stopped" || phase == "suspended" || phase == "destroyed" || phase == "created") {
        return Tone::dim;
    }
    return Tone::warn; // Under way, or paused.
}

Table sandboxes_table(const Json& items, common::WallTime now)
{
    Table table{{"ID", "NAME", "PHASE", "IMAGE", "HOST", "ADDRESS", "AGE", "EXPIRES", "LABELS"}};
    for (const auto& item : items) {
        const auto phase = text_of(item, "phase");
        table.add({{text_of(item, "id")},
                   {text_of(item, "sandbox_name")},
                   {phase, tone_of_phase(phase)},
                   {text_of(item, "image")},
                   {text_of(item, "host_name")},
                   {text_of(item, "ip_address")},
                   {age_of(item, "created_at", now)},
                   {until(text_of(item, "expires_at"), now)},
                   {joined(inner_of(item, "labels"))}});
    }
    return table;
}

Table commands_table(const Json& items, common::WallTime now)
{
    Table table{{"ID", "AGE", "TOOK", "USER", "EXIT", "COMMAND"}};
    for (const auto& item : items) {
        table.add({{text_of(item, "id")},
                   {age_of(item, "started_at", now)},
                   {took(item)},
                   {text_of(item, "user")},
                   {exit_of(item), tone_of_exit(item)},
                   {text_of(item, "command")}});
    }
    return table;
}

Table execs_table(const Json& items, common::WallTime now)
{
    Table table{{"ID", "AGE", "TOOK", "USER", "STDIN", "EXIT", "COMMAND"}};
    for (const auto& item : items) {
        table.add({{text_of(item, "id")},
                   {age_of(item, "started_at", now)},
                   {took(item)},
                   {text_of(item, "user")},
                   {item.value("pty", false)     ? "tty"
                    : item.value("stdin", false) ? "yes"
                                                 : "no"},
                   {exit_of(item), tone_of_exit(item)},
                   {text_of(item, "command")}});
    }
    return table;
}

Table snapshots_table(const Json& items, common::WallTime now)
{
    Table table{{"NAME", "ID", "STATUS", "AGE", "SIZE", "MEMORY", "PAUSED", "ERROR"}};
    for (const auto& item : items) {
        const auto status = text_of(item, "status");
        const auto paused = item.value("paused_ms", 0.0);
        table.add({{text_of(item, "name")},
                   {text_of(item, "id")},
                   {status, tone_of_phase(status)},
                   {age_of(item, "created_at", now)},
                   {size_text(static_cast<std::uint64_t>(number_of(item, "size_bytes")))},
                   {item.value("has_memory", false) ? "yes" : "no"},
                   {paused > 0 ? fmt::format("{:.0f} ms", paused) : ""},
                   {text_of(item, "error"), Tone::bad}});
    }
    return table;
}

Table replicas_table(const Json& items, common::WallTime now)
{
    Table table{{"HOST", "AGE", "MEMORY", "SIZE", "SNAPSHOTS"}};
    for (const auto& item : items) {
        table.add({{text_of(item, "host_name")},
                   {age_of(item, "taken_at", now)},
                   {item.value("has_memory", false) ? "yes" : "no"},
                   {size_text(static_cast<std::uint64_t>(number_of(item, "size_bytes")))},
                   {text_of(item, "snapshots")}});
    }
    return table;
}

Table images_table(const Json& items, common::WallTime now)
{
    Table table{{"NAME", "DISK", "SIZE", "CPU", "MEMORY", "AGENT", "AGE", "HOSTS"}};
    for (const auto& item : items) {
        table.add({{text_of(item, "name")},
                   {size_text(static_cast<std::uint64_t>(number_of(item, "virtual_size_bytes")))},
                   {size_text(static_cast<std::uint64_t>(number_of(item, "size_bytes")))},
                   {text_of(item, "default_cpu")},
                   {text_of(item, "default_memory_mb") + " MiB"},
                   {text_of(item, "agent")},
                   {age_of(item, "registered_at", now)},
                   {joined(inner_of(item, "hosts"))}});
    }
    return table;
}

Table panes_table(const Json& items)
{
    Table table{{"PANE", "SESSION", "WINDOW", "SIZE", "ENDED", "TITLE"}};
    for (const auto& item : items) {
        const bool ended = item.value("ended", false);
        const auto code = text_of(item, "exit_code");
        table.add({{text_of(item, "pane_id") + (item.value("active", false) ? " *" : "")},
                   {text_of(item, "session_name")},
                   {text_of(item, "window_index") + " " + text_of(item, "window_name")},
                   {text_of(item, "pane_width") + "x" + text_of(item, "pane_height")},
                   {!ended         ? ""
                    : code.empty() ? "yes"
                                   : code},
                   {text_of(item, "pane_title")}});
    }
    return table;
}

Table templates_table(const Json& items, common::WallTime now)
{
    Table table{{"NAME", "IMAGE", "CPU", "MEMORY", "CHANGED", "DESCRIPTION"}};
    for (const auto& item : items) {
        const auto memory = text_of(item, "memory_mb");
        table.add({{text_of(item, "name")},
                   {text_of(item, "image")},
                   {text_of(item, "cpu")},
                   {memory.empty() ? "" : memory + " MiB"},
                   {age_of(item, "updated_at", now)},
                   {text_of(item, "description")}});
    }
    return table;
}

Table pools_table(const Json& items)
{
    Table table{{"NAME",
                 "IMAGE",
                 "CPU",
                 "MEMORY",
                 "MIN",
                 "MAX",
                 "READY",
                 "FILLING",
                 "HITS",
                 "MISSES",
                 "HOSTS"}};
    for (const auto& item : items) {
        std::string hosts;
        for (const auto& host : inner_of(item, "hosts")) {
            hosts += fmt::format("{}{}:{}",
                                 hosts.empty() ? "" : ",",
                                 text_of(host, "host_name"),
                                 text_of(host, "ready"));
        }
        const auto ready = number_of(item, "ready");
        table.add({{text_of(item, "name")},
                   {text_of(item, "image")},
                   {text_of(item, "cpu")},
                   {text_of(item, "memory_mb") + " MiB"},
                   {text_of(item, "min")},
                   {text_of(item, "max")},
                   {std::to_string(ready), ready > 0 ? Tone::good : Tone::warn},
                   {text_of(item, "filling")},
                   {text_of(item, "hits")},
                   {text_of(item, "misses")},
                   {hosts}});
    }
    return table;
}

Table hosts_table(const Json& items, common::WallTime now)
{
    Table table{{"NAME",
                 "HEALTH",
                 "SANDBOXES",
                 "VCPUS",
                 "MEMORY MIB",
                 "DISK FREE",
                 "ACCEL",
                 "ENGINE",
                 "SEEN",
                 "WARNINGS"}};
    for (const auto& item : items) {
        auto health = text_of(item, "health");
        const auto tone = tone_of_phase(health);
        health += text_of(item, "cordoned") == "true" ? ", cordoned" : "";
        health += inner_of(item, "taints").empty() ? "" : ", tainted";
        if (const auto& drain = inner_of(item, "drain"); !drain.empty()) {
            const auto state = text_of(drain, "state");
            health += ", " + (state == "incomplete" ? "not drained" : state);
        }
        if (const auto& gone = inner_of(item, "evacuation"); !gone.empty()) {
            const auto state = text_of(gone, "state");
            health += ", " + (state == "incomplete" ? "not evacuated" : state);
        }
        const auto warnings = inner_of(item, "warnings").size();
        table.add({{text_of(item, "name")},
                   {health, tone},
                   {text_of(item, "sandboxes")},
                   {used_of(item, "used_vcpus", "capacity_vcpus")},
                   {used_of(item, "used_memory_mb", "capacity_memory_mb")},
                   {size_text(static_cast<std::uint64_t>(number_of(item, "disk_free_mb")) << 20U)},
                   {text_of(item, "accel")},
                   {text_of(item, "state_engine")},
                   {age_of(item, "last_seen", now)},
                   {warnings > 0 ? std::to_string(warnings) : "", Tone::warn}});
    }
    return table;
}

Table placement_table(const Json& told)
{
    const auto& all = inner_of(told, "hosts");
    std::vector<Json> hosts{all.begin(), all.end()};
    const auto number = [](const Json& one, const char* field) {
        const auto found = one.find(field);
        return found != one.end() && found->is_number() ? found->get<double>() : -1.0;
    };
    std::ranges::stable_sort(
        hosts, std::ranges::greater{}, [&number](const Json& one) { return number(one, "score"); });
    Table table{{"HOST", "VERDICT", "SCORE", "BECAUSE"}};
    for (const auto& one : hosts) {
        const auto name = text_of(one, "name");
        const bool fits = text_of(one, "fits") == "true";
        const bool chosen = fits && name == text_of(told, "host");
        std::string because = text_of(one, "why_not");
        const auto& scores = inner_of(one, "scores");
        for (const auto& [what, score] : scores.items()) {
            because += fmt::format(
                "{}{} {:.2f}", because.empty() ? "" : ", ", what, number(scores, what.c_str()));
        }
        table.add({{name},
                   {chosen ? "takes it"
                    : fits ? "could take it"
                           : "cannot",
                    chosen ? Tone::good
                    : fits ? Tone::plain
                           : Tone::warn},
                   {fits ? fmt::format("{:.2f}", number(one, "score")) : ""},
                   {because}});
    }
    return table;
}

Table vms_table(const Json& items)
{
    Table table{{"NAME", "STATE", "HOST", "UUID", "DISK"}};
    for (const auto& item : items) {
        table.add({{text_of(item, "name")},
                   {text_of(item, "state"), tone_of_phase(text_of(item, "state"))},
                   {text_of(item, "host_name")},
                   {text_of(item, "uuid")},
                   {text_of(item, "disk_path")}});
    }
    return table;
}

std::string details_of(const Json& object, common::WallTime now, const Look& look)
{
    std::size_t widest = 0;
    for (const auto& [key, value] : object.items()) {
        widest = std::max(widest, key.size());
    }
    std::string text;
    for (const auto& [key, value] : object.items()) {
        const bool list_of_objects =
            value.is_array() && !value.empty() && value.front().is_structured();
        auto shown = value.is_structured() && !list_of_objects ? joined(value)
                     : value.is_string()                       ? value.get<std::string>()
                                                               : value.dump();
        const auto old = value.is_string() && key.ends_with("_at") ? age(shown, now) : "";
        if (shown.empty()) {
            continue;
        }
        if (key.ends_with("_bytes") && value.is_number_unsigned()) {
            shown += " (" + size_text(value.get<std::uint64_t>()) + ")";
        } else if (!old.empty() && key == "expires_at") {
            shown += " (" + until(shown, now) + ")";
        } else if (!old.empty()) {
            shown += " (" + old + " ago)";
        }
        const auto tone = key == "phase" || key == "health" ? tone_of_phase(shown)
                          : key == "error"                  ? Tone::bad
                                                            : Tone::plain;
        text += toned(key, Tone::dim, look) + std::string(widest - key.size() + 2, ' ') +
                toned(printable(shown), tone, look) + "\n";
    }
    return text;
}

} // namespace cli
