#include "coordinator/http/fields.hpp"
#include "coordinator/http/rest/handlers.hpp"
#include "coordinator/http/rest/json_text.hpp"
#include "coordinator/http/rest/models.hpp"
#include "coordinator/http/rest/parsers.hpp"
#include "coordinator/http/rest/template_fields.hpp"

namespace coordinator::http::rest {

using common::Result;

namespace {

/// The template that the path names. Text that is no name names none: `not_found`.
Result<std::string> name_in(const Request& request)
{
    const auto& name = request.path.at(0);
    if (!common::is_name(name)) {
        return common::Error{common::ErrorCode::not_found,
                             "no template \"" + shown(name) + "\"",
                             "unknown_template"};
    }
    return name;
}

Json json_of(const Template& one)
{
    Json json{{"id", one.id.str()}, {"name", one.name}};
    set_if(json, "description", one.description);
    json.update(Json::parse(one.fields));
    json["created_at"] = common::to_rfc3339(one.created_at);
    json["updated_at"] = common::to_rfc3339(one.updated_at);
    return json;
}

} // namespace

std::string template_body(const Template& one)
{
    return text_of(Json{{"template", json_of(one)}});
}

std::string templates_body(const TemplatePage& page)
{
    Json json{{"templates", Json::array()}, {"total", page.total}};
    for (const auto& one : page.templates) {
        json["templates"].push_back(json_of(one));
    }
    set_next(json, page.next);
    return text_of(json);
}

Result<CreateRequest>
wanted_create(const Context& context, const Request& request, std::string_view attempt)
{
    const auto name = template_of(request.body);
    if (name.empty()) {
        return parse_create(request.body, attempt);
    }
    auto found = context.records.templates.get(request.caller, name);
    if (!found) {
        return std::move(found).error().during(std::string{attempt});
    }
    return parse_create(over_template(found->fields, request.body), attempt);
}

Result<Reply> list_templates(const Context& context, const Request& request)
{
    COMMON_TRY(const auto page, parse_page(request.query, "list templates"));
    COMMON_TRY(const auto all, context.records.templates.list(request.caller, page));
    return Reply{.body = templates_body(all)};
}

Result<Reply> create_template(const Context& context, const Request& request)
{
    COMMON_CHECK(parse_no_query(request.query, "make a template"));
    COMMON_TRY(const auto wanted, parse_template(request.body));
    COMMON_TRY(const auto made, context.records.templates.create(request.caller, wanted));
    Reply reply;
    reply.status = 201;
    reply.body = template_body(made);
    reply.headers.emplace_back("Location", "/v1/templates/" + made.name);
    return reply;
}

Result<Reply> get_template(const Context& context, const Request& request)
{
    COMMON_TRY(const auto name, name_in(request));
    COMMON_CHECK(parse_no_query(request.query, "get a template"));
    COMMON_TRY(const auto one, context.records.templates.get(request.caller, name));
    return Reply{.body = template_body(one)};
}

Result<Reply> replace_template(const Context& context, const Request& request)
{
    COMMON_TRY(const auto name, name_in(request));
    COMMON_CHECK(parse_no_query(request.query, "replace a template"));
    COMMON_TRY(const auto wanted, parse_template(request.body, name));
    COMMON_TRY(const auto replaced, context.records.templates.replace(request.caller, wanted));
    return Reply{.body = template_body(replaced)};
}

Result<Reply> delete_template(const Context& context, const Request& request)
{
    COMMON_TRY(const auto name, name_in(request));
    COMMON_CHECK(parse_no_query(request.query, "delete a template"));
    COMMON_CHECK(parse_nothing(request.body, "delete a template"));
    COMMON_CHECK(context.records.templates.remove(request.caller, name));
    Reply reply;
    reply.status = 204;
    return reply;
}

} // namespace coordinator::http::rest
