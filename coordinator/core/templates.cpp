#include "coordinator/core/templates.hpp"

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

Result<TemplatePage> Templates::list(const Caller& caller, Page page)
{
    return store_.templates_of(caller.tenant, page);
}

Result<Template> Templates::get(const Caller& caller, const std::string& name)
{
    COMMON_TRY(auto found, store_.find_template(caller.tenant, name));
    if (!found) {
        return Error{ErrorCode::not_found,
                     "no template " + name + "; GET /v1/templates lists them",
                     "unknown_template"};
    }
    return *std::move(found);
}

Result<> Templates::fits(const Attempt& attempt, const TemplateRequest& request) const
{
    return RecordChanges::check_size(
        attempt, common::Bytes{request.fields.size()}, limits_.size, "template_too_large");
}

Result<Template> Templates::create(const Caller& caller, const TemplateRequest& request)
{
    const Attempt attempt{"template.create", "make template " + request.name};
    COMMON_CHECK(fits(attempt, request));
    return changes_.make<Template>(caller, attempt, [&]() -> Result<Template> {
        COMMON_TRY(const auto there, store_.find_template(caller.tenant, request.name));
        if (there) {
            return Error{
                ErrorCode::already_exists, attempt.words + ": there is one", "template_exists"};
        }
        COMMON_TRY(const auto all, store_.templates_of(caller.tenant, {.limit = 0}));
        COMMON_CHECK(changes_.check_room(attempt, all.total, limits_.templates));
        const auto now = clock_.wall();
        Template made{common::mint<common::TemplateId>(),
                      caller.tenant,
                      request.name,
                      request.description,
                      request.fields,
                      now,
                      now};
        COMMON_CHECK(changes_.write(
            caller, attempt, made.id.str(), made, {{"name", made.name}, {"image", request.image}}));
        return made;
    });
}

Result<Template> Templates::replace(const Caller& caller, const TemplateRequest& request)
{
    const Attempt attempt{"template.replace", "replace template " + request.name};
    COMMON_CHECK(fits(attempt, request));
    return changes_.make<Template>(caller, attempt, [&]() -> Result<Template> {
        COMMON_TRY(auto now, get(caller, request.name));
        now.description = request.description;
        now.fields = request.fields;
        now.updated_at = clock_.wall();
        ++now.revision;
        COMMON_CHECK(changes_.write(
            caller, attempt, now.id.str(), now, {{"name", now.name}, {"image", request.image}}));
        return now;
    });
}

Result<> Templates::remove(const Caller& caller, const std::string& name)
{
    const Attempt attempt{"template.delete", "delete template " + name};
    return changes_.make<void>(caller, attempt, [&]() -> Result<> {
        COMMON_TRY(const auto found, get(caller, name));
        return changes_.write(caller,
                              attempt,
                              found.id.str(),
                              TemplateRemoval{found.id, found.revision},
                              {{"name", found.name}});
    });
}

} // namespace coordinator
