#pragma once

#include "common/bytes.hpp"
#include "common/clock.hpp"
#include "common/error.hpp"
#include "common/id.hpp"
#include "coordinator/scheduler/scheduler.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coordinator {

/// Where a sandbox is in its life, finer than the API's six states; free to grow.
enum class Phase {
    pending,
    placing,
    created,
    starting,
    restoring, ///< Its memory is being loaded.
    running,
    paused,
    stopping,
    suspended, ///< Memory is on its host's disk; it holds no memory and no CPU there.
    stopped,
    destroyed,
    lost, ///< Its host says that it has no such sandbox, though it should.
    error,
};
/// The published state; clients reject any other value.
enum class State { created, starting, running, stopped, destroyed, error };

std::string_view to_string(Phase phase) noexcept; ///< "running"
std::string_view to_string(State state) noexcept; ///< "RUNNING"
State state_of(Phase phase) noexcept;
std::optional<Phase> phase_from(std::string_view text) noexcept;
std::optional<State> state_from(std::string_view text) noexcept;

/// What somebody wants of a sandbox: kept so that a reconnecting host can be
/// brought to it.
enum class Desired { stopped, running, destroyed };
std::string_view to_string(Desired desired) noexcept;
std::optional<Desired> desired_from(std::string_view text) noexcept;

enum class NetworkMode { nat, isolated, none };
std::string_view to_string(NetworkMode mode) noexcept;
std::optional<NetworkMode> network_mode_from(std::string_view text) noexcept;

/// What a sandbox's disk is worth. An ephemeral one is written without regard to a cut of its
/// host's power, and its sandbox cannot be suspended.
enum class DiskKind { durable, ephemeral };
std::string_view to_string(DiskKind kind) noexcept;
std::optional<DiskKind> disk_kind_from(std::string_view text) noexcept;

using Labels = std::map<std::string, std::string>;
constexpr std::size_t most_labels = 64; ///< Of one sandbox, or host; of its taints, too.

/// Which paths of a sandbox file requests may use, for its whole life; paths are absolute and
/// plain. Commands and terminals are not bound by it: it is no wall around what runs in the guest.
struct FilePolicy {
    std::vector<std::string> roots;         ///< All is below one of these; none: everything may be.
    std::vector<std::string> never_read;    ///< These and what is below them.
    std::vector<std::string> never_written; ///< Likewise, beside /dev, /proc and /sys.

    bool operator==(const FilePolicy&) const = default;
};

/// Copies of a sandbox that other hosts are to have, for the day on which its own one is gone.
struct ReplicaPolicy {
    unsigned count = 0; ///< Of those hosts; 0: none.
    std::chrono::seconds every{0};
    bool memory = true; ///< Else its disk alone, and it boots from that.

    bool operator==(const ReplicaPolicy&) const = default;
};

/// The record of one sandbox: what PostgreSQL holds and the core thread owns.
struct Sandbox {
    common::SandboxId id;
    common::JobId job;
    std::string tenant;
    std::string agent_id;
    std::string name; ///< API: sandbox_name; unique per tenant among the living.
    common::ImageName image;
    std::string image_digest;
    common::HostName host;
    unsigned vcpus = 0;
    common::Bytes memory;
    common::Bytes overhead; ///< Charged on the host beside `memory`, as it was when placed.
    NetworkMode network = NetworkMode::nat;
    DiskKind disk = DiskKind::durable;
    Labels labels;
    std::map<std::string, std::string> env; ///< Under each command's own.
    FilePolicy files;
    scheduler::Wants wants; ///< Of each host that it comes to.
    ReplicaPolicy replicas;
    std::optional<std::chrono::seconds> ttl;
    common::WallTime created_at;
    common::WallTime updated_at;
    std::optional<common::WallTime> expires_at;
    std::optional<common::WallTime> deleted_at;
    Phase phase = Phase::pending;
    Desired desired = Desired::stopped;
    std::uint64_t generation = 0; ///< Grows with each lifecycle command.
    std::string ip;               ///< "" while unknown.
    std::string error;            ///< Why it is in `error` or `lost`, or what went wrong last.
    std::string pool; ///< That it stands ready in; "" once it is somebody's, and for all others.
    /// It is on its way to there: its guest may stand still only for that. Empty for all others.
    common::HostName moving_to;
    /// It comes from there, and is not whole here yet. Empty for all others.
    common::HostName left_host;
    /// It came from there long ago, or a moment; what it was made of is to go there, and may have
    /// gone. A host that never comes back is among these for ever, and keeps nothing from it.
    std::set<common::HostName> remains_on;
    bool pool_source = false; ///< Its checkpoint is what the others of `pool` are cloned from.
    std::map<std::string, std::uint64_t>
        timings_us; ///< Steps of its create or restore, for people.
};

/// That host may have what it was made of there before it went elsewhere.
bool is_left(const Sandbox& sandbox, const common::HostName& host) noexcept;

