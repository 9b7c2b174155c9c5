// Forks: one checkpoint, and as many sandboxes that go on from it.
#include "coordinator/core/moving.hpp"
#include "coordinator/core/pooling.hpp"

#include "common/log/log.hpp"

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;
using Status = Checkpoint::Status;

/// One fork on its way. Its children end one by one, in any order.
struct Core::Forking {
    Caller caller;
    ForkRequest request;
    Sandbox source; ///< As it was when it was asked for.
    Reply<Fork> reply;
    Operation row; ///< A coordinator that starts anew finds it, and says that nobody knows.
    std::optional<Checkpoint> from;
    Fork fork{};
    std::size_t left = 0; ///< Children that have not ended.
    /// How often warm sandboxes may still be given up for one of them: whatever leaves makes room
    /// for one, and all that wait may count on the same.
    std::size_t makes_room = std::size_t{request.count} * request.count;

    static Result<std::optional<Checkpoint>> origin(const Core& core,
                                                    const Caller& caller,
                                                    const ForkRequest& request,
                                                    const Sandbox& sandbox);
};

namespace {

Error still_forking(const common::SandboxId& id)
{
    return {ErrorCode::timeout,
            "fork sandbox " + id.str() +
                ": its host has not answered in time; the work goes on, look for it with GET "
                "/v1/sandboxes",
            "outcome_unknown"};
}

/// A clone that cannot be told who it is would take itself for its source.
Result<> can_be_told(const std::string& agent, const Sandbox& source)
{
    if (agent != "none" && agent != "qemu") {
        return {};
    }
    return Error{ErrorCode::failed_precondition,
                 "fork sandbox " + source.id.str() + ": its image " + source.image.str() +
                     " has no agent of ours that could tell a clone with its memory who it is; "
                     "take a snapshot with memory: false and fork from that",
                 "no_agent"};
}

} // namespace

Result<Fork> Core::fork(const Caller& caller, const common::SandboxId& id, ForkRequest request)
{
    const auto patience = settings_.snapshot_timeout + settings_.boot_timeout + settings_.grace;
    return ask<Fork>(patience + settings_.grace,
                     [this, caller, id, request, patience](const Reply<Fork>& reply) {
                         if (!wait_for_host(reply, caller, id, patience, still_forking(id))) {
                             return;
                         }
                         touch(caller, id);
                         moving_->when_free(caller, id, [this, caller, id, request, reply] {
                             if (!reply.given()) {
                                 begin_fork(caller, id, request, reply);
                             }
                         });
                     });
}

/// What it is to go on from; nothing: a checkpoint that is yet to be taken, and may be.
Result<std::optional<Checkpoint>> Core::Forking::origin(const Core& core,
                                                        const Caller& caller,
                                                        const ForkRequest& request,
                                                        const Sandbox& sandbox)
{
    const auto attempt = "fork sandbox " + sandbox.id.str() + ": ";
    const auto most = core.settings_.max_fork;
    if (request.count < 1 || request.count > most) {
        const auto wrong = "must be from 1 to " + std::to_string(most);
        return Error{
            ErrorCode::invalid_argument, attempt + "count " + wrong, "", {{"count", wrong}}};
    }
    const bool now = request.from_snapshot.empty();
    const bool awake = sandbox.phase == Phase::running || sandbox.phase == Phase::paused;
    if (sandbox.desired == Desired::destroyed ||
        (now && (!awake || core.lifecycle_of(sandbox.id)))) {
        return wrong_state(sandbox, "fork");
    }
    COMMON_CHECK(core.reachable(sandbox));
    if (core.fleet_.hosts().at(sandbox.host).host.wish.cordoned) {
        return Error{ErrorCode::failed_precondition,
                     attempt + "its host " + sandbox.host.str() +
                         " is cordoned, and children are on their source's",
                     "host_cordoned"};
    }
    const auto image = core.fleet_.image(sandbox.image, caller.tenant);
    const auto told = can_be_told(image ? image->agent : "", sandbox);
    if (now) {
        COMMON_CHECK(told);
        // If not even one fits, it need not stand still for it.
        auto first = sandbox;
        first.id = {};
        if (auto room = core.admit(first, "fork");
            !room && !core.pooling_->could_make_room(first)) {
            auto error = std::move(room).error();
            error.message = attempt + "no room for a child of it on host " + error.details;
            return error;
        }
        return std::optional<Checkpoint>{};
    }
    COMMON_TRY(auto from, core.checkpoint_of(caller, sandbox.id, request.from_snapshot));
    if (from.status != Status::ready) {
        return Error{ErrorCode::failed_precondition,
                     attempt + "its snapshot " + from.name + " is not ready",
                     "wrong_state"};
    }
    if (from.has_memory && !from.frozen) {
        COMMON_CHECK(told);
    }
    return std::optional{std::move(from)};
}

