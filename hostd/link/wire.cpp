#include "hostd/link/wire.hpp"

#include "common/version.hpp"
#include "hostd/link/wire_moves.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <limits>

namespace hostd::link {

namespace {

// The wire's bounds (proto/wire_messages.cpp).
constexpr std::size_t word = 128;
constexpr std::size_t line = 256;
constexpr std::size_t sentence = 4096;
constexpr std::size_t page = 16384;

std::string cut(const std::string& text, std::size_t limit)
{
    return text.size() <= limit ? text : text.substr(0, limit - 3) + "...";
}

std::uint64_t us(std::chrono::microseconds time)
{
    return static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 0));
}

proto::ImageReport to_wire(const Image& image)
{
    proto::ImageReport report;
    report.name = image.name.str();
    report.digest = image.digest;
    report.size_bytes = image.size.count();
    report.virtual_bytes = image.virtual_size.count();
    report.boot = to_string(image.boot);
    report.agent = to_string(image.agent);
    report.default_vcpus = image.default_vcpus;
    report.default_memory_bytes = image.default_memory.count();
    report.registered_at_us = common::to_unix_us(image.registered_at);
    report.tenant = image.tenant;
    report.from_snapshot = image.from_snapshot.str();
    report.registration = image.registration.str();
    report.from_vm = cut(image.from_vm, sentence);
    return report;
}

proto::ExecResult to_wire(const ExecOutcome& outcome)
{
    proto::ExecResult result;
    result.stdout_bytes = outcome.stdout_bytes;
    result.stderr_bytes = outcome.stderr_bytes;
    result.stdout_truncated = outcome.stdout_truncated;
    result.stderr_truncated = outcome.stderr_truncated;
    result.timed_out = outcome.timed_out;
    result.exit_code = outcome.exit_code;
    result.signal = outcome.signal;
    result.started_at_us = common::to_unix_us(outcome.started_at);
    result.ended_at_us = common::to_unix_us(outcome.ended_at);
    result.guest_us = us(outcome.in_guest);
    return result;
}

} // namespace

proto::WireError to_wire(const common::Error& error)
{
    return {std::string{common::to_string(error.code)},
            cut(error.message, sentence),
            cut(error.reason, word),
            cut(error.details, page)};
}

proto::HostFacts to_wire(const HostReport& report)
{
    constexpr std::size_t most_warnings = 32;
    constexpr std::size_t most_images = 256;
    proto::HostFacts facts;
    facts.hostname = cut(report.hostname, word);
    facts.arch = cut(report.arch, word);
    facts.kernel = cut(report.kernel, line);
    facts.cpu_model = cut(report.cpu_model, line);
    facts.libvirt_version = cut(report.hypervisor.libvirt_version, word);
    facts.qemu_version = cut(report.hypervisor.qemu_version, word);
    facts.hostd_version = common::version;
    facts.accel = to_string(report.accel);
    facts.accel_reason = cut(report.accel_reason, sentence);
    facts.state_engine = cut(report.state_engine, word);
    facts.state_engine_reason = cut(report.state_engine_reason, sentence);
    facts.network_cidr = cut(report.network_cidr, word);
    facts.peer_endpoint = cut(report.peer_endpoint, word);
    facts.cores = report.cores;
    facts.memory_bytes = report.memory.count();
    facts.memory_available_bytes = report.memory_available.count();
    facts.capacity_vcpus = report.capacity_vcpus;
    facts.capacity_memory_bytes = report.capacity_memory.count();
    facts.overhead_bytes = report.overhead.count();
    facts.disk_bytes = report.disk.count();
    facts.disk_free_bytes = report.disk_free.count();
    facts.load1_milli = static_cast<std::uint32_t>(std::clamp(report.load1, 0.0, 1e6) * 1000);
    facts.sandboxes = report.sandboxes;
    facts.fence_after_ms = static_cast<std::uint64_t>(report.fence.after.count());
    facts.fence_action = to_string(report.fence.action);
    for (const auto& warning : report.warnings) {
        if (facts.warnings.size() < most_warnings) {
            facts.warnings.push_back(cut(warning, 1024));
        }
    }
    // Operators' first, should there be more than can be told of.
    for (const bool operators : {true, false}) {
        for (const auto& image : report.images) {
            if (image.tenant.empty() == operators && facts.images.size() < most_images) {
                facts.images.push_back(to_wire(image));
            }
        }
    }
    if (report.images.size() > most_images && facts.warnings.size() < most_warnings) {
        facts.warnings.push_back(fmt::format("this host has {} images, and can tell of {}: remove "
                                             "some",
                                             report.images.size(),
                                             most_images));
    }
    return facts;
}

