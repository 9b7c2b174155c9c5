#include "coordinator/core/playbooks.hpp"

#include <algorithm>
#include <map>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

Result<std::size_t> place_of(const Playbook& playbook, const common::TaskId& id)
{
    const auto found = std::ranges::find(playbook.tasks, id, &PlaybookTask::id);
    if (found == playbook.tasks.end()) {
        return Error{ErrorCode::not_found,
                     "playbook " + playbook.name + " has no task " + id.str(),
                     "unknown_task"};
    }
    return static_cast<std::size_t>(found - playbook.tasks.begin());
}

/// The tasks in this order.
Result<std::vector<PlaybookTask>> ordered(const Playbook& playbook,
                                          const std::vector<common::TaskId>& order)
{
    const auto refusal = [&playbook](const std::string& what) {
        return Error{ErrorCode::invalid_argument,
                     "reorder the tasks of playbook " + playbook.name + ": task_ids " + what,
                     "",
                     {{"task_ids", "must name each task once; it " + what}}};
    };
    std::map<common::TaskId, const PlaybookTask*> left;
    for (const auto& task : playbook.tasks) {
        left.emplace(task.id, &task);
    }
    std::vector<PlaybookTask> tasks;
    for (const auto& id : order) {
        const auto taken = left.extract(id);
        if (!taken) {
            return refusal(place_of(playbook, id) ? "names " + id.str() + " twice"
                                                  : "names " + id.str() + ", which is none of it");
        }
        tasks.push_back(*taken.mapped());
    }
    if (!left.empty()) {
        return refusal("leaves out " + left.begin()->first.str());
    }
    return tasks;
}

} // namespace

Result<PlaybookPage> Playbooks::list(const Caller& caller, Page page)
{
    return store_.playbooks_of(caller.tenant, page);
}

Result<Playbook> Playbooks::get(const Caller& caller, const std::string& name)
{
    return find(caller, name);
}

Result<Playbook> Playbooks::find(const Caller& caller, const std::string& name)
{
    COMMON_TRY(auto found, store_.playbook(caller.tenant, name));
    if (!found) {
        return Error{ErrorCode::not_found,
                     "no playbook " + name + "; GET /v1/ansible/playbooks lists them",
                     "unknown_playbook"};
    }
    return *std::move(found);
}

Result<Playbook> Playbooks::create(const Caller& caller, const PlaybookRequest& request)
{
    const Attempt attempt{"playbook.create", "make playbook " + request.name};
    return changes_.make<Playbook>(caller, attempt, [&]() -> Result<Playbook> {
        COMMON_TRY(const auto there, store_.playbook(caller.tenant, request.name));
        if (there) {
            return Error{
                ErrorCode::already_exists, attempt.words + ": there is one", "playbook_exists"};
        }
        COMMON_TRY(const auto all, store_.playbooks_of(caller.tenant, {.limit = 0}));
        COMMON_CHECK(changes_.check_room(attempt, all.total, limits_.playbooks));
        Playbook playbook;
        playbook.id = common::mint<common::PlaybookId>();
        playbook.tenant = caller.tenant;
        playbook.name = request.name;
        playbook.hosts = request.hosts;
        playbook.become = request.become;
        playbook.created_at = playbook.updated_at = clock_.wall();
        COMMON_CHECK(write(caller, attempt, playbook, playbook, {}));
        return playbook;
    });
}

Result<> Playbooks::remove(const Caller& caller, const std::string& name)
{
    const Attempt attempt{"playbook.delete", "delete playbook " + name};
    return changes_.make<void>(caller, attempt, [&]() -> Result<> {
        COMMON_TRY(const auto playbook, find(caller, name));
        return write(caller,
                     attempt,
                     playbook,
                     PlaybookRemoval{playbook.id, playbook.revision},
                     {{"tasks", std::to_string(playbook.tasks.size())}});
    });
}

