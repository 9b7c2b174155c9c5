#pragma once

#include "coordinator/core/store.hpp"
#include "coordinator/store/audit_chain.hpp"

#include <pqxx/pqxx>
#include <span>

namespace coordinator::store {

/// Once on each connection that is to write.
void prepare_writing(pqxx::connection& connection);

/// Each replaces the row of the same key.
void write_row(pqxx::transaction_base& sql, const Sandbox& sandbox);
void write_row(pqxx::transaction_base& sql, const Checkpoint& checkpoint);
void write_row(pqxx::transaction_base& sql, const Pool& pool);
void write_row(pqxx::transaction_base& sql, const Command& command);
void write_row(pqxx::transaction_base& sql, const Host& host);
void write_row(pqxx::transaction_base& sql, const Operation& operation);

/// All in one statement, because every write has at least one.
void append_audit(pqxx::transaction_base& sql, std::span<const ChainedRow> rows);

} // namespace coordinator::store
