#pragma once

#include "common/event_loop.hpp"
#include "coordinator/core/callers.hpp"
#include "coordinator/core/checkpoints.hpp"
#include "coordinator/core/counts.hpp"
#include "coordinator/core/fleet.hpp"
#include "coordinator/core/pending.hpp"
#include "coordinator/core/reply.hpp"
#include "coordinator/core/settings.hpp"
#include "coordinator/core/writing.hpp"

#include <atomic>

namespace coordinator {

struct CoreFigures;

/// The coordinator's use cases. One thread (the loop) owns the fleet and everything
/// under way; callers of Service block in their own threads until the loop answers.
///
/// The order that everything keeps: change in memory (which reserves) → intent durable →
/// host asked → outcome durable → caller answered. A write that fails is either certainly
/// not there, and the change is taken back, or unknown, and what is in memory is written
/// again until it is.
class Core final : public Service {
public:
    Core(Store& store, HostLink& link, class Blobs& blobs, const common::Clock&, CoreSettings);
    ~Core() override;

    /// Reads the state back and begins to work. The value is this start's epoch.
    common::Result<std::uint64_t> start();
    /// Answers everyone who still waits with `unavailable`. What hosts do goes on.
    void stop();

    common::Result<Sandbox> create(const Caller& caller, CreateRequest request) override;
    common::Result<SandboxPage> list(const Caller& caller, const ListFilter& filter) override;
    common::Result<Sandbox> get(const Caller& caller, const common::SandboxId& id) override;
    common::Result<Sandbox> start(const Caller&, const common::SandboxId&, bool wait) override;
    common::Result<Sandbox> stop(const Caller&, const common::SandboxId&, StopRequest) override;
    common::Result<Sandbox> pause(const Caller& caller, const common::SandboxId& id) override;
    common::Result<Sandbox> resume(const Caller& caller, const common::SandboxId& id) override;
    common::Result<Sandbox> suspend(const Caller& caller, const common::SandboxId& id) override;
    common::Result<Sandbox> restart(const Caller&, const common::SandboxId&, StopRequest) override;
    common::Result<Checkpoint>
    take_snapshot(const Caller&, const common::SandboxId&, SnapshotRequest request) override;
    common::Result<CheckpointPage>
    snapshots(const Caller& caller, const common::SandboxId& id, Page page) override;
    common::Result<Checkpoint>
    snapshot(const Caller& caller, const common::SandboxId& id, const std::string& name) override;
    common::Result<Checkpoint>
    delete_snapshot(const Caller&, const common::SandboxId&, const std::string& name) override;
    common::Result<Sandbox>
    restore_snapshot(const Caller&, const common::SandboxId&, const std::string& name) override;
    common::Result<Checkpoint>
    verify_snapshot(const Caller&, const common::SandboxId&, const std::string& name) override;
    common::Result<Fork> fork(const Caller&, const common::SandboxId&, ForkRequest) override;
    common::Result<Sandbox>
    extend(const Caller& caller, const common::SandboxId& id, std::chrono::seconds ttl) override;
    common::Result<Sandbox> destroy(const Caller& caller, const common::SandboxId& id) override;
    common::Result<ReplicaSet> replicas(const Caller&, const common::SandboxId& id) override;
    common::Result<Command>
    run(const Caller& caller, const common::SandboxId& id, RunRequest request) override;
    LiveExecs& live_execs() override;
    Events& events() override { return tail_; }
    AuditLog& audit() override { return audit_; }
    common::Result<CommandPage>
    commands(const Caller& caller, const common::SandboxId& id, Page page) override;
    common::Result<std::string> ip(const Caller& caller, const common::SandboxId& id) override;
    common::Result<std::vector<Host>> hosts(const Caller& caller) override;
    common::Result<Host> host(const Caller& caller, const common::HostName& name) override;
    common::Result<> change_host(const Caller&, const common::HostName&, HostChange) override;
    common::Result<Placement> explain(const Caller& caller, CreateRequest request) override;
    common::Result<std::vector<Image>> images(const Caller& caller) override;
    common::Result<Image> image(const Caller& caller, const common::ImageName& name) override;
    common::Result<Image> create_image(const Caller& caller, ImageRequest request) override;
    common::Result<Image> register_image(const Caller& caller, RegisteredImage wanted) override;
    common::Result<Image> import_image(const Caller& caller, VmImageRequest request) override;
    common::Result<Image> delete_image(const Caller& caller, const common::ImageName&) override;
    common::Result<std::vector<PoolState>> pools(const Caller& caller) override;
    common::Result<PoolState> pool(const Caller& caller, const std::string& name) override;
    common::Result<PoolState> create_pool(const Caller& caller, PoolRequest request) override;
    common::Result<PoolState> change_pool(const Caller&, const std::string&, PoolChange) override;
    common::Result<PoolState> delete_pool(const Caller& caller, const std::string& name) override;
    common::Result<VmListing> vms(const Caller& caller) override;
    common::Result<Reading>
    reading(const Caller& caller, const common::SandboxId& id, std::uint32_t bytes) override;
    Health health() override;
    std::string metrics() override;

private:
    using SandboxDone = Pending::SandboxDone;
    using CheckpointDone = Pending::CheckpointDone;
    using Then = std::function<void(common::Result<>)>;
    class Pooling;     ///< pooling.hpp: the warm pools.
    class Imaging;     ///< imaging.hpp: images that tenants make.
    class Registry;    ///< registry.hpp: images made of uploaded files.
    class Streams;     ///< streams.hpp: live execs.
    class Moving;      ///< moving.hpp: sandboxes that change hosts.
    class Draining;    ///< draining.hpp: hosts that are to be emptied.
    class Replicating; ///< replicating.hpp: copies on other hosts.
    class Evacuating;  ///< evacuating.hpp: hosts that are gone.
    class Fencing;     ///< fencing.hpp: hosts that heard no leader.

