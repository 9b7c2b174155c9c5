#pragma once

#include "common/result.hpp"
#include "hostd/core/model.hpp"

#include <functional>
#include <vector>

namespace hostd {

/// A change that libvirt reported. Only a hint to look again: the state may have
/// moved on since.
struct DomainEvent {
    enum class Kind {
        domain_changed,     ///< `sandbox` started, stopped, crashed, was paused, was undefined.
        connection_lost,    ///< Nothing will be heard until `connection_restored`.
        connection_restored ///< Events may have been missed: resync everything.
    };
    Kind kind;
    common::SandboxId sandbox; ///< With domain_changed.
};

/// What hostd needs from a hypervisor: the port. Implementations are blocking and
/// may be called from any worker thread; calls for one sandbox do not overlap (the
/// caller's duty), but for those to qemu-guest-agent, and list(), pause() and kill() for a fence,
/// which run beside any other. Every function is
/// idempotent in the sense that its comment states, because the coordinator resends after a
/// timeout. With the daemon away each returns `unavailable` within its deadline; the connection
/// comes back by itself. Every error carries libvirt's code and text.
class Hypervisor {
public:
    using Observer = std::function<void(const DomainEvent&)>;

    virtual ~Hypervisor() = default;

    /// Called from libvirt's event thread: must only enqueue. Set once, before use.
    virtual void observe(Observer observer) = 0;

    /// Makes the domain known, stopped. `already_exists` if the sandbox has a domain
    /// of this incarnation.
    virtual common::Result<> define(const DomainSpec& spec) = 0;

    /// Starts a defined domain; one that is paused goes on. Success if it is running already.
    virtual common::Result<> start(const common::SandboxId& id) = 0;

    /// The guest keeps its memory and gets no CPU until start(). Success if it is paused;
    /// `failed_precondition` if it does not run.
    virtual common::Result<> pause(const common::SandboxId& id) = 0;

    /// This incarnation, if it is paused, gets CPU again; nothing is ever started. Success if it
    /// runs; `failed_precondition` if it is neither.
    virtual common::Result<> go_on(const common::SandboxId& id, std::uint64_t incarnation) = 0;

    /// Asks the guest's firmware to power off (ACPI); returns at once.
    /// Success if it is stopped.
    virtual common::Result<> request_shutdown(const common::SandboxId& id) = 0;

    /// Stops the domain at once, as if its power was cut. Success if it is stopped
    /// or does not exist.
    virtual common::Result<> kill(const common::SandboxId& id) = 0;

    /// Forgets a stopped domain, with its snapshot metadata and NVRAM; its disk stays.
    /// Success if there is none. `failed_precondition` if it is running.
    virtual common::Result<> undefine(const common::SandboxId& id) = 0;

    /// The file that the sandbox's disk is written to, by libvirt's word: the top of its chain.
    virtual common::Result<std::filesystem::path> top_of(const common::SandboxId& id) const = 0;

    /// The top of a sandbox that has a QEMU lies on `base` from now on, a file further down in its
    /// chain: what it read from those between is copied into it while the guest goes on. Those are
    /// left as they are. `timeout` after `patience`: it is given up. `resource_exhausted`
    /// (disk_full).
    virtual common::Result<> pull_down_to(const common::SandboxId& id,
                                          const std::filesystem::path& base,
                                          std::chrono::milliseconds patience) = 0;

    /// After a branch that was cut short: what the guest writes to, what libvirt believes it to be
    /// and what the next start is from are one file afterwards; an overlay that libvirt never heard
    /// of is committed and free. Success without a QEMU, or a domain. `failed_precondition`
    /// (disk_out_of_step): not possible, or not before it goes on.
    virtual common::Result<> bring_disk_into_step(const common::SandboxId& id,
                                                  std::uint64_t incarnation) = 0;

    /// A stopped sandbox boots from this file from now on.
    virtual common::Result<> set_top(const common::SandboxId& id,
                                     const std::filesystem::path& top) = 0;

    /// Kills and forgets every domain of the sandbox but this incarnation; their disks stay.
    /// Success if there is no other.
    virtual common::Result<> keep_only(const common::SandboxId& id, std::uint64_t incarnation) = 0;

    /// Records the highest generation that was acted on in the domain's metadata.
    virtual common::Result<> set_generation(const common::SandboxId& id,
                                            std::uint64_t generation) = 0;

    /// Whose it is and what it is called from now on, likewise.
    virtual common::Result<>
    set_owner(const common::SandboxId& id, const SandboxSpec& spec, std::uint64_t generation) = 0;

    /// `not_found` if the sandbox has no domain. Of several incarnations the latest counts, here
    /// and in all other functions; list() gives all of them.
    virtual common::Result<DomainRecord> find(const common::SandboxId& id) const = 0;
    /// Every incarnation of one sandbox, the latest first; none if it has no domain.
    virtual common::Result<std::vector<DomainRecord>> all_of(const common::SandboxId& id) const = 0;
    /// Every domain that carries our metadata element, found by it, not by name.
    virtual common::Result<std::vector<DomainRecord>> list() const = 0;
    /// Every domain that does not.
    virtual common::Result<std::vector<ForeignVm>> list_foreign() const = 0;

    /// What an image can be made of. `not_found` (unknown_vm), also for one of ours;
    /// `failed_precondition` (vm_unsupported): it has not exactly one disk that is a file here.
    virtual common::Result<ForeignSource> foreign_source(const std::string& vm) const = 0;
    /// The disk of one that runs, as it is at one moment, as a qcow2 file that is made: what a cut
    /// of its power would leave. Nothing of the VM is changed, and it goes on. `timeout` after
    /// `patience`: it is given up. `resource_exhausted` (disk_full).
    virtual common::Result<> back_up(const ForeignSource& source,
                                     const std::filesystem::path& into,
                                     std::chrono::milliseconds patience) = 0;

    /// What each domain of ours that runs has sent, every incarnation for itself.
    virtual common::Result<std::vector<Traffic>> traffic() const = 0;

    /// What a sandbox's QEMU uses and has used since it began; without one `running` is false. The
    /// disk's and the console's part are not its own.
    virtual common::Result<Reading> reading(const common::SandboxId& id) const = 0;

    /// The same of all that run and are named as ours are, in one call; whose they are is not
    /// looked up. Of several incarnations the latest; without what would have to wait for
    /// somebody's work.
    virtual common::Result<std::vector<Usage>> usages() const = 0;

    virtual common::Result<HypervisorFacts> facts() const = 0;

    /// Runs a command through qemu-guest-agent, blocking until it ended or its timeout
    /// killed it. At most once: a lost answer is `timeout`, and it is not run again.
    /// `refused` with reason unknown_user if the guest has no such user.
    virtual common::Result<ExecOutcome> qemu_agent_exec(const common::SandboxId& id,
                                                        const ExecSpec& exec) = 0;
    /// Whether qemu-guest-agent answers, within about a second.
    virtual common::Result<> qemu_agent_ping(const common::SandboxId& id) = 0;
    /// Through qemu-guest-agent, within half a minute: the file systems of the guest are written
    /// out and take no writes until they are thawed; commands that run in it are only asked after
    /// again then. Having failed it may still be done a little later: a thaw is to follow.
    virtual common::Result<> freeze_file_systems(const common::SandboxId& id) = 0;
    /// Success if they are not frozen.
    virtual common::Result<> thaw_file_systems(const common::SandboxId& id) = 0;
};

} // namespace hostd
