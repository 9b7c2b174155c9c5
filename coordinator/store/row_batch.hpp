#pragma once

#include "coordinator/core/store.hpp"

#include <pqxx/pqxx>
#include <unordered_map>

namespace coordinator::store {

/// Once on each connection that is to write.
void prepare_writing_batches(pqxx::connection& connection);

/// The rows of one transaction that there are most of, sandboxes and operations: of each the last
/// version, and all of a kind in one statement, each parameter an array. Every create writes two of
/// both; one by one they cost the server twice as much, and the writer a round trip each. What is
/// added is referred to until write().
class RowBatch {
public:
    void add(const Sandbox& sandbox) { add(sandboxes_, sandbox); }
    void add(const Operation& operation) { add(operations_, operation); }
    void write(pqxx::transaction_base& sql) const;

private:
    template <typename Row>
    struct Latest {
        std::vector<const Row*> rows;
        std::unordered_map<std::string_view, std::size_t> by_id;
    };
    template <typename Row>
    static void add(Latest<Row>& latest, const Row& row)
    {
        const auto [known, is_new] = latest.by_id.try_emplace(row.id.str(), latest.rows.size());
        if (is_new) {
            latest.rows.push_back(&row);
        } else {
            latest.rows[known->second] = &row;
        }
    }

    Latest<Sandbox> sandboxes_;
    Latest<Operation> operations_;
};

} // namespace coordinator::store
