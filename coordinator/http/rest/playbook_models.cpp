#include "coordinator/http/rest/json_text.hpp"
#include "coordinator/http/rest/models.hpp"
#include "coordinator/http/rest/playbook_yaml.hpp"

namespace coordinator::http::rest {

namespace {

// No file_path: nothing is written to a file.
Json json_of(const Playbook& playbook)
{
    return {{"id", playbook.id.str()},
            {"name", playbook.name},
            {"hosts", playbook.hosts},
            {"become", playbook.become},
            {"created_at", common::to_rfc3339(playbook.created_at)},
            {"updated_at", common::to_rfc3339(playbook.updated_at)}};
}

/// As text, because `params` is: a number in it may be one that no type of ours holds.
std::string
text_of_task(const PlaybookTask& task, const common::PlaybookId& playbook, std::size_t position)
{
    auto text = text_of(Json{{"id", task.id.str()},
                             {"playbook_id", playbook.str()},
                             {"position", position},
                             {"name", task.name},
                             {"module", task.module},
                             {"created_at", common::to_rfc3339(task.created_at)}});
    text.pop_back();
    return text + ",\"params\":" + task.params + "}";
}

} // namespace

std::string playbook_body(const Playbook& playbook)
{
    return text_of(Json{{"playbook", json_of(playbook)}});
}

std::string playbook_with_tasks_body(const Playbook& playbook)
{
    std::string tasks;
    for (std::size_t i = 0; i < playbook.tasks.size(); ++i) {
        tasks += (i == 0 ? "" : ",") + text_of_task(playbook.tasks[i], playbook.id, i);
    }
    auto text = playbook_body(playbook);
    text.pop_back();
    return text + ",\"tasks\":[" + tasks + "]}";
}

std::string playbooks_body(const PlaybookPage& page)
{
    Json json{{"playbooks", Json::array()}, {"total", page.total}};
    for (const auto& playbook : page.playbooks) {
        json["playbooks"].push_back(json_of(playbook));
    }
    set_next(json, page.next);
    return text_of(json);
}

std::string task_body(const PlacedTask& placed)
{
    return "{\"task\":" + text_of_task(placed.task, placed.playbook, placed.position) + "}";
}

std::string export_body(const Playbook& playbook)
{
    return text_of(Json{{"yaml", playbook_yaml(playbook)}});
}

} // namespace coordinator::http::rest
