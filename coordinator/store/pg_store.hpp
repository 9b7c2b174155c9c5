#pragma once

#include "coordinator/core/store.hpp"
#include "coordinator/store/settings.hpp"

#include <memory>

namespace coordinator::store {

/// The Store on PostgreSQL: one thread writes (see writer.hpp), a few connections read.
/// Errors and reports never hold a password or a row's values.
class PgStore final : public Store {
public:
    /// Refuses a server that would lose what it confirms, takes the lease (standing by for it, if
    /// the settings say so), then migrates as the owner and grants the daemon's role what it
    /// needs. Blocking, bounded by the settings.
    /// `unavailable`: not reachable. `failed_precondition`: the message says what to change.
    static common::Result<std::unique_ptr<PgStore>> open(StoreSettings settings);

    /// stop().
    ~PgStore() override;

    /// Makes this start the leader and begins to write what was put in meanwhile.
    common::Result<Snapshot> load() override;
    void write(std::vector<Change> changes, Committed done) override;
    common::Result<CommandPage> commands_of(const common::SandboxId& sandbox, Page page) override;
    common::Result<std::optional<Command>> command(const common::SandboxId& sandbox,
                                                   const common::CommandId& id) override;
    common::Result<std::vector<AuditEvent>> audit_after(std::uint64_t seq,
                                                        std::uint32_t limit) override;
    common::Result<std::uint64_t> audit_head() override;
    common::Result<AuditPage> audit_page(const AuditQuery& query) override;
    common::Result<AuditCounts> audit_counts(const AuditSpan& span) override;
    common::Result<PlaybookPage> playbooks_of(const std::string& tenant, Page page) override;
    common::Result<std::optional<Playbook>> playbook(const std::string& tenant,
                                                     const std::string& name) override;
    common::Result<PlanPage> plans_of(const std::string& tenant, Page page) override;
    common::Result<std::optional<Plan>> plan(const std::string& tenant,
                                             const common::PlanId& id) override;
    common::Result<TemplatePage> templates_of(const std::string& tenant, Page page) override;
    common::Result<std::optional<Template>> find_template(const std::string& tenant,
                                                          const std::string& name) override;
    /// Also not ok while the writer cannot write.
    common::Result<> check() override;
    common::Result<> lease() override;
    [[nodiscard]] std::uint64_t epoch() const override;
    [[nodiscard]] common::SteadyTime confirmed() const override;
    [[nodiscard]] StoreFigures figures() const override;
    /// On a connection of its own; a second one at the same time is `rate_limited`.
    common::Result<AuditCheck> check_audit(const std::function<bool()>& going) override;
    /// Likewise, to its end; `internal` names the first row that does not fit.
    common::Result<AuditCheck> verify_audit();

    /// Lives as long as this; of use from load() on.
    [[nodiscard]] KeyStore& keys();

    /// Writes what waits, for drain_timeout at most, and gives the lease back. Then every
    /// write gets `unavailable`. Not from a Committed callback.
    void stop();

private:
    struct Parts;
    explicit PgStore(std::unique_ptr<Parts> parts);

    std::unique_ptr<Parts> parts_;
};

/// PgStore::verify_audit() without a store: beside a running coordinator, or without one.
common::Result<AuditCheck> verify_audit(const StoreSettings& settings);

} // namespace coordinator::store
