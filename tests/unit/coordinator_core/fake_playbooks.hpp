#pragma once

#include "coordinator/core/store.hpp"

#include <algorithm>
#include <map>

namespace tests {

/// FakeStore's playbooks.
class FakePlaybooks {
public:
    [[nodiscard]] coordinator::PlaybookPage page(const std::string& tenant,
                                                 coordinator::Page page) const
    {
        coordinator::PlaybookPage found;
        for (const auto& [key, playbook] : rows_) {
            if (key.first == tenant && found.total++ >= page.offset &&
                found.playbooks.size() < page.limit) {
                found.playbooks.push_back(playbook);
                found.playbooks.back().tasks.clear();
            }
        }
        return found;
    }
    [[nodiscard]] std::optional<coordinator::Playbook> find(const std::string& tenant,
                                                            const std::string& name) const
    {
        const auto found = rows_.find({tenant, name});
        return found == rows_.end() ? std::nullopt : std::optional{found->second};
    }

    [[nodiscard]] bool is_stale(const coordinator::Change& change) const
    {
        if (const auto* row = std::get_if<coordinator::Playbook>(&change)) {
            return row->revision == 1 ? rows_.contains({row->tenant, row->name})
                                      : !has(row->id, row->revision - 1);
        }
        const auto* removal = std::get_if<coordinator::PlaybookRemoval>(&change);
        return removal != nullptr && !has(removal->id, removal->revision);
    }
    void put(const coordinator::Playbook& row)
    {
        rows_.insert_or_assign({row.tenant, row.name}, row);
    }
    void remove(const coordinator::PlaybookRemoval& removal)
    {
        std::erase_if(rows_, [&](const auto& row) { return row.second.id == removal.id; });
    }

private:
    [[nodiscard]] bool has(const common::PlaybookId& id, std::uint64_t revision) const
    {
        return std::ranges::any_of(rows_, [&](const auto& row) {
            return row.second.id == id && row.second.revision == revision;
        });
    }

    std::map<std::pair<std::string, std::string>, coordinator::Playbook> rows_; ///< By tenant.
};

} // namespace tests
