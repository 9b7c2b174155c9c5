#include "cli/yaml_fields.hpp"

#include "cli/text.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cli {

using common::config::Node;

void Findings::add(unsigned line, const std::string& key, const std::string& message)
{
    constexpr std::size_t most_shown = 100;
    all_.push_back({line, cut(key, most_shown), message});
}

std::vector<common::FieldError> Findings::sorted() const
{
    auto found = all_;
    std::ranges::stable_sort(found, {}, &Finding::line);
    std::vector<common::FieldError> out;
    for (const auto& [line, key, message] : found) {
        out.push_back({fmt::format("{}:{}: {}", file_, line, key), message});
    }
    return out;
}

YamlFields::YamlFields(const Node& map, std::string path, Findings& findings)
    : map_{&map}, path_{std::move(path)}, findings_{&findings}
{}

const Node::Field* YamlFields::find(const std::string& name) const
{
    const auto found = std::ranges::find(map_->fields, name, &Node::Field::name);
    return found == map_->fields.end() ? nullptr : &*found;
}

std::string YamlFields::path_of(const std::string& name) const
{
    return path_.empty() ? name : path_ + "." + name;
}

void YamlFields::wrong(const std::string& name, const std::string& message)
{
    const auto* field = find(name);
    findings_->add(field == nullptr ? map_->line : field->line, path_of(name), message);
}

void YamlFields::refuse(const std::string& name, const std::string& why)
{
    if (has(name)) {
        asked_.insert(name);
        wrong(name, why);
    }
}

const Node* YamlFields::take(const std::string& name, Node::Kind kind, const char* expected)
{
    asked_.insert(name);
    const auto* field = find(name);
    if (field == nullptr) {
        return nullptr;
    }
    if (field->value.kind != kind) {
        wrong(name, fmt::format("must be {}", expected));
        return nullptr;
    }
    return &field->value;
}

bool YamlFields::has_map(const std::string& name) const
{
    const auto* field = find(name);
    return field != nullptr && field->value.kind == Node::Kind::map;
}

std::optional<std::string> YamlFields::text(const std::string& name)
{
    const auto* value = take(name, Node::Kind::scalar, "a text");
    if (value != nullptr && value->text.empty()) {
        wrong(name, "must not be empty: leave it out");
        return std::nullopt;
    }
    return value == nullptr ? std::nullopt : std::optional{value->text};
}

std::optional<std::string> YamlFields::one_of(const std::string& name,
                                              std::initializer_list<const char*> words)
{
    auto value = text(name);
    if (value && std::ranges::find(words, *value) == words.end()) {
        wrong(name, fmt::format("must be one of {}", fmt::join(words, ", ")));
        return std::nullopt;
    }
    return value;
}

std::optional<std::int64_t>
YamlFields::integer(const std::string& name, std::int64_t low, std::int64_t high)
{
    const auto expected = fmt::format("an integer from {} to {}", low, high);
    const auto* value = take(name, Node::Kind::scalar, expected.c_str());
    if (value == nullptr) {
        return std::nullopt;
    }
    std::int64_t number = 0;
    const auto* end = value->text.data() + value->text.size();
    const auto [stop, error] = std::from_chars(value->text.data(), end, number);
    if (value->quoted || error != std::errc{} || stop != end || number < low || number > high) {
        wrong(name, "must be " + expected);
        return std::nullopt;
    }
    return number;
}

std::optional<bool> YamlFields::boolean(const std::string& name)
{
    constexpr auto expected = "true or false";
    const auto* value = take(name, Node::Kind::scalar, expected);
    if (value == nullptr) {
        return std::nullopt;
    }
    if (value->quoted || (value->text != "true" && value->text != "false")) {
        wrong(name, fmt::format("must be {}", expected));
        return std::nullopt;
    }
    return value->text == "true";
}

std::optional<std::string> YamlFields::inner_text(const std::string& path, const Node& node)
{
    if (node.kind != Node::Kind::scalar) {
        findings_->add(node.line, path, "must be a text; \"\" is an empty one");
        return std::nullopt;
    }
    return node.text;
}

std::optional<nlohmann::json> YamlFields::texts(const std::string& name)
{
    const auto* value = take(name, Node::Kind::map, "a map of texts");
    if (value == nullptr) {
        return std::nullopt;
    }
    auto out = nlohmann::json::object();
    for (const auto& field : value->fields) {
        if (const auto one = inner_text(path_of(name) + "." + field.name, field.value)) {
            out[field.name] = *one;
        }
    }
    return out;
}

std::optional<nlohmann::json> YamlFields::list(const std::string& name)
{
    const auto* value = take(name, Node::Kind::list, "a list of texts");
    if (value == nullptr) {
        return std::nullopt;
    }
    auto out = nlohmann::json::array();
    for (const auto& item : value->items) {
        if (const auto one = inner_text(path_of(name), item)) {
            out.push_back(*one);
        }
    }
    return out;
}

std::optional<YamlFields> YamlFields::inner(const std::string& name)
{
    const auto* value = take(name, Node::Kind::map, "a map");
    return value == nullptr ? std::nullopt
                            : std::optional{YamlFields{*value, path_of(name), *findings_}};
}

void YamlFields::finish(std::string (*hint)(const std::string& name))
{
    for (const auto& field : map_->fields) {
        if (!asked_.contains(field.name)) {
            auto why = hint == nullptr ? std::string{} : hint(field.name);
            findings_->add(field.line,
                           path_of(field.name),
                           why.empty() ? "is no key that is known here" : std::move(why));
        }
    }
}

} // namespace cli
