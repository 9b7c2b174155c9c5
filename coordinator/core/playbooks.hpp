#pragma once

#include "common/bytes.hpp"
#include "coordinator/core/record_changes.hpp"

#include <functional>

namespace coordinator {

struct PlaybookLimits {
    std::uint64_t playbooks = 1000;                ///< Of one tenant.
    std::size_t tasks = 500;                       ///< Of one playbook.
    common::Bytes size = common::Bytes::kib(512);  ///< Of the texts of all its tasks.
    std::chrono::milliseconds patience{10'000};    ///< Until others have made their changes.
    std::chrono::milliseconds write_limit{30'000}; ///< A guard: the store is less patient.
};

struct PlaybookRequest {
    std::string name;
    std::string hosts = "all";
    bool become = false;
};

struct TaskRequest {
    std::string name;
    std::string module;
    std::string params = "{}"; ///< A JSON object.
};

/// What is not said stays as it is.
struct TaskChange {
    std::optional<std::string> name;
    std::optional<std::string> module;
    std::optional<std::string> params;
};

/// A task and where it is.
struct PlacedTask {
    PlaybookTask task;
    common::PlaybookId playbook;
    std::size_t position = 0;
};

/// Tenants' Ansible playbooks: what the HTTP layer asks of them. They are in the database alone,
/// and changed as RecordChanges does it.
///
/// Any thread; calls block, within bounds. `not_found`: unknown_playbook, unknown_task. `timeout`
/// (outcome_unknown): nobody knows whether it was written.
class Playbooks {
public:
    Playbooks(Store& store, const common::Clock& clock, PlaybookLimits limits)
        : store_{store},
          clock_{clock},
          limits_{limits},
          changes_{store, "playbooks", {limits.patience, limits.write_limit}}
    {}

    common::Result<PlaybookPage> list(const Caller& caller, Page page);
    common::Result<Playbook> get(const Caller& caller, const std::string& name);
    /// `already_exists` (playbook_exists); `failed_precondition` (too_many_playbooks).
    common::Result<Playbook> create(const Caller& caller, const PlaybookRequest& request);
    /// With all its tasks.
    common::Result<> remove(const Caller& caller, const std::string& name);

    /// As the last one. `failed_precondition`: too_many_tasks, playbook_too_large.
    common::Result<PlacedTask>
    add_task(const Caller& caller, const std::string& name, const TaskRequest& request);
    common::Result<PlacedTask> change_task(const Caller& caller,
                                           const std::string& name,
                                           const common::TaskId& id,
                                           const TaskChange& change);
    common::Result<>
    remove_task(const Caller& caller, const std::string& name, const common::TaskId& id);
    /// `invalid_argument` (task_ids) unless `order` names each task once.
    common::Result<> reorder(const Caller& caller,
                             const std::string& name,
                             const std::vector<common::TaskId>& order);

private:
    using Attempt = RecordChanges::Attempt;
    using Detail = RecordChanges::Detail;

    common::Result<Playbook> find(const Caller& caller, const std::string& name);
    /// `edit` changes what was read and says what of it the audit tells.
    common::Result<Playbook> change(const Caller& caller,
                                    const std::string& name,
                                    const Attempt& attempt,
                                    const std::function<common::Result<Detail>(Playbook&)>& edit);
    common::Result<> write(const Caller& caller,
                           const Attempt& attempt,
                           const Playbook& playbook,
                           Change row,
                           Detail detail);
    /// Whether its size is within the limit.
    [[nodiscard]] common::Result<> fits(const Attempt& attempt, const Playbook& playbook) const;

    Store& store_;
    const common::Clock& clock_;
    const PlaybookLimits limits_;
    RecordChanges changes_;
};

} // namespace coordinator