/// The record of a checkpoint. It lies on the host of its sandbox and ends with it.
struct Checkpoint {
    common::SnapshotId id;
    common::SandboxId sandbox;
    std::string tenant;
    common::HostName host;
    std::string name;          ///< Unique per sandbox among those that are not deleted.
    common::SnapshotId parent; ///< The one before it, or that was restored last; may be empty.
    enum class Status { taking, ready, deleting, deleted } status = Status::taking;
    bool hidden = false; ///< Made for one fork; never listed, and gone when that is done.
    bool has_memory = false;
    bool frozen = false; ///< Nothing ran in the guest but its agent: clones may be made of it.
    std::string engine;  ///< fast | portable
    std::string libvirt_version; ///< That it was taken on, as the next.
    std::string qemu_version;
    common::Bytes size;                         ///< On disk, all files.
    std::chrono::microseconds paused{0};        ///< How long the guest stood still for it.
    std::map<std::string, std::string> digests; ///< File name → sha256 hex.
    std::string path;                           ///< Of its folder on the host.
    common::WallTime created_at;
    std::optional<common::WallTime> deleted_at;
    std::string error; ///< What is wrong with it by its host's word, or why it was not made.
};
std::string_view to_string(Checkpoint::Status status) noexcept;
std::optional<Checkpoint::Status> checkpoint_status_from(std::string_view text) noexcept;

/// Sandboxes of one exact shape that stand ready on every host that has the image.
struct Pool {
    std::string name;
    std::string tenant; ///< Whose image it is of; "" is an operator's, and the pool for everybody.
    common::ImageName image;
    unsigned vcpus = 0;
    common::Bytes memory;
    NetworkMode network = NetworkMode::nat;
    unsigned min = 0; ///< On each host, as is `max`.
    unsigned max = 0;
    std::chrono::seconds max_age{3600}; ///< Older ones are replaced.
    common::WallTime created_at;
    std::optional<common::WallTime> deleted_at;
};

/// A pool as it is now. Counted since this coordinator began.
struct PoolState {
    struct OnHost {
        common::HostName host;
        unsigned ready = 0;
        unsigned filling = 0;
        std::string source; ///< ready | making | none: what others are cloned from.
        std::string error;  ///< Why there are not more; "" if nothing is wrong.
    };
    Pool pool;
    unsigned target = 0; ///< On each host, by demand: arrivals × refill time, within min and max.
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
    std::uint64_t refills = 0;
    std::uint64_t failures = 0; ///< Of refills.
    std::uint64_t dead = 0;     ///< Found dead, by a claim or before.
    std::uint64_t thrown_out = 0;
    std::chrono::milliseconds refill_time{0}; ///< Mean of the latest; 0 before the first.
    std::vector<OnHost> hosts;
};

/// How a command was given, and with that what can be done to it while it runs.
enum class CommandMode {
    run,        ///< To its end, which is answered with its output.
    live,       ///< Its output is read as it comes, and not recorded.
    live_stdin, ///< Likewise, and its stdin is written as it comes.
    terminal,   ///< Likewise, at a terminal of its own.
    call,       ///< A service of the agent's own: no command of anybody's.
};
std::string_view to_string(CommandMode mode) noexcept; ///< "live_stdin"
std::optional<CommandMode> command_mode_from(std::string_view text) noexcept;

struct Command {
    common::CommandId id;
    common::SandboxId sandbox;
    common::OperationId operation;
    std::string command;
    std::string user;
    std::string cwd;
    std::map<std::string, std::string> env;
    std::string stdout_text;
    std::string stderr_text;
    int exit_code = 0;
    bool truncated = false;
    bool timed_out = false;
    /// running | finished | failed | outcome_unknown
    std::string status;
    common::WallTime started_at;
    std::optional<common::WallTime> ended_at;
    std::map<std::string, std::uint64_t> timings_us; ///< http, core, store, link, hostd, guest
    CommandMode mode = CommandMode::run;
};

/// What a sandbox uses of its host, and the end of what its console has said: a guest's word.
struct Reading {
    bool running = false;             ///< It has a QEMU; else all is 0, but for the disk.
    std::chrono::microseconds cpu{0}; ///< Since that began.
    common::Bytes memory;
    common::Bytes disk; ///< On its host, without its image.
    common::Bytes disk_read;
    common::Bytes disk_written;
    common::Bytes received;
    common::Bytes sent;
    std::string console;
    bool console_cut = false; ///< There is more before it.
};

struct Image {
    common::ImageName name;
    std::string digest;
    common::Bytes size;
    common::Bytes virtual_size;
    std::string boot;
    std::string agent;
    unsigned default_vcpus = 0;
    common::Bytes default_memory;
    std::vector<common::HostName> hosts; ///< That have it with this digest.
    common::WallTime registered_at;
    std::string tenant;               ///< Whose it is; "" is an operator's, for everybody.
    common::SnapshotId from_snapshot; ///< The checkpoint that it was made of; else empty.
    common::ImageId registration;     ///< Of one that was made of uploaded files; else empty.
    std::string from_vm;              ///< Somebody else's VM that it was made of; else "".
    std::string prefetch{};           ///< Of one of files, as Prefetch is written; else "".
    /// Of such a one: hosts that are to have it and have not, and what keeps them from it ("": it
    /// is on its way).
    std::map<common::HostName, std::string> missing_on{};

    friend bool operator==(const Image&, const Image&) = default;
};
/// Whether a tenant may know of it; for others it does not exist.
bool is_visible(const Image& image, std::string_view tenant) noexcept;

struct ForeignVm {
    std::string name;
    std::string uuid;
    std::string state;
    bool persistent = false;
    std::string disk_path;
    common::HostName host;
    std::string host_address;
};

/// Who asks, and by which request. Goes into every audit row.
struct Caller {
    std::string actor; ///< "token:<name>", or "system:janitor" and the like.
    std::string tenant;
    common::RequestId request;
};

} // namespace coordinator
