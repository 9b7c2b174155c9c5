#include "cli/template_text.hpp"

#include "cli/console.hpp"
#include "cli/text.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace cli {

using common::Result;

namespace {

using AnyJson = nlohmann::ordered_json;

/// As it is where no reader of YAML takes it for anything but a text, else in quotes, as JSON has
/// it.
std::string scalar(const AnyJson& value)
{
    if (!value.is_string()) {
        return value.dump();
    }
    const auto& text = value.get_ref<const std::string&>();
    constexpr std::array words{"y", "n", "yes", "no", "on", "off", "true", "false", "null"};
    const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    const bool is_plain =
        !text.empty() && is_letter(text.front()) && std::ranges::all_of(text, [&](char c) {
            return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.' ||
                   c == '/';
        });
    std::string small{text};
    std::ranges::transform(small, small.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    });
    const bool is_word = std::ranges::find(words, small) != words.end();
    return is_plain && !is_word ? text : shown_json(value.dump());
}

void add_value(std::string& out, const AnyJson& value, std::size_t indent);

void add_field(std::string& out, const std::string& key, const AnyJson& value, std::size_t indent)
{
    out += std::string(indent, ' ') + scalar(key) + ":";
    add_value(out, value, indent);
}

/// What stands behind a key of this indent.
void add_value(std::string& out, const AnyJson& value, std::size_t indent)
{
    constexpr std::size_t deeper = 2;
    if (value.is_object() && !value.empty()) {
        out += "\n";
        for (const auto& [key, inner] : value.items()) {
            add_field(out, key, inner, indent + deeper);
        }
    } else if (value.is_array() && !value.empty()) {
        out += "\n";
        for (const auto& inner : value) {
            out += std::string(indent + deeper, ' ') + "- " + scalar(inner) + "\n";
        }
    } else {
        out += " " + scalar(value) + "\n";
    }
}

std::string memory_text(std::int64_t mib)
{
    constexpr std::int64_t mib_in_gib = 1024;
    return mib % mib_in_gib == 0 ? fmt::format("{}GiB", mib / mib_in_gib)
                                 : fmt::format("{}MiB", mib);
}

std::string span_text(std::int64_t seconds)
{
    constexpr std::array units{std::pair{24 * 3600, 'd'}, std::pair{3600, 'h'}, std::pair{60, 'm'}};
    for (const auto& [size, unit] : units) {
        if (seconds % size == 0) {
            return fmt::format("{}{}", seconds / size, unit);
        }
    }
    return fmt::format("{}s", seconds);
}

struct Written {
    const char* field; ///< Of the API.
    const char* key;   ///< Of the file.
};

/// In the order in which a file has them; without pool and disk, which have more to say there.
constexpr std::array plain{Written{"name", "name"},
                           Written{"description", "description"},
                           Written{"image", "image"},
                           Written{"cpu", "vcpus"},
                           Written{"memory_mb", "memory"},
                           Written{"ttl_seconds", "ttl"},
                           Written{"network_mode", "network"},
                           Written{"wait_for_ip", "wait_for_ip"},
                           Written{"ready_command", "ready_command"},
                           Written{"ready_timeout_sec", "ready_timeout"},
                           Written{"labels", "labels"},
                           Written{"env", "env"},
                           Written{"file_policy", "file_policy"},
                           Written{"placement", "placement"},
                           Written{"replicas", "replicas"}};

/// 0 of a number is what the image, or nobody, says: no file has it.
bool is_said(const AnyJson& value)
{
    return !(value.is_number() && value == 0);
}

AnyJson as_written(const std::string& field, AnyJson value)
{
    if (field == "memory_mb" && value.is_number_integer()) {
        return memory_text(value.get<std::int64_t>());
    }
    if ((field == "ttl_seconds" || field == "ready_timeout_sec") && value.is_number_integer()) {
        return span_text(value.get<std::int64_t>());
    }
    if (field == "replicas" && value.contains("every_sec")) {
        value["every"] = span_text(value["every_sec"].get<std::int64_t>());
        value.erase("every_sec");
    }
    return value;
}

AnyJson pool_as_written(const AnyJson& whole, const AnyJson& pool)
{
    auto out = AnyJson::object();
    if (whole.contains("pool")) {
        out["use"] = whole["pool"];
    }
    if (pool.is_object()) {
        out["min"] = pool["min"];
        out["max"] = pool["max"];
        out["max_age"] = span_text(pool["max_age_seconds"].get<std::int64_t>());
    }
    return out;
}

Result<> check_known(const AnyJson& whole)
{
    constexpr std::array others{"id", "created_at", "updated_at", "auto_start", "disk", "pool"};
    for (const auto& entry : whole.items()) {
        const auto& field = entry.key();
        const bool is_known =
            std::ranges::any_of(plain, [&](const auto& one) { return field == one.field; }) ||
            std::ranges::find(others, field) != others.end();
        if (!is_known) {
            return common::Error{
                common::ErrorCode::unimplemented,
                "write this template: its " + field +
                    " is not known to this version of paddock, which is older than "
                    "the coordinator"};
        }
    }
    return {};
}

} // namespace

Result<std::string> template_text(const AnyJson& whole, const AnyJson& pool)
{
    COMMON_CHECK(check_known(whole));
    std::string out;
    for (const auto& [field, key] : plain) {
        if (whole.contains(field) && is_said(whole[field])) {
            add_field(out, key, as_written(field, whole[field]), 0);
        }
    }
    if (whole.contains("disk")) {
        add_field(out, "disk", {{"kind", whole["disk"]}}, 0);
    }
    if (!whole.value("auto_start", false)) {
        add_field(out, "auto_start", false, 0);
    }
    if (const auto written = pool_as_written(whole, pool); !written.empty()) {
        add_field(out, "pool", written, 0);
    }
    return out;
}

} // namespace cli
