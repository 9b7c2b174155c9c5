#pragma once

#include "common/result.hpp"
#include "hostd/core/hypervisor.hpp"
#include "hostd/core/model.hpp"

#include <functional>
#include <variant>

namespace hostd {

// The commands a coordinator gives, as values. Wire structs end in hostd/link.
struct CreateCommand {
    SandboxSpec spec;
    std::string image_digest; ///< "" accepts any.
    bool start = false;
    std::chrono::milliseconds boot_timeout{60000};
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
struct ListVmsCommand {};
struct SyncCommand {};

struct Command {
    common::OperationId operation;
    common::RequestId request;
    std::uint64_t generation = 0;
    std::variant<CreateCommand,
                 StartCommand,
                 StopCommand,
                 PauseCommand,
                 DestroyCommand,
                 ExecCommand,
                 AckExecCommand,
                 ListVmsCommand,
                 SyncCommand>
        what;
};

/// How one command ended. `value` is what the kind of command gives.
struct Answer {
    common::OperationId operation;
    common::RequestId request;
    std::variant<std::monostate, SandboxStatus, ExecOutcome, std::vector<ForeignVm>> value;
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
    std::string network_cidr;
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
    virtual void inventory(std::vector<SandboxStatus> all) = 0;
};

} // namespace hostd
