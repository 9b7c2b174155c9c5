#pragma once

#include "common/result.hpp"
#include "coordinator/store/session.hpp"

#include <span>
#include <string>
#include <string_view>

namespace coordinator::store {

/// One file of migrations/, in order of its number. Never edited once released.
struct Migration {
    int version;
    std::string_view name; ///< "0001_first_tables"
    std::string_view sql;
};

std::span<const Migration> migrations() noexcept;

/// Brings the schema up to `known`, one transaction each, recorded in schema_migrations.
/// Waits for another one doing the same; running it again changes nothing.
/// `failed_precondition`: the schema is newer than `known`, or an applied migration
/// is not the one known by its number.
common::Result<>
migrate(Session& owner, std::span<const Migration> known, std::chrono::milliseconds patience);

/// Only compares: `failed_precondition` as migrate() would say it. With any role that may read
/// schema_migrations; nothing if it may not, or there is none yet.
common::Result<>
check_known(Session& session, std::span<const Migration> known, std::chrono::milliseconds patience);

/// Gives `role` what the daemon needs and takes from it everything else. Does nothing
/// when the role owns the tables.
common::Result<>
grant_to_daemon(Session& owner, const std::string& role, std::chrono::milliseconds patience);

} // namespace coordinator::store
