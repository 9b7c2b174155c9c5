#pragma once

#include "common/result.hpp"
#include "coordinator/core/audit_log.hpp"
#include "coordinator/core/event_tail.hpp"
#include "coordinator/core/host.hpp"
#include "coordinator/core/live_execs.hpp"
#include "coordinator/core/store.hpp"
#include "coordinator/scheduler/scheduler.hpp"

#include <optional>
#include <string>
#include <vector>

namespace coordinator {

/// Whether a create may be given a sandbox that stands ready in a pool.
enum class WarmUse {
    prefer, ///< If there is one; else what a pool's source can be cloned to; else a boot.
    require,
    skip, ///< It is made for its caller alone, from the image.
};

// Requests as closed values: made by one parser per endpoint in coordinator/http,
// fully validated there as far as a request alone can be (types, bounds, names).
/// What has to succeed in a sandbox before who creates it is told that it is there.
struct ReadyWish {
    std::string command; ///< "": nothing has to.
    std::chrono::seconds timeout{60};
};

struct CreateRequest {
    std::string source;           ///< source_vm_name or image: an image's name.
    bool source_is_image = false; ///< Given as `image`: then only images are looked up.
    std::string from_template;    ///< Its name, for the record: what it says is said here.
    std::string agent_id;
    std::optional<unsigned> vcpus;
    std::optional<common::Bytes> memory;
    std::optional<std::chrono::seconds> ttl;
    bool auto_start = false;
    bool wait_for_ip = false;
    ReadyWish ready;  ///< If it is booted.
    std::string name; ///< vm_name; "" makes one from the id.
    Labels labels;
    NetworkMode network = NetworkMode::nat;
    DiskKind disk = DiskKind::durable;
    std::map<std::string, std::string> env;
    FilePolicy files;
    std::optional<common::HostName> host; ///< Placed there or nowhere.
    scheduler::Wants wants;
    ReplicaPolicy replicas;
    WarmUse pool = WarmUse::prefer;
    unsigned makes_room = 4;  ///< How often warm ones may be given up for it: others are as fast.
    unsigned claims_left = 3; ///< Of warm ones, should they turn out dead.
    common::SteadyTime room_by{}; ///< Then it waits no longer for them to be gone; the core's own.
    /// Told each time that it has a host to be made on, and as what; the core's own. Not set:
    /// nobody is blocked for as long as it is made.
    std::function<void(const common::SandboxId&)> placed{};
};

/// Of what somebody else's VM has on its disk.
struct VmImageRequest {
    common::ImageName name;
    std::string vm;
    std::string agent;                    ///< As ImportVmOnHost.
    std::optional<common::HostName> host; ///< Not said: where there is one of this name.
};

struct PoolRequest {
    std::string name;
    common::ImageName image;
    std::optional<unsigned> vcpus; ///< Not said: what a create that does not say gets.
    std::optional<common::Bytes> memory;
    NetworkMode network = NetworkMode::nat;
    unsigned min = 1;            ///< On each host, as is `max`.
    std::optional<unsigned> max; ///< Not said: min.
    std::optional<std::chrono::seconds> max_age;
};

/// What is not said stays as it is.
struct PoolChange {
    std::optional<unsigned> min;
    std::optional<unsigned> max;
    std::optional<std::chrono::seconds> max_age;
};

struct ListFilter {
    std::optional<std::string> agent_id;
    std::optional<std::string> job_id;
    std::optional<std::string> base_image;
    std::optional<State> state;
    std::optional<std::string> name; ///< vm_name
    std::optional<std::string> host;
    Labels labels;
    Page page;
};

struct SandboxPage {
    std::vector<Sandbox> sandboxes; ///< Newest first.
    std::uint64_t total = 0;
    std::optional<Position> next; ///< As of PagePart.
};

struct RunRequest {
    std::string command;
    std::string shell; ///< What is run, if that is not `command`, which is for people then.
    std::string user = "sandbox";
    std::string cwd;
    std::map<std::string, std::string> env;
    std::string stdin_text;
    std::optional<std::chrono::milliseconds> timeout;
    std::optional<LiveRequest> live;          ///< It is run so; `command` is for people.
    std::string attempt = "run a command in"; ///< What errors call it.
};

struct StopRequest {
    bool force = false;
    std::optional<std::chrono::milliseconds> timeout;
};

struct SnapshotRequest {
    std::string name;
    std::optional<bool> memory; ///< Not said: with memory, if it has any now.
};

struct CheckpointPage {
    std::vector<Checkpoint> checkpoints; ///< Oldest first.
    std::uint64_t total = 0;
    std::optional<Position> next; ///< As of PagePart.
};

struct ForkRequest {
    unsigned count = 1;
    std::string from_snapshot; ///< A name; "" is now, by a checkpoint made for it alone.
    std::string agent_id;      ///< "" is the source's.
    std::string name_prefix;   ///< Children are <prefix>-1, …; "" makes names from their ids.
    Labels labels;             ///< Over the source's.
    std::optional<std::chrono::seconds> ttl; ///< Not said: as the source's, from now.
};

/// What a fork gave, one result for each child.
struct Fork {
    struct Child {
        common::SandboxId id;
        common::Result<Sandbox> result;
    };
    std::vector<Child> children;
    bool has_memory = false;
    std::chrono::microseconds source_paused{0}; ///< 0 if a checkpoint was there already.
};

struct ImageRequest {
    common::ImageName name;
    std::string from_snapshot; ///< A checkpoint's id, or, of `sandbox`, also its name.
    std::optional<common::SandboxId> sandbox;
};

/// Where a sandbox would go now, and why not elsewhere.
struct Placement {
    struct OnHost {
        common::HostName name;
        std::string why_not;        ///< "" if it fits.
        scheduler::Scores scores{}; ///< If it does.
    };
    std::optional<common::HostName> host; ///< Nothing: no host can take it.
    std::vector<OnHost> hosts;            ///< By name.
};

struct VmListing {
    struct HostError {
        common::HostName host;
        std::string host_address;
        std::string error;
    };
    std::vector<ForeignVm> vms;
    std::vector<HostError> host_errors;
};

struct Health {
    struct Component {
        std::string name; ///< "database", "hosts", …
        bool ready = false;
        std::string detail;
    };
    bool ready = false;
    std::vector<Component> components;
    std::uint64_t epoch = 0; ///< Of this coordinator, which leads or has led.
};

/// The coordinator's use cases, as the HTTP layer sees them: the port between
/// coordinator/http and coordinator/core. Each call blocks until its reply is due,
/// within its own deadline, and may come from any thread at once. A timeout is
/// `timeout` (reason outcome_unknown or boot_timeout): the work goes on.
class Service {
public:
    virtual ~Service() = default;