    // core.cpp: the loop, operations from intent to outcome.
    /// Runs `begin` on the loop and blocks the caller until its Reply is given. Every
    /// `begin` sets its own deadline; `limit` only guards against one that forgot.
    template <typename T>
    common::Result<T> ask(std::chrono::milliseconds limit,
                          std::function<void(const Reply<T>&)> begin);
    static common::Error no_answer();
    static common::Error no_answer_yet(const std::string& attempt);
    void post(common::EventLoop::Task task);
    Op begin_operation(Pending::Kind kind,
                       const Caller& caller,
                       const Sandbox& sandbox,
                       decltype(HostCommand::what) what);
    [[nodiscard]] AuditRow intent_of(const Op& op, std::string detail) const;
    [[nodiscard]] AuditRow outcome_of(const Op& op,
                                      const std::optional<common::Error>& error) const;
    /// `rate_limited` at max_operations. What waits for lost hosts does not count.
    [[nodiscard]] common::Result<> room_for_one_more() const;
    void dispatch(const Op& op);
    void send_again(const Op& op);
    void retire(const Op& op);
    /// Retired, and its row says how it ended.
    void close(const Op& op, const std::optional<common::Error>& error);
    /// The outcome is known: recorded, then told to everyone who waits.
    void conclude(const Op& op, const std::optional<common::Error>& error);
    static void tell(const Op& op, const common::Result<Sandbox>& result);
    /// Nobody has heard after that time: those who wait are told so, the work goes on.
    template <typename T>
    void give_up(const Reply<T>& reply, std::chrono::milliseconds after, common::Error error);
    /// Likewise, and sooner if the host of that sandbox does not answer (callers.hpp). False: too
    /// many wait for it, and `reply` says so.
    template <typename T>
    bool wait_for_host(const Reply<T>& reply,
                       const Caller& caller,
                       const common::SandboxId& id,
                       std::chrono::milliseconds most,
                       common::Error error);
    /// Asks and gives up in one; `begin` is given what to call with the answer.
    template <typename T>
    common::Result<T>
    ask_within(std::chrono::milliseconds patience,
               const std::string& attempt,
               const std::function<void(std::function<void(common::Result<T>)>)>& begin);
    /// Likewise, what a sandbox's host has to do: begun once no move of it is in the way.
    template <typename T>
    common::Result<T>
    ask_host(const Caller& caller,
             const common::SandboxId& id,
             std::chrono::milliseconds patience,
             const std::string& attempt,
             const std::function<void(std::function<void(common::Result<T>)>)>& begin);
    void when_it_stays(const Caller&, const common::SandboxId&, std::function<void()> then);
    common::Result<const Sandbox*> living(const Caller& caller, const common::SandboxId& id) const;
    common::Result<const KnownHost*> reachable(const Sandbox& sandbox) const;
    Op lifecycle_of(const common::SandboxId& id) const;
    void put(Sandbox sandbox);
    /// Runs `then` as soon as `ready` says so of the sandbox; not for ever, but for longer
    /// than any caller waits.
    void when(const common::SandboxId& id,
              std::function<bool(const Sandbox&)> ready,
              std::function<void(const Sandbox&)> then);

