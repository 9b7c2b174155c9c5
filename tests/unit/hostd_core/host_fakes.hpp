#pragma once

#include "hostd/core/sandbox_service.hpp"
#include "tests/support/arrivals.hpp"
#include "tests/support/fake_guests.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>

namespace tests {

/// What a host has, in memory, behind hostd's ports: it records effects, fails where
/// told to, holds a step until let go, and notices calls for one sandbox that overlap.
class HostWorld {
public:
    /// The next call of `step` fails with this, after its effect if `late`.
    void fail(const std::string& step, common::Error error, unsigned times = 1)
    {
        const std::scoped_lock lock{mutex_};
        for (unsigned i = 0; i < times; ++i) {
            faults_[step].push_back(error);
        }
    }
    void hold(const std::string& step)
    {
        const std::scoped_lock lock{mutex_};
        held_.insert(step);
    }
    void let_go(const std::string& step)
    {
        {
            const std::scoped_lock lock{mutex_};
            held_.erase(step);
        }
        wake_.notify_all();
    }
    /// Around each step of each port.
    common::Result<> step(const std::string& name,
                          const common::SandboxId& id,
                          const std::function<void()>& effect = {})
    {
        std::unique_lock lock{mutex_};
        if (!id.empty() && !busy_.insert(id).second) {
            overlapped = true;
        }
        steps.add(name);
        wake_.wait(lock, [&] { return !held_.contains(name); });
        busy_.erase(id);
        auto& faults = faults_[name];
        if (!faults.empty()) {
            auto error = faults.front();
            faults.pop_front();
            return error;
        }
        if (effect) {
            effect();
        }
        return {};
    }
    template <typename F>
    auto locked(F f)
    {
        const std::scoped_lock lock{mutex_};
        return f();
    }
    [[nodiscard]] bool is_empty()
    {
        return locked([&] {
            return domains.empty() && older.empty() && folders.empty() && leases.empty() &&
                   taps.empty() && checkpoints.empty() && drafts.empty() && suspended.empty() &&
                   moving.empty() && disk_marks.empty();
        });
    }

    Arrivals<std::string> steps;
    std::atomic<bool> overlapped{false};
    // Below the lock of locked().
    std::map<common::SandboxId, hostd::DomainRecord> domains;
    std::map<common::SandboxId, hostd::DomainRecord> older; ///< Incarnations that were replaced.
    std::map<common::SandboxId, std::filesystem::path> tops;
    unsigned unremovable = 0; ///< So many sweeps leave something that they should remove.
    std::map<common::SnapshotId, hostd::Checkpoint> checkpoints;
    std::string offered; ///< What each file of a checkpoint holds.
    std::map<common::SandboxId, hostd::Checkpoint> suspended;
    std::set<std::string> drafts; ///< Begun and neither committed nor discarded, by id.
    std::set<common::SandboxId> moving;
    std::set<std::string> taps; ///< Beside a lease's own.
    std::map<common::SandboxId, std::string> loaded_from;
    bool engine_known = true;
    bool disk_full = false; ///< What goes on is paused again at once.
    std::size_t depth = 1;  ///< Files that every disk lies on.
    unsigned written = 0;   ///< How often somebody wrote to a disk behind hostd's back.
    std::vector<hostd::Traffic> traffic;
    std::set<common::SandboxId> frozen_disks; ///< By qemu-guest-agent.
    std::set<common::SandboxId> disk_marks;   ///< That they are.
    std::set<common::SandboxId> folders;
    std::set<common::SandboxId> have_run;
    std::map<common::SandboxId, hostd::NetLease> leases;
    std::map<std::string, std::string> ips; ///< By MAC.
    hostd::Image image;
    std::map<common::ImageName, hostd::Image> made; ///< Images of checkpoints.

private:
    std::mutex mutex_;
    std::condition_variable wake_;
    std::map<std::string, std::deque<common::Error>> faults_;
    std::set<std::string> held_;
    std::set<common::SandboxId> busy_;
};

class WorldHypervisor final : public hostd::Hypervisor {
public:
    explicit WorldHypervisor(HostWorld& world) : world_{world} {}
    void observe(Observer observer) override { observer_ = std::move(observer); }
    void changed(const common::SandboxId& id, hostd::DomainState state)
    {
        world_.locked([&] { return world_.domains.at(id).state = state; });
        observer_({hostd::DomainEvent::Kind::domain_changed, id});
    }
    void say(hostd::DomainEvent event) { observer_(event); }

