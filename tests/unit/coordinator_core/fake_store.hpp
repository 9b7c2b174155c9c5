#pragma once

#include "common/mailbox.hpp"
#include "coordinator/core/store.hpp"
#include "tests/unit/coordinator_core/fake_records.hpp"

#include <algorithm>
#include <mutex>
#include <thread>

namespace tests {

/// PostgreSQL in memory: what was written is there as rows, and each call's `done` comes
/// from a thread of the store's own, as with the true one, or at once.
class FakeStore final : public coordinator::Store, public Confirmed {
    template <typename F>
    auto locked(F f) const
    {
        const std::scoped_lock lock{mutex_};
        return f();
    }

public:
    using Changes = std::vector<coordinator::Change>;
    using Rows = std::vector<coordinator::AuditRow>;
    enum class Done { by_thread, at_once };

    explicit FakeStore(Done done = Done::by_thread)
    {
        if (done == Done::by_thread) {
            thread_ = std::thread{[this] {
                while (auto work = work_.pop()) {
                    (*work)();
                }
            }};
        }
    }
    ~FakeStore() override
    {
        work_.close();
        if (thread_.joinable()) {
            thread_.join();
        }
    }
    FakeStore(const FakeStore&) = delete;
    FakeStore& operator=(const FakeStore&) = delete;

    // What befalls it. Any thread.
    /// From now on nothing is committed, until let_go().
    void hold()
    {
        const std::scoped_lock lock{mutex_};
        holding_ = true;
    }
    void let_go()
    {
        std::vector<Call> calls;
        {
            const std::scoped_lock lock{mutex_};
            holding_ = false;
            calls = std::exchange(held_, {});
        }
        for (auto& call : calls) {
            commit(std::move(call));
        }
    }
    /// From now on every write, those that are held included, ends with this code and
    /// leaves nothing.
    void fail(common::ErrorCode code)
    {
        const std::scoped_lock lock{mutex_};
        failing_ = code;
    }
    /// Only writes for which `which` says so fail; playbooks are still read.
    void
    fail(common::ErrorCode code, std::function<bool(const Changes&)> which, std::string reason = {})
    {
        const std::scoped_lock lock{mutex_};
        failing_ = code;
        which_ = std::move(which);
        reason_ = std::move(reason);
    }
    void recover()
    {
        const std::scoped_lock lock{mutex_};
        failing_.reset();
        which_ = nullptr;
        reason_.clear();
    }

    // What there is in it. Any thread.
    [[nodiscard]] std::size_t held() const
    {
        return locked([&] { return held_.size(); });
    }
    [[nodiscard]] std::size_t attempts() const
    {
        return locked([&] { return attempts_; });
    }
    [[nodiscard]] std::optional<coordinator::Sandbox> sandbox(const common::SandboxId& id) const
    {
        return find(sandboxes_, id);
    }
    [[nodiscard]] std::optional<coordinator::Checkpoint>
    checkpoint(const common::SnapshotId& id) const
    {
        return find(checkpoints_, id);
    }
    [[nodiscard]] std::vector<coordinator::Checkpoint> checkpoints() const
    {
        return all(checkpoints_);
    }
    [[nodiscard]] std::size_t sandboxes() const
    {
        return locked([&] { return sandboxes_.size(); });
    }
    [[nodiscard]] std::optional<coordinator::Command> command(const common::OperationId& id) const
    {
        return find(commands_, id);
    }
    [[nodiscard]] std::vector<coordinator::Command> commands() const { return all(commands_); }
    [[nodiscard]] std::vector<coordinator::Operation> operations() const
    {
        return all(operations_);
    }
    [[nodiscard]] Rows audit() const
    {
        return locked([&] { return audit_; });
    }
    /// The rows about one thing, as "sandbox.create intent", "sandbox.create ok".
    [[nodiscard]] std::vector<std::string> audit_of(const std::string& target) const
    {
        std::vector<std::string> rows;
        for (const auto& row : audit()) {
            if (row.target == target) {
                rows.push_back(row.action + " " + (row.result.empty() ? "intent" : row.result));
            }
        }
        return rows;
    }
    /// What a coordinator that starts now would read.
    [[nodiscard]] auto registered_images() const { return all(images_); }
    [[nodiscard]] std::vector<coordinator::Replica> replicas() const { return all(replicas_); }
    [[nodiscard]] coordinator::Snapshot after_crash() const
    {
        coordinator::Snapshot next;
        next.sandboxes = all(sandboxes_);
        next.hosts = all(hosts_);
        for (auto& checkpoint : checkpoints()) {
            if (checkpoint.status != coordinator::Checkpoint::Status::deleted) {
                next.checkpoints.push_back(checkpoint);
            }
        }
        for (auto& pool : all(pools_)) {
            if (!pool.deleted_at) {
                next.pools.push_back(pool);
            }
        }
        next.replicas = all(replicas_);
        next.images = all(images_);
        for (auto& operation : operations()) {
            if (operation.status == "running") {
                next.unfinished.push_back(operation);
            }
        }
        for (auto& one : commands()) {
            if (one.status == "running") {
                next.unfinished_commands.push_back(one);
            }
        }
        next.epoch = snapshot.epoch + 1;
        return next;
    }

