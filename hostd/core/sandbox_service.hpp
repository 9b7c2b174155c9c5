#pragma once

#include "common/event_loop.hpp"
#include "hostd/core/admission.hpp"
#include "hostd/core/answer_book.hpp"
#include "hostd/core/downloads.hpp"
#include "hostd/core/fence.hpp"
#include "hostd/core/figures.hpp"
#include "hostd/core/guests.hpp"
#include "hostd/core/image_maker.hpp"
#include "hostd/core/sandbox_builder.hpp"
#include "hostd/core/state_keeper.hpp"
#include "hostd/core/traffic_meter.hpp"
#include "hostd/core/worker_pool.hpp"

#include <deque>
#include <functional>
#include <set>

namespace hostd {

/// What the service works with. All of it outlives the service.
struct Ports {
    Hypervisor& hypervisor;
    const ImageStore& images;
    ImageMaker& image_maker;
    SandboxStore& store;
    CheckpointStore& checkpoints;
    StateEngines& engines;
    Network& network;
    Guests& guests;
    Uplink& uplink;
    const common::Clock& clock;
    FenceStamps* fence = nullptr; ///< None: this host goes on for ever without a leader.
    Peers* peers = nullptr;       ///< None: images come from the coordinator alone.
};

struct ServiceSettings {
    Capacity capacity;
    Machine machine;
    unsigned max_parallel_starts = 2; ///< From start to hello: more only slow each other down.
    unsigned workers = 4;
    unsigned qemu_agent_workers = 8; ///< Each holds one exec for as long as it runs.
    unsigned qemu_ping_workers = 2;  ///< Of guests that boot: no exec keeps them waiting.
    std::size_t commands_under_way = 4096;
    std::size_t answers_kept = 1024;
    common::Bytes answers_bytes = common::Bytes::mib(32);
    std::chrono::milliseconds start_slot{15000}; ///< A boot holds its place at most this long.
    std::chrono::milliseconds reconcile_interval{30000};
    std::chrono::milliseconds retry_interval{1000};
    std::chrono::milliseconds ip_interval{500};
    /// How soon DHCP knows of a lease, and how long it is left alone then: a guest that boots asks
    /// for its address later than that, and asks again.
    std::chrono::milliseconds dhcp_interval{50};
    std::chrono::milliseconds dhcp_pause{1000};
    unsigned ip_tries = 240; ///< Then only each reconcile looks.
    /// Between two looks at what guests send: less is no shorter time to be idle in.
    std::chrono::milliseconds network_interval{10000};
    std::chrono::milliseconds stop_poll{500};
    std::chrono::milliseconds agent_poll{500};  ///< Of qemu-guest-agent.
    std::chrono::milliseconds disk_check{2000}; ///< Until a disk that is still full has shown it.
    Downloads::Settings downloads;
    std::vector<std::string> importable_vms; ///< Globs over the names of somebody else's VMs.
    std::chrono::milliseconds backup_patience{3'600'000};
    std::size_t deepest_chain = 24; ///< Files that a disk may lie on before that is mended.
    std::chrono::milliseconds sweep_delay{1000}; ///< After something may have lost its owner.
    FencePromise fence;
    std::chrono::milliseconds fence_look{500}; ///< How late a fence may be.
};

/// The sandboxes of this host and everything that can be done with them.
///
/// One thread (the loop) owns the table and decides; what blocks runs on workers,
/// for one sandbox never two things at once (its lane). VMs outlive this object: it
/// reads them back from libvirt and the disk when it starts, and looks again on
/// each libvirt event and every reconcile_interval.
class SandboxService {
public:
    SandboxService(Ports ports, ServiceSettings settings);
    ~SandboxService();
    SandboxService(const SandboxService&) = delete;
    SandboxService& operator=(const SandboxService&) = delete;

    /// Begins to adopt what exists, and to answer. Until that is done commands get
    /// `unavailable` (reason host_starting).
    void start();

    /// Any thread; returns at once. The answer comes through the Uplink.
    void submit(Command command);

    /// How many sandboxes this host has. Any thread.
    [[nodiscard]] unsigned sandboxes() const noexcept { return count_; }

    /// Any thread; nothing if the loop does not answer within `patience`.
    [[nodiscard]] std::optional<ServiceFigures> figures(std::chrono::milliseconds patience);
    /// Runs `heard` on the loop, so that whoever asks learns that it works. Any thread; false:
    /// there is too much to do.
    [[nodiscard]] bool probe(common::EventLoop::Task heard)
    {
        return loop_->post(std::move(heard));
    }

private:
    struct Operation {
        Command command;
        common::SteadyTime received;
        bool answered = false;
    };
    using Op = std::shared_ptr<Operation>;
    using Value = decltype(Answer::value);

