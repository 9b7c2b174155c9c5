// Commands in, answers out; lanes and workers. What the commands do is in
// sandbox_making.cpp, sandbox_warming.cpp, sandbox_pausing.cpp, sandbox_suspending.cpp,
// sandbox_checkpoints.cpp, sandbox_images.cpp, sandbox_restoring.cpp, sandbox_ending.cpp,
// sandbox_exec.cpp, sandbox_moving.cpp, sandbox_adopting.cpp, sandbox_fencing.cpp and
// sandbox_watch.cpp.
#include "hostd/core/sandbox_service.hpp"

#include "common/log/log.hpp"

#include <fmt/format.h>

namespace hostd {

using common::Error;
using common::ErrorCode;

namespace {

// Bounds of what waits in this process. Commands are bounded before they get here,
// events by what causes them; these only stop a bug from eating the memory.
constexpr std::size_t loop_capacity = std::size_t{1} << 17U;
constexpr std::size_t pool_capacity = std::size_t{1} << 17U;

/// Empty: it is about none, or about more.
common::SandboxId sandbox_of(const Command& command)
{
    return std::visit(
        [](const auto& what) {
            if constexpr (requires { what.spec.id; }) {
                return what.spec.id;
            } else if constexpr (requires { common::SandboxId{what.id}; }) {
                return what.id;
            } else {
                return common::SandboxId{};
            }
        },
        command.what);
}

} // namespace

SandboxService::SandboxService(Ports ports, ServiceSettings settings)
    : ports_{ports},
      settings_{std::move(settings)},
      leases_{ports_.network},
      builder_{ports_.hypervisor,
               ports_.images,
               ports_.store,
               ports_.checkpoints,
               ports_.engines,
               leases_,
               ports_.clock,
               settings_.machine},
      keeper_{ports_.hypervisor,
              ports_.images,
              ports_.store,
              ports_.checkpoints,
              leases_,
              ports_.engines,
              ports_.clock,
              held_},
      downloads_{[this](PieceWish wish) { ports_.uplink.want_piece(std::move(wish)); },
                 settings_.downloads},
      answers_{settings_.answers_kept, settings_.answers_bytes},
      loop_{std::make_shared<common::EventLoop>(ports_.clock, loop_capacity)}
{
    workers_.emplace(settings_.workers, pool_capacity);
    qemu_agent_workers_.emplace(settings_.qemu_agent_workers, pool_capacity);
    qemu_ping_workers_.emplace(settings_.qemu_ping_workers, pool_capacity);
    verify_workers_.emplace(1U, pool_capacity);
    image_workers_.emplace(1U, pool_capacity);
    fetch_workers_.emplace(2U, pool_capacity);
    piece_workers_.emplace(2U, pool_capacity);
    fence_workers_.emplace(1U, pool_capacity);
}

SandboxService::~SandboxService()
{
    loop_->stop();
    downloads_.stop();
    if (ports_.peers != nullptr) {
        ports_.peers->stop();
    }
    fence_workers_.reset();
    piece_workers_.reset();
    fetch_workers_.reset();
    image_workers_.reset();
    verify_workers_.reset();
    qemu_ping_workers_.reset();
    qemu_agent_workers_.reset();
    workers_.reset();
}

void SandboxService::start()
{
    ports_.hypervisor.observe([this, loop = loop_](const DomainEvent& event) {
        if (!loop->post([this, event] { on_domain(event); })) {
            // The next reconcile finds out what this event would have said.
            spdlog::warn("ignoring a libvirt event: too much is waiting");
        }
    });
    ports_.guests.observe_readers(
        [this](ReaderNews news) { ports_.uplink.reader_news(std::move(news)); });
    ports_.guests.observe([this, loop = loop_](const GuestEvent& event) {
        if (!loop->post([this, event] { on_guest(event); })) {
            spdlog::warn("ignoring a guest's event: too much is waiting");
        }
    });
    begin_fencing();
    post([this] { adopt(); });
    loop_->start();
}

void SandboxService::submit(Command command)
{
    Answer refusal{command.operation, command.request, {}, {}, {}};
    if (!loop_->post(
            [this, command = std::move(command)]() mutable { take(std::move(command)); })) {
        refusal.error = Error{ErrorCode::rate_limited, "this host has too much to do", "host_busy"};
        ports_.uplink.answer(std::move(refusal));
    }
}

void SandboxService::take(Command command)
{
    const common::WorkingOn now{command.request, sandbox_of(command)};
    if (std::holds_alternative<SyncCommand>(command.what)) {
        return adopted_ ? send_inventory() : void(); // Else adoption ends in sending it.
    }
    if (const auto* news = std::get_if<HeardCommand>(&command.what); news != nullptr) {
        return heard(news->sent);
    }
    if (const auto* lift = std::get_if<LiftFenceCommand>(&command.what); lift != nullptr) {
        return lift_fence(*lift);
    }
    if (std::holds_alternative<AckExecCommand>(command.what)) {
        return acknowledge(command);
    }
    if (auto* came = std::get_if<PieceCommand>(&command.what); came != nullptr) {
        return downloads_.deliver(std::move(came->piece));
    }
    if (const auto* share = std::get_if<ShareImageCommand>(&command.what); share != nullptr) {
        return ports_.peers == nullptr ? void()
                                       : ports_.peers->allow(share->registration, share->key);
    }
    if (const auto* give = std::get_if<GivePieceCommand>(&command.what); give != nullptr) {
        return give_piece(*give);
    }
    if (adopted_ && !asks_only(command) && !takes_commands()) {
        // Nothing was begun, and asked again it may be: this answer is not kept.
        return ports_.uplink.answer({command.operation, command.request, {}, no_leader(), {}});
    }
    if (serve_live_exec(command)) {
        return;
    }
    const auto op =
        std::make_shared<Operation>(Operation{std::move(command), ports_.clock.steady()});
    const auto& operation = op->command.operation;
    switch (answers_.begin(operation, op->command.request)) {
    case AnswerBook::Seen::joined: return;
    case AnswerBook::Seen::answered: {
        auto again = answers_.kept(operation);
        again.request = op->command.request;
        return ports_.uplink.answer(std::move(again));
    }
    case AnswerBook::Seen::fresh: break;
    }
    if (!adopted_) {
        return fail(op,
                    {ErrorCode::unavailable,
                     "this host is still reading its sandboxes back",
                     "host_starting"});
    }
    const bool ends = std::holds_alternative<StopCommand>(op->command.what) ||
                      std::holds_alternative<DestroyCommand>(op->command.what);
    if (!ends && answers_.under_way() > settings_.commands_under_way) {
        return fail(op, {ErrorCode::rate_limited, "this host has too much to do", "host_busy"});
    }
    carry_out(op);
}

void SandboxService::carry_out(const Op& op)
{
    struct Visitor {
        SandboxService& service;
        const Op& op;
        void operator()(const CreateCommand&) const { service.create(op); }
        void operator()(const ClaimCommand&) const { service.claim(op); }
        void operator()(const StartCommand& start) const { service.start_existing(op, start.id); }
        void operator()(const StopCommand&) const { service.stop(op); }
        void operator()(const PauseCommand&) const { service.pause(op); }
        void operator()(const SuspendCommand&) const { service.suspend(op); }
        void operator()(const SnapshotCommand&) const { service.take_checkpoint(op); }
        void operator()(const RestoreCommand&) const { service.restore(op); }
        void operator()(const DeleteSnapshotCommand&) const { service.delete_checkpoint(op); }
        void operator()(const VerifySnapshotCommand&) const { service.verify_checkpoint(op); }
        void operator()(const OfferSnapshotCommand&) const { service.offer_checkpoint(op); }
        void operator()(const FetchSnapshotCommand&) const { service.fetch_checkpoint(op); }
        void operator()(const MakeImageCommand&) const { service.make_image(op); }
        void operator()(const AddImageCommand&) const { service.add_image(op); }
        void operator()(const ImportVmCommand&) const { service.import_vm(op); }
        void operator()(const RemoveImageCommand&) const { service.remove_image(op); }
        void operator()(const DestroyCommand&) const { service.destroy(op); }
        void operator()(const ExecCommand&) const { service.exec(op); }
        void operator()(const ReadCommand&) const { service.read(op); }
        void operator()(const ListVmsCommand&) const { service.list_vms(op); }
        // Taken care of in take().
        void operator()(const AckExecCommand&) const {}
        void operator()(const SyncCommand&) const {}
        void operator()(const HeardCommand&) const {}
        void operator()(const LiftFenceCommand&) const {}
        void operator()(const PieceCommand&) const {}
        void operator()(const ShareImageCommand&) const {}
        void operator()(const GivePieceCommand&) const {}
        void operator()(const OpenReaderCommand&) const {}
        void operator()(const GrantReaderCommand&) const {}
        void operator()(const CloseReaderCommand&) const {}
        void operator()(const WatchOutputCommand&) const {}
        void operator()(const UnwatchOutputCommand&) const {}
        void operator()(const CloseReadersCommand&) const {}
        void operator()(const InputCommand&) const {}
    };
    std::visit(Visitor{*this, op}, op->command.what);
}

void SandboxService::answer(const Op& op, Value value, std::optional<Error> error)
{
    if (std::exchange(op->answered, true)) {
        return; // It was told in time that this took too long.
    }
    Answer answer;
    answer.operation = op->command.operation;
    answer.value = std::move(value);
    answer.error = std::move(error);
    if (const auto* create = std::get_if<CreateCommand>(&op->command.what);
        create != nullptr && answer.error && adopted_) {
        answer.undone = find(create->spec.id) == nullptr;
    }
    answer.took =
        std::chrono::duration_cast<std::chrono::microseconds>(ports_.clock.steady() - op->received);
    counts_.ended(op->command, answer.error, answer.took);
    for (auto& one : answers_.finish(std::move(answer))) {
        ports_.uplink.answer(std::move(one));
    }
}

void SandboxService::publish(const Sandbox& sandbox)
{
    ports_.uplink.status(sandbox.status);
}

void SandboxService::post(common::EventLoop::Task task)
{
    if (!loop_->post(std::move(task))) {
        spdlog::debug("dropping work: the service is ending");
    }
}

void SandboxService::submit_job(WorkerPool& pool, WorkerPool::Job job)
{
    if (!pool.submit(std::move(job))) {
        spdlog::error("dropping work: too many jobs wait for a worker");
    }
}

void SandboxService::in_lane(const common::SandboxId& id, common::EventLoop::Task step)
{
    const auto [lane, idle] = lanes_.try_emplace(id);
    lane->second.push_back(common::WorkingOn::carried(std::move(step)));
    if (idle) {
        const auto first = lane->second.front(); // A copy: leaving may remove the lane.
        first();
    }
}

void SandboxService::leave_lane(const common::SandboxId& id)
{
    const auto lane = lanes_.find(id);
    lane->second.pop_front();
    if (lane->second.empty()) {
        lanes_.erase(lane);
        return;
    }
    const auto next = lane->second.front();
    next();
}

void SandboxService::in_lane_of(const Op& op,
                                const common::SandboxId& id,
                                std::function<void(Sandbox& now)> step)
{
    in_lane(id, [this, op, id, step = std::move(step)] {
        auto* now = find(id);
        if (now != nullptr && !now->condemned) {
            return step(*now);
        }
        fail(op, {ErrorCode::not_found, "sandbox " + id.str() + " was destroyed"});
        leave_lane(id);
    });
}

SandboxService::Sandbox* SandboxService::find(const common::SandboxId& id)
{
    const auto found = table_.find(id);
    return found == table_.end() ? nullptr : &found->second;
}

bool SandboxService::is_stale(const Op& op, const Sandbox& sandbox)
{
    if (op->command.generation >= sandbox.status.generation) {
        return false;
    }
    fail(op,
         {ErrorCode::failed_precondition,
          fmt::format("generation {} of {} is known, this command has {}",
                      sandbox.status.generation,
                      sandbox.status.spec.id.str(),
                      op->command.generation),
          "stale_generation"});
    return true;
}

SandboxService::Sandbox* SandboxService::current(const Op& op, const common::SandboxId& id)
{
    auto* sandbox = find(id);
    if (sandbox == nullptr) {
        fail(op, {ErrorCode::not_found, "no sandbox " + id.str() + " on this host"});
        return nullptr;
    }
    return is_stale(op, *sandbox) ? nullptr : sandbox;
}

void SandboxService::record_generation(const Op& op, Sandbox& sandbox)
{
    if (op->command.generation <= sandbox.status.generation) {
        return;
    }
    sandbox.status.generation = op->command.generation;
    const auto id = sandbox.status.spec.id;
    const auto generation = op->command.generation;
    in_lane(id, [this, id, generation] {
        blocking(
            [this, id, generation] { return ports_.hypervisor.set_generation(id, generation); },
            [this, id](common::Result<> recorded) {
                if (!recorded) {
                    spdlog::warn("ignoring that the generation of {} was not recorded: {}",
                                 id.str(),
                                 recorded.error().message);
                }
                leave_lane(id);
            });
    });
}

Commitment SandboxService::committed() const
{
    Commitment sum;
    for (const auto& [id, sandbox] : table_) {
        if (sandbox.status.phase != Phase::suspended) {
            sum.add(sandbox.status.spec, settings_.capacity);
        }
    }
    return sum;
}

Error SandboxService::not_running(const Sandbox& sandbox, std::string_view attempt)
{
    const auto& status = sandbox.status;
    return {ErrorCode::failed_precondition,
            fmt::format("{} {}: it is {}", attempt, status.spec.id.str(), to_string(status.phase)),
            "not_running"};
}

} // namespace hostd
