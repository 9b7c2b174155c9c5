#include "common/config/config.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fmt/format.h>
#include <stdexcept>
#include <yaml-cpp/yaml.h>

namespace common::config {

namespace {

std::string variable_of(const Key& key)
{
    std::string name = "PADDOCK_";
    for (const char c : key.name) {
        name += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    return name;
}

std::vector<std::string> split_commas(const std::string& text)
{
    std::vector<std::string> parts;
    std::size_t from = 0;
    while (from <= text.size()) {
        const auto to = std::min(text.find(',', from), text.size());
        if (to > from) {
            parts.push_back(text.substr(from, to - from));
        }
        from = to + 1;
    }
    return parts;
}

std::string_view expected(Kind kind)
{
    switch (kind) {
    case Kind::text: return "text";
    case Kind::integer: return "an integer";
    case Kind::boolean: return "true or false";
    case Kind::duration_ms: return "an integer of milliseconds";
    case Kind::list: return "a list";
    }
    return "a value";
}

Error wrong(const Key& key, const std::string& origin, const std::string& what)
{
    return {ErrorCode::invalid_argument,
            fmt::format("configuration key '{}' from {}: {}", key.name, origin, what)};
}

Result<YAML::Node> read_file(const std::filesystem::path& file)
{
    try {
        auto root = YAML::LoadFile(file.string());
        if (!root.IsNull() && !root.IsMap()) {
            return Error{ErrorCode::invalid_argument,
                         file.string() + ": expected `key: value` lines"};
        }
        return root;
    } catch (const YAML::BadFile&) {
        return Error{ErrorCode::not_found,
                     "configuration file " + file.string() + " cannot be read: does it exist?"};
    } catch (const YAML::Exception& error) {
        return Error{ErrorCode::invalid_argument, file.string() + ": " + error.what()};
    }
}

/// What a value is made of; nothing if it is neither text nor a list of texts.
std::optional<std::vector<std::string>> texts_of(const YAML::Node& value)
{
    if (value.IsNull()) {
        return std::vector<std::string>{""};
    }
    if (value.IsScalar()) {
        return std::vector{value.Scalar()};
    }
    std::vector<std::string> texts;
    for (const auto& item : value.IsSequence() ? value : YAML::Node{}) {
        if (!item.IsScalar()) {
            return std::nullopt;
        }
        texts.push_back(item.Scalar());
    }
    return value.IsSequence() ? std::optional{texts} : std::nullopt;
}

} // namespace

Result<Config::Value> Config::parse(const Key& key,
                                    const std::vector<std::string>& raw,
                                    bool sequence,
                                    const std::string& origin)
{
    Value value{key.kind, {}, 0, {}, origin};
    if (key.kind == Kind::list) {
        value.list = sequence || raw.empty() ? raw : split_commas(raw.front());
        return value;
    }
    if (sequence || raw.size() != 1) {
        return wrong(key, origin, fmt::format("expected {}, got a list", expected(key.kind)));
    }
    value.text = raw.front();
    const auto shown = key.secret ? std::string{"(secret)"} : "'" + value.text + "'";
    if (key.kind == Kind::boolean) {
        if (value.text != "true" && value.text != "false") {
            return wrong(key, origin, fmt::format("expected true or false, got {}", shown));
        }
        value.integer = value.text == "true" ? 1 : 0;
    } else if (key.kind == Kind::integer || key.kind == Kind::duration_ms) {
        const auto* end = value.text.data() + value.text.size();
        const auto [stop, error] = std::from_chars(value.text.data(), end, value.integer);
        if (error != std::errc{} || stop != end) {
            return wrong(
                key, origin, fmt::format("expected {}, got {}", expected(key.kind), shown));
        }
        if (value.integer < key.minimum || value.integer > key.maximum) {
            return wrong(
                key,
                origin,
                fmt::format("{} is outside {} to {}", value.integer, key.minimum, key.maximum));
        }
    }
    return value;
}

Result<Config> Config::load(std::span<const Key> keys,
                            const std::filesystem::path& file,
                            const Environment& environment)
{
    Config config;
    for (const auto& key : keys) {
        COMMON_TRY(auto value, parse(key, {std::string{key.fallback}}, false, "default"));
        config.values_.insert_or_assign(std::string{key.name}, std::move(value));
    }
    if (!file.empty()) {
        COMMON_TRY(const auto root, read_file(file));
        for (const auto& entry : root) {
            const auto name = entry.first.Scalar();
            const auto key = std::ranges::find(keys, std::string_view{name}, &Key::name);
            if (key == keys.end()) {
                return Error{ErrorCode::invalid_argument,
                             fmt::format("{}: unknown configuration key '{}' (see --help for the "
                                         "list)",
                                         file.string(),
                                         name)};
            }
            if (config.origin(name) == file.string()) {
                return wrong(*key, file.string(), "it is given twice");
            }
            const auto texts = texts_of(entry.second);
            if (!texts) {
                return wrong(*key,
                             file.string(),
                             fmt::format("expected {}, got something nested", expected(key->kind)));
            }
            const bool sequence = entry.second.IsSequence();
            COMMON_TRY(auto value, parse(*key, *texts, sequence, file.string()));
            config.values_.insert_or_assign(name, std::move(value));
        }
    }
    for (const auto& key : keys) {
        // The oldest name first, so that PADDOCK_… has the last word.
        std::vector<std::string> names{key.aliases.begin(), key.aliases.end()};
        names.push_back(variable_of(key));
        for (const auto& name : names) {
            if (const auto raw = environment(name)) {
                COMMON_TRY(auto value, parse(key, {*raw}, false, name));
                config.values_.insert_or_assign(std::string{key.name}, std::move(value));
            }
        }
    }
    return config;
}

const Config::Value& Config::at(std::string_view name, Kind kind) const
{
    const auto found = values_.find(name);
    if (found == values_.end() || found->second.kind != kind) {
        throw std::logic_error{"no configuration key " + std::string{name} + " of that kind"};
    }
    return found->second;
}

const std::string& Config::text(std::string_view name) const
{
    return at(name, Kind::text).text;
}

std::int64_t Config::integer(std::string_view name) const
{
    return at(name, Kind::integer).integer;
}

bool Config::boolean(std::string_view name) const
{
    return at(name, Kind::boolean).integer != 0;
}

std::chrono::milliseconds Config::duration(std::string_view name) const
{
    return std::chrono::milliseconds{at(name, Kind::duration_ms).integer};
}

const std::vector<std::string>& Config::list(std::string_view name) const
{
    return at(name, Kind::list).list;
}

const std::string& Config::origin(std::string_view name) const
{
    return values_.find(name)->second.origin;
}

std::optional<std::string> process_environment(const std::string& name)
{
    // Read at start-up only, before there are other threads.
    const char* value = std::getenv(name.c_str()); // NOLINT(concurrency-mt-unsafe)
    return value == nullptr ? std::nullopt : std::optional<std::string>{value};
}

std::string describe(std::span<const Key> keys)
{
    std::string text;
    for (const auto& key : keys) {
        text += fmt::format("  {:<28} {} [{}]\n",
                            key.name,
                            key.help,
                            key.fallback.empty() ? "empty" : key.fallback);
        text += fmt::format("  {:<28}   env {}", "", variable_of(key));
        for (const auto alias : key.aliases) {
            text += fmt::format(", {}", alias);
        }
        text += "\n";
    }
    return text;
}

} // namespace common::config