    // core_writing.cpp
    /// Writes; `then` runs on the loop when the outcome is known.
    void save(std::vector<Change> changes, Then then);
    /// Writes what has happened already: kept and written again until it is recorded.
    void save_outcome(std::vector<Change> changes, Then then);
    void flush_unsaved();
    void flushed(std::size_t count, const common::Result<>& saved);
    void bring_up_to_date(Change& change) const;

    // core_create.cpp
    void begin_create(const Caller& caller,
                      const CreateRequest& request,
                      MadeFrom from,
                      SandboxDone done);
    /// It has its place and its operation: written down, then made.
    void make(const Op& op, const Sandbox& sandbox, std::string detail);
    common::Result<> name_is_free(const Caller& caller, const std::string& name) const;
    void begin_making(const Caller& caller,
                      const CreateRequest& request,
                      Sandbox sandbox,
                      const Image& image,
                      MadeFrom from,
                      SandboxDone done);
    common::Result<Sandbox>
    draft(const Caller& caller, const CreateRequest& request, const Image& image) const;
    void
    refuse_unknown_source(const Caller& caller, const CreateRequest& request, SandboxDone done);
    [[nodiscard]] scheduler::Demand
    demand_of(const Sandbox& sandbox,
              const std::optional<common::HostName>& only,
              const std::map<common::HostName, std::string>& refused = {}) const;
    common::Result<> place(Sandbox& sandbox,
                           const Image& image,
                           const std::optional<common::HostName>& only,
                           const std::map<common::HostName, std::string>& refused);
    common::Result<> place_for(const CreateRequest&, Sandbox& sandbox, const Image& image);
    common::Result<> move_elsewhere(const Op& op, const common::Error& error);
    void finish_create(const Op& op, const HostAnswer& answer);
    void leave_as_it_is(const Op& op, const common::Error& error);
    void undo_create(const Op& op, const common::Error& error);
    void withdraw(const common::SandboxId& id); ///< It was never written down.

    // core_lifecycle.cpp
    void begin_start(const Caller& caller, const common::SandboxId& id, SandboxDone done);
    void begin_stop(const Caller&, const common::SandboxId&, const StopRequest&, SandboxDone done);
    void begin_destroy(const Caller& caller, const common::SandboxId& id, SandboxDone done);
    /// `interrupted`: what was under way with it before, if anything.
    void begin_lifecycle(const Op& op,
                         Sandbox changed,
                         const Sandbox& before,
                         const Op& interrupted,
                         std::string detail);
    void take_back(const Op& op, const Sandbox& before, const Op& interrupted);
    /// Where a sandbox is after its host refused; nothing: only the host's own word tells.
    static std::optional<Phase> after_refusal(const Op& op, const common::Error& error);
    void finish_lifecycle(const Op& op, const HostAnswer& answer);
    void finish_destroy(const Op& op, const HostAnswer& answer);
    /// It is gone from its host: the record closes and everything about it ends, `by` with
    /// `error` if there is one.
    void mark_destroyed(Sandbox sandbox,
                        const Op& by,
                        const std::optional<common::Error>& error = std::nullopt);
    void await_ip(const common::SandboxId& id, const Reply<Sandbox>& reply);
    void await_ready(const Caller&, const Sandbox&, const CreateRequest&, const Reply<Sandbox>&);

    // core_pause.cpp: pause, resume, and a longer life.
    void begin_pause(const Caller& caller, const common::SandboxId& id, SandboxDone done);
    void begin_resume(const Caller& caller, const common::SandboxId& id, SandboxDone done);
    void begin_extend(const Caller&, const common::SandboxId&, std::chrono::seconds, SandboxDone);
    void woken(const common::SandboxId& id); ///< It runs, and did not before.
    static common::Error wrong_state(const Sandbox& sandbox, std::string_view attempt);