    [[nodiscard]] common::SteadyTime confirmed() const override { return confirmed_at; }
    common::Result<coordinator::Snapshot> load() override
    {
        const std::scoped_lock lock{mutex_};
        for (const auto& one : snapshot.sandboxes) {
            sandboxes_[one.id] = one;
        }
        for (const auto& one : snapshot.checkpoints) {
            checkpoints_[one.id] = one;
        }
        for (const auto& one : snapshot.replicas) {
            put(one);
        }
        for (const auto& one : snapshot.pools) {
            pools_[one.name] = one;
        }
        return snapshot;
    }
    void write(Changes changes, Committed done) override
    {
        {
            const std::scoped_lock lock{mutex_};
            ++attempts_;
            if (holding_) {
                held_.push_back({std::move(changes), std::move(done)});
                return;
            }
        }
        commit({std::move(changes), std::move(done)});
    }
    common::Result<std::optional<coordinator::Command>>
    command(const common::SandboxId& sandbox, const common::CommandId& id) override
    {
        for (auto& one : commands()) {
            if (one.sandbox == sandbox && one.id == id) {
                return std::optional{one};
            }
        }
        return std::optional<coordinator::Command>{};
    }
    common::Result<std::vector<coordinator::AuditEvent>> audit_after(std::uint64_t seq,
                                                                     std::uint32_t limit) override
    {
        const auto rows = audit();
        std::vector<coordinator::AuditEvent> events;
        for (auto i = seq; i < rows.size() && events.size() < limit; ++i) {
            events.push_back({i + 1, {}, rows[i]});
        }
        return events;
    }
    common::Result<std::uint64_t> audit_head() override { return audit().size(); }
    common::Result<coordinator::CommandPage> commands_of(const common::SandboxId& sandbox,
                                                         coordinator::Page) override
    {
        coordinator::CommandPage page;
        for (auto& one : commands()) {
            if (one.sandbox == sandbox) {
                page.commands.push_back(one);
            }
        }
        page.total = page.commands.size();
        return page;
    }
    common::Result<coordinator::PlaybookPage> playbooks_of(const std::string& tenant,
                                                           coordinator::Page page) override
    {
        COMMON_CHECK(readable());
        auto [rows, total] = locked([&] { return playbooks_.page(tenant, page); });
        for (auto& playbook : rows) {
            playbook.tasks.clear();
        }
        return coordinator::PlaybookPage{std::move(rows), total, {}};
    }
    common::Result<std::optional<coordinator::Playbook>> playbook(const std::string& tenant,
                                                                  const std::string& name) override
    {
        COMMON_CHECK(readable());
        return locked([&] { return playbooks_.find(tenant, name); });
    }
    common::Result<coordinator::TemplatePage> templates_of(const std::string& tenant,
                                                           coordinator::Page page) override
    {
        COMMON_CHECK(readable());
        auto [rows, total] = locked([&] { return templates_.page(tenant, page); });
        return coordinator::TemplatePage{std::move(rows), total, {}};
    }
    common::Result<std::optional<coordinator::Template>>
    find_template(const std::string& tenant, const std::string& name) override
    {
        COMMON_CHECK(readable());
        return locked([&] { return templates_.find(tenant, name); });
    }
    common::Result<coordinator::PlanPage> plans_of(const std::string& tenant,
                                                   coordinator::Page page) override
    {
        COMMON_CHECK(readable());
        auto [rows, total] = locked([&] { return plans_.page(tenant, page); });
        return coordinator::PlanPage{std::move(rows), total, {}};
    }
    common::Result<std::optional<coordinator::Plan>> plan(const std::string& tenant,
                                                          const common::PlanId& id) override
    {
        COMMON_CHECK(readable());
        return locked([&] { return plans_.find(tenant, id); });
    }
    common::Result<> check() override
    {
        const std::scoped_lock lock{mutex_};
        return failing_ ? common::Result<>{common::Error{*failing_, "down"}} : common::Result<>{};
    }
    common::Result<> lease() override { return check(); }
    common::Result<coordinator::AuditPage> audit_page(const coordinator::AuditQuery&) override
    {
        return coordinator::AuditPage{};
    }
    common::Result<coordinator::AuditCounts> audit_counts(const coordinator::AuditSpan&) override
    {
        return coordinator::AuditCounts{};
    }
    common::Result<coordinator::AuditCheck> check_audit(const std::function<bool()>&) override
    {
        return coordinator::AuditCheck{};
    }

