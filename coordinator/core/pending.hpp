#pragma once

#include "coordinator/core/hosts.hpp"
#include "coordinator/core/service.hpp"

#include <functional>
#include <map>
#include <memory>

namespace coordinator {

/// What a new sandbox may be made from, the fastest first.
enum class MadeFrom {
    warm,   ///< One that stands ready in a pool.
    source, ///< As a clone of what its pool's are cloned from.
    image,
};

/// Something a host was asked for, or will be as soon as its intent is durable, from
/// there to its outcome. The core thread's own.
struct Pending {
    enum class Kind {
        create,
        claim, ///< Of a warm sandbox, which takes the place of a create.
        start,
        pause,
        suspend,
        stop,
        restore,
        destroy,
        snapshot,
        delete_snapshot,
        verify_snapshot,
        make_image,
        remove_image,
        register_image, ///< The first host looks at one of uploaded files, and keeps it.
        fetch_image,    ///< Another one fetches it.
        drop_image,     ///< It is deleted, and a host still has it.
        move,           ///< To another host, the whole of it: moving.hpp, as the next.
        offer_snapshot,
        fetch_snapshot,
        leave,        ///< The host that it came from gets rid of it.
        replicate,    ///< The whole of a copy to another host: replicating.hpp, as the next.
        drop_replica, ///< A host is to delete what it has of it.
        run,
        read,
        list_vms,
    };
    using SandboxDone = std::function<void(common::Result<Sandbox>)>;
    using CheckpointDone = std::function<void(common::Result<Checkpoint>)>;
    using ImageDone = std::function<void(common::Result<Image>)>;
    using CommandDone = std::function<void(common::Result<Command>)>;
    using ReadDone = std::function<void(common::Result<Reading>)>;
    using VmsDone = std::function<void(common::Result<std::vector<ForeignVm>>)>;

    Kind kind = Kind::list_vms;
    Operation row;
    Caller caller;
    common::HostName host;
    HostCommand command;
    bool recorded = true;    ///< Else nothing of it is written down: it changes nothing.
    bool durable = false;    ///< Its intent is, or need not be.
    bool dispatched = false; ///< It is durable, and was sent to `host` at least once.
    common::SteadyTime begun;
    common::SteadyTime sent;

    std::vector<SandboxDone> waiting;                ///< Of those that change a sandbox.
    std::map<common::HostName, std::string> refused; ///< Hosts that were asked, and what they said.
    bool may_move = false;                           ///< Of create: other hosts will do, too.
    /// Of a claim, and of a create that is a clone of a pool's source: what is begun if it fails.
    struct Otherwise {
        CreateRequest request;
        MadeFrom from;
    };
    std::optional<Otherwise> otherwise;

    common::SnapshotId snapshot;        ///< That it is about, if it is about one.
    std::string outcome = "{}";         ///< What the audit says of its success beside that.
    Phase came_from = Phase::pending;   ///< Of those that change a sandbox: where that was.
    std::vector<CheckpointDone> having; ///< Of those that change a checkpoint: who waits.

    common::ImageName image;      ///< That it makes or removes, if it does; its audit's target.
    common::ImageId registration; ///< Of one that was made of uploaded files.
    ImageDone imaged;             ///< Of those: who waits.

    // Of run.
    Command record;
    CommandDone ran;
    common::SteadyTime give_up; ///< No more patience with "not now".
    std::chrono::microseconds stored{0};

    VmsDone listed;
    ReadDone read; ///< Of read: who waits.
};
using Op = std::shared_ptr<Pending>;

/// Somebody waits for a sandbox to come that far.
struct Watch {
    std::function<bool(const Sandbox&)> ready;
    std::function<void(const Sandbox&)> then;
    common::SteadyTime until;
};

std::string_view to_string(Pending::Kind kind) noexcept; ///< "create"
/// It changes what its sandbox is: only one of these at a time.
bool is_lifecycle(Pending::Kind kind) noexcept;
/// It changes nothing, and is asked once.
bool is_question(Pending::Kind kind) noexcept;
/// It is about a checkpoint, and leaves its sandbox as it is.
bool is_about_checkpoint(Pending::Kind kind) noexcept;

/// It is about a move of its sandbox to another host, and bars no other operation.
bool is_about_move(Pending::Kind kind) noexcept;
/// It makes or removes an image, and leaves all sandboxes and checkpoints as they are.
bool is_about_image(Pending::Kind kind) noexcept;
/// Likewise, of those that were made of uploaded files.
bool is_about_registration(Pending::Kind kind) noexcept;

/// What the audit calls an operation of this kind: "sandbox.create", "snapshot.create".
std::string audit_action(std::string_view kind);

/// What a failed write means for whoever asked: it was not done, or nobody knows.
common::Error not_recorded(std::string_view attempt, const common::Error& cause);

/// A checkpoint that is not there yet, or not any more. `attempt`: "verify".
common::Error not_ready(const Checkpoint& checkpoint, std::string_view attempt);

/// A checkpoint is to be deleted, and its host is away.
common::Error deleted_later(const Checkpoint& checkpoint);

/// Of a command whose sandbox went back to what it was before.
common::Error restored();

/// An address was asked for where none can ever be.
common::Error no_network(std::string_view attempt);

/// A small JSON object of texts, for the audit's detail.
std::string detail_of(const std::vector<std::pair<std::string_view, std::string>>& fields);
/// Of the intent to create `sandbox`; `pool`: whose it was, where it stood ready.
std::string detail_of_create(const Sandbox& sandbox,
                             const CreateRequest& request,
                             const std::string& pool = {});

/// What the audit says of a command, first which it is (event_tail.cpp), and of a call also what it
/// is about.
std::vector<std::pair<std::string_view, std::string>> about_run(const Pending& op);

} // namespace coordinator
