#pragma once

#include "coordinator/core/store.hpp"

#include <algorithm>
#include <atomic>
#include <map>

namespace tests {

/// When this process last led, as PostgreSQL said.
struct Confirmed {
    std::atomic<common::SteadyTime> confirmed_at{common::SteadyTime::max()};
};

/// FakeStore's rows of one kind of a tenant's records. `Removal` is what has one go, `key` the
/// member that names one within its tenant; pages are in its order.
template <typename Record, typename Removal, auto key>
class FakeRecords {
public:
    using Key = std::remove_cvref_t<decltype(std::declval<Record>().*key)>;

    /// The tenant's, from `page.offset` on, and how many there are in all.
    [[nodiscard]] std::pair<std::vector<Record>, std::uint64_t> page(const std::string& tenant,
                                                                     coordinator::Page page) const
    {
        std::pair<std::vector<Record>, std::uint64_t> found;
        for (const auto& [name, record] : rows_) {
            if (name.first == tenant && found.second++ >= page.offset &&
                found.first.size() < page.limit) {
                found.first.push_back(record);
            }
        }
        return found;
    }
    [[nodiscard]] std::optional<Record> find(const std::string& tenant, const Key& name) const
    {
        const auto found = rows_.find({tenant, name});
        return found == rows_.end() ? std::nullopt : std::optional{found->second};
    }

    [[nodiscard]] bool is_stale(const coordinator::Change& change) const
    {
        if (const auto* row = std::get_if<Record>(&change)) {
            return row->revision == 1 ? rows_.contains({row->tenant, row->*key})
                                      : !has(row->id, row->revision - 1);
        }
        const auto* removal = std::get_if<Removal>(&change);
        return removal != nullptr && !has(removal->id, removal->revision);
    }
    void put(const Record& row) { rows_.insert_or_assign({row.tenant, row.*key}, row); }
    void remove(const Removal& removal)
    {
        std::erase_if(rows_, [&](const auto& row) { return row.second.id == removal.id; });
    }

private:
    template <typename Id>
    [[nodiscard]] bool has(const Id& id, std::uint64_t revision) const
    {
        return std::ranges::any_of(rows_, [&](const auto& row) {
            return row.second.id == id && row.second.revision == revision;
        });
    }

    std::map<std::pair<std::string, Key>, Record> rows_; ///< By tenant.
};

} // namespace tests
