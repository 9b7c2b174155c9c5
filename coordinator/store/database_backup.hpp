#pragma once

#include "common/clock.hpp"
#include "common/result.hpp"
#include "coordinator/store/settings.hpp"

#include <filesystem>
#include <memory>
#include <vector>

namespace coordinator::store {

/// What a backup tells of a database.
struct DatabaseFacts {
    int schema_version = 0; ///< The last migration.
    std::string server_version;
    std::uint64_t epoch = 0;
    std::uint64_t audit_rows = 0; ///< The last one's number.
    std::string audit_head;       ///< Its hash, in hex.
    std::int64_t audit_at_us = 0; ///< Its time.
    std::uint64_t sandboxes = 0;  ///< That live.
    std::uint64_t checkpoints = 0;
    std::uint64_t hosts = 0;

    friend bool operator==(const DatabaseFacts&, const DatabaseFacts&) = default;
};

/// An image of uploaded files, or one that a host says it has.
struct ImageFacts {
    struct File {
        std::string digest;
        std::uint64_t bytes = 0;
    };
    std::string name;
    std::string tenant; ///< Of uploaded ones.
    std::string host;   ///< Of the others.
    std::vector<File> files;
};

/// One moment of a database, as long as this lives, while a coordinator goes on writing.
/// Through the tables' owner. One thread.
class DatabaseMoment {
public:
    /// `failed_precondition`: no schema of Paddock, or one that this version does not know.
    static common::Result<std::unique_ptr<DatabaseMoment>> open(const StoreSettings& settings);
    virtual ~DatabaseMoment() = default;

    [[nodiscard]] virtual const DatabaseFacts& facts() const = 0;
    virtual common::Result<std::vector<ImageFacts>> images() = 0;
    /// All of it, in pg_dump's custom format, to a new file. Hours at most.
    virtual common::Result<> dump(const std::filesystem::path& file) = 0;
};

struct DatabaseRestore {
    std::filesystem::path dump;
    DatabaseFacts facts;
    std::string backup; ///< Its id, for the audit.
    common::WallTime made_at;
    enum class IfFull { refuse, replace } if_full = IfFull::refuse;
};

/// Whether restore_database() may be tried. `failed_precondition`: a newer schema, or a coordinator
/// leads on that database; `already_exists`: something is in it, and it is to be refused then (or
/// is none of ours).
common::Result<> check_restore(const StoreSettings& settings, const DatabaseRestore& what);

struct DatabaseRestored {
    std::uint64_t epoch = 0; ///< The next coordinator's is a later one.
    std::uint64_t audit_rows = 0;
};

/// All in one transaction, which holds the lease: what the dump has, an epoch after all that any
/// coordinator can have had, and an audit row that tells of it. An error: nothing is changed.
/// The next coordinator migrates and grants.
common::Result<DatabaseRestored>
restore_database(const StoreSettings& settings, const DatabaseRestore& what, common::WallTime now);

} // namespace coordinator::store
