#include "coordinator/link/wire.hpp"

namespace coordinator::link {

using common::Bytes;
using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

std::uint32_t ms_of(std::chrono::milliseconds time)
{
    return static_cast<std::uint32_t>(time.count());
}

struct ToWire {
    proto::Envelope& envelope;

    template <typename Message>
    void put(const Message& message) const
    {
        envelope.kind = Message::kind;
        envelope.body = proto::encode_body(message);
    }

    void operator()(const CreateOnHost& it) const
    {
        const auto& sandbox = it.sandbox;
        put(proto::CreateSandbox{sandbox.id.str(),
                                 sandbox.tenant,
                                 sandbox.name,
                                 sandbox.image.str(),
                                 sandbox.image_digest,
                                 sandbox.vcpus,
                                 sandbox.memory.count(),
                                 std::string{to_string(sandbox.network)},
                                 it.start,
                                 ms_of(it.boot_timeout)});
    }
    void operator()(const StartOnHost& it) const
    {
        put(proto::StartSandbox{it.id.str(), ms_of(it.boot_timeout)});
    }
    void operator()(const StopOnHost& it) const
    {
        put(proto::StopSandbox{it.id.str(), it.force, ms_of(it.timeout)});
    }
    void operator()(const PauseOnHost& it) const { put(proto::PauseSandbox{it.id.str()}); }
    void operator()(const DestroyOnHost& it) const { put(proto::DestroySandbox{it.id.str()}); }
    void operator()(const ExecOnHost& it) const
    {
        put(proto::Exec{it.id.str(),
                        {},
                        it.shell,
                        it.user,
                        it.cwd,
                        it.env,
                        it.stdin_bytes,
                        ms_of(it.timeout),
                        static_cast<std::uint32_t>(it.output_limit.count()),
                        it.resumed});
    }
    void operator()(const AckExecOnHost& it) const { put(proto::ExecAck{it.id.str()}); }
    void operator()(const ListVmsOnHost&) const { put(proto::ListVms{}); }
};

Image image_of(const proto::ImageReport& wire)
{
    Image image;
    image.name = common::ImageName{wire.name};
    image.digest = wire.digest;
    image.size = Bytes{wire.size_bytes};
    image.virtual_size = Bytes{wire.virtual_bytes};
    image.boot = wire.boot;
    image.agent = wire.agent;
    image.default_vcpus = wire.default_vcpus;
    image.default_memory = Bytes{wire.default_memory_bytes};
    image.registered_at = common::from_unix_us(wire.registered_at_us);
    return image;
}

} // namespace

proto::Envelope to_wire(const HostCommand& command, std::uint64_t epoch)
{
    proto::Envelope envelope;
    envelope.operation_id = command.operation.str();
    envelope.request_id = command.request.str();
    envelope.generation = command.generation;
    envelope.epoch = epoch;
    std::visit(ToWire{envelope}, command.what);
    return envelope;
}

HostFacts facts_of(const proto::HostFacts& wire)
{
    HostFacts facts;
    facts.hostname = wire.hostname;
    facts.arch = wire.arch;
    facts.kernel = wire.kernel;
    facts.cpu_model = wire.cpu_model;
    facts.libvirt_version = wire.libvirt_version;
    facts.qemu_version = wire.qemu_version;
    facts.hostd_version = wire.hostd_version;
    facts.accel = wire.accel;
    facts.accel_reason = wire.accel_reason;
    facts.network_cidr = wire.network_cidr;
    facts.cores = wire.cores;
    facts.memory = Bytes{wire.memory_bytes};
    facts.memory_available = Bytes{wire.memory_available_bytes};
    facts.capacity_vcpus = wire.capacity_vcpus;
    facts.capacity_memory = Bytes{wire.capacity_memory_bytes};
    facts.overhead = Bytes{wire.overhead_bytes};
    facts.disk = Bytes{wire.disk_bytes};
    facts.disk_free = Bytes{wire.disk_free_bytes};
    facts.load1 = wire.load1_milli / 1000.0;
    facts.warnings = wire.warnings;
    for (const auto& image : wire.images) {
        if (common::is_name(image.name)) {
            facts.images.push_back(image_of(image));
        }
    }
    return facts;
}

Result<SandboxReport> report_of(const proto::SandboxReport& wire)
{
    COMMON_TRY(auto id, common::parse_id<common::SandboxId>(wire.id));
    const auto phase = phase_from(wire.phase);
    if (!phase) {
        return Error{ErrorCode::invalid_argument, "a sandbox in no phase that is known"};
    }
    SandboxReport report;
    report.id = std::move(id);
    report.phase = *phase;
    report.generation = wire.generation;
    report.spec_digest = wire.spec_digest;
    report.image = wire.image;
    report.ip = wire.ip;
    report.agent = wire.agent;
    report.agent_ready = wire.agent_ready;
    report.vcpus = wire.vcpus;
    report.memory = Bytes{wire.memory_bytes};
    report.error = wire.error ? wire.error->message : "";
    report.timings_us = wire.timings_us;
    return report;
}

Result<HostAnswer>
answer_of(const common::HostName& host, const proto::Envelope& envelope, const proto::Reply& wire)
{
    HostAnswer answer;
    answer.host = host;
    COMMON_TRY(answer.operation, common::parse_id<common::OperationId>(envelope.operation_id));
    if (wire.error) {
        answer.error = Error{common::error_code_from(wire.error->code),
                             wire.error->message,
                             wire.error->reason,
                             {},
                             wire.error->details};
        answer.undone = wire.undone;
    } else if (wire.sandbox) {
        COMMON_TRY(answer.value, report_of(*wire.sandbox));
    } else if (wire.exec) {
        ExecReport exec;
        exec.stdout_bytes = wire.exec->stdout_bytes;
        exec.stderr_bytes = wire.exec->stderr_bytes;
        exec.truncated = wire.exec->stdout_truncated || wire.exec->stderr_truncated;
        exec.timed_out = wire.exec->timed_out;
        exec.exit_code = wire.exec->exit_code;
        exec.in_hostd = std::chrono::microseconds{wire.exec->hostd_us};
        exec.in_guest = std::chrono::microseconds{wire.exec->guest_us};
        answer.value = std::move(exec);
    } else {
        std::vector<ForeignVm> vms;
        for (const auto& vm : wire.vms) {
            vms.push_back({vm.name, vm.uuid, vm.state, vm.persistent, vm.disk_path, host, ""});
        }
        answer.value = std::move(vms);
    }
    return answer;
}

} // namespace coordinator::link