    // core_suspend.cpp: what gives memory back and takes it again, and a restart.
    void begin_suspend(const Caller& caller, const common::SandboxId& id, SandboxDone done);
    void begin_restart(const Caller&, const common::SandboxId&, const StopRequest&, SandboxDone);
    /// `resource_exhausted` (no_capacity) if its host cannot give it its memory and vCPUs.
    common::Result<> admit(const Sandbox& sandbox, std::string_view attempt) const;

    // core_snapshots.cpp: checkpoints, as people ask for them.
    enum class Kept { by_name, for_one_fork };
    void begin_snapshot(const Caller& caller,
                        const common::SandboxId& id,
                        const SnapshotRequest& request,
                        Kept kept,
                        CheckpointDone done);
    common::Result<> may_snapshot(const Sandbox& sandbox, const SnapshotRequest& request) const;
    void begin_delete(const Caller& caller, const Checkpoint& checkpoint, CheckpointDone done);
    void begin_verify(const Caller& caller, const Checkpoint& checkpoint, CheckpointDone done);
    void begin_restore(const Caller& caller, const Checkpoint& checkpoint, SandboxDone done);
    void finish_restore(const Op& op, const HostAnswer& answer);
    common::Result<Checkpoint>
    checkpoint_of(const Caller& caller, const common::SandboxId& id, const std::string& name) const;

    // core_checkpoints.cpp: what becomes of them.
    /// At the start. `changes`: what is to be written about them.
    void adopt_checkpoints(std::vector<Checkpoint> checkpoints, std::vector<Change>& changes);
    Op begin_about(Pending::Kind kind,
                   const Caller& caller,
                   const Checkpoint& checkpoint,
                   decltype(HostCommand::what) what);
    /// As begin_lifecycle(), for a checkpoint. `before`: nothing if it is new.
    void begin_checkpoint(const Op& op,
                          const Checkpoint& changed,
                          const std::optional<Checkpoint>& before);
    void finish_checkpoint(const Op& op, const HostAnswer& answer);
    void finish_snapshot(const Op& op, const HostAnswer& answer);
    void end_checkpoint(const Op& op,
                        const Checkpoint& checkpoint,
                        const std::optional<common::Error>& error);
    /// Its sandbox is gone, and all checkpoints with it.
    void end_checkpoints_of(const common::SandboxId& id);
    [[nodiscard]] Op about(const common::SnapshotId& id) const;
    void settle_checkpoints(const HostInventory& event);
    void settle_reported(const common::HostName& host, const CheckpointReport& report);
    void settle_unreported(const Checkpoint& checkpoint);
    /// Its end, found out by other means than an answer.
    void note(Checkpoint checkpoint, std::string_view action, const std::string& result);
    /// The answer to something that nobody here waits for any more.
    void settle_late(const common::HostName& host, const CheckpointReport& report);
    void delete_remains(const common::HostName& host, const CheckpointReport& report);
    void drop_stray(const common::HostName& host, const CheckpointReport& report);
    void drop_copy(const common::HostName& host, const CheckpointReport& report);
    static void tell_having(const Op& op, const common::Result<Checkpoint>& result);
    void end_runs_before(const Op& restore);

    // core_fork.cpp
    struct Forking;
    void begin_fork(const Caller& caller,
                    const common::SandboxId& id,
                    const ForkRequest& request,
                    const Reply<Fork>& reply);
    void make_children(const std::shared_ptr<Forking>& forking, const Checkpoint& from);
    void make_child(const std::shared_ptr<Forking>& forking, std::size_t number);
    common::Result<Sandbox> draft_child(const Forking& forking, std::size_t number) const;
    void end_fork(const std::shared_ptr<Forking>& forking);
    void record_fork(Forking& forking, const std::string& result);

    // core_idle.cpp: who is not used is paused, then suspended.
    void touch(const Caller& caller, const common::SandboxId& id);
    void on_activity(const HostActivity& event);
    void send_idle_to_sleep();

