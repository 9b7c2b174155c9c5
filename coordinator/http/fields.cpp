#include "coordinator/http/fields.hpp"

#include "coordinator/http/strict_json.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <set>

namespace coordinator::http {

using common::Error;
using common::ErrorCode;
using nlohmann::json;

namespace {

enum class Nulls { refused, taken };

} // namespace

struct Fields::State {
    std::string_view body;
    json object = json::object();
    std::set<std::string, std::less<>> asked;
    std::vector<common::FieldError> wrong;
    std::vector<common::FieldError> not_yet;

    const json* ask(std::string_view name)
    {
        asked.emplace(name);
        const auto at = object.find(name);
        return at == object.end() ? nullptr : &*at;
    }

    std::optional<std::string> text(std::string field, const json& value, TextRule rule)
    {
        if (!value.is_string()) {
            wrong.push_back({std::move(field), "must be a string"});
            return std::nullopt;
        }
        const auto& text = value.get_ref<const std::string&>();
        if (auto complaint = rule(text); !complaint.empty()) {
            wrong.push_back({std::move(field), std::move(complaint)});
            return std::nullopt;
        }
        return text;
    }

    std::optional<std::int64_t> integer(std::string field, const json* value, Range range)
    {
        if (value == nullptr) {
            return std::nullopt;
        }
        const bool huge = value->is_number_unsigned() &&
                          value->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX);
        if (!value->is_number_integer()) {
            wrong.push_back({std::move(field), "must be an integer"});
        } else if (huge || value->get<std::int64_t>() < range.low ||
                   value->get<std::int64_t>() > range.high) {
            wrong.push_back(
                {std::move(field), fmt::format("must be from {} to {}", range.low, range.high)});
        } else {
            return value->get<std::int64_t>();
        }
        return std::nullopt;
    }

    std::optional<bool> boolean(std::string field, const json* value)
    {
        if (value != nullptr && !value->is_boolean()) {
            wrong.push_back({std::move(field), "must be true or false"});
            return std::nullopt;
        }
        return value == nullptr ? std::nullopt : std::optional{value->get<bool>()};
    }

    std::optional<std::vector<std::string>>
    list(const std::string& field, const json& value, TextRule rule, std::size_t limit)
    {
        if (!value.is_array()) {
            wrong.push_back({field, "must be a list of strings"});
            return std::nullopt;
        }
        if (value.size() > limit) {
            wrong.push_back({field, fmt::format("must have at most {} entries", limit)});
            return std::nullopt;
        }
        std::vector<std::string> out;
        for (const auto& entry : value) {
            auto item = text(fmt::format("{}.{}", field, out.size()), entry, rule);
            if (!item) {
                return std::nullopt;
            }
            out.push_back(*std::move(item));
        }
        return out;
    }

    /// Of an object that is there; null: it has none.
    [[nodiscard]] const json* inner(std::string_view name, std::string_view inner) const
    {
        const auto& outer = object.at(std::string{name});
        const auto at = outer.find(inner);
        return at == outer.end() ? nullptr : &*at;
    }

    std::map<std::string, std::optional<std::string>> map(const std::string& name,
                                                          const json* value,
                                                          TextRule key_rule,
                                                          TextRule value_rule,
                                                          std::size_t limit,
                                                          Nulls nulls)
    {
        std::map<std::string, std::optional<std::string>> out;
        if (value == nullptr) {
            return out;
        }
        if (!value->is_object()) {
            wrong.push_back({name, "must be an object of strings"});
            return out;
        }
        if (value->size() > limit) {
            wrong.push_back({name, fmt::format("must have at most {} entries", limit)});
            return out;
        }
        for (const auto& [key, entry] : value->items()) {
            auto field = fmt::format("{}.{}", name, shown(key));
            if (auto complaint = key_rule(key); !complaint.empty()) {
                wrong.push_back({std::move(field), "the name " + complaint});
            } else if (nulls == Nulls::taken && entry.is_null()) {
                out.emplace(key, std::nullopt);
            } else if (auto item = text(std::move(field), entry, value_rule)) {
                out.emplace(key, std::move(item));
            }
        }
        return out;
    }
};

namespace {

std::map<std::string, std::string>
all_of(std::map<std::string, std::optional<std::string>> without_nulls)
{
    std::map<std::string, std::string> out;
    for (auto& [key, value] : without_nulls) {
        out.emplace(key, *std::move(value));
    }
    return out;
}

} // namespace

Fields::Fields() : state_{std::make_unique<State>()} {}
Fields::~Fields() = default;
Fields::Fields(Fields&&) noexcept = default;
Fields& Fields::operator=(Fields&&) noexcept = default;

common::Result<Fields> Fields::parse(std::string_view body)
{
    Fields fields;
    fields.state_->body = body;
    if (body.find_first_not_of(" \t\r\n") == std::string_view::npos) {
        return fields;
    }
    COMMON_TRY(fields.state_->object, parse_json(body));
    if (!fields.state_->object.is_object()) {
        return field_error("read the request body", {{"body", "must be a JSON object"}});
    }
    return fields;
}

std::optional<std::string> Fields::text(std::string_view name, TextRule rule)
{
    const auto* value = state_->ask(name);
    return value == nullptr ? std::nullopt : state_->text(std::string{name}, *value, rule);
}

std::optional<std::int64_t> Fields::integer(std::string_view name, Range range)
{
    return state_->integer(std::string{name}, state_->ask(name), range);
}

