#pragma once

#include "common/result.hpp"
#include "coordinator/core/key_store.hpp"
#include "coordinator/core/model.hpp"
#include "coordinator/core/playbook.hpp"

#include <functional>
#include <variant>
#include <vector>

namespace coordinator {

/// One row of the audit: an *intent* before something is done, an *outcome* after.
/// The writer adds seq, time, prev_hash and hash; docs/decisions has the encoding.
struct AuditRow {
    enum class Kind { intent, outcome };
    Kind kind;
    std::string action; ///< "sandbox.create", "command.run", "host.connect", …
    Caller caller;
    common::OperationId operation;
    std::string host;   ///< "" where none is involved.
    std::string target; ///< The id that it is about.
    std::string result; ///< "" for an intent; "ok" or the error's stable reason.
    std::string detail; ///< JSON object, bounded; never a secret, never a command's output.
};

struct Operation {
    common::OperationId id;
    common::SandboxId sandbox;
    std::string kind;   ///< "create", "start", "stop", "destroy", "run", … (pending.hpp)
    std::string status; ///< "running", "done", "failed", "unknown"
    common::RequestId request;
    std::uint64_t generation = 0;
    common::WallTime created_at;
    std::optional<common::WallTime> ended_at;
    std::string error;
};

/// Rows to write: each replaces the row of the same key. An AuditRow only appends. A Playbook comes
/// after the revision before its own, the first one where there is none of its name; else it is
/// *stale*, and so is the removal of another revision than the last.
using Change = std::variant<Sandbox,
                            Checkpoint,
                            Pool,
                            Playbook,
                            PlaybookRemoval,
                            Command,
                            Host,
                            Operation,
                            AuditRow,
                            KeyChange>;

struct Page {
    std::uint32_t limit = 100;
    std::uint64_t offset = 0;
    /// Of commands, what they hold: a page ends after the one that goes past it.
    common::Bytes bytes = common::Bytes::mib(8);
};

struct CommandPage {
    std::vector<Command> commands; ///< Newest first; fewer than `limit` if they hold much.
    std::uint64_t total = 0;
};

/// What a starting coordinator needs to know.
struct Snapshot {
    std::vector<Sandbox> sandboxes;      ///< The living, and those destroyed within 24 h.
    std::vector<Checkpoint> checkpoints; ///< All but the deleted.
    std::vector<Pool> pools;             ///< Likewise.
    std::vector<Host> hosts;
    std::vector<Operation> unfinished;
    std::vector<Command> unfinished_commands;
    std::uint64_t epoch = 0; ///< This start's own, higher than any before.
};

/// A row of the audit, as it is told of.
struct AuditEvent {
    std::uint64_t seq = 0; ///< Without holes, from 1.
    common::WallTime at;
    AuditRow row;
};

/// PostgreSQL, as the core sees it.
class Store {
public:
    /// On the writer's thread: must only enqueue. ok: durable. `unavailable`: certainly
    /// not written. `timeout`: unknown; the writer finds out before it writes anything else.
    /// `already_exists` (reason stale): a playbook has changed since; nothing was written.
    using Committed = std::function<void(common::Result<>)>;

    virtual ~Store() = default;

    /// Blocking; once, at start.
    virtual common::Result<Snapshot> load() = 0;

    /// All changes of one call land in one transaction, in the order of calls; many
    /// calls share a commit. Any thread, returns at once; over the queue's bound `done` gets
    /// `rate_limited` at once.
    virtual void write(std::vector<Change> changes, Committed done) = 0;

    /// Blocking, bounded; any thread.
    virtual common::Result<CommandPage> commands_of(const common::SandboxId& sandbox,
                                                    Page page) = 0;
    virtual common::Result<std::optional<Command>> command(const common::SandboxId& sandbox,
                                                           const common::CommandId& id) = 0;
    /// A tenant's, by name, without their tasks. Blocking, bounded; any thread.
    virtual common::Result<PlaybookPage> playbooks_of(const std::string& tenant, Page page) = 0;
    /// With its tasks; nothing if there is none. Likewise.
    virtual common::Result<std::optional<Playbook>> playbook(const std::string& tenant,
                                                             const std::string& name) = 0;
    /// `unavailable` with the cause when the database does not answer.
    virtual common::Result<> check() = 0;
    /// `unavailable` unless this process is the one that may write; `failed_precondition` if
    /// it never will be again.
    virtual common::Result<> lease() = 0;

    /// The rows after `seq`, oldest first, at most `limit`: only what is committed.
    virtual common::Result<std::vector<AuditEvent>> audit_after(std::uint64_t seq,
                                                                std::uint32_t limit) = 0;
    /// The newest row's number; 0 before the first.
    virtual common::Result<std::uint64_t> audit_head() = 0;

    struct AuditCheck {
        std::uint64_t rows = 0;
        std::string head; ///< Hash of the last row, hex.
    };
    /// Walks the whole chain; `internal` names the first row that does not fit.
    virtual common::Result<AuditCheck> verify_audit() = 0;
};

} // namespace coordinator