void Core::begin_fork(const Caller& caller,
                      const common::SandboxId& id,
                      const ForkRequest& request,
                      const Reply<Fork>& reply)
{
    const auto found = living(caller, id);
    if (!found) {
        return reply(found.error());
    }
    const auto from = Forking::origin(*this, caller, request, **found);
    if (!from) {
        return reply(from.error());
    }
    const Operation row{common::mint<common::OperationId>(),
                        id,
                        "fork",
                        "running",
                        caller.request,
                        (*found)->generation,
                        clock_.wall(),
                        std::nullopt,
                        ""};
    const auto forking =
        std::make_shared<Forking>(Forking{caller, request, **found, reply, row, *from});
    if (forking->from) {
        checkpoints_.hold(forking->from->id);
    }
    AuditRow intent{AuditRow::Kind::intent,
                    "sandbox.fork",
                    caller,
                    row.id,
                    forking->source.host.str(),
                    id.str(),
                    "",
                    detail_of({{"count", std::to_string(request.count)},
                               {"from_snapshot", request.from_snapshot}})};
    save({row, std::move(intent)}, [this, forking](const Result<>& saved) {
        if (!saved) {
            if (forking->from) {
                checkpoints_.release(forking->from->id);
            }
            if (saved.error().code == ErrorCode::timeout) {
                record_fork(*forking, "outcome_unknown"); // It may be written down.
            }
            return forking->reply(not_recorded("fork a sandbox", saved.error()));
        }
        if (forking->from) {
            return make_children(forking, *forking->from);
        }
        begin_snapshot(forking->caller,
                       forking->source.id,
                       {"fork-" + common::random_base32_80(), true},
                       Kept::for_one_fork,
                       [this, forking](const Result<Checkpoint>& taken) {
                           if (!taken) {
                               record_fork(*forking, std::string{taken.error().stable_reason()});
                               return forking->reply(taken.error());
                           }
                           make_children(forking, *taken);
                       });
    });
}

void Core::make_children(const std::shared_ptr<Forking>& forking, const Checkpoint& from)
{
    if (!forking->from) {
        forking->from = from;
    }
    auto& fork = forking->fork;
    fork.has_memory = from.has_memory;
    fork.source_paused = from.hidden ? from.paused : std::chrono::microseconds{0};
    for (unsigned i = 0; i < forking->request.count; ++i) {
        const auto id = common::mint<common::SandboxId>();
        fork.children.push_back({id, still_forking(forking->source.id)});
    }
    forking->left = fork.children.size();
    // Who waits is told what there is by then.
    loop_->after(settings_.boot_timeout + settings_.grace / 2,
                 [forking] { forking->reply(forking->fork); });
    for (std::size_t i = 0; i < forking->request.count; ++i) {
        make_child(forking, i);
    }
}