    virtual common::Result<Sandbox> create(const Caller& caller, CreateRequest request) = 0;
    virtual common::Result<SandboxPage> list(const Caller& caller, const ListFilter& filter) = 0;
    /// A destroyed sandbox is found for 24 h.
    virtual common::Result<Sandbox> get(const Caller& caller, const common::SandboxId& id) = 0;
    virtual common::Result<Sandbox>
    start(const Caller& caller, const common::SandboxId& id, bool wait_for_ip) = 0;
    virtual common::Result<Sandbox>
    stop(const Caller& caller, const common::SandboxId& id, StopRequest request) = 0;
    /// Keeps its memory and gives it no CPU. Success if it is paused.
    virtual common::Result<Sandbox> pause(const Caller& caller, const common::SandboxId& id) = 0;
    /// Lets one that is paused go on. Success if it runs.
    virtual common::Result<Sandbox> resume(const Caller& caller, const common::SandboxId& id) = 0;
    /// Memory to its host's disk; the host gives it nothing any more. Success if it is suspended.
    /// resume(), start() and the next command load it again.
    virtual common::Result<Sandbox> suspend(const Caller& caller, const common::SandboxId& id) = 0;
    /// A clean power-off (bounded by the stop's time-out) and a boot.
    virtual common::Result<Sandbox>
    restart(const Caller& caller, const common::SandboxId& id, StopRequest request) = 0;

    /// `already_exists` (reason snapshot_exists) if the sandbox has one of this name.
    virtual common::Result<Checkpoint>
    take_snapshot(const Caller& caller, const common::SandboxId& id, SnapshotRequest request) = 0;
    virtual common::Result<CheckpointPage>
    snapshots(const Caller& caller, const common::SandboxId& id, Page page) = 0;
    virtual common::Result<Checkpoint>
    snapshot(const Caller& caller, const common::SandboxId& id, const std::string& name) = 0;
    /// Success only if there was one. What was forked from it lives on.
    virtual common::Result<Checkpoint>
    delete_snapshot(const Caller& caller, const common::SandboxId& id, const std::string& name) = 0;
    /// The sandbox is what it was then; commands that ran end as `restored`.
    virtual common::Result<Sandbox> restore_snapshot(const Caller& caller,
                                                     const common::SandboxId& id,
                                                     const std::string& name) = 0;
    /// Digests its files anew. `failed_precondition` (checkpoint_damaged) names the file.
    virtual common::Result<Checkpoint>
    verify_snapshot(const Caller& caller, const common::SandboxId& id, const std::string& name) = 0;
    /// A child that fails leaves the others alone.
    virtual common::Result<Fork>
    fork(const Caller& caller, const common::SandboxId& id, ForkRequest request) = 0;

