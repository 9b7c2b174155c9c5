#pragma once

#include "common/result.hpp"
#include "hostd/core/blob.hpp"
#include "hostd/core/checkpoint_store.hpp"
#include "hostd/core/fence.hpp"
#include "hostd/core/hypervisor.hpp"
#include "hostd/core/model.hpp"
#include "hostd/core/peers.hpp"

#include <functional>
#include <variant>

namespace hostd {

// The commands a coordinator gives, as values. Wire structs end in hostd/link.
struct CreateCommand {
    SandboxSpec spec;
    std::string image_digest; ///< "" accepts any.
    bool start = false;
    std::chrono::milliseconds boot_timeout{60000};
    /// Not made from its image, but a clone of what this checkpoint of this host holds, which
    /// has the same image, vCPUs, memory and network mode. It runs, with memory, when it is made;
    /// from a checkpoint without memory it boots if `start` says so.
    std::optional<common::SnapshotId> from_snapshot{};
    bool warm = false; ///< Once it is up a command is run in it, and it is paused.
};
/// What was made warm for nobody becomes somebody's, and runs.
struct ClaimCommand {
    common::SandboxId id;
    std::string tenant;
    std::string name;
    std::chrono::milliseconds timeout{5000}; ///< For the guest to say that it is ready.
};
struct StartCommand {
    common::SandboxId id;
    std::chrono::milliseconds boot_timeout{60000};
};
struct StopCommand {
    common::SandboxId id;
    bool force = false;
    std::chrono::milliseconds timeout{30000};
};
struct PauseCommand {
    common::SandboxId id;
};
/// Memory to disk, and given back to the host. A start loads it again, a stop drops it.
struct SuspendCommand {
    common::SandboxId id;
};
struct SnapshotCommand {
    common::SandboxId id;
    common::SnapshotId snapshot;
    std::string name;
    common::SnapshotId parent; ///< May be empty.
    bool memory = true;        ///< Of a sandbox that is stopped there is none.
};
struct RestoreCommand {
    common::SandboxId id;
    common::SnapshotId snapshot;
    std::chrono::milliseconds boot_timeout{60000};
};
struct DeleteSnapshotCommand {
    common::SandboxId id; ///< The sandbox that it was taken of.
    common::SnapshotId snapshot;
};
struct VerifySnapshotCommand {
    common::SandboxId id;
    common::SnapshotId snapshot;
};
/// Which files a checkpoint is made of, for a host that is to have it too.
struct OfferSnapshotCommand {
    common::SandboxId id; ///< The sandbox that it was taken of, here and below.
    common::SnapshotId snapshot;
};
/// To have a checkpoint of another host's.
struct FetchSnapshotCommand {
    common::SandboxId id;
    common::SnapshotId snapshot;
    CheckpointOffer offer;
};
/// A piece of a file of a checkpoint, for a host that fetches it.
struct GivePieceCommand {
    common::SnapshotId snapshot;
    PieceWish wish; ///< `operation` is the other host's.
};
/// An image of what the disk of this checkpoint holds.
struct MakeImageCommand {
    common::SandboxId id; ///< The sandbox that it was taken of.
    common::SnapshotId snapshot;
    common::ImageName image;
    std::string tenant; ///< Whose it is to be.
};
/// An image of files that the coordinator keeps.
struct AddImageCommand {
    ImageRecipe recipe;
    std::vector<PeerRef> peers{}; ///< Who has it, too, and gives it; the best first.
};
/// Another host may fetch the files of an image of this one. Not answered.
struct ShareImageCommand {
    common::ImageId registration;
    std::string key; ///< The other one's, Z85.
};
/// What came of a file that this host asked for.
struct PieceCommand {
    Piece piece;
};
/// An image of what somebody else's VM has on its disk.
struct ImportVmCommand {
    std::string vm;
    common::ImageName image;
    std::string tenant;
    std::optional<AgentKind> agent{}; ///< Not said: as its definition lets one think.
    enum class Running { refused, taken } running = Running::refused;
    enum class IfOther { refuse, renew } if_other = IfOther::refuse; ///< Is there, of that VM.
    common::OperationId operation{}; ///< Its own, once it is under way.
};
/// Of a tenant's.
struct RemoveImageCommand {
    common::ImageName image;
    std::string tenant;
    common::ImageId registration{}; ///< Only that one; empty: whichever it is.
};
/// With its checkpoints. Clones made from them live on.
struct DestroyCommand {
    common::SandboxId id;
};
struct ExecCommand {
    common::SandboxId id;
    ExecSpec exec;
};
struct AckExecCommand {
    common::SandboxId id;
};
// About a live exec: none of these is answered but the input.
struct OpenReaderCommand {
    common::SandboxId id;
    ExecReader reader;
    std::uint64_t from = 0;
    std::uint32_t credit = 0;
};
struct GrantReaderCommand {
    common::SandboxId id;
    ExecReader reader;
    std::uint32_t bytes = 0;
};
struct CloseReaderCommand {
    common::SandboxId id;
    ExecReader reader;
};
struct WatchOutputCommand {
    common::SandboxId id;
    OutputWatch watch;
};
struct UnwatchOutputCommand {
    common::SandboxId id;
    std::uint64_t watch = 0;
};
struct CloseReadersCommand {}; ///< The connection is lost that they were for.
struct InputCommand {
    common::SandboxId id;
    common::OperationId exec;
    ExecInput input;
};
struct ReadCommand {
    common::SandboxId id;
    std::size_t console_bytes = 0;
};
struct ListVmsCommand {};
struct SyncCommand {};
/// A leader has heard what was sent to it then.
struct HeardCommand {
    BootTime sent{};
};
/// Of the guests that stand still because no leader was heard, these go on. Not answered.
struct LiftFenceCommand {
    std::vector<common::SandboxId> sandboxes;
};

struct Command {
    common::OperationId operation;
    common::RequestId request;
    std::uint64_t generation = 0;
    std::variant<CreateCommand,
                 ClaimCommand,
                 StartCommand,
                 StopCommand,
                 PauseCommand,
                 SuspendCommand,
                 SnapshotCommand,
                 RestoreCommand,
                 DeleteSnapshotCommand,
                 VerifySnapshotCommand,
                 OfferSnapshotCommand,
                 FetchSnapshotCommand,
                 GivePieceCommand,
                 MakeImageCommand,
                 AddImageCommand,
                 ShareImageCommand,
                 PieceCommand,
                 ImportVmCommand,
                 RemoveImageCommand,
                 DestroyCommand,
                 ExecCommand,
                 AckExecCommand,
                 OpenReaderCommand,
                 GrantReaderCommand,
                 CloseReaderCommand,
                 WatchOutputCommand,
                 UnwatchOutputCommand,
                 CloseReadersCommand,
                 InputCommand,
                 ReadCommand,
                 ListVmsCommand,
                 SyncCommand,
                 HeardCommand,
                 LiftFenceCommand>
        what;
};

/// How one command ended. `value` is what the kind of command gives.
struct Answer {
    common::OperationId operation;
    common::RequestId request;
    std::variant<std::monostate,
                 SandboxStatus,
                 ExecOutcome,
                 std::vector<ForeignVm>,
                 Checkpoint,
                 Image,
                 Reading,
                 CheckpointOffer>
        value;
    std::optional<common::Error> error;
    /// Of a create that failed: nothing of it is left here. Otherwise its sandbox may exist.
    bool undone = false;
    std::chrono::microseconds took{0};
};

/// What this host is and has, for hello and heartbeat.
struct HostReport {
    std::string hostname;
    std::string arch;
    std::string kernel;
    std::string cpu_model;
    HypervisorFacts hypervisor;
    Accel accel = Accel::tcg;
    std::string accel_reason;
    std::string state_engine;        ///< fast | portable | "" while it is being tried.
    std::string state_engine_reason; ///< One sentence.
    std::string network_cidr;
    std::string peer_endpoint; ///< Where it gives images to other hosts; "": nowhere.
    unsigned cores = 0;
    common::Bytes memory;
    common::Bytes memory_available;
    unsigned capacity_vcpus = 0;
    common::Bytes capacity_memory;
    common::Bytes overhead;
    common::Bytes disk;
    common::Bytes disk_free;
    double load1 = 0;
    unsigned sandboxes = 0;
    FencePromise fence;
    std::vector<std::string> warnings;
    std::vector<Image> images;
};

/// The way to the coordinator, as the core sees it. Any thread; returns at once.
class Uplink {
public:
    virtual ~Uplink() = default;
    virtual void answer(Answer answer) = 0;
    /// Numbered and kept until the coordinator has committed it.
    virtual void status(SandboxStatus status) = 0;
    /// Everything there is: replaces what the coordinator believes.
    virtual void inventory(std::vector<SandboxStatus> all, std::vector<Checkpoint> checkpoints) = 0;
    /// These are in use, by what they send over their network. Forgotten if nobody listens.
    virtual void activity(std::vector<common::SandboxId> active) = 0;
    /// Forgotten if nobody listens, and so are all readers.
    virtual void reader_news(ReaderNews news) = 0;
    /// Forgotten if nobody listens.
    virtual void want_piece(PieceWish wish) = 0;
    /// Likewise: for another host.
    virtual void give_piece(Piece piece) = 0;
};

} // namespace hostd