    coordinator::Snapshot snapshot; ///< Set before load().

private:
    struct Call {
        Changes changes;
        Committed done;
    };
    common::Result<> readable() const
    {
        const std::scoped_lock lock{mutex_};
        return failing_ && !which_ ? common::Result<>{common::Error{*failing_, "down"}}
                                   : common::Result<>{};
    }
    template <typename Key, typename Row>
    std::optional<Row> find(const std::map<Key, Row>& rows, const Key& key) const
    {
        return locked([&] {
            const auto found = rows.find(key);
            return found == rows.end() ? std::nullopt : std::optional{found->second};
        });
    }
    template <typename Key, typename Row>
    std::vector<Row> all(const std::map<Key, Row>& rows) const
    {
        return locked([&] {
            std::vector<Row> values;
            for (const auto& [key, row] : rows) {
                values.push_back(row);
            }
            return values;
        });
    }
    void commit(Call call)
    {
        auto work = [this, call = std::move(call)] { call.done(land(call.changes)); };
        if (thread_.joinable()) {
            static_cast<void>(work_.push(std::move(work)));
        } else {
            work();
        }
    }
    common::Result<> land(const Changes& changes)
    {
        const std::scoped_lock lock{mutex_};
        if (failing_ && (!which_ || which_(changes))) {
            return common::Error{*failing_, "the database is down", reason_};
        }
        if (std::ranges::any_of(changes, [this](const auto& c) {
                return playbooks_.is_stale(c) || plans_.is_stale(c) || templates_.is_stale(c);
            })) {
            return common::Error{common::ErrorCode::already_exists, "it has changed", "stale"};
        }
        for (const auto& change : changes) {
            std::visit([this](const auto& row) { this->put(row); }, change);
        }
        return {};
    }
    void put(const coordinator::Sandbox& row) { sandboxes_[row.id] = row; }
    void put(const coordinator::Checkpoint& row) { checkpoints_[row.id] = row; }
    void put(const coordinator::Replica& row) { replicas_[{row.copy.id, row.copy.host}] = row; }
    void put(const coordinator::ReplicaRemoval& row) { replicas_.erase({row.id, row.host}); }
    void put(const coordinator::Pool& row) { pools_[row.name] = row; }
    void put(const coordinator::RegisteredImage& row) { images_[row.id] = row; }
    void put(const coordinator::Playbook& row) { playbooks_.put(row); }
    void put(const coordinator::PlaybookRemoval& row) { playbooks_.remove(row); }
    void put(const coordinator::Template& row) { templates_.put(row); }
    void put(const coordinator::TemplateRemoval& row) { templates_.remove(row); }
    void put(const coordinator::Plan& row) { plans_.put(row); }
    void put(const coordinator::PlanRemoval& row) { plans_.remove(row); }
    void put(const coordinator::Command& row) { commands_[row.operation] = row; }
    void put(const coordinator::Host& row) { hosts_[row.name] = row; }
    void put(const coordinator::Operation& row) { operations_[row.id] = row; }
    void put(const coordinator::AuditRow& row) { audit_.push_back(row); }
    static void put(const coordinator::KeyChange&) {} // RequestKeys has a store of its own.

    mutable std::mutex mutex_;
    bool holding_ = false;
    std::size_t attempts_ = 0;
    std::optional<common::ErrorCode> failing_;
    std::function<bool(const Changes&)> which_;
    std::string reason_;
    std::vector<Call> held_;
    std::map<common::SandboxId, coordinator::Sandbox> sandboxes_;
    std::map<common::SnapshotId, coordinator::Checkpoint> checkpoints_;
    std::map<std::pair<common::SnapshotId, common::HostName>, coordinator::Replica> replicas_;
    std::map<std::string, coordinator::Pool> pools_;
    std::map<common::ImageId, coordinator::RegisteredImage> images_;
    FakeRecords<coordinator::Playbook, coordinator::PlaybookRemoval, &coordinator::Playbook::name>
        playbooks_;
    FakeRecords<coordinator::Template, coordinator::TemplateRemoval, &coordinator::Template::name>
        templates_;
    FakeRecords<coordinator::Plan, coordinator::PlanRemoval, &coordinator::Plan::id> plans_;
    std::map<common::OperationId, coordinator::Command> commands_;
    std::map<common::HostName, coordinator::Host> hosts_;
    std::map<common::OperationId, coordinator::Operation> operations_;
    Rows audit_;

    common::Mailbox<std::function<void()>> work_{100000};
    std::thread thread_;
};

} // namespace tests