    /// Its time to live counts anew, from now.
    virtual common::Result<Sandbox>
    extend(const Caller& caller, const common::SandboxId& id, std::chrono::seconds ttl) = 0;
    virtual common::Result<Sandbox> destroy(const Caller& caller, const common::SandboxId& id) = 0;
    /// What other hosts have of it.
    virtual common::Result<ReplicaSet> replicas(const Caller& caller,
                                                const common::SandboxId& id) = 0;
    /// One that is paused is resumed for it.
    virtual common::Result<Command>
    run(const Caller& caller, const common::SandboxId& id, RunRequest request) = 0;
    /// Commands whose output is read as it comes.
    virtual LiveExecs& live_execs() = 0;
    virtual Events& events() = 0;
    virtual AuditLog& audit() = 0;
    virtual common::Result<CommandPage>
    commands(const Caller& caller, const common::SandboxId& id, Page page) = 0;
    /// Waits for the address, up to the discovery timeout.
    virtual common::Result<std::string> ip(const Caller& caller, const common::SandboxId& id) = 0;

    virtual common::Result<std::vector<Host>> hosts(const Caller& caller) = 0;
    virtual common::Result<Host> host(const Caller& caller, const common::HostName& name) = 0;
    /// What is there stays as it is, and goes on. Success if it is so. `failed_precondition`
    /// (reason too_many_labels) beyond 64 of them; of an evacuation: host_not_lost, not_fenced.
    virtual common::Result<>
    change_host(const Caller& caller, const common::HostName& name, HostChange change) = 0;
    /// Of one that would be made; those that stand ready in pools are left out of account.
    virtual common::Result<Placement> explain(const Caller& caller, CreateRequest request) = 0;
    virtual common::Result<std::vector<Image>> images(const Caller& caller) = 0;
    virtual common::Result<Image> image(const Caller& caller, const common::ImageName& name) = 0;
    /// Of what the disk of a checkpoint holds; its tenant's alone. `already_exists` (reason
    /// image_exists) if any host has one of this name, whosever it is.
    virtual common::Result<Image> create_image(const Caller& caller, ImageRequest request) = 0;
    /// Of files that were uploaded, which every host then fetches; its tenant's alone. Once the
    /// first one has looked at it: `invalid_argument` (image_unusable). As create_image();
    /// `not_found` (unknown_blob). Of `wanted` what the tenant says, and of each blob its digest.
    virtual common::Result<Image> register_image(const Caller& caller, RegisteredImage wanted) = 0;
    /// On its host; its tenant's alone. `not_found` (unknown_vm); `permission_denied`
    /// (vm_not_importable); `failed_precondition`: ambiguous_vm, vm_unsupported, vm_changed.
    virtual common::Result<Image> import_image(const Caller& caller, VmImageRequest request) = 0;
    /// Of those made so, as it was. `failed_precondition`: image_in_use, operator_image.
    virtual common::Result<Image> delete_image(const Caller& caller,
                                               const common::ImageName& name) = 0;
    virtual common::Result<std::vector<PoolState>> pools(const Caller& caller) = 0;
    virtual common::Result<PoolState> pool(const Caller& caller, const std::string& name) = 0;
    /// `already_exists` (reason pool_exists) if there is one of this name or of this shape;
    /// `failed_precondition` (no_agent) for an image without our agent.
    virtual common::Result<PoolState> create_pool(const Caller& caller, PoolRequest request) = 0;
    virtual common::Result<PoolState>
    change_pool(const Caller& caller, const std::string& name, PoolChange change) = 0;
    /// As it was. What stands ready in it is destroyed; what was claimed from it lives on.
    virtual common::Result<PoolState> delete_pool(const Caller& caller,
                                                  const std::string& name) = 0;
    /// All hosts in parallel; one that does not answer is in `host_errors`.
    virtual common::Result<VmListing> vms(const Caller& caller) = 0;

    /// What it uses, and the end of its console: at most so many bytes. One that is on no host yet,
    /// or gone, uses nothing.
    virtual common::Result<Reading>
    reading(const Caller& caller, const common::SandboxId& id, std::uint32_t console_bytes) = 0;

    virtual Health health() = 0;
    /// Prometheus text (coordinator's own counters); bounded.
    virtual std::string metrics() = 0;
};

} // namespace coordinator