    /// A guest that was started and has not said hello yet.
    struct Boot {
        std::vector<Op> waiting;
        common::SteadyTime begun;
        bool holds_slot = false;
    };
    /// A guest that was asked to power off.
    struct Stop {
        std::vector<Op> waiting;
        common::SteadyTime acpi_at; ///< When the agent's way took too long.
        common::SteadyTime kill_at;
        bool acpi_asked = false;
    };
    /// A create that failed and left something: destroyed again and again, answered then.
    struct Condemned {
        std::vector<Op> waiting;
        common::Error why;
    };
    /// What libvirt and the disk hold.
    struct Found {
        std::vector<DomainRecord> domains;
        std::vector<common::SandboxId> folders;
        std::set<common::SandboxId> have_run;  ///< Of those that have a folder.
        std::set<common::SandboxId> suspended; ///< Likewise.
        std::vector<Checkpoint> checkpoints;
    };
    struct Sandbox {
        SandboxStatus status;
        SandboxFiles files;
        bool attached = false;
        bool frozen = false; ///< It was paused with nothing but its agent running.
        std::optional<Boot> boot;
        std::optional<Stop> stop;
        std::optional<Condemned> condemned;
        unsigned ip_tries = 0;
        bool refresh_asked = false;
        /// What absences_ was when its disk was last brought into step.
        std::uint64_t in_step_since = 0;
    };
    using Table = std::map<common::SandboxId, Sandbox>;

    // sandbox_service.cpp: commands in, answers out, lanes, workers.
    void take(Command command);
    void carry_out(const Op& op);
    void answer(const Op& op, Value value, std::optional<common::Error> error = std::nullopt);
    void fail(const Op& op, common::Error error) { answer(op, {}, std::move(error)); }
    void publish(const Sandbox& sandbox);
    void post(common::EventLoop::Task task);
    /// Runs `work` on a worker and `then` with its result back on the loop.
    template <typename Work, typename Then>
    void blocking(Work work, Then then)
    {
        blocking_on(*workers_, std::move(work), std::move(then));
    }
    template <typename Work, typename Then>
    void blocking_on(WorkerPool& pool, Work work, Then then)
    {
        auto job = [this, work = std::move(work), then = std::move(then)]() mutable {
            auto result = std::make_shared<decltype(work())>(work());
            post([result, then = std::move(then)]() mutable { then(std::move(*result)); });
        };
        submit_job(pool, std::move(job));
    }
    void submit_job(WorkerPool& pool, WorkerPool::Job job);
    /// Runs `step` when everything before it in the sandbox's lane is done. The step
    /// must end in leave_lane(), now or later.
    void in_lane(const common::SandboxId& id, common::EventLoop::Task step);
    void leave_lane(const common::SandboxId& id);
    /// Likewise for a command, with the sandbox as it is by then. One that is gone is answered.
    void
    in_lane_of(const Op& op, const common::SandboxId& id, std::function<void(Sandbox& now)> step);
    Sandbox* find(const common::SandboxId& id);
    /// The sandbox that a command means, if the command is not stale; answers otherwise.
    Sandbox* current(const Op& op, const common::SandboxId& id);
    bool is_stale(const Op& op, const Sandbox& sandbox);
    void record_generation(const Op& op, Sandbox& sandbox);
    /// What those that are not suspended are promised.
    [[nodiscard]] Commitment committed() const;
    static common::Error not_running(const Sandbox& sandbox, std::string_view attempt);

    // sandbox_making.cpp: create and start.
    void create(const Op& op);
    void repeat_create(const Op& op, Sandbox& sandbox);
    void built(const Op& op, const std::shared_ptr<Building>& building);
    void started(const Op& op, const std::shared_ptr<Building>& building);
    void made(const Op& op, const std::shared_ptr<Building>& building);
    void start_existing(const Op& op, const common::SandboxId& id);
    void start_in_lane(const Op& op, Sandbox& sandbox);
    void start_failed(const Op& op, Sandbox& sandbox, common::Error error);
    /// What a boot holds from its start to the guest's hello: one of max_parallel_starts places.
    enum class Slot { held, none };
    void await_boot(const Op& op, Sandbox& sandbox, Slot slot);
    void
    answer_by(const Op& op, const common::SandboxId& id, std::chrono::milliseconds boot_timeout);
    void booted(Sandbox& sandbox);
    void end_boot(Sandbox& sandbox, const common::Error& error);
    void attach(Sandbox& sandbox);
    void detach(Sandbox& sandbox, std::optional<common::Error> why = std::nullopt);
    void ping_qemu_agent(const common::SandboxId& id);
    void with_start_slot(common::EventLoop::Task task);
    void release_start_slot();

