#pragma once

#include "coordinator/core/store.hpp"
#include "coordinator/store/audit_chain.hpp"

#include <pqxx/pqxx>

namespace coordinator::store {

// All of these throw what libpqxx throws, and std::runtime_error for a row that no
// version of Paddock wrote. `where` is what follows the table's name.

std::vector<Sandbox> read_sandboxes(pqxx::transaction_base& sql, const std::string& where);
std::vector<Checkpoint> read_checkpoints(pqxx::transaction_base& sql, const std::string& where);
std::vector<Replica> read_replicas(pqxx::transaction_base& sql);
std::vector<Pool> read_pools(pqxx::transaction_base& sql, const std::string& where);
std::vector<RegisteredImage> read_registered_images(pqxx::transaction_base& sql,
                                                    const std::string& where);
/// With their tasks, or without.
enum class Tasks { all, none };
std::vector<Playbook>
read_playbooks(pqxx::transaction_base& sql, const std::string& where, Tasks tasks);
std::vector<Template> read_templates(pqxx::transaction_base& sql, const std::string& where);
std::vector<Plan> read_plans(pqxx::transaction_base& sql, const std::string& where);
/// A tenant's, newest first.
PlanPage read_plan_page(pqxx::transaction_base& sql, const std::string& tenant, Page page);
std::vector<Command> read_commands(pqxx::transaction_base& sql, const std::string& where);
std::vector<Operation> read_operations(pqxx::transaction_base& sql, const std::string& where);
/// With the images of each.
std::vector<Host> read_hosts(pqxx::transaction_base& sql);
/// As stored: payload and hash are what the columns hold, not computed.
std::vector<ChainedRow> read_audit(pqxx::transaction_base& sql, const std::string& where);
/// The last row; nothing written: the empty head.
ChainHead read_audit_head(pqxx::transaction_base& sql);

/// `failure` when the column does not hold 32 bytes.
common::digest::Sha256 hash_from(const pqxx::field& field);

} // namespace coordinator::store