void Core::make_child(const std::shared_ptr<Forking>& forking, std::size_t number)
{
    const auto ended = [this, forking, number](Result<Sandbox> made) {
        forking->fork.children.at(number).result = std::move(made);
        if (--forking->left == 0) {
            end_fork(forking);
        }
    };
    auto drafted = draft_child(*forking, number);
    if (!drafted) {
        return ended(std::move(drafted).error());
    }
    const auto child = *std::move(drafted);
    if (const auto room = admit(child, "create"); !room) {
        const auto again = [this, forking, number, ended, room](Pooling::Room now) {
            now == Pooling::Room::made ? make_child(forking, number) : ended(room.error());
        };
        const auto until = clock_.steady() + settings_.boot_timeout;
        const auto there = pooling_->as_there(child, child.host);
        if (forking->makes_room == 0 || !pooling_->make_room(there, child.host, until, again)) {
            return ended(room.error());
        }
        --forking->makes_room;
        return;
    }
    CreateOnHost what{child, true, settings_.boot_timeout, forking->from->id};
    ++counts_.creates;
    const auto op = begin_operation(Pending::Kind::create, forking->caller, child, std::move(what));
    op->snapshot = forking->from->id;
    op->waiting.emplace_back(ended);
    make(op,
         child,
         detail_of({{"image", child.image.str()},
                    {"image_digest", child.image_digest},
                    {"name", child.name},
                    {"agent_id", child.agent_id},
                    {"forked_from", forking->source.id.str()},
                    {"snapshot_id", forking->from->id.str()}}));
}

/// Like its source but for who it is; on the same host or nowhere.
Result<Sandbox> Core::draft_child(const Forking& forking, std::size_t number) const
{
    const auto& request = forking.request;
    auto child = forking.source;
    child.id = forking.fork.children.at(number).id;
    child.job = common::mint<common::JobId>();
    if (!child.wants.group.empty()) {
        child.wants.apart = false; // They begin where it is, and part when one of them moves.
    }
    if (!request.agent_id.empty()) {
        child.agent_id = request.agent_id;
    }
    child.name = request.name_prefix.empty()
                     ? child.id.str()
                     : request.name_prefix + "-" + std::to_string(number + 1);
    COMMON_CHECK(name_is_free(forking.caller, child.name));
    for (const auto& [key, value] : request.labels) {
        child.labels[key] = value;
    }
    if (request.ttl) {
        child.ttl = request.ttl;
    }
    child.created_at = child.updated_at = clock_.wall();
    child.expires_at.reset();
    if (child.ttl) {
        child.expires_at = child.created_at + *child.ttl;
    }
    child.deleted_at.reset();
    child.phase = Phase::placing;
    child.desired = Desired::running;
    child.generation = 1;
    child.ip.clear();
    child.error.clear();
    child.timings_us.clear();
    if (const auto known = fleet_.hosts().find(child.host); known != fleet_.hosts().end()) {
        child.overhead = known->second.host.facts.overhead;
    }
    COMMON_CHECK(room_for_one_more());
    return child;
}

void Core::end_fork(const std::shared_ptr<Forking>& forking)
{
    const auto from = *forking->from;
    checkpoints_.release(from.id);
    const auto* now = checkpoints_.find(from.id);
    if (from.hidden && now != nullptr && now->status == Status::ready) {
        begin_delete(forking->caller, *now, [id = from.id](const Result<Checkpoint>& deleted) {
            if (!deleted) {
                spdlog::warn("checkpoint {} of a fork goes when its host tells of it next: {}",
                             id.str(),
                             deleted.error().message);
            }
        });
    }
    std::string result;
    for (const auto& child : forking->fork.children) {
        if (child.result) {
            result = "ok";
            break;
        }
        result = child.result.error().stable_reason();
    }
    record_fork(*forking, result);
    forking->reply(forking->fork);
}

void Core::record_fork(Forking& forking, const std::string& result)
{
    std::size_t made = 0;
    for (const auto& child : forking.fork.children) {
        made += child.result ? 1 : 0;
    }
    forking.row.status = result == "ok" ? "done" : "failed";
    forking.row.ended_at = clock_.wall();
    save_outcome({forking.row,
                  AuditRow{AuditRow::Kind::outcome,
                           "sandbox.fork",
                           forking.caller,
                           forking.row.id,
                           forking.source.host.str(),
                           forking.source.id.str(),
                           result,
                           detail_of({{"children", std::to_string(made)},
                                      {"asked_for", std::to_string(forking.request.count)}})}},
                 [](const Result<>&) {});
}

} // namespace coordinator
