#pragma once

#include "common/metrics/histogram.hpp"
#include "common/result.hpp"
#include "coordinator/core/audit.hpp"
#include "coordinator/core/host.hpp"
#include "coordinator/core/key_store.hpp"
#include "coordinator/core/page.hpp"
#include "coordinator/core/plan.hpp"
#include "coordinator/core/playbook.hpp"
#include "coordinator/core/registered_image.hpp"
#include "coordinator/core/replica.hpp"
#include "coordinator/core/template.hpp"

#include <functional>
#include <memory>
#include <variant>
#include <vector>

namespace coordinator {

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

/// Rows to write: each replaces the row of the same key. An AuditRow only appends. A Playbook, a
/// Plan or a Template comes after the revision before its own, the first one where there is none of
/// its name (a plan: of its id); else it is *stale*, and so is the removal of another revision than
/// the last.
using Change = std::variant<Sandbox,
                            Checkpoint,
                            Replica,
                            ReplicaRemoval,
                            Pool,
                            RegisteredImage,
                            Playbook,
                            PlaybookRemoval,
                            Plan,
                            PlanRemoval,
                            Template,
                            TemplateRemoval,
                            Command,
                            Host,
                            Operation,
                            AuditRow,
                            KeyChange>;

struct CommandPage {
    std::vector<Command> commands; ///< Newest first; fewer than `limit` if they hold much.
    std::uint64_t total = 0;
    std::optional<Position> next; ///< As of PagePart.
};

/// What a starting coordinator needs to know.
struct Snapshot {
    std::vector<Sandbox> sandboxes;      ///< The living, and those destroyed within 24 h.
    std::vector<Checkpoint> checkpoints; ///< All but the deleted.
    std::vector<Replica> replicas;       ///< All, those too that are to be deleted.
    std::vector<Pool> pools;             ///< As of checkpoints.
    std::vector<RegisteredImage> images; ///< The deleted, too.
    std::vector<Host> hosts;
    std::vector<Operation> unfinished;
    std::vector<Command> unfinished_commands;
    std::uint64_t epoch = 0; ///< This start's own, higher than any before.
};

/// How writing goes, for monitoring.
struct StoreFigures {
    bool writes = true;      ///< By the last try.
    std::size_t waiting = 0; ///< Writes that no transaction has taken yet.
    std::size_t waiting_bytes = 0;
    std::uint64_t written = 0;                                ///< Writes.
    common::metrics::Histogram commits;                       ///< Of transactions.
    std::uint64_t refused = 0, not_written = 0, in_doubt = 0; ///< Transactions.
};

/// PostgreSQL, as the core sees it.
class Store {
public:
    /// On the writer's thread: must only enqueue. ok: durable. `unavailable`: certainly
    /// not written. `timeout`: unknown; the writer finds out before it writes anything else.
    /// `already_exists` (reason stale): a playbook, a plan or a template has changed since; nothing
    /// was written.
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
    /// A tenant's, newest first, with their steps. Likewise.
    virtual common::Result<PlanPage> plans_of(const std::string& tenant, Page page) = 0;
    /// Nothing if there is none. Likewise.
    virtual common::Result<std::optional<Plan>> plan(const std::string& tenant,
                                                     const common::PlanId& id) = 0;
    /// A tenant's, by name. Likewise.
    virtual common::Result<TemplatePage> templates_of(const std::string& tenant, Page page) = 0;
    /// Nothing if there is none. Likewise.
    virtual common::Result<std::optional<Template>> find_template(const std::string& tenant,
                                                                  const std::string& name) = 0;
    /// `unavailable` with the cause when the database does not answer.
    virtual common::Result<> check() = 0;
    /// `unavailable` unless this process is the one that may write; `failed_precondition` if
    /// it never will be again.
    virtual common::Result<> lease() = 0;
    /// Of this process as the leader, from load() on; 0 before. Any thread.
    [[nodiscard]] virtual std::uint64_t epoch() const { return 0; }
    /// Whatever happened before then, no other process led before it. Any thread.
    [[nodiscard]] virtual common::SteadyTime confirmed() const { return common::SteadyTime::max(); }

    /// Returns at once; any thread.
    [[nodiscard]] virtual StoreFigures figures() const { return {}; }

    /// The rows after `seq`, oldest first, at most `limit`: only what is committed.
    virtual common::Result<std::vector<AuditEvent>> audit_after(std::uint64_t seq,
                                                                std::uint32_t limit) = 0;
    /// The newest row's number; 0 before the first.
    virtual common::Result<std::uint64_t> audit_head() = 0;

    /// What `query` says of the rows that are committed. Blocking, bounded; any thread.
    virtual common::Result<AuditPage> audit_page(const AuditQuery& query) = 0;
    virtual common::Result<AuditCounts> audit_counts(const AuditSpan& span) = 0;
    /// Walks the whole chain, as long as that takes, beside everything else: for a caller who can
    /// wait. `going` is asked now and then; once it says no: `unavailable` (coordinator_ending).
    /// `rate_limited` (audit_being_verified) while another call walks.
    virtual common::Result<AuditCheck> check_audit(const std::function<bool()>& going) = 0;
};

} // namespace coordinator