std::optional<bool> Fields::boolean(std::string_view name)
{
    return state_->boolean(std::string{name}, state_->ask(name));
}

std::map<std::string, std::string>
Fields::texts(std::string_view name, TextRule key_rule, TextRule value_rule, std::size_t limit)
{
    return all_of(state_->map(
        std::string{name}, state_->ask(name), key_rule, value_rule, limit, Nulls::refused));
}

std::map<std::string, std::optional<std::string>> Fields::texts_or_null(std::string_view name,
                                                                        TextRule key_rule,
                                                                        TextRule value_rule,
                                                                        std::size_t limit)
{
    return state_->map(
        std::string{name}, state_->ask(name), key_rule, value_rule, limit, Nulls::taken);
}

std::optional<std::vector<std::string>>
Fields::list(std::string_view name, TextRule rule, std::size_t limit)
{
    const auto* value = state_->ask(name);
    return value == nullptr ? std::nullopt : state_->list(std::string{name}, *value, rule, limit);
}

std::optional<std::string> Fields::object(std::string_view name, common::Bytes limit)
{
    const auto* value = state_->ask(name);
    if (value == nullptr) {
        return std::nullopt;
    }
    if (!value->is_object()) {
        wrong(std::string{name}, "must be an object");
        return std::nullopt;
    }
    auto text = text_of_member(state_->body, name);
    if (text.size() > limit.count()) {
        wrong(std::string{name}, fmt::format("must be at most {} bytes of JSON", limit.count()));
        return std::nullopt;
    }
    return text;
}

bool Fields::has(std::string_view name) const
{
    return state_->object.contains(name);
}

std::optional<std::vector<std::string>> Fields::keys(std::string_view name)
{
    const auto* value = state_->ask(name);
    if (value == nullptr) {
        return std::nullopt;
    }
    if (!value->is_object()) {
        wrong(std::string{name}, "must be an object");
        return std::nullopt;
    }
    std::vector<std::string> names;
    for (const auto& [key, entry] : value->items()) {
        names.push_back(key);
    }
    return names;
}

std::optional<std::string>
Fields::inner_text(std::string_view name, std::string_view inner, TextRule rule)
{
    const auto* value = state_->inner(name, inner);
    return value == nullptr ? std::nullopt
                            : state_->text(fmt::format("{}.{}", name, inner), *value, rule);
}

std::optional<std::int64_t>
Fields::inner_integer(std::string_view name, std::string_view inner, Range range)
{
    return state_->integer(fmt::format("{}.{}", name, inner), state_->inner(name, inner), range);
}

std::optional<bool> Fields::inner_boolean(std::string_view name, std::string_view inner)
{
    return state_->boolean(fmt::format("{}.{}", name, inner), state_->inner(name, inner));
}

std::optional<std::vector<std::string>>
Fields::inner_list(std::string_view name, std::string_view inner, TextRule rule, std::size_t limit)
{
    const auto* value = state_->inner(name, inner);
    return value == nullptr ? std::nullopt
                            : state_->list(fmt::format("{}.{}", name, inner), *value, rule, limit);
}

std::map<std::string, std::string> Fields::inner_texts(std::string_view name,
                                                       std::string_view inner,
                                                       TextRule key_rule,
                                                       TextRule value_rule,
                                                       std::size_t limit)
{
    return all_of(state_->map(fmt::format("{}.{}", name, inner),
                              state_->inner(name, inner),
                              key_rule,
                              value_rule,
                              limit,
                              Nulls::refused));
}

void Fields::wrong(std::string field, std::string message)
{
    state_->wrong.push_back({std::move(field), std::move(message)});
}

void Fields::not_yet(std::string field, std::string what)
{
    state_->asked.insert(field);
    state_->not_yet.push_back({std::move(field), std::move(what)});
}

common::Result<> Fields::finish(std::string_view attempt)
{
    for (const auto& [name, value] : state_->object.items()) {
        if (!state_->asked.contains(name)) {
            wrong(shown(name), "is not a field of this request");
        }
    }
    if (!state_->wrong.empty()) {
        return field_error(attempt, std::move(state_->wrong));
    }
    if (!state_->not_yet.empty()) {
        return not_yet_error(attempt, std::move(state_->not_yet));
    }
    return {};
}

common::Error not_yet_error(std::string_view attempt, std::vector<common::FieldError> fields)
{
    auto error = field_error(attempt, std::move(fields));
    error.code = ErrorCode::unimplemented;
    error.reason = "not_yet";
    return error;
}

common::Error field_error(std::string_view attempt, std::vector<common::FieldError> fields)
{
    auto message = fmt::format("{}: {} {}", attempt, fields.front().field, fields.front().message);
    if (fields.size() > 1) {
        message += fmt::format(" (and {} more)", fields.size() - 1);
    }
    constexpr std::size_t max_reported = 64;
    if (fields.size() > max_reported) {
        fields.resize(max_reported);
    }
    return Error{ErrorCode::invalid_argument, std::move(message), {}, std::move(fields)};
}

std::string shown(std::string_view text)
{
    constexpr std::size_t max_shown = 64;
    std::string out{text.substr(0, max_shown)};
    for (auto& c : out) {
        const auto byte = static_cast<unsigned char>(c);
        c = byte < 0x20 || byte == 0x7f ? '?' : c;
    }
    return text.size() > max_shown ? out + "…" : out;
}

} // namespace coordinator::http
