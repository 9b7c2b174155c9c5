#pragma once

#include "common/result.hpp"
#include "proto/wire_moves.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The messages between coordinator and hostd. Plain wire structs: adapters (the
// two `link` folders) translate them to domain types. Enumerations travel as
// text, so that a value a peer does not know survives; sizes are bytes; durations
// and times say their unit in the name. Fields may be added; a decoder ignores
// those it does not know and defaults those that are missing, except the required
// ones. Bounds of each field: proto/wire_messages.cpp.
namespace proto {

struct ImageReport {
    std::string name;
    std::string digest;              ///< sha256 hex of the disk; the image's identity across hosts.
    std::uint64_t size_bytes = 0;    ///< Of the file.
    std::uint64_t virtual_bytes = 0; ///< Of the disk that the guest sees.
    std::string boot;                ///< kernel | bios | uefi
    std::string agent;               ///< paddock | qemu | none
    std::uint32_t default_vcpus = 0; ///< 0: no opinion, the coordinator's default counts.
    std::uint64_t default_memory_bytes = 0;
    std::int64_t registered_at_us = 0;
    std::string tenant;        ///< Whose it is; "" is an operator's, for everybody.
    std::string from_snapshot; ///< Id of the checkpoint that it was made of; else "".
    std::string registration;  ///< Id that the coordinator registered it by; else "".
    std::string from_vm;       ///< Name of somebody else's VM that it was made of; else "".
    friend bool operator==(const ImageReport&, const ImageReport&) = default;
};

/// What a host is and has. Sent with hello and each heartbeat.
struct HostFacts {
    std::string hostname; ///< For people; identity is the CURVE key, never this.
    std::string arch;
    std::string kernel;
    std::string cpu_model;
    std::string libvirt_version;
    std::string qemu_version;
    std::string hostd_version;
    std::string accel;               ///< kvm | tcg
    std::string accel_reason;        ///< Why it was chosen, one sentence.
    std::string state_engine;        ///< fast | portable | "" while it is being tried
    std::string state_engine_reason; ///< Likewise.
    std::string network_cidr;
    std::string peer_endpoint; ///< Where it gives images to other hosts, tcp://…; "": nowhere.
    std::uint32_t cores = 0;
    std::uint64_t memory_bytes = 0;
    std::uint64_t memory_available_bytes = 0;
    std::uint32_t capacity_vcpus = 0;
    std::uint64_t capacity_memory_bytes = 0;
    std::uint64_t overhead_bytes = 0; ///< Charged per sandbox on top of guest memory.
    std::uint64_t disk_bytes = 0;
    std::uint64_t disk_free_bytes = 0;
    std::uint32_t load1_milli = 0; ///< One-minute load average × 1000.
    std::uint32_t sandboxes = 0;
    /// How long it may hear from no leader before it does to its sandboxes what `fence_action`
    /// says; 0: for ever.
    std::uint64_t fence_after_ms = 0;
    std::string fence_action;          ///< keep | pause | stop
    std::vector<std::string> warnings; ///< What preflight found: one sentence each, with the fix.
    std::vector<ImageReport> images;
    friend bool operator==(const HostFacts&, const HostFacts&) = default;
};

struct WireError {
    std::string code; ///< common::to_string(ErrorCode)
    std::string message;
    std::string reason;
    std::string details;
    friend bool operator==(const WireError&, const WireError&) = default;
};

/// What a sandbox is on its host, now.
struct SandboxReport {
    std::string id;
    std::string tenant;
    std::string image;
    /// created | starting | restoring | running | paused | stopping | suspended | stopped |
    /// error | destroyed
    std::string phase;
    std::string ip; ///< "" while unknown
    std::string mac;
    std::string agent; ///< paddock | qemu | none: how exec reaches the guest
    bool agent_ready = false;
    std::uint64_t incarnation = 1;
    std::uint64_t generation = 0;
    std::string spec_digest;
    std::uint32_t vcpus = 0;
    std::uint64_t memory_bytes = 0;
    std::string network_mode;
    std::optional<WireError> error;
    std::map<std::string, std::uint64_t> timings_us; ///< Steps of the last create or start.
    std::string name;                                ///< "" from a hostd that does not say.
    std::string disk;                                ///< durable | ephemeral; "" likewise.
    friend bool operator==(const SandboxReport&, const SandboxReport&) = default;
};

/// A checkpoint that a host has.
struct CheckpointReport {
    std::string id;
    std::string sandbox_id; ///< That it was taken of.
    std::string name;
    std::string parent; ///< Id of the one before it; "" if there is none.
    bool has_memory = false;
    bool frozen = false;         ///< Nothing but the agent was running in the guest.
    std::string engine;          ///< fast | portable
    std::string libvirt_version; ///< That it was taken on, as the next.
    std::string qemu_version;
    std::uint64_t memory_bytes = 0;             ///< On disk.
    std::uint64_t disk_bytes = 0;               ///< Of its own layer alone.
    std::uint64_t paused_us = 0;                ///< How long the guest stood still for it.
    std::map<std::string, std::string> digests; ///< File name → sha256 hex.
    std::string path;                           ///< Of its folder on the host.
    std::int64_t created_at_us = 0;
    friend bool operator==(const CheckpointReport&, const CheckpointReport&) = default;
};

// ---- host to coordinator -------------------------------------------------------

struct Hello {
    static constexpr std::string_view kind = "hello";
    std::uint16_t version_min = 0;
    std::uint16_t version_max = 0;
    std::string instance; ///< Random per hostd start: tells a restart from a reconnect.
    HostFacts facts;
};

struct Heartbeat {
    static constexpr std::string_view kind = "heartbeat";
    std::uint64_t seq = 0;
    HostFacts facts;
};

/// Everything that this host has; replaces what the coordinator believed of it.
/// Sent after each welcome and on request.
struct Inventory {
    static constexpr std::string_view kind = "inventory";
    std::string instance;
    std::vector<SandboxReport> sandboxes;
    std::vector<CheckpointReport> checkpoints;
};

/// A change. Numbered from 1 per hostd instance, resent until acknowledged.
struct Status {
    static constexpr std::string_view kind = "status";
    std::string instance;
    std::uint64_t seq = 0;
    SandboxReport sandbox;
};

/// These sandboxes were used by other ways than the coordinator lately: they send over their
/// network. Neither numbered nor resent.
struct Activity {
    static constexpr std::string_view kind = "activity";
    std::vector<std::string> sandboxes; ///< Ids.
};

struct ExecResult {
    std::string stdout_bytes;
    std::string stderr_bytes;
    bool stdout_truncated = false;
    bool stderr_truncated = false;
    bool timed_out = false;
    std::int32_t exit_code = 0; ///< 128 + signal when a signal ended it.
    std::int32_t signal = 0;
    std::int64_t started_at_us = 0; ///< By the host's clock.
    std::int64_t ended_at_us = 0;
    std::uint64_t hostd_us = 0; ///< Command received by hostd → answer sent.
    std::uint64_t guest_us = 0; ///< Of those, frame written to the guest → exit frame read.
    friend bool operator==(const ExecResult&, const ExecResult&) = default;
};

/// A libvirt domain of somebody else's.
struct VmReport {
    std::string name;
    std::string uuid;
    std::string state; ///< libvirt's word: running, paused, shut off, …
    bool persistent = false;
    std::string disk_path;
    friend bool operator==(const VmReport&, const VmReport&) = default;
};

/// Of one Reading.
inline constexpr std::size_t max_console_bytes = std::size_t{256} << 10U;

/// What a sandbox uses of its host, and the end of what its console has said.
struct Reading {
    bool running = false;           ///< It has a QEMU; else what follows is 0, but for the disk.
    std::uint64_t cpu_us = 0;       ///< Of that QEMU, all its threads.
    std::uint64_t memory_bytes = 0; ///< Likewise, of the host's memory.
    std::uint64_t disk_bytes = 0;   ///< What it takes on the host's disk, without its image.
    std::uint64_t disk_read_bytes = 0;
    std::uint64_t disk_written_bytes = 0;
    std::uint64_t received_bytes = 0; ///< By its network, as the guest sees it.
    std::uint64_t sent_bytes = 0;
    std::string console;
    bool console_cut = false; ///< There is more before it.
    friend bool operator==(const Reading&, const Reading&) = default;
};

/// The end of one operation (the envelope's operation_id): exactly one of `error`
/// or the result that fits the command.
struct Reply {
    static constexpr std::string_view kind = "reply";
    std::optional<WireError> error;
    bool undone = false; ///< Of a create that failed: nothing of it is left on this host.
    std::optional<SandboxReport> sandbox;
    std::optional<ExecResult> exec;
    std::vector<VmReport> vms;
    std::optional<CheckpointReport> checkpoint;
    std::optional<ImageReport> image;
    std::optional<Reading> reading;
    std::optional<SnapshotOffer> offer;
};

// ---- coordinator to host -------------------------------------------------------

struct Welcome {
    static constexpr std::string_view kind = "welcome";
    std::uint16_t version = 0;
    std::string coordinator; ///< Random per coordinator start.
    std::string host_name;   ///< The name that this host's key is enrolled under.
    std::uint32_t heartbeat_interval_ms = 0;
};

/// A polite no: the peer logs it and tries again later.
struct Refused {
    static constexpr std::string_view kind = "refused";
    std::string reason; ///< version | not_enrolled | displaced | stale_epoch
    std::string message;
    std::uint16_t version_min = 0;
    std::uint16_t version_max = 0;
};

struct StatusAck {
    static constexpr std::string_view kind = "status_ack";
    std::string instance;
    std::uint64_t seq = 0; ///< Everything up to here is committed.
};

struct SyncRequest {
    static constexpr std::string_view kind = "sync";
};

struct CreateSandbox {
    static constexpr std::string_view kind = "create";
    std::string id;
    std::string tenant;
    std::string name;
    std::string image;
    std::string image_digest; ///< "" accepts any; else the host's image must have it.
    std::uint32_t vcpus = 0;
    std::uint64_t memory_bytes = 0;
    std::string network_mode; ///< nat | isolated | none
    bool start = false;
    std::uint32_t boot_timeout_ms = 0;
    std::string from_snapshot; ///< Id of the checkpoint to be cloned; "": made from the image.
    bool warm = false;         ///< Once it is up a command is run in it, and it is paused.
    std::string disk;          ///< durable, as if "" | ephemeral
};

/// What was made warm for nobody becomes this tenant's, under this name, and runs.
struct ClaimSandbox {
    static constexpr std::string_view kind = "claim";
    std::string id;
    std::string tenant;
    std::string name;
    std::uint32_t timeout_ms = 0; ///< For the guest to say that it is ready.
};

struct StartSandbox {
    static constexpr std::string_view kind = "start";
    std::string id;
    std::uint32_t boot_timeout_ms = 0;
};

struct StopSandbox {
    static constexpr std::string_view kind = "stop";
    std::string id;
    bool force = false;
    std::uint32_t timeout_ms = 0;
};

/// Keeps its memory and gives it no CPU until a start.
struct PauseSandbox {
    static constexpr std::string_view kind = "pause";
    std::string id;
};

/// Memory to disk, and given back to the host, until a start.
struct SuspendSandbox {
    static constexpr std::string_view kind = "suspend";
    std::string id;
};

struct TakeSnapshot {
    static constexpr std::string_view kind = "snapshot";
    std::string id;          ///< Of the sandbox, here and below.
    std::string snapshot_id; ///< That it is to have.
    std::string name;
    std::string parent; ///< Id of the one before it; "" if there is none.
    bool memory = true;
};

struct RestoreSnapshot {
    static constexpr std::string_view kind = "restore";
    std::string id;
    std::string snapshot_id;
    std::uint32_t boot_timeout_ms = 0;
};

struct DeleteSnapshot {
    static constexpr std::string_view kind = "delete_snapshot";
    std::string id;
    std::string snapshot_id;
};

struct VerifySnapshot {
    static constexpr std::string_view kind = "verify_snapshot";
    std::string id;
    std::string snapshot_id;
};

/// With its checkpoints.
struct DestroySandbox {
    static constexpr std::string_view kind = "destroy";
    std::string id;
};

struct Exec {
    static constexpr std::string_view kind = "exec";
    std::string id;                ///< Of the sandbox.
    std::vector<std::string> argv; ///< Either this …
    std::string shell;             ///< … or a line for /bin/sh -c.
    std::string user;
    std::string cwd;
    std::map<std::string, std::string> env;
    std::string stdin_bytes;
    std::uint32_t timeout_ms = 0;
    std::uint32_t output_limit_bytes = 0; ///< Of each of stdout and stderr.
    /// It was sent before: find it again, or answer `timeout` (reason outcome_unknown). Never
    /// start it.
    bool resumed = false;
    bool live = false; ///< Its output is read as it comes (wire_reading.hpp), and not answered.
    bool has_stdin = false; ///< Of a live one: `input` follows.
    bool terminal = false;  ///< Of a live one: it gets one of its own.
    std::uint16_t rows = 0;
    std::uint16_t columns = 0;
    std::string call;    ///< Instead of a program, of a live one: a service of the agent's own …
    std::string request; ///< … and what is wanted of it (guest_calls.hpp).
};

/// The outcome of the envelope's operation_id is committed: guest and host may forget it.
struct ExecAck {
    static constexpr std::string_view kind = "exec_ack";
    std::string id; ///< Of the sandbox.
};

struct ReadSandbox {
    static constexpr std::string_view kind = "read_sandbox";
    std::string id;
    std::uint32_t console_bytes = 0; ///< Of the console at most, from its end.
};

struct ListVms {
    static constexpr std::string_view kind = "list_vms";
};

/// The body of a message as msgpack, and back. Decoding is for hostile input: bounds
/// on size, count and depth hold before anything is allocated; never throws.
template <typename Message>
std::string encode_body(const Message& message);
template <typename Message>
common::Result<Message> decode_body(std::string_view body);

} // namespace proto