Result<Playbook> Playbooks::change(const Caller& caller,
                                   const std::string& name,
                                   const Attempt& attempt,
                                   const std::function<Result<Detail>(Playbook&)>& edit)
{
    return changes_.make<Playbook>(caller, attempt, [&]() -> Result<Playbook> {
        COMMON_TRY(auto playbook, find(caller, name));
        COMMON_TRY(auto detail, edit(playbook));
        ++playbook.revision;
        playbook.updated_at = clock_.wall();
        COMMON_CHECK(write(caller, attempt, playbook, playbook, std::move(detail)));
        return playbook;
    });
}

Result<PlacedTask>
Playbooks::add_task(const Caller& caller, const std::string& name, const TaskRequest& request)
{
    const Attempt attempt{"playbook.add_task", "add a task to playbook " + name};
    const auto edit = [&](Playbook& playbook) -> Result<Detail> {
        if (playbook.tasks.size() >= limits_.tasks) {
            return Error{ErrorCode::failed_precondition,
                         attempt.words + ": it has " + std::to_string(playbook.tasks.size()) +
                             " already, and " + std::to_string(limits_.tasks) + " are the most",
                         "too_many_tasks"};
        }
        const auto id = common::mint<common::TaskId>();
        playbook.tasks.push_back({id, request.name, request.module, request.params, clock_.wall()});
        COMMON_CHECK(fits(attempt, playbook));
        return Detail{{"task_id", id.str()}, {"module", request.module}};
    };
    COMMON_TRY(const auto playbook, change(caller, name, attempt, edit));
    return PlacedTask{playbook.tasks.back(), playbook.id, playbook.tasks.size() - 1};
}

Result<PlacedTask> Playbooks::change_task(const Caller& caller,
                                          const std::string& name,
                                          const common::TaskId& id,
                                          const TaskChange& wanted)
{
    const Attempt attempt{"playbook.change_task", "change a task of playbook " + name};
    std::size_t place = 0;
    const auto edit = [&](Playbook& playbook) -> Result<Detail> {
        COMMON_TRY(place, place_of(playbook, id));
        auto& task = playbook.tasks[place];
        task.name = wanted.name.value_or(task.name);
        task.module = wanted.module.value_or(task.module);
        task.params = wanted.params.value_or(task.params);
        COMMON_CHECK(fits(attempt, playbook));
        return Detail{{"task_id", id.str()}, {"module", task.module}};
    };
    COMMON_TRY(const auto playbook, change(caller, name, attempt, edit));
    return PlacedTask{playbook.tasks[place], playbook.id, place};
}

Result<>
Playbooks::remove_task(const Caller& caller, const std::string& name, const common::TaskId& id)
{
    const auto edit = [&](Playbook& playbook) -> Result<Detail> {
        COMMON_TRY(const auto place, place_of(playbook, id));
        const Detail detail{{"task_id", id.str()}, {"module", playbook.tasks[place].module}};
        playbook.tasks.erase(playbook.tasks.begin() + static_cast<std::ptrdiff_t>(place));
        return detail;
    };
    COMMON_CHECK(
        change(caller, name, {"playbook.delete_task", "delete a task of playbook " + name}, edit));
    return {};
}

Result<> Playbooks::reorder(const Caller& caller,
                            const std::string& name,
                            const std::vector<common::TaskId>& order)
{
    const auto edit = [&](Playbook& playbook) -> Result<Detail> {
        COMMON_TRY(playbook.tasks, ordered(playbook, order));
        return Detail{{"tasks", std::to_string(order.size())}};
    };
    COMMON_CHECK(
        change(caller, name, {"playbook.reorder", "reorder the tasks of playbook " + name}, edit));
    return {};
}

Result<> Playbooks::fits(const Attempt& attempt, const Playbook& playbook) const
{
    std::uint64_t size = 0;
    for (const auto& task : playbook.tasks) {
        size += task.name.size() + task.module.size() + task.params.size();
    }
    return RecordChanges::check_size(
        attempt, common::Bytes{size}, limits_.size, "playbook_too_large");
}

Result<> Playbooks::write(const Caller& caller,
                          const Attempt& attempt,
                          const Playbook& playbook,
                          Change row,
                          Detail detail)
{
    detail.emplace(detail.begin(), "name", playbook.name);
    return changes_.write(caller, attempt, playbook.id.str(), std::move(row), detail);
}

} // namespace coordinator
