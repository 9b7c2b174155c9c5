#include "coordinator/link/wire.hpp"

#include <algorithm>

namespace coordinator::link {

using common::Bytes;
using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

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
    image.tenant = wire.tenant;
    if (auto from = common::parse_id<common::SnapshotId>(wire.from_snapshot)) {
        image.from_snapshot = *std::move(from);
    }
    image.from_vm = wire.from_vm;
    if (auto id = common::parse_id<common::ImageId>(wire.registration)) {
        image.registration = *std::move(id);
    }
    return image;
}

bool is_sha256(const std::string& text)
{
    constexpr std::size_t digits = 64;
    return text.size() == digits && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
           });
}

// So that sums of sizes stay what a column can hold.
constexpr std::uint64_t most_bytes = std::uint64_t{1} << 60U;

Result<CheckpointOffer> offer_of(const proto::SnapshotOffer& wire)
{
    CheckpointOffer offer{wire.manifest, {}};
    std::uint64_t sum = 0;
    for (const auto& file : wire.files) {
        if (!common::is_name(file.name) || !is_sha256(file.digest) ||
            file.size_bytes > most_bytes - sum) {
            return Error{ErrorCode::invalid_argument, "an offer of a file that cannot be"};
        }
        sum += file.size_bytes;
        offer.files.push_back({file.name, file.digest, Bytes{file.size_bytes}});
    }
    return offer;
}

ExecReport exec_of(const proto::ExecResult& wire)
{
    ExecReport exec;
    exec.stdout_bytes = wire.stdout_bytes;
    exec.stderr_bytes = wire.stderr_bytes;
    exec.truncated = wire.stdout_truncated || wire.stderr_truncated;
    exec.timed_out = wire.timed_out;
    exec.exit_code = wire.exit_code;
    exec.in_hostd = std::chrono::microseconds{wire.hostd_us};
    exec.in_guest = std::chrono::microseconds{wire.guest_us};
    return exec;
}

} // namespace

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
    facts.state_engine = wire.state_engine;
    facts.state_engine_reason = wire.state_engine_reason;
    facts.network_cidr = wire.network_cidr;
    facts.peer_endpoint = wire.peer_endpoint;
    facts.cores = wire.cores;
    facts.memory = Bytes{wire.memory_bytes};
    facts.memory_available = Bytes{wire.memory_available_bytes};
    facts.capacity_vcpus = wire.capacity_vcpus;
    facts.capacity_memory = Bytes{wire.capacity_memory_bytes};
    facts.overhead = Bytes{wire.overhead_bytes};
    facts.disk = Bytes{wire.disk_bytes};
    facts.disk_free = Bytes{wire.disk_free_bytes};
    facts.load1 = wire.load1_milli / 1000.0;
    constexpr auto longest = std::chrono::milliseconds{std::chrono::hours{24 * 366}};
    facts.fence_after = std::min(
        longest,
        std::chrono::milliseconds{std::min<std::uint64_t>(wire.fence_after_ms, INT64_MAX)});
    facts.fence_action = wire.fence_action;
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
    report.fenced = wire.error && wire.error->reason == "fenced";
    report.timings_us = wire.timings_us;
    report.tenant = wire.tenant;
    report.name = wire.name;
    report.network = network_mode_from(wire.network_mode).value_or(NetworkMode::nat);
    report.disk = disk_kind_from(wire.disk).value_or(DiskKind::durable);
    return report;
}

Result<CheckpointReport> checkpoint_of(const proto::CheckpointReport& wire)
{
    CheckpointReport report;
    COMMON_TRY(report.id, common::parse_id<common::SnapshotId>(wire.id));
    COMMON_TRY(report.sandbox, common::parse_id<common::SandboxId>(wire.sandbox_id));
    if (!wire.parent.empty()) {
        COMMON_TRY(report.parent, common::parse_id<common::SnapshotId>(wire.parent));
    }
    if (!wire.name.empty() && !common::is_name(wire.name)) {
        return Error{ErrorCode::invalid_argument, "a checkpoint whose name is none"};
    }
    constexpr std::int64_t latest_us = 7'258'118'400'000'000; // 2200: a clock can hold it.
    if (wire.memory_bytes > most_bytes || wire.disk_bytes > most_bytes || wire.created_at_us < 0 ||
        wire.created_at_us > latest_us) {
        return Error{ErrorCode::invalid_argument, "a checkpoint of impossible size or age"};
    }
    report.name = wire.name;
    report.has_memory = wire.has_memory;
    report.frozen = wire.frozen;
    report.engine = wire.engine;
    report.libvirt_version = wire.libvirt_version;
    report.qemu_version = wire.qemu_version;
    report.memory_bytes = Bytes{wire.memory_bytes};
    report.disk_bytes = Bytes{wire.disk_bytes};
    report.paused = std::chrono::microseconds{wire.paused_us};
    for (const auto& [file, digest] : wire.digests) {
        if (common::is_name(file) && is_sha256(digest)) {
            report.digests.emplace(file, digest);
        }
    }
    report.path = wire.path;
    report.created_at = common::from_unix_us(wire.created_at_us);
    return report;
}

