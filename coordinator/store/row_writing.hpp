#pragma once

#include "coordinator/core/store.hpp"
#include "coordinator/store/audit_chain.hpp"

#include <pqxx/pqxx>
#include <span>
#include <stdexcept>

namespace coordinator::store {

/// Once on each connection that is to write.
void prepare_writing(pqxx::connection& connection);
void prepare_writing_playbooks(pqxx::connection& connection); ///< A part of it.
void prepare_writing_plans(pqxx::connection& connection);     ///< Likewise.
void prepare_writing_templates(pqxx::connection& connection); ///< Likewise.
void prepare_writing_images(pqxx::connection& connection);    ///< Likewise.
void prepare_writing_replicas(pqxx::connection& connection);  ///< Likewise.

/// What is to be written is not what comes after what there is.
class StaleRow : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Throws StaleRow unless the statement found the one row that it was to come after.
inline void check_fresh(const pqxx::result& done, const std::string& what)
{
    if (done.affected_rows() != 1) {
        throw StaleRow{what + " is not what it was"};
    }
}

/// Each replaces the row of the same key. Sandboxes and operations: row_batch.hpp.
void write_row(pqxx::transaction_base& sql, const Checkpoint& checkpoint);
void write_row(pqxx::transaction_base& sql, const Replica& row);
void write_row(pqxx::transaction_base& sql, const ReplicaRemoval& removal);
void write_row(pqxx::transaction_base& sql, const Pool& pool);
void write_row(pqxx::transaction_base& sql, const RegisteredImage& row);
/// These six throw StaleRow unless they come after the revision that there is.
void write_row(pqxx::transaction_base& sql, const Playbook& playbook);
void write_row(pqxx::transaction_base& sql, const PlaybookRemoval& removal);
void write_row(pqxx::transaction_base& sql, const Plan& plan);
void write_row(pqxx::transaction_base& sql, const PlanRemoval& removal);
void write_row(pqxx::transaction_base& sql, const Template& row);
void write_row(pqxx::transaction_base& sql, const TemplateRemoval& removal);
void write_row(pqxx::transaction_base& sql, const Command& command);
void write_row(pqxx::transaction_base& sql, const Host& host);

// In pg_keys.cpp, for it alone knows their table.
void prepare_writing_keys(pqxx::connection& connection);
void write_row(pqxx::transaction_base& sql, const KeyChange& change);

/// All in one statement, because every write has at least one.
void append_audit(pqxx::transaction_base& sql, std::span<const ChainedRow> rows);

} // namespace coordinator::store