    // sandbox_warming.cpp: made ready for whoever comes, and claimed by them.
    /// What was to be brought up is up: its command is answered, or it is made warm.
    void up(const Op& op, const Sandbox& sandbox);
    void warm_up(const Op& op, const common::SandboxId& id, unsigned runs);
    void claim(const Op& op);
    void claim_in_lane(const Op& op, Sandbox& sandbox);
    void claimed(const Op& op, const SandboxSpec& spec);

    // sandbox_suspending.cpp: memory on disk.
    void suspend(const Op& op);
    void suspend_in_lane(const Op& op, const common::SandboxId& id, bool frozen);
    void load_in_lane(const Op& op, Sandbox& sandbox);
    void loaded(const Op& op, const common::SandboxId& id, common::Result<> result);
    void drop_suspended_in_lane(const Op& op, const common::SandboxId& id);

    // sandbox_checkpoints.cpp
    void take_checkpoint(const Op& op);
    void freeze_and_capture(const Op& op, const std::shared_ptr<StateKeeper::Draft>& draft);
    void capture(const Op& op,
                 const std::shared_ptr<StateKeeper::Draft>& draft,
                 common::SteadyTime frozen_at);
    void captured(const Op& op,
                  const std::shared_ptr<StateKeeper::Draft>& draft,
                  common::Result<> result);
    void keep_shallow(const common::SandboxId& id);
    void delete_checkpoint(const Op& op);
    void verify_checkpoint(const Op& op);
    /// Nothing but the agent runs in the guest when `then` is called on the loop, or it says why
    /// not. A guest without our agent is left as it is.
    /// `then` with how long it has stood still by now: not at all, without an agent for it.
    void with_frozen_guest(const common::SandboxId& id, Guests::Frozen then);
    [[nodiscard]] std::vector<common::SnapshotId> checkpoints_of(const common::SandboxId& id) const;
    /// Runs when no sweep does; `state_work_done()` ends it.
    void state_work(common::EventLoop::Task task);
    void state_work_done();
    void sweep_soon();
    void sweep();

    // sandbox_moving.cpp: checkpoints that another host is to have, or has.
    void offer_checkpoint(const Op& op);
    void fetch_checkpoint(const Op& op);
    void give_piece(const GivePieceCommand& command);
    Piece read_piece(const GivePieceCommand& command) const;

    // sandbox_images.cpp
    void make_image(const Op& op);
    common::Result<Image> make_image_of(const MakeImageCommand& wish,
                                        const std::optional<Checkpoint>& known);
    void add_image(const Op& op);
    void image_made(const Op& op, std::string_view attempt, common::Result<Image> made);
    void import_vm(const Op& op);
    common::Result<Image> import_now(const ImportVmCommand& wish);
    void remove_image(const Op& op);

    // sandbox_restoring.cpp
    void restore(const Op& op);
    /// What libvirt could not take away at once is tried again and again.
    void finish_restore_later(const StateKeeper::Restored& result);
    void restored(const Op& op, Phase before, const StateKeeper::Restored& result);

    // sandbox_pausing.cpp: memory kept, no CPU.
    void pause(const Op& op);
    void pause_when_its_turn_comes(const Op& op, const common::SandboxId& id);
    void pause_in_lane(const Op& op, const common::SandboxId& id);
    void resume_in_lane(const Op& op, const common::SandboxId& id);
    void look_at_disk(const Op& op, const common::SandboxId& id);
    void paused(Sandbox& sandbox, DomainState state);
    void tell_guests(const Sandbox& sandbox, Phase before);

    // sandbox_ending.cpp: stop and destroy.
    void stop(const Op& op);
    void stop_in_lane(const Op& op, Sandbox& sandbox);
    void look_at_stop(const common::SandboxId& id);
    void kill(const common::SandboxId& id);
    void end_stop(Sandbox& sandbox, const std::optional<common::Error>& error);
    void destroy(const Op& op);
    common::Result<> destroy_all(const common::SandboxId& id,
                                 const NetLease& lease,
                                 const std::vector<common::SnapshotId>& kept);
    void destroy_condemned(const common::SandboxId& id);
    /// Nothing of it is left but checkpoints: out of the table, and whoever waited for that is
    /// told.
    void erase(const common::SandboxId& id);

    // sandbox_exec.cpp
    void exec(const Op& op);
    void acknowledge(const Command& command);
    /// False: it is about something else.
    bool serve_live_exec(Command& command);
    void list_vms(const Op& op);
    void read(const Op& op);