Result<HostInventory> inventory_of(const common::HostName& host, const proto::Inventory& wire)
{
    HostInventory inventory{host, {}, {}};
    for (const auto& one : wire.sandboxes) {
        COMMON_TRY(auto report, report_of(one));
        inventory.sandboxes.push_back(std::move(report));
    }
    for (const auto& one : wire.checkpoints) {
        COMMON_TRY(auto report, checkpoint_of(one));
        inventory.checkpoints.push_back(std::move(report));
    }
    return inventory;
}

Result<HostActivity> activity_of(const common::HostName& host, const proto::Activity& wire)
{
    HostActivity activity{host, {}};
    for (const auto& one : wire.sandboxes) {
        COMMON_TRY(auto id, common::parse_id<common::SandboxId>(one));
        activity.sandboxes.push_back(std::move(id));
    }
    return activity;
}

static_assert(ExecFeed::piece_overhead == proto::piece_overhead);

Result<HostReaderNews> reader_news_of(const common::HostName& host, const proto::ReaderNews& wire)
{
    using Kind = HostReaderNews::Kind;
    HostReaderNews news;
    news.host = host;
    COMMON_TRY(news.operation, common::parse_id<common::OperationId>(wire.operation));
    news.reader = wire.reader;
    if (wire.what == "output" && (wire.stdio == "stdout" || wire.stdio == "stderr")) {
        news.kind = Kind::output;
    } else if (wire.what == "started") {
        news.kind = Kind::started;
    } else if (wire.what == "end") {
        news.kind = Kind::end;
    } else if (wire.what == "gone") {
        news.kind = Kind::gone;
    } else {
        return Error{ErrorCode::invalid_argument, "news for a reader that are none"};
    }
    news.of_stderr = wire.stdio == "stderr";
    news.position = wire.position;
    news.data = wire.data;
    return news;
}

Result<HostWantsPiece> wish_of(const common::HostName& host, const proto::WantPiece& wire)
{
    HostWantsPiece wish;
    wish.host = host;
    COMMON_TRY(wish.operation, common::parse_id<common::OperationId>(wire.operation));
    if (!is_sha256(wire.digest) || wire.size == 0 || wire.size > proto::max_piece_bytes) {
        return Error{ErrorCode::invalid_argument, "a wish for no piece of any file"};
    }
    wish.digest = wire.digest;
    wish.offset = wire.offset;
    wish.size = wire.size;
    return wish;
}

Result<HostGivesPiece> piece_of(const common::HostName& host, proto::Piece wire)
{
    HostGivesPiece piece;
    piece.host = host;
    COMMON_TRY(piece.operation, common::parse_id<common::OperationId>(wire.operation));
    const auto kinds = int{!wire.data.empty()} + int{wire.zeros > 0} + int{!wire.reason.empty()};
    if (!is_sha256(wire.digest) || kinds != 1 || wire.data.size() > proto::max_piece_bytes ||
        wire.zeros > proto::max_piece_bytes) {
        return Error{ErrorCode::invalid_argument, "a piece of no file, or of several kinds"};
    }
    piece.digest = std::move(wire.digest);
    piece.offset = wire.offset;
    piece.zeros = wire.zeros;
    if (wire.reason.empty()) {
        piece.data = std::move(wire.data);
    } else {
        piece.data = Error{ErrorCode::unavailable, std::move(wire.message), std::move(wire.reason)};
    }
    return piece;
}

Reading reading_of(const proto::Reading& wire)
{
    return {wire.running,
            std::chrono::microseconds{wire.cpu_us},
            Bytes{wire.memory_bytes},
            Bytes{wire.disk_bytes},
            Bytes{wire.disk_read_bytes},
            Bytes{wire.disk_written_bytes},
            Bytes{wire.received_bytes},
            Bytes{wire.sent_bytes},
            wire.console,
            wire.console_cut};
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
        answer.value = exec_of(*wire.exec);
    } else if (wire.checkpoint) {
        COMMON_TRY(answer.value, checkpoint_of(*wire.checkpoint));
    } else if (wire.image) {
        if (!common::is_name(wire.image->name)) {
            return Error{ErrorCode::invalid_argument, "an image whose name is none"};
        }
        answer.value = image_of(*wire.image);
    } else if (wire.reading) {
        answer.value = reading_of(*wire.reading);
    } else if (wire.offer) {
        COMMON_TRY(answer.value, offer_of(*wire.offer));
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
