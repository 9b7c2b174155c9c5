#pragma once

#include "common/bytes.hpp"
#include "common/clock.hpp"
#include "common/error.hpp"
#include "common/id.hpp"
#include "hostd/core/live_exec.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hostd {

/// Where a sandbox is in its life on this host. `destroyed` is only ever reported,
/// never stored: what is destroyed is gone.
enum class Phase {
    created,
    starting,
    restoring, ///< Its memory is being loaded.
    running,
    paused,
    stopping,
    suspended, ///< Memory is on disk; the host gives it neither memory nor CPU.
    stopped,
    error,
    destroyed
};
enum class NetworkMode { nat, isolated, none };
/// An ephemeral disk is written without regard to a cut of the host's power.
enum class DiskKind { durable, ephemeral };
/// How exec reaches the guest: our agent, qemu-guest-agent, or not at all.
enum class AgentKind { paddock, qemu, none };
enum class Boot { kernel, bios, uefi };
enum class Accel { kvm, tcg };
/// What becomes of the guests that run once the leader has been silent for too long.
enum class FenceAction { keep, pause, stop };

/// Its guest runs, or is about to.
constexpr bool is_up(Phase phase) noexcept
{
    return phase == Phase::starting || phase == Phase::restoring || phase == Phase::running;
}

std::string_view to_string(Phase phase) noexcept;
std::string_view to_string(NetworkMode mode) noexcept;
std::string_view to_string(DiskKind kind) noexcept;
std::string_view to_string(AgentKind kind) noexcept;
std::string_view to_string(Boot boot) noexcept;
std::string_view to_string(Accel accel) noexcept;
std::string_view to_string(FenceAction action) noexcept;
std::optional<NetworkMode> network_mode_from(std::string_view text) noexcept;
std::optional<DiskKind> disk_kind_from(std::string_view text) noexcept;
std::optional<AgentKind> agent_kind_from(std::string_view text) noexcept;
std::optional<Boot> boot_from(std::string_view text) noexcept;
std::optional<FenceAction> fence_action_from(std::string_view text) noexcept;

/// What this host does by itself once it has heard from no leader for so long.
struct FencePromise {
    std::chrono::milliseconds after{0}; ///< 0: never.
    FenceAction action = FenceAction::keep;

    friend bool operator==(const FencePromise&, const FencePromise&) = default;
};

/// What the coordinator asks for. Immutable for the life of a sandbox.
struct SandboxSpec {
    common::SandboxId id;
    std::string tenant;
    std::string name; ///< For people, and the guest's host name; checked by is_name().
    common::ImageName image;
    unsigned vcpus = 1;
    common::Bytes memory;
    NetworkMode network = NetworkMode::nat;
    DiskKind disk = DiskKind::durable;

    friend bool operator==(const SandboxSpec&, const SandboxSpec&) = default;
};

/// A digest over every field of the spec (canonical text, SHA-256, hex): two specs
/// with one id and different digests are a conflict, never a repeat.
std::string digest_of(const SandboxSpec& spec);

/// A registered image: verified at registration, read-only ever after.
struct Image {
    common::ImageName name;
    std::string digest; ///< sha256 hex of the disk file.
    common::Bytes size;
    common::Bytes virtual_size;
    Boot boot = Boot::bios;
    AgentKind agent = AgentKind::none;
    std::filesystem::path disk;
    std::filesystem::path kernel; ///< With Boot::kernel only.
    std::filesystem::path initrd; ///< May be empty.
    std::string cmdline;
    unsigned default_vcpus = 0; ///< 0: no opinion.
    common::Bytes default_memory;
    common::WallTime registered_at;
    std::string tenant;               ///< Whose it is; "" is an operator's, for everybody.
    common::SnapshotId from_snapshot; ///< The checkpoint that it was made of; else empty.
    common::ImageId registration;     ///< That the coordinator knows it by; else empty.
    std::string from_vm;              ///< Somebody else's VM that it was made of; else "".
};

/// A sandbox's place on the network; kept in the domain's own metadata, so that a
/// restarted hostd reads it back.
struct NetLease {
    std::string network; ///< libvirt network name; "" with NetworkMode::none.
    std::string mac;     ///< 52:54:00:…, lower case.
    std::string ip;      ///< IPv4 that DHCP will hand out and anti-spoofing allows.
    std::string tap;     ///< Interface name on the host, at most 15 characters.

    friend bool operator==(const NetLease&, const NetLease&) = default;
};

/// The files of one sandbox. Drawn in docs/architecture.md.
struct SandboxFiles {
    std::filesystem::path folder;
    std::filesystem::path overlay;      ///< qcow2 over the image's disk.
    std::filesystem::path nvram;        ///< UEFI variables; only with Boot::uefi.
    std::filesystem::path console_log;  ///< Bounded by virtlogd.
    std::filesystem::path agent_socket; ///< Our channel; libvirt listens, hostd connects.
};

/// All that a domain is made from: what domain_xml() turns into XML.
struct DomainSpec {
    SandboxSpec sandbox;
    std::string spec_digest;
    std::uint64_t incarnation = 1; ///< Domain name is <id> for 1, <id>.g<n> after.
    std::uint64_t generation = 0;
    std::string request; ///< The request that made it, for whoever reads the host alone.
    Image image;
    SandboxFiles files;
    NetLease net;
    Accel accel = Accel::tcg;
    std::string cpu_model; ///< A named model, e.g. "qemu64" or "Skylake-Server".
    common::WallTime created_at;
};