    // sandbox_adopting.cpp: what was there before this process.
    common::Result<Found> look();
    [[nodiscard]] bool is_half_a_clone(const std::vector<DomainRecord>& records) const;
    void adopt();
    void adopted(const Found& found);
    void adopt_one(const DomainRecord& record, const Found& found);
    void send_inventory();

    // sandbox_fencing.cpp: no leader is heard.
    void begin_fencing();
    void look_at_fence();
    void raise_fence();
    [[nodiscard]] bool no_guest_may_run(); ///< As of now.
    void hold_guests();
    std::set<common::SandboxId> hold_running(FenceStamp stamp);
    void heard(BootTime sent);
    void lift_fence(const LiftFenceCommand& lift);
    void lift_in_lane(const common::SandboxId& id);
    [[nodiscard]] FenceStamp fence_stamp() const;
    void keep_stamp();
    static bool asks_only(const Command& command); ///< It changes nothing, nor in a guest.
    [[nodiscard]] bool takes_commands();           ///< As of now: a leader was heard not long ago.
    /// Answers what would have a guest run while none may.
    bool refuse_fenced(const Op& op);
    static common::Error no_leader();
    /// It stands still, or is stopped, for the fence: its status says so. False: it does already.
    bool mark_held(Sandbox& sandbox);
    /// Somebody else has decided what becomes of it.
    void no_longer_held(Sandbox& sandbox);

    // sandbox_watch.cpp: what changed by itself.
    /// The domain of a sandbox as it is; what a daemon that died has left of another is settled.
    common::Result<DomainRecord> look_at(const common::SandboxId& id, std::uint64_t incarnation);
    void put_away(Sandbox& sandbox);
    void replaced(Sandbox& sandbox, const DomainRecord& record);
    void on_domain(const DomainEvent& event);
    void on_guest(const GuestEvent& event);
    void refresh(const common::SandboxId& id);
    void look_again(const common::SandboxId& id, std::function<void()> then);
    void apply(Sandbox& sandbox, DomainState state);
    void attach_if_new(Sandbox& sandbox, Phase before);
    void lost_domain(Sandbox& sandbox);
    void reconcile();
    void look_for_ips();
    void keep_dhcp_told();
    void look_at_traffic();

    const Ports ports_;
    const ServiceSettings settings_;
    LeaseBook leases_;
    HeldGuests held_;
    SandboxBuilder builder_;
    StateKeeper keeper_;
    Downloads downloads_;

    // The loop's own.
    Table table_;
    std::map<common::SandboxId, std::deque<common::EventLoop::Task>> lanes_;
    AnswerBook answers_;
    ServiceCounts counts_;
    TrafficMeter traffic_;
    std::map<common::SnapshotId, Checkpoint> checkpoints_;
    unsigned pieces_asked_for_ = 0; ///< By other hosts, and not given yet.
    unsigned state_work_ = 0;       ///< Under way; while there is any nothing is swept.
    std::deque<common::EventLoop::Task> after_sweep_;
    bool sweeping_ = false;
    bool sweep_due_ = false;
    bool sweep_again_ = false; ///< Something has lost its owner since that was due.
    bool sweep_retry_due_ = false;
    std::deque<common::EventLoop::Task> start_line_;
    unsigned start_slots_used_ = 0;
    bool adopted_ = false;
    std::uint64_t absences_ = 1; ///< Of libvirtd, the time before us included.
    bool reconciling_ = false;
    bool reconcile_again_ = false; ///< It was asked for while one was under way.
    bool reconcile_due_ = false;
    std::optional<FenceLease> fence_; ///< Of the leader; with Ports::fence.
    FenceStamp stamped_;              ///< As it was written last.
    bool fence_on_ = false, holding_ = false;

    std::atomic<unsigned> count_{0};
    /// Shared with observers and completions, which may outlive this object.
    std::shared_ptr<common::EventLoop> loop_;
    // Last, so that they end first: their jobs use everything above.
    std::optional<WorkerPool> workers_;
    std::optional<WorkerPool> qemu_agent_workers_;
    std::optional<WorkerPool> qemu_ping_workers_;
    std::optional<WorkerPool> verify_workers_; ///< Reading gigabytes keeps nobody else waiting.
    std::optional<WorkerPool> image_workers_;  ///< Copying them not even whoever wants to read.
    std::optional<WorkerPool> fetch_workers_;  ///< A sandbox that moves waits for no image.
    std::optional<WorkerPool> fence_workers_;  ///< A fence waits for nobody.
    std::optional<WorkerPool> piece_workers_;  ///< Nor does one that moves away for a reader.
};

} // namespace hostd
