#pragma once

#include "coordinator/core/service.hpp"
#include "tests/support/fake_audit.hpp"
#include "tests/support/fake_events.hpp"
#include "tests/support/fake_images.hpp"
#include "tests/support/fake_live_execs.hpp"
#include "tests/support/sample_checkpoint.hpp"

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace test_support {

/// A Service in memory that records what it was asked. Any thread. Sandboxes are
/// RUNNING as soon as they are created with auto_start, and a run is answered by on_run.
class FakeService final : public FakeImages {
public:
    using Sandbox = coordinator::Sandbox;

    std::function<Result<coordinator::Command>(const coordinator::RunRequest&)> on_run;
    FakeLiveExecs live;
    FakeEvents told;
    FakeAudit audited;
    coordinator::Health state{true, {{"database", true, "secret detail"}}};

    [[nodiscard]] std::vector<coordinator::CreateRequest> creates() const { return of(creates_); }
    [[nodiscard]] std::vector<coordinator::RunRequest> runs() const { return of(runs_); }
    [[nodiscard]] std::vector<coordinator::ListFilter> lists() const { return of(lists_); }
    [[nodiscard]] std::vector<coordinator::StopRequest> stops() const { return of(stops_); }
    [[nodiscard]] std::vector<coordinator::ForkRequest> forks() const { return of(forks_); }

    /// A sandbox that exists from the start.
    common::SandboxId add(coordinator::Phase phase, std::string ip)
    {
        Sandbox sandbox;
        sandbox.id = common::mint<common::SandboxId>();
        sandbox.job = common::mint<common::JobId>();
        sandbox.agent_id = "agent-1";
        sandbox.name = sandbox.id.str();
        sandbox.image = common::ImageName{"tiny"};
        sandbox.host = common::HostName{"h1"};
        sandbox.vcpus = 1;
        sandbox.memory = common::Bytes::mib(256);
        sandbox.labels = {{"team", "red"}};
        sandbox.ttl = std::chrono::seconds{600};
        sandbox.created_at = sandbox.updated_at = common::from_unix_us(1'790'000'000'000'000);
        sandbox.expires_at = sandbox.created_at + *sandbox.ttl;
        sandbox.phase = phase;
        sandbox.generation = 1;
        sandbox.ip = std::move(ip);
        const std::scoped_lock lock{mutex_};
        sandboxes_[sandbox.id] = sandbox;
        return sandbox.id;
    }

    Result<Sandbox> create(const coordinator::Caller& caller,
                           coordinator::CreateRequest request) override
    {
        COMMON_CHECK(enter(caller));
        const auto id =
            add(request.auto_start ? coordinator::Phase::running : coordinator::Phase::created,
                request.auto_start ? "10.77.0.9" : "");
        const std::scoped_lock lock{mutex_};
        auto& sandbox = sandboxes_[id];
        sandbox.agent_id = request.agent_id;
        sandbox.labels = request.labels;
        sandbox.name = request.name.empty() ? id.str() : request.name;
        creates_.push_back(std::move(request));
        return sandbox;
    }

    Result<coordinator::SandboxPage> list(const coordinator::Caller& caller,
                                          const coordinator::ListFilter& filter) override
    {
        COMMON_CHECK(enter(caller));
        const std::scoped_lock lock{mutex_};
        lists_.push_back(filter);
        coordinator::SandboxPage page;
        page.total = sandboxes_.size();
        for (const auto& [id, sandbox] : sandboxes_) {
            if (page.sandboxes.size() < filter.page.limit) {
                page.sandboxes.push_back(sandbox);
            }
        }
        return page;
    }

    Result<Sandbox> get(const coordinator::Caller& caller, const common::SandboxId& id) override
    {
        COMMON_CHECK(enter(caller));
        const std::scoped_lock lock{mutex_};
        return find(id);
    }

    Result<Sandbox>
    start(const coordinator::Caller& caller, const common::SandboxId& id, bool) override
    {
        return change(caller, id, coordinator::Phase::running);
    }

    Result<Sandbox> stop(const coordinator::Caller& caller,
                         const common::SandboxId& id,
                         coordinator::StopRequest request) override
    {
        {
            const std::scoped_lock lock{mutex_};
            stops_.push_back(request);
        }
        return change(caller, id, coordinator::Phase::stopped);
    }

    Result<Sandbox> pause(const coordinator::Caller& caller, const common::SandboxId& id) override
    {
        return change(caller, id, coordinator::Phase::paused);
    }

    Result<Sandbox> resume(const coordinator::Caller& caller, const common::SandboxId& id) override
    {
        return change(caller, id, coordinator::Phase::running);
    }

    Result<Sandbox> suspend(const coordinator::Caller& caller, const common::SandboxId& id) override
    {
        return change(caller, id, coordinator::Phase::suspended);
    }

    Result<Sandbox> restart(const coordinator::Caller& caller,
                            const common::SandboxId& id,
                            coordinator::StopRequest request) override
    {
        COMMON_CHECK(stop(caller, id, request));
        return start(caller, id, false);
    }

    Result<coordinator::Checkpoint> take_snapshot(const coordinator::Caller& caller,
                                                  const common::SandboxId& id,
                                                  coordinator::SnapshotRequest request) override
    {
        COMMON_CHECK(enter(caller));
        const std::scoped_lock lock{mutex_};
        COMMON_CHECK(known(id));
        auto one = sample_checkpoint(id, request.name);
        one.has_memory = request.memory.value_or(true);
        one.parent = checkpoints_.empty() ? common::SnapshotId{} : checkpoints_.back().id;
        checkpoints_.push_back(one);
        return one;
    }

    Result<coordinator::CheckpointPage> snapshots(const coordinator::Caller& caller,
                                                  const common::SandboxId&,
                                                  coordinator::Page page) override
    {
        COMMON_CHECK(enter(caller));
        const std::scoped_lock lock{mutex_};
        coordinator::CheckpointPage out;
        out.total = checkpoints_.size();
        for (auto i = page.offset; i < checkpoints_.size() && out.checkpoints.size() < page.limit;
             ++i) {
            out.checkpoints.push_back(checkpoints_[i]);
        }
        return out;
    }

    Result<coordinator::Checkpoint> snapshot(const coordinator::Caller& caller,
                                             const common::SandboxId&,
                                             const std::string& name) override
    {
        COMMON_CHECK(enter(caller));
        const std::scoped_lock lock{mutex_};
        return named(checkpoints_, name, "snapshot " + name);
    }

    Result<coordinator::Checkpoint> delete_snapshot(const coordinator::Caller& caller,
                                                    const common::SandboxId& id,
                                                    const std::string& name) override
    {
        COMMON_TRY(auto one, snapshot(caller, id, name));
        one.status = coordinator::Checkpoint::Status::deleted;
        const std::scoped_lock lock{mutex_};
        std::erase_if(checkpoints_, [&name](const auto& other) { return other.name == name; });
        return one;
    }

    Result<Sandbox> restore_snapshot(const coordinator::Caller& caller,
                                     const common::SandboxId& id,
                                     const std::string& name) override
    {
        COMMON_CHECK(snapshot(caller, id, name));
        return change(caller, id, coordinator::Phase::running);
    }

    Result<coordinator::Checkpoint> verify_snapshot(const coordinator::Caller& caller,
                                                    const common::SandboxId& id,
                                                    const std::string& name) override
    {
        return snapshot(caller, id, name);
    }

    /// Every second child fails; all if they are to be named so.
    Result<coordinator::Fork> fork(const coordinator::Caller& caller,
                                   const common::SandboxId& id,
                                   coordinator::ForkRequest request) override
    {
        COMMON_CHECK(enter(caller));
        const std::scoped_lock lock{mutex_};
        COMMON_TRY(const auto source, find(id));
        coordinator::Fork fork;
        fork.has_memory = true;
        fork.source_paused = std::chrono::microseconds{152'500};
        for (unsigned i = 0; i < request.count; ++i) {
            auto child = source;
            child.id = common::mint<common::SandboxId>();
            Result<Sandbox> result = child;
            if (i % 2 == 1 || request.name_prefix == "only_failures") {
                result = common::Error{
                    common::ErrorCode::resource_exhausted, "create: no room", "no_capacity"};
            }
            fork.children.push_back({child.id, std::move(result)});
        }
        forks_.push_back(std::move(request));
        return fork;
    }

    Result<Sandbox> extend(const coordinator::Caller& caller,
                           const common::SandboxId& id,
                           std::chrono::seconds ttl) override
    {
        COMMON_CHECK(enter(caller));
        const std::scoped_lock lock{mutex_};
        COMMON_CHECK(known(id));
        sandboxes_[id].ttl = ttl;
        return sandboxes_[id];
    }

    Result<Sandbox> destroy(const coordinator::Caller& caller, const common::SandboxId& id) override
    {
        auto sandbox = change(caller, id, coordinator::Phase::destroyed);
        const std::scoped_lock lock{mutex_};
        sandboxes_.erase(id);
        return sandbox;
    }

    Result<coordinator::ReplicaSet> replicas(const coordinator::Caller& caller,
                                             const common::SandboxId& id) override
    {
        COMMON_TRY(const auto sandbox, get(caller, id));
        coordinator::ReplicaSet set;
        set.policy = sandbox.replicas;
        if (set.policy.count > 0) {
            set.copies.push_back({common::HostName{"h2"},
                                  common::from_unix_us(1'790'000'000'000'000),
                                  set.policy.memory,
                                  common::Bytes::mib(64),
                                  2});
        }
        return set;
    }

    Result<coordinator::Command> run(const coordinator::Caller& caller,
                                     const common::SandboxId& id,
                                     coordinator::RunRequest request) override
    {
        COMMON_CHECK(enter(caller));
        {
            const std::scoped_lock lock{mutex_};
            COMMON_CHECK(known(id));
            runs_.push_back(request);
        }
        if (on_run) {
            return on_run(request);
        }
        coordinator::Command command;
        command.id = common::mint<common::CommandId>();
        command.sandbox = id;
        command.command = request.command;
        command.user = request.user;
        command.cwd = request.cwd;
        command.env = request.env;
        command.stdout_text = "out\n";
        command.status = "finished";
        command.started_at = common::from_unix_us(1'790'000'000'000'000);
        command.ended_at = command.started_at;
        command.timings_us = {{"core", 120}, {"guest", 900}};
        const std::scoped_lock lock{mutex_};
        commands_.push_back(command);
        return command;
    }

    coordinator::LiveExecs& live_execs() override { return live; }
    coordinator::Events& events() override { return told; }
    coordinator::AuditLog& audit() override { return audited; }

    Result<coordinator::CommandPage> commands(const coordinator::Caller& caller,
                                              const common::SandboxId& id,
                                              coordinator::Page page) override
    {
        COMMON_CHECK(enter(caller));
        const std::scoped_lock lock{mutex_};
        COMMON_CHECK(known(id));
        coordinator::CommandPage out;
        out.total = commands_.size();
        for (auto i = page.offset; i < commands_.size() && out.commands.size() < page.limit; ++i) {
            out.commands.push_back(commands_[i]);
        }
        return out;
    }

    Result<std::string> ip(const coordinator::Caller& caller, const common::SandboxId& id) override
    {
        COMMON_CHECK(enter(caller));
        const std::scoped_lock lock{mutex_};
        COMMON_TRY(const auto sandbox, find(id));
        return sandbox.ip;
    }

    coordinator::Health health() override { return state; }
    std::string metrics() override { return "paddock_sandboxes 1\n"; }

private:
    Result<void> known(const common::SandboxId& id) const
    {
        if (!sandboxes_.contains(id)) {
            return common::Error{common::ErrorCode::not_found, "no sandbox " + id.str()};
        }
        return {};
    }

    Result<Sandbox> find(const common::SandboxId& id) const
    {
        COMMON_CHECK(known(id));
        return sandboxes_.at(id);
    }

    Result<Sandbox>
    change(const coordinator::Caller& caller, const common::SandboxId& id, coordinator::Phase phase)
    {
        COMMON_CHECK(enter(caller));
        const std::scoped_lock lock{mutex_};
        COMMON_CHECK(known(id));
        sandboxes_[id].phase = phase;
        return sandboxes_[id];
    }

    std::map<common::SandboxId, Sandbox> sandboxes_;
    std::vector<coordinator::Command> commands_;
    std::vector<coordinator::CreateRequest> creates_;
    std::vector<coordinator::RunRequest> runs_;
    std::vector<coordinator::ListFilter> lists_;
    std::vector<coordinator::StopRequest> stops_;
    std::vector<coordinator::Checkpoint> checkpoints_;
    std::vector<coordinator::ForkRequest> forks_;
};

} // namespace test_support