proto::SandboxReport to_wire(const SandboxStatus& status)
{
    proto::SandboxReport report;
    report.id = status.spec.id.str();
    report.tenant = cut(status.spec.tenant, word);
    report.image = status.spec.image.str();
    report.phase = to_string(status.phase);
    report.ip = status.ip;
    report.mac = status.net.mac;
    report.agent = to_string(status.agent);
    report.agent_ready = status.agent_ready;
    report.incarnation = status.incarnation;
    report.generation = status.generation;
    report.spec_digest = status.spec_digest;
    report.vcpus = status.spec.vcpus;
    report.memory_bytes = status.spec.memory.count();
    report.network_mode = to_string(status.spec.network);
    report.name = cut(status.spec.name, word);
    report.disk = to_string(status.spec.disk);
    if (status.error) {
        report.error = to_wire(*status.error);
    }
    for (const auto& [step, time] : status.timings) {
        report.timings_us[step] = us(time);
    }
    return report;
}

proto::CheckpointReport to_wire(const Checkpoint& checkpoint)
{
    constexpr std::size_t most_digests = 64;
    proto::CheckpointReport report;
    report.id = checkpoint.id.str();
    report.sandbox_id = checkpoint.spec.id.str();
    report.name = cut(checkpoint.name, word);
    report.parent = checkpoint.parent.str();
    report.has_memory = checkpoint.has_memory;
    report.frozen = checkpoint.frozen;
    report.engine = to_string(checkpoint.engine);
    report.libvirt_version = cut(checkpoint.hypervisor.libvirt_version, word);
    report.qemu_version = cut(checkpoint.hypervisor.qemu_version, word);
    report.memory_bytes = checkpoint.memory_bytes.count();
    report.disk_bytes = checkpoint.disk_bytes.count();
    report.paused_us = us(checkpoint.paused);
    for (const auto& [file, digest] : checkpoint.digests) {
        if (report.digests.size() < most_digests) {
            report.digests[cut(file, word)] = cut(digest, word);
        }
    }
    report.path = cut(checkpoint.files.folder.string(), sentence);
    report.created_at_us = common::to_unix_us(checkpoint.created_at);
    return report;
}

proto::Activity to_wire(const std::vector<common::SandboxId>& active)
{
    constexpr std::size_t most = 8192;
    proto::Activity activity;
    for (const auto& id : active) {
        if (activity.sandboxes.size() < most) {
            activity.sandboxes.push_back(id.str());
        }
    }
    return activity;
}

proto::Reading to_wire(const Reading& reading)
{
    return {reading.running,
            us(reading.cpu),
            reading.memory.count(),
            reading.disk.count(),
            reading.disk_read.count(),
            reading.disk_written.count(),
            reading.received.count(),
            reading.sent.count(),
            reading.console,
            reading.console_cut};
}

proto::Reply to_wire(const Answer& answer)
{
    proto::Reply reply;
    if (answer.error) {
        reply.error = to_wire(*answer.error);
        reply.undone = answer.undone;
    } else if (const auto* status = std::get_if<SandboxStatus>(&answer.value)) {
        reply.sandbox = to_wire(*status);
    } else if (const auto* outcome = std::get_if<ExecOutcome>(&answer.value)) {
        reply.exec = to_wire(*outcome);
        reply.exec->hostd_us = us(answer.took);
    } else if (const auto* vms = std::get_if<std::vector<ForeignVm>>(&answer.value)) {
        for (const auto& vm : *vms) {
            reply.vms.push_back({cut(vm.name, line),
                                 cut(vm.uuid, word),
                                 cut(vm.state, word),
                                 vm.persistent,
                                 cut(vm.disk_path, sentence)});
        }
    } else if (const auto* checkpoint = std::get_if<Checkpoint>(&answer.value)) {
        reply.checkpoint = to_wire(*checkpoint);
    } else if (const auto* image = std::get_if<Image>(&answer.value)) {
        reply.image = to_wire(*image);
    } else if (const auto* reading = std::get_if<Reading>(&answer.value)) {
        reply.reading = to_wire(*reading);
    } else if (const auto* offer = std::get_if<CheckpointOffer>(&answer.value)) {
        reply.offer = to_wire(*offer);
    }
    return reply;
}

} // namespace hostd::link
