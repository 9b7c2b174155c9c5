#pragma once

#include "common/result.hpp"
#include "coordinator/core/host.hpp"
#include "coordinator/core/live_execs.hpp"
#include "coordinator/core/registered_image.hpp"

#include <functional>
#include <variant>

namespace coordinator {

// What the core tells a host, as values; wire structs end in coordinator/link.
struct CreateOnHost {
    Sandbox sandbox;
    bool start = false;
    std::chrono::milliseconds boot_timeout{60000};
    std::optional<common::SnapshotId> from_snapshot; ///< A clone of this, which is on that host.
    bool warm = false; ///< Once it is up, a command is run in it and it is paused, for a claim.
};
/// A warm sandbox becomes this one: another tenant and name, the rest as it is.
struct ClaimOnHost {
    Sandbox sandbox;
    std::chrono::milliseconds timeout{5000};
};
struct StartOnHost {
    common::SandboxId id;
    std::chrono::milliseconds boot_timeout{60000};
};
struct StopOnHost {
    common::SandboxId id;
    bool force = false;
    std::chrono::milliseconds timeout{30000};
};
struct PauseOnHost {
    common::SandboxId id;
};
struct SuspendOnHost {
    common::SandboxId id;
};
struct SnapshotOnHost {
    common::SandboxId id;
    common::SnapshotId snapshot;
    std::string name;
    common::SnapshotId parent;
    bool memory = true;
};
struct RestoreOnHost {
    common::SandboxId id;
    common::SnapshotId snapshot;
    std::chrono::milliseconds boot_timeout{60000};
};
struct DeleteSnapshotOnHost {
    common::SandboxId id;
    common::SnapshotId snapshot;
};
struct VerifySnapshotOnHost {
    common::SandboxId id;
    common::SnapshotId snapshot;
};
/// Which files a checkpoint is made of, down to the image's disk. Opaque but for the bounds: what
/// one host says of it another one understands.
struct CheckpointOffer {
    struct File {
        std::string name;
        std::string digest;
        common::Bytes size;
    };
    std::string manifest;
    std::vector<File> files;
};
struct OfferSnapshotOnHost {
    common::SandboxId id;
    common::SnapshotId snapshot;
};
/// To be had there, too; its files are asked for under the operation.
struct FetchSnapshotOnHost {
    common::SandboxId id;
    common::SnapshotId snapshot;
    CheckpointOffer offer;
};
/// A piece of a file of a checkpoint that is there, for another host. Answered with HostGivesPiece.
struct GivePieceOnHost {
    common::SnapshotId snapshot;
    common::OperationId operation; ///< That the other host wants it for.
    std::string digest;
    std::uint64_t offset = 0;
    std::uint32_t size = 0;
};
/// An image of what the disk of this checkpoint holds.
struct MakeImageOnHost {
    common::SandboxId id;
    common::SnapshotId snapshot;
    common::ImageName image;
    std::string tenant;
};
/// An image of files that the host fetches from another host that has it, or from here.
struct AddImageOnHost {
    RegisteredImage image;
    std::string giver_endpoint{}; ///< Of the other host; "": from here.
    std::string giver_key{};
};
/// That host has the image, and is to give it to the one with this key. Not answered.
struct ShareImageOnHost {
    common::ImageId registration;
    std::string key;
};
/// What a host asked for, or why it cannot have it.
struct PieceOnHost {
    common::OperationId operation; ///< That it was asked for under.
    std::string digest;
    std::uint64_t offset = 0;
    common::Result<std::string> data = std::string{};
    std::uint32_t zeros = 0; ///< As many, instead of data.
};
/// An image of what somebody else's VM there has on its disk.
struct ImportVmOnHost {
    std::string vm;
    common::ImageName image;
    std::string tenant;
    std::string agent;    ///< paddock | qemu | none; "": as its definition lets one think.
    bool running = false; ///< Also of one that runs.
    bool renew = false;   ///< One that was made of it, and is not what it is now, gives way.
};
struct RemoveImageOnHost {
    common::ImageName image;
    std::string tenant;
    common::ImageId registration{}; ///< Only that one; empty: whatever is there.
};
struct DestroyOnHost {
    common::SandboxId id;
};
struct ExecOnHost {
    common::SandboxId id;
    std::string shell;
    std::string user;
    std::string cwd;
    std::map<std::string, std::string> env;
    std::string stdin_bytes;
    std::chrono::milliseconds timeout{0};
    common::Bytes output_limit;
    bool resumed = false;              ///< Sent before: find it again, never start it.
    std::optional<LiveRequest> live{}; ///< Its argv instead of `shell`.
};
struct AckExecOnHost {
    common::SandboxId id;
};
// Of live execs; `operation` is the exec's. Only the input is answered.
struct OpenReaderOnHost {
    common::SandboxId id;
    common::OperationId operation;
    std::uint64_t reader = 0;
    std::uint64_t from = 0;
    std::uint32_t credit = 0;
};
struct GrantReaderOnHost {
    common::SandboxId id;
    common::OperationId operation;
    std::uint64_t reader = 0;
    std::uint32_t bytes = 0;
};
struct CloseReaderOnHost {
    common::SandboxId id;
    common::OperationId operation;
    std::uint64_t reader = 0;
};
/// Of all live execs of a sandbox, without holding one up; with a number that it knows, more
/// credit.
struct WatchOutputOnHost {
    common::SandboxId id;
    std::uint64_t watch = 0;
    std::uint32_t credit = 0;
    std::map<common::OperationId, std::uint64_t> from; ///< Positions; of others from now on.
};
struct UnwatchOutputOnHost {
    common::SandboxId id;
    std::uint64_t watch = 0;
};
struct InputOnHost {
    common::SandboxId id;
    common::OperationId operation;
    LiveInput input;
};
struct ReadOnHost {
    common::SandboxId id;
    std::uint32_t console_bytes = 0;
};
struct ListVmsOnHost {};
/// This heartbeat was heard by who leads.
struct HeardOnHost {
    std::string instance;
    std::uint64_t seq = 0;
};
/// Of those that stand still there because it heard no leader, these go on. Not answered.
struct LiftFenceOnHost {
    std::vector<common::SandboxId> sandboxes;
};

struct HostCommand {
    common::OperationId operation;
    common::RequestId request;
    std::uint64_t generation = 0;
    std::variant<CreateOnHost,
                 ClaimOnHost,
                 StartOnHost,
                 StopOnHost,
                 PauseOnHost,
                 SuspendOnHost,
                 SnapshotOnHost,
                 RestoreOnHost,
                 DeleteSnapshotOnHost,
                 VerifySnapshotOnHost,
                 OfferSnapshotOnHost,
                 FetchSnapshotOnHost,
                 GivePieceOnHost,
                 MakeImageOnHost,
                 AddImageOnHost,
                 ShareImageOnHost,
                 PieceOnHost,
                 ImportVmOnHost,
                 RemoveImageOnHost,
                 DestroyOnHost,
                 ExecOnHost,
                 AckExecOnHost,
                 OpenReaderOnHost,
                 GrantReaderOnHost,
                 CloseReaderOnHost,
                 WatchOutputOnHost,
                 UnwatchOutputOnHost,
                 InputOnHost,
                 ReadOnHost,
                 ListVmsOnHost,
                 HeardOnHost,
                 LiftFenceOnHost>
        what;
};

/// A host's word about one of its sandboxes.
struct SandboxReport {
    common::SandboxId id;
    Phase phase = Phase::created;
    std::uint64_t generation = 0;
    std::string spec_digest;
    std::string image;
    std::string ip;
    std::string agent;
    bool agent_ready = false;
    unsigned vcpus = 0;
    common::Bytes memory;
    std::string error;
    bool fenced = false; ///< That is why it is as it is: its host heard no leader.
    std::map<std::string, std::uint64_t> timings_us;
    // Of what has no record here: as whoever made it wanted it.
    std::string tenant;
    std::string name;
    NetworkMode network = NetworkMode::nat;
    DiskKind disk = DiskKind::durable;
};

/// A host's word about a checkpoint that it has.
struct CheckpointReport {
    common::SnapshotId id;
    common::SandboxId sandbox;
    std::string name;
    common::SnapshotId parent;
    bool has_memory = false;
    bool frozen = false;
    std::string engine;
    std::string libvirt_version;
    std::string qemu_version;
    common::Bytes memory_bytes;
    common::Bytes disk_bytes;
    std::chrono::microseconds paused{0};
    std::map<std::string, std::string> digests;
    std::string path;
    common::WallTime created_at;
};

struct ExecReport {
    std::string stdout_bytes;
    std::string stderr_bytes;
    bool truncated = false;
    bool timed_out = false;
    int exit_code = 0;
    std::chrono::microseconds in_hostd{0};
    std::chrono::microseconds in_guest{0};
};

// What a host tells the core. `host` is the name its CURVE key is enrolled under.
struct HostConnected {
    common::HostName host;
    std::string instance;
    HostFacts facts;
};
struct HostBeat {
    common::HostName host;
    HostFacts facts;
    std::string instance{};
    std::uint64_t seq = 0; ///< To be acknowledged with a HeardOnHost; 0: not.
};
struct HostInventory {
    common::HostName host;
    std::vector<SandboxReport> sandboxes;
    std::vector<CheckpointReport> checkpoints;
};
/// To be acknowledged by HostLink::acknowledge once it is committed.
struct HostStatus {
    common::HostName host;
    std::string instance;
    std::uint64_t seq = 0;
    SandboxReport sandbox;
};
struct HostAnswer {
    common::HostName host;
    common::OperationId operation;
    std::optional<common::Error> error;
    std::variant<std::monostate,
                 SandboxReport,
                 ExecReport,
                 std::vector<ForeignVm>,
                 CheckpointReport,
                 Image,
                 Reading,
                 CheckpointOffer>
        value;
    bool undone = false; ///< Of a create that failed: the host has nothing of it.
};
/// These are in use, by what they send over their network.
struct HostActivity {
    common::HostName host;
    std::vector<common::SandboxId> sandboxes;
};
/// What a reader of a live exec is told, or who watches its sandbox. See LiveExecs.
struct HostReaderNews {
    enum class Kind {
        started,
        output,
        end,  ///< It has had all of it, and the exec has ended: its answer is on the way.
        gone, ///< The host does not have it, or not any more.
    };
    common::HostName host;
    common::OperationId operation; ///< The exec's.
    std::uint64_t reader = 0;
    Kind kind = Kind::gone;
    bool of_stderr = false;
    std::uint64_t position = 0; ///< Of the first byte; at the end, of what would follow.
    std::string data;
};
/// It wants a piece of a file, for an image or a checkpoint that it is to have.
struct HostWantsPiece {
    common::HostName host;
    common::OperationId operation;
    std::string digest;
    std::uint64_t offset = 0;
    std::uint32_t size = 0;
};
/// What it was asked for by a GivePieceOnHost.
struct HostGivesPiece {
    common::HostName host;
    common::OperationId operation;
    std::string digest;
    std::uint64_t offset = 0;
    common::Result<std::string> data = std::string{};
    std::uint32_t zeros = 0;
};
/// The same key connected again from elsewhere: the older connection is dropped, audited.
struct HostDisplaced {
    common::HostName host;
};

using HostEvent = std::variant<HostConnected,
                               HostBeat,
                               HostInventory,
                               HostStatus,
                               HostAnswer,
                               HostActivity,
                               HostReaderNews,
                               HostWantsPiece,
                               HostGivesPiece,
                               HostDisplaced>;

/// The hosts, as the core sees them. Any thread; returns at once. Delivery is not
/// promised: an answer or a later inventory tells.
class HostLink {
public:
    /// On the link's thread: must only enqueue.
    using Observer = std::function<void(HostEvent)>;

    virtual ~HostLink() = default;
    virtual void observe(Observer observer) = 0;
    /// `unavailable` if the host has no connection or its queue is full.
    virtual common::Result<> send(const common::HostName& host, HostCommand command) = 0;
    virtual void
    acknowledge(const common::HostName& host, const std::string& instance, std::uint64_t seq) = 0;
    /// Asks for an inventory.
    virtual void request_sync(const common::HostName& host) = 0;
    [[nodiscard]] virtual std::size_t waiting() const = 0; ///< To be sent. Any thread.
};

} // namespace coordinator
