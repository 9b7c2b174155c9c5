#pragma once

#include "common/clock.hpp"
#include "common/id.hpp"
#include "coordinator/core/page.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace coordinator {

/// One call of an Ansible module.
struct PlaybookTask {
    common::TaskId id;
    std::string name;
    std::string module;
    /// A JSON object as text, so that its numbers stay as they were written.
    std::string params = "{}";
    common::WallTime created_at;
};

/// The record of an Ansible playbook. It lives in the database alone.
struct Playbook {
    common::PlaybookId id;
    std::string tenant;
    std::string name; ///< Unique per tenant.
    std::string hosts = "all";
    bool become = false;
    common::WallTime created_at;
    common::WallTime updated_at;     ///< Of its own or of any of its tasks.
    std::uint64_t revision = 1;      ///< Grows with each change.
    std::vector<PlaybookTask> tasks; ///< A task's position is its place here.
};

/// It goes, with its tasks, if this is still its revision.
struct PlaybookRemoval {
    common::PlaybookId id;
    std::uint64_t revision = 0;
};

struct PlaybookPage {
    std::vector<Playbook> playbooks;
    std::uint64_t total = 0;
    std::optional<Position> next; ///< As of PagePart.
};

} // namespace coordinator
