#include "coordinator/http/fields.hpp"
#include "coordinator/http/rest/handlers.hpp"
#include "coordinator/http/rest/models.hpp"
#include "coordinator/http/rest/parsers.hpp"

namespace coordinator::http::rest {

namespace {

/// The playbook that the path names. Text that is no name names none: `not_found`.
common::Result<std::string> playbook_of(const Request& request)
{
    const auto& name = request.path.at(0);
    if (!common::is_name(name)) {
        return common::Error{common::ErrorCode::not_found,
                             "no playbook \"" + shown(name) + "\"",
                             "unknown_playbook"};
    }
    return name;
}

/// Likewise the task.
common::Result<common::TaskId> task_of(const Request& request)
{
    const auto& text = request.path.at(1);
    auto id = common::parse_id<common::TaskId>(text);
    if (!id) {
        return common::Error{
            common::ErrorCode::not_found, "no task \"" + shown(text) + "\"", "unknown_task"};
    }
    return id;
}

Reply made(std::string body, const std::string& location)
{
    Reply reply;
    reply.status = 201;
    reply.body = std::move(body);
    reply.headers.emplace_back("Location", "/v1/ansible/playbooks/" + location);
    return reply;
}

Reply done()
{
    Reply reply;
    reply.status = 204;
    return reply;
}

} // namespace

common::Result<Reply> list_playbooks(const Context& context, const Request& request)
{
    COMMON_TRY(const auto page, parse_page(request.query, "list playbooks"));
    COMMON_TRY(const auto all, context.records.playbooks.list(request.caller, page));
    return Reply{.body = playbooks_body(all)};
}

common::Result<Reply> create_playbook(const Context& context, const Request& request)
{
    COMMON_CHECK(parse_no_query(request.query, "make a playbook"));
    COMMON_TRY(const auto wanted, parse_playbook(request.body));
    COMMON_TRY(const auto playbook, context.records.playbooks.create(request.caller, wanted));
    return made(playbook_body(playbook), playbook.name);
}

common::Result<Reply> get_playbook(const Context& context, const Request& request)
{
    COMMON_TRY(const auto name, playbook_of(request));
    COMMON_CHECK(parse_no_query(request.query, "get a playbook"));
    COMMON_TRY(const auto playbook, context.records.playbooks.get(request.caller, name));
    return Reply{.body = playbook_with_tasks_body(playbook)};
}

common::Result<Reply> delete_playbook(const Context& context, const Request& request)
{
    COMMON_TRY(const auto name, playbook_of(request));
    COMMON_CHECK(parse_no_query(request.query, "delete a playbook"));
    COMMON_CHECK(parse_nothing(request.body, "delete a playbook"));
    COMMON_CHECK(context.records.playbooks.remove(request.caller, name));
    return done();
}

common::Result<Reply> export_playbook(const Context& context, const Request& request)
{
    COMMON_TRY(const auto name, playbook_of(request));
    COMMON_CHECK(parse_no_query(request.query, "export a playbook"));
    COMMON_TRY(const auto playbook, context.records.playbooks.get(request.caller, name));
    return Reply{.body = export_body(playbook)};
}

common::Result<Reply> add_task(const Context& context, const Request& request)
{
    COMMON_TRY(const auto name, playbook_of(request));
    COMMON_CHECK(parse_no_query(request.query, "add a task"));
    COMMON_TRY(const auto wanted, parse_task(request.body));
    COMMON_TRY(const auto added, context.records.playbooks.add_task(request.caller, name, wanted));
    return made(task_body(added), name + "/tasks/" + added.task.id.str());
}

common::Result<Reply> change_task(const Context& context, const Request& request)
{
    COMMON_TRY(const auto name, playbook_of(request));
    COMMON_TRY(const auto id, task_of(request));
    COMMON_CHECK(parse_no_query(request.query, "change a task"));
    COMMON_TRY(const auto wanted, parse_task_change(request.body));
    COMMON_TRY(const auto changed,
               context.records.playbooks.change_task(request.caller, name, id, wanted));
    return Reply{.body = task_body(changed)};
}

common::Result<Reply> delete_task(const Context& context, const Request& request)
{
    COMMON_TRY(const auto name, playbook_of(request));
    COMMON_TRY(const auto id, task_of(request));
    COMMON_CHECK(parse_no_query(request.query, "delete a task"));
    COMMON_CHECK(parse_nothing(request.body, "delete a task"));
    COMMON_CHECK(context.records.playbooks.remove_task(request.caller, name, id));
    return done();
}

common::Result<Reply> reorder_tasks(const Context& context, const Request& request)
{
    COMMON_TRY(const auto name, playbook_of(request));
    COMMON_CHECK(parse_no_query(request.query, "reorder tasks"));
    COMMON_TRY(const auto order, parse_reorder(request.body));
    COMMON_CHECK(context.records.playbooks.reorder(request.caller, name, order));
    return done();
}

} // namespace coordinator::http::rest