    common::Result<> define(const hostd::DomainSpec& spec) override
    {
        const auto& id = spec.sandbox.id;
        return world_.step("define", id, [&] {
            hostd::DomainRecord record;
            record.sandbox = spec.sandbox;
            record.spec_digest = spec.spec_digest;
            record.generation = spec.generation;
            record.request = spec.request;
            record.agent = spec.image.agent;
            record.net = spec.net;
            record.files = spec.files;
            record.incarnation = spec.incarnation;
            record.state = hostd::DomainState::stopped;
            world_.domains[id] = record;
            world_.tops[id] = spec.files.overlay;
        });
    }
    common::Result<> start(const common::SandboxId& id) override
    {
        return world_.step("start", id, [&] {
            set(id, hostd::DomainState::running);
            world_.have_run.insert(id);
        });
    }
    common::Result<> pause(const common::SandboxId& id) override
    {
        return world_.step("pause", id, [&] { set(id, hostd::DomainState::paused); });
    }
    common::Result<> go_on(const common::SandboxId& id, std::uint64_t incarnation) override
    {
        const bool stopped = world_.locked([&] {
            const auto found = world_.domains.find(id);
            return found == world_.domains.end() ||
                   found->second.state == hostd::DomainState::stopped;
        });
        COMMON_CHECK(world_.step("go_on", id));
        if (stopped) {
            return common::Error{common::ErrorCode::failed_precondition, "it is stopped"};
        }
        return world_.step("went_on", id, [&] {
            if (const auto old = world_.older.find(id);
                old != world_.older.end() && old->second.incarnation == incarnation) {
                old->second.state = hostd::DomainState::running;
                return;
            }
            set(id,
                world_.disk_full ? hostd::DomainState::paused_by_disk_error
                                 : hostd::DomainState::running);
        });
    }
    common::Result<> request_shutdown(const common::SandboxId& id) override
    {
        return world_.step("acpi", id);
    }
    common::Result<> kill(const common::SandboxId& id) override
    {
        return world_.step("kill", id, [&] { set(id, hostd::DomainState::stopped); });
    }
    common::Result<> undefine(const common::SandboxId& id) override
    {
        return world_.step("undefine", id, [&] { world_.domains.erase(id); });
    }
    common::Result<std::filesystem::path> top_of(const common::SandboxId& id) const override
    {
        COMMON_CHECK(world_.step("top_of", {}));
        return world_.locked([&]() -> common::Result<std::filesystem::path> {
            if (!world_.domains.contains(id)) {
                return common::Error{common::ErrorCode::not_found, "no domain"};
            }
            return world_.tops[id];
        });
    }
    common::Result<> bring_disk_into_step(const common::SandboxId& id, std::uint64_t) override
    {
        return world_.step("bring_into_step", id);
    }
    common::Result<> set_top(const common::SandboxId& id, const std::filesystem::path& top) override
    {
        return world_.step("set_top", id, [&] { world_.tops[id] = top; });
    }
    common::Result<> keep_only(const common::SandboxId& id, std::uint64_t incarnation) override
    {
        return world_.step("keep_only", id, [&] {
            const auto older = world_.older.find(id);
            if (older != world_.older.end() && older->second.incarnation == incarnation) {
                world_.domains[id] = older->second;
            }
            world_.older.erase(id);
        });
    }
    common::Result<> set_generation(const common::SandboxId& id, std::uint64_t generation) override
    {
        return world_.step(
            "set_generation", id, [&] { world_.domains.at(id).generation = generation; });
    }
    common::Result<> pull_down_to(const common::SandboxId& id,
                                  const std::filesystem::path&,
                                  std::chrono::milliseconds) override
    {
        return world_.step("pull", id, [&] { world_.depth = 1; });
    }
    common::Result<> set_owner(const common::SandboxId& id,
                               const hostd::SandboxSpec& spec,
                               std::uint64_t generation) override
    {
        return world_.step("set_owner", id, [&] {
            auto& record = world_.domains.at(id);
            record.sandbox = spec;
            record.spec_digest = hostd::digest_of(spec);
            record.generation = generation;
        });
    }
    common::Result<hostd::DomainRecord> find(const common::SandboxId& id) const override
    {
        COMMON_CHECK(world_.step("find", id));
        return world_.locked([&]() -> common::Result<hostd::DomainRecord> {
            const auto found = world_.domains.find(id);
            if (found == world_.domains.end()) {
                return common::Error{common::ErrorCode::not_found, "no domain"};
            }
            return found->second;
        });
    }
    common::Result<std::vector<hostd::DomainRecord>>
    all_of(const common::SandboxId& id) const override
    {
        COMMON_TRY(auto all, list());
        std::erase_if(all, [&id](const auto& record) { return record.sandbox.id != id; });
        return all;
    }
    common::Result<std::vector<hostd::DomainRecord>> list() const override
    {
        COMMON_CHECK(world_.step("list", {}));
        return world_.locked([&] {
            std::vector<hostd::DomainRecord> all;
            for (const auto* domains : {&world_.domains, &world_.older}) {
                for (const auto& [id, record] : *domains) {
                    all.push_back(record);
                }
            }
            return all;
        });
    }
    common::Result<std::vector<hostd::ForeignVm>> list_foreign() const override
    {
        COMMON_CHECK(world_.step("list_foreign", {}));
        return std::vector<hostd::ForeignVm>{{"theirs", "uuid", "running", true, "/disk"}};
    }
    /// "gold" is shut off, "busy" runs; there is no other.
    common::Result<hostd::ForeignSource> foreign_source(const std::string& vm) const override
    {
        COMMON_CHECK(world_.step("foreign_source", {}));
        if (vm != "gold" && vm != "busy") {
            return common::Error{common::ErrorCode::not_found, "no VM " + vm, "unknown_vm"};
        }
        hostd::ForeignSource source;
        source.vm = vm;
        source.runs = vm == "busy";
        source.disk = "/vms/" + vm;
        source.format = "raw";
        return source;
    }
    common::Result<> back_up(const hostd::ForeignSource&,
                             const std::filesystem::path&,
                             std::chrono::milliseconds) override
    {
        return world_.step("back_up", {});
    }
    common::Result<std::vector<hostd::Traffic>> traffic() const override
    {
        COMMON_CHECK(world_.step("traffic", common::SandboxId{"sbx-all"})); // Not twice at once.
        return world_.locked([&] { return world_.traffic; });
    }
    common::Result<std::vector<hostd::Usage>> usages() const override
    {
        return std::vector<hostd::Usage>{};
    }
    common::Result<hostd::Reading> reading(const common::SandboxId& id) const override
    {
        COMMON_CHECK(world_.step("reading", {}));
        hostd::Reading reading;
        reading.running = world_.locked([&] { return world_.domains.contains(id); });
        reading.cpu = std::chrono::microseconds{1234};
        return reading;
    }
    common::Result<hostd::HypervisorFacts> facts() const override
    {
        return hostd::HypervisorFacts{"9.0.0", "7.2.0"};
    }
    common::Result<hostd::ExecOutcome> qemu_agent_exec(const common::SandboxId&,
                                                       const hostd::ExecSpec& exec) override
    {
        COMMON_CHECK(world_.step("qemu_exec", {}));
        hostd::ExecOutcome outcome;
        outcome.stdout_bytes = "qga " + exec.shell;
        return outcome;
    }
    common::Result<> qemu_agent_ping(const common::SandboxId&) override
    {
        return world_.step("qemu_ping", {});
    }
    common::Result<> freeze_file_systems(const common::SandboxId& id) override
    {
        return world_.step("fs_freeze", id, [&] { world_.frozen_disks.insert(id); });
    }
    common::Result<> thaw_file_systems(const common::SandboxId& id) override
    {
        return world_.step("fs_thaw", id, [&] { world_.frozen_disks.erase(id); });
    }

private:
    void set(const common::SandboxId& id, hostd::DomainState state)
    {
        if (const auto found = world_.domains.find(id); found != world_.domains.end()) {
            found->second.state = state;
        }
    }
    HostWorld& world_;
    Observer observer_;
};

class WorldStore final : public hostd::SandboxStore {
public:
    explicit WorldStore(HostWorld& world) : world_{world} {}
    hostd::SandboxFiles files_of(const common::SandboxId& id, std::uint64_t) const override
    {
        const std::filesystem::path folder = "/sandboxes/" + id.str();
        return {folder, folder / "disk", {}, folder / "console.log", folder / "agent"};
    }
    common::Result<hostd::SandboxFiles> create(const common::SandboxId& id,
                                               const hostd::Image&) override
    {
        COMMON_CHECK(world_.step("overlay", id, [&] { world_.folders.insert(id); }));
        return files_of(id, 1);
    }
    common::Result<hostd::SandboxFiles> create_empty(const common::SandboxId& id) override
    {
        COMMON_CHECK(world_.step("folder", id, [&] { world_.folders.insert(id); }));
        return files_of(id, 1);
    }
    common::Result<> remove(const common::SandboxId& id) override
    {
        return world_.step("remove", id, [&] { world_.folders.erase(id); });
    }
    common::Bytes taken_by(const hostd::SandboxFiles&) const override
    {
        return common::Bytes{4096};
    }
    Tail console_of(const hostd::SandboxFiles& files, std::size_t bytes) const override
    {
        return {files.console_log.string().substr(0, bytes), true};
    }
    bool has_run(const common::SandboxId& id) const override
    {
        return world_.locked([&] { return world_.have_run.contains(id); });
    }
    common::Result<> mark_run(const common::SandboxId& id) override
    {
        return world_.step("mark_run", id, [&] { world_.have_run.insert(id); });
    }
    common::Result<std::vector<common::SandboxId>> list() const override
    {
        return world_.locked([&] {
            return std::vector<common::SandboxId>{world_.folders.begin(), world_.folders.end()};
        });
    }
    common::Result<hostd::DiskSpace> space() const override { return hostd::DiskSpace{}; }

private:
    HostWorld& world_;
};

} // namespace tests