enum class DomainState {
    stopped,
    running,
    paused,
    ending,               ///< Its QEMU is on its way out: it powers off, or is destroyed.
    paused_by_disk_error, ///< By QEMU: the overlay could not be written, or the image not read.
    crashed,
    unknown
};

/// It has a QEMU.
constexpr bool is_active(DomainState state) noexcept
{
    return state == DomainState::running || state == DomainState::paused ||
           state == DomainState::ending || state == DomainState::paused_by_disk_error;
}

/// It has one that goes on, and with that is newer than any memory that was put away.
constexpr bool lives(DomainState state) noexcept
{
    return is_active(state) && state != DomainState::ending;
}

/// One of our domains as libvirt has it, from its state and our metadata element.
struct DomainRecord {
    SandboxSpec sandbox;
    std::string spec_digest;
    std::string domain_name;
    std::uint64_t incarnation = 1;
    std::uint64_t generation = 0;
    std::string request;
    AgentKind agent = AgentKind::none;
    NetLease net;
    SandboxFiles files;
    DomainState state = DomainState::unknown;
    common::WallTime created_at;
};

/// What the guest of one running domain has sent since its QEMU started, over all its interfaces.
struct Traffic {
    common::SandboxId sandbox;
    std::uint64_t incarnation = 1;
    std::uint64_t packets = 0;
    common::Bytes bytes;
};

/// What a sandbox uses, and the end of what its console has said.
struct Reading {
    bool running = false; ///< It has a QEMU; else all is 0, but for the disk.
    std::chrono::microseconds cpu{0};
    common::Bytes memory; ///< Of the host's, that its QEMU has.
    common::Bytes disk;   ///< What its overlay takes.
    common::Bytes disk_read;
    common::Bytes disk_written;
    common::Bytes received; ///< As the guest sees it.
    common::Bytes sent;
    std::string console;
    bool console_cut = false; ///< There is more before it.
};

/// What one of many uses, without its overlay and its console.
struct Usage {
    common::SandboxId sandbox;
    Reading reading;
};

struct HypervisorFacts {
    std::string libvirt_version;
    std::string qemu_version;
    friend bool operator==(const HypervisorFacts&, const HypervisorFacts&) = default;
};

/// A libvirt domain of somebody else's. Listed for operators, never touched.
struct ForeignVm {
    std::string name;
    std::string uuid;
    std::string state;
    bool persistent = false;
    std::string disk_path;
};

/// Such a one, as far as an image can be made of it.
struct ForeignSource {
    std::string vm; ///< Its name.
    std::string uuid;
    bool runs = false; ///< It has a QEMU.
    std::filesystem::path disk;
    std::string format;                     ///< Of that file: qcow2, raw, …
    std::string target;                     ///< Of that disk: vda, …
    std::vector<std::string> other_targets; ///< Of its cdroms and the like.
    Boot boot = Boot::bios;
    std::filesystem::path kernel; ///< With Boot::kernel only.
    std::filesystem::path initrd;
    std::string cmdline;
    AgentKind agent = AgentKind::none; ///< By the channels that it has.
    unsigned vcpus = 0;
    common::Bytes memory;
};

struct ExecSpec {
    common::OperationId operation;
    std::vector<std::string> argv; ///< Either this …
    std::string shell;             ///< … or a line for /bin/sh -c.
    std::string user;
    std::string cwd;
    std::map<std::string, std::string> env;
    std::string stdin_bytes;
    std::chrono::milliseconds timeout{0};
    common::Bytes output_limit; ///< Of each of stdout and stderr.
    bool resumed = false;       ///< Given before: find it again, never start it.
    bool live = false;          ///< Its output goes to readers as it comes, and not to its outcome.
    bool has_stdin = false;     ///< Of a live one, whose stdin comes later.
    std::optional<TerminalSize> terminal{}; ///< Of a live one: it gets one instead of pipes.
    /// Of a live one: no program, but this service of the agent's, for whoever reads it. It ends
    /// with its last reader.
    std::string call{};
    std::string request{};
};

struct ExecOutcome {
    std::string stdout_bytes;
    std::string stderr_bytes;
    bool stdout_truncated = false;
    bool stderr_truncated = false;
    bool timed_out = false;
    int exit_code = 0; ///< 128 + signal when a signal ended it.
    int signal = 0;
    common::WallTime started_at;
    common::WallTime ended_at;
    std::chrono::microseconds in_guest{0}; ///< Frame written → exit frame read.
};

/// What the coordinator is told about one sandbox.
struct SandboxStatus {
    SandboxSpec spec;
    std::string spec_digest;
    Phase phase = Phase::created;
    std::uint64_t incarnation = 1;
    std::uint64_t generation = 0;
    NetLease net;
    std::string ip; ///< As observed (lease, agent, ARP); "" while unknown.
    AgentKind agent = AgentKind::none;
    bool agent_ready = false;
    std::optional<common::Error> error;
    std::map<std::string, std::chrono::microseconds>
        timings; ///< Steps of the last create or start.
};

} // namespace hostd