    // core_run.cpp
    void begin_run(const Caller& caller,
                   const common::SandboxId& id,
                   const RunRequest& request,
                   const Reply<Command>& reply);
    void run_when_free(const Caller&,
                       const common::SandboxId&,
                       const RunRequest&,
                       const Reply<Command>&);
    void wake_and_run(const Caller& caller,
                      const common::SandboxId& id,
                      const RunRequest& request,
                      const Reply<Command>& reply);
    void dispatch_run(const Caller& caller,
                      const Sandbox& sandbox,
                      const RunRequest& request,
                      const Reply<Command>& reply);
    void finish_run(const Op& op, const HostAnswer& answer);
    bool wake_for(const Op& op);
    void end_run(const Op& op, const std::optional<common::Error>& error);
    void resume_command(const Command& command);

    // core_hosts.cpp: what hosts say.
    void on_event(HostEvent event);
    void on_connected(const HostConnected& event);
    void on_beat(const HostBeat& event);
    void on_inventory(const HostInventory& event);
    void on_status(const HostStatus& event);
    void on_answer(const HostAnswer& event);
    void on_displaced(const HostDisplaced& event);
    std::optional<AuditRow>
    audit_of_host(KnownHost& known,
                  const std::string& action,
                  std::vector<std::pair<std::string_view, std::string>> detail);
    KnownHost& seen(const common::HostName& name, const HostFacts& facts);
    /// Whether it changed anything. A sandbox of another host is none of its business.
    bool apply(const common::HostName& host, const SandboxReport& report); // See note_report().
    void missing(const Sandbox& sandbox);
    void note_report(const Sandbox& was, const Sandbox& is);
    void destroy_remains(const common::HostName&, const common::SandboxId&, std::uint64_t gen);
    bool settle_orphan(KnownHost& known, const SandboxReport& report); ///< Whether adopted.

    // core_upkeep.cpp: what time brings.
    void tick(common::SteadyTime due);
    void watch_hosts(common::SteadyTime now, common::SteadyTime::duration late);
    void expire_sandboxes();
    void forget_destroyed();
    void delete_old_snapshots();
    void resend_overdue();
    void begin_vms(const Caller& caller, std::function<void(VmListing)> done); // core_reads.cpp
    [[nodiscard]] CoreFigures figures(common::SteadyTime asked) const;         // core_metrics.cpp

    Store& store_;
    HostLink& link_;
    const common::Clock& clock_;
    const CoreSettings settings_;
    std::atomic<bool> ending_{false};
    // The loop's own.
    Fleet fleet_;
    Callers callers_;
    std::map<common::OperationId, Op> pending_;
    std::multimap<common::SandboxId, common::OperationId> pending_of_;
    std::multimap<common::SandboxId, Watch> watches_;
    Checkpoints checkpoints_;
    std::unique_ptr<Pooling> pooling_;
    std::unique_ptr<Imaging> imaging_;
    std::unique_ptr<Registry> registry_;
    std::unique_ptr<Streams> streams_;
    std::unique_ptr<Moving> moving_;
    std::unique_ptr<Replicating> replicating_;
    std::unique_ptr<Draining> draining_;
    std::unique_ptr<Evacuating> evacuating_;
    std::unique_ptr<Fencing> fencing_;
    std::map<common::SnapshotId, common::SteadyTime> fresh_; ///< Too new for some inventories.
    std::map<common::SandboxId, Activity> activity_;         ///< Kept if there is a policy.
    std::set<common::SandboxId> unconfirmed_; ///< Their create was under way at the last end.
    std::set<common::SandboxId> dirty_;       ///< Memory is ahead of the database.
    Writing writing_;
    CoreCounts counts_;
    std::uint64_t ticks_ = 0;
    /// Destroys that their host could not finish, and when to ask it again.
    std::map<common::SandboxId, common::SteadyTime> destroy_again_;
    std::vector<Change> reports_; ///< Rows of the audit that are to go with the next write.
    std::size_t stranded_ = 0;    ///< Of pending_, those on lost hosts, as of the last tick.
    StoredAudit audit_;
    EventTail tail_;                          ///< Of a thread of its own.
    std::shared_ptr<common::EventLoop> loop_; ///< Shared with callbacks that may outlive this.
};

} // namespace coordinator

#include "coordinator/core/asking.hpp"
