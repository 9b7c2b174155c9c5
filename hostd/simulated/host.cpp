// What a simulated host is asked, and in which order it does that. What the commands do is in
// host_life.cpp and host_state.cpp.
#include "hostd/simulated/host.hpp"

#include <fmt/format.h>

namespace hostd::simulated {

using common::Error;
using common::ErrorCode;

namespace {

constexpr std::size_t answers_kept = 64;
constexpr auto answers_bytes = common::Bytes::mib(1);

} // namespace

Counts& Counts::operator+=(const Counts& other)
{
    creates += other.creates;
    boots += other.boots;
    execs += other.execs;
    destroyed += other.destroyed;
    refused += other.refused;
    failed += other.failed;
    oversold += other.oversold;
    repeated += other.repeated;
    return *this;
}

Host::Host(
    std::string name, std::size_t number, const Shape& shape, const Behaviour& ways, Ports ports)
    : name_{std::move(name)},
      number_{number},
      shape_{shape},
      ways_{ways},
      ports_{ports},
      images_{shape.images},
      answers_{answers_kept, answers_bytes}
{}

/// The commands that are answered.
struct Host::Visitor {
    Host& host;
    const Op& op;
    void operator()(const CreateCommand& it) const { host.create(op, it); }
    void operator()(const ClaimCommand& it) const { host.claim(op, it); }
    void operator()(const StartCommand& it) const { host.start(op, it.id); }
    void operator()(const StopCommand& it) const { host.stop(op, it.id); }
    void operator()(const PauseCommand& it) const { host.pause(op, it.id); }
    void operator()(const SuspendCommand& it) const { host.suspend(op, it.id); }
    void operator()(const SnapshotCommand& it) const { host.take_checkpoint(op, it); }
    void operator()(const RestoreCommand& it) const { host.restore(op, it); }
    void operator()(const DeleteSnapshotCommand& it) const
    {
        host.delete_checkpoint(op, it.snapshot);
    }
    void operator()(const VerifySnapshotCommand& it) const
    {
        host.answer_checkpoint(op, it.snapshot);
    }
    void operator()(const OfferSnapshotCommand& it) const { host.offer(op, it.snapshot); }
    void operator()(const FetchSnapshotCommand& it) const { host.fetch(op, it); }
    void operator()(const MakeImageCommand& it) const { host.make_image(op, it); }
    void operator()(const AddImageCommand& it) const { host.add_image(op, it.recipe); }
    void operator()(const RemoveImageCommand& it) const { host.remove_image(op, it); }
    void operator()(const DestroyCommand& it) const { host.destroy(op, it.id); }
    void operator()(const ExecCommand& it) const { host.exec(op, it); }
    void operator()(const ReadCommand& it) const { host.read(op, it.id); }
    void operator()(const ListVmsCommand&) const { host.answer(op, std::vector<ForeignVm>{}); }
    void operator()(const ImportVmCommand& it) const
    {
        host.fail(op, {ErrorCode::not_found, "there is no VM " + it.vm + " here", "unknown_vm"});
    }
    void operator()(const InputCommand&) const
    {
        host.fail(op, {ErrorCode::not_found, "no such command runs here", "unknown_command"});
    }
};

void Host::take(Command command)
{
    if (std::holds_alternative<SyncCommand>(command.what)) {
        return send_inventory();
    }
    if (const auto* open = std::get_if<OpenReaderCommand>(&command.what); open != nullptr) {
        return ports_.uplink.reader_news({open->reader, ReaderNews::Kind::gone, false, 0, {}});
    }
    const auto op =
        std::make_shared<const Operation>(Operation{std::move(command), ports_.clock.steady()});
    const auto& operation = op->command.operation;
    const auto& request = op->command.request;
    if (std::holds_alternative<AckExecCommand>(op->command.what)) {
        return answers_.forget(operation);
    }
    if (!is_answered(op->command)) {
        return; // About files and output that there are none of here.
    }
    switch (answers_.begin(operation, request)) {
    case AnswerBook::Seen::joined: ++counts_.repeated; return;
    case AnswerBook::Seen::answered: {
        ++counts_.repeated;
        auto again = answers_.kept(operation);
        again.request = request;
        return ports_.uplink.answer(std::move(again));
    }
    case AnswerBook::Seen::fresh: break;
    }
    carry_out(op);
}

bool Host::is_answered(const Command& command)
{
    return std::visit([](const auto& what) { return std::is_invocable_v<Visitor, decltype(what)>; },
                      command.what);
}

void Host::carry_out(const Op& op)
{
    std::visit(
        [this, &op](const auto& what) {
            if constexpr (std::is_invocable_v<Visitor, decltype(what)>) {
                Visitor{*this, op}(what);
            }
        },
        op->command.what);
}

void Host::answer(const Op& op, decltype(Answer::value) value, std::optional<Error> error)
{
    Answer answer;
    answer.operation = op->command.operation;
    answer.value = std::move(value);
    answer.error = std::move(error);
    if (const auto* create = std::get_if<CreateCommand>(&op->command.what); create != nullptr) {
        answer.undone = answer.error && find(create->spec.id) == nullptr;
    }
    answer.took =
        std::chrono::duration_cast<std::chrono::microseconds>(ports_.clock.steady() - op->received);
    for (auto& one : answers_.finish(std::move(answer))) {
        ports_.uplink.answer(std::move(one));
    }
}

HostReport Host::report() const
{
    const auto used = committed();
    HostReport report;
    report.hostname = name_;
    report.arch = "x86_64";
    report.kernel = "simulated";
    report.cpu_model = "simulated";
    report.hypervisor = {"simulated", "simulated"};
    report.accel = Accel::kvm;
    report.accel_reason = "this host is simulated: nothing runs on it";
    report.state_engine = to_string(EngineKind::fast);
    report.network_cidr = "10.64.0.0/16";
    report.cores = shape_.cores;
    report.memory = shape_.capacity.memory + common::Bytes::gib(2);
    report.memory_available = report.memory - used.memory;
    report.capacity_vcpus = shape_.capacity.vcpus;
    report.capacity_memory = shape_.capacity.memory;
    report.overhead = shape_.capacity.overhead;
    report.disk = common::Bytes::gib(1024);
    report.disk_free = common::Bytes::gib(512);
    report.load1 = static_cast<double>(starting_);
    report.sandboxes = static_cast<unsigned>(table_.size());
    report.images = images_;
    return report;
}

void Host::power_cut()
{
    ++power_cuts_;
    held_.clear();
    lanes_.clear();
    start_line_.clear();
    starting_ = 0;
    answers_ = AnswerBook{answers_kept, answers_bytes};
    hangs_ = false;
    std::erase_if(table_, [](const auto& entry) { return !entry.second.is_made; });
    for (auto& [id, sandbox] : table_) {
        if (sandbox.phase != Phase::created && sandbox.phase != Phase::suspended) {
            sandbox.phase = Phase::stopped;
        }
    }
}

void Host::go_on()
{
    hangs_ = false;
    for (const auto& task : std::exchange(held_, {})) {
        task();
    }
}

std::vector<SandboxStatus> Host::all() const
{
    std::vector<SandboxStatus> all;
    all.reserve(table_.size());
    for (const auto& [id, sandbox] : table_) {
        all.push_back(status_of(sandbox));
    }
    return all;
}

Commitment Host::committed() const
{
    Commitment sum;
    for (const auto& [id, sandbox] : table_) {
        if (sandbox.phase != Phase::suspended) {
            sum.add(sandbox.spec, shape_.capacity);
        }
    }
    return sum;
}

void Host::send_inventory()
{
    std::vector<Checkpoint> checkpoints;
    for (const auto& [id, checkpoint] : checkpoints_) {
        checkpoints.push_back(checkpoint);
    }
    ports_.uplink.inventory(all(), std::move(checkpoints));
}

SandboxStatus Host::status_of(const Sandbox& sandbox, const Timings& timings) const
{
    SandboxStatus status;
    status.spec = sandbox.spec;
    status.spec_digest = sandbox.digest;
    status.phase = sandbox.phase;
    status.incarnation = sandbox.incarnation;
    status.generation = sandbox.generation;
    status.agent = AgentKind::paddock;
    status.agent_ready = sandbox.phase == Phase::running;
    if (sandbox.spec.network != NetworkMode::none) {
        const auto high = (sandbox.address >> 8U) & 0xFFU;
        const auto low = sandbox.address & 0xFFU;
        status.net.mac = fmt::format("52:54:{:02x}:{:02x}:{:02x}:{:02x}",
                                     (number_ >> 8U) & 0xFFU,
                                     number_ & 0xFFU,
                                     high,
                                     low);
        if (status.agent_ready) {
            status.ip = fmt::format("10.64.{}.{}", high, low);
        }
    }
    status.timings = timings;
    return status;
}

Host::Sandbox* Host::find(const common::SandboxId& id)
{
    const auto found = table_.find(id);
    return found == table_.end() ? nullptr : &found->second;
}

Host::Sandbox* Host::current(const Op& op, const common::SandboxId& id)
{
    auto* sandbox = find(id);
    if (sandbox == nullptr) {
        fail(op, {ErrorCode::not_found, "no sandbox " + id.str() + " on this host"});
        return nullptr;
    }
    if (op->command.generation < sandbox->generation) {
        fail(op,
             {ErrorCode::failed_precondition,
              fmt::format("generation {} of {} is known, this command has {}",
                          sandbox->generation,
                          id.str(),
                          op->command.generation),
              "stale_generation"});
        return nullptr;
    }
    sandbox->generation = op->command.generation;
    return sandbox;
}

void Host::later(std::chrono::milliseconds delay, Task task)
{
    ports_.timers.after(delay, [this, life = power_cuts_, task = std::move(task)] {
        if (life != power_cuts_) {
            return;
        }
        if (hangs_) {
            held_.push_back(task);
        } else {
            task();
        }
    });
}

void Host::in_lane(const common::SandboxId& id, Task step)
{
    const auto [lane, idle] = lanes_.try_emplace(id);
    lane->second.push_back(std::move(step));
    if (idle) {
        const auto first = lane->second.front(); // A copy: leaving may remove the lane.
        first();
    }
}

void Host::leave_lane(const common::SandboxId& id)
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

void Host::in_lane_of(const Op& op, const common::SandboxId& id, std::function<void(Sandbox&)> step)
{
    in_lane(id, [this, op, id, step = std::move(step)] {
        if (auto* now = current(op, id); now != nullptr) {
            return step(*now);
        }
        leave_lane(id);
    });
}

void Host::with_start_slot(Task task)
{
    if (starting_ < shape_.parallel_starts) {
        ++starting_;
        return task();
    }
    start_line_.push_back(std::move(task));
}

void Host::release_start_slot()
{
    if (start_line_.empty()) {
        --starting_;
        return;
    }
    const auto next = std::move(start_line_.front());
    start_line_.pop_front();
    next();
}

} // namespace hostd::simulated
