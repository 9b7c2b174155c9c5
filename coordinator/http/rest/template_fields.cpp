#include "coordinator/http/rest/template_fields.hpp"

#include "coordinator/http/rules.hpp"
#include "coordinator/http/strict_json.hpp"

#include <nlohmann/json.hpp>

namespace coordinator::http::rest {

namespace {

/// An empty one for what is no object.
nlohmann::json object_of(std::string_view text)
{
    auto parsed = parse_json(text);
    return parsed && parsed->is_object() ? *std::move(parsed) : nlohmann::json::object();
}

/// Key by key, also within what both have as an object.
void lay_over(nlohmann::json& under, const nlohmann::json& over)
{
    for (const auto& [key, value] : over.items()) {
        auto& there = under[key];
        if (there.is_object() && value.is_object()) {
            lay_over(there, value);
        } else {
            there = value;
        }
    }
}

} // namespace

std::string fields_of_template(std::string_view body)
{
    auto fields = object_of(body);
    fields.erase("name");
    fields.erase("description");
    return fields.dump();
}

std::string template_of(std::string_view body)
{
    const auto object = object_of(body);
    const auto found = object.find("template");
    if (found == object.end() || !found->is_string()) {
        return {};
    }
    auto name = found->get<std::string>();
    return rules::name(name).empty() ? name : std::string{};
}

std::string over_template(std::string_view fields, std::string_view body)
{
    auto meant = object_of(fields);
    const auto said = object_of(body);
    if (said.contains("source_vm_name") && !said.contains("image")) {
        meant.erase("image");
    }
    if (said.contains("host") && meant.contains("placement")) {
        meant["placement"].erase("host");
    }
    for (const auto& [field, value] : said.items()) {
        const bool is_map = field == "labels" || field == "env" || field == "placement";
        if (is_map && value.is_object() && meant.contains(field)) {
            lay_over(meant[field], value);
        } else {
            meant[field] = value;
        }
    }
    return meant.dump();
}

} // namespace coordinator::http::rest
