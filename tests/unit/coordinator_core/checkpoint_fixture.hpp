#pragma once

#include "tests/unit/coordinator_core/core_fixture.hpp"

namespace tests {

using common::SnapshotId;
using coordinator::Checkpoint;
using coordinator::CheckpointReport;
using coordinator::DeleteSnapshotOnHost;
using coordinator::Fork;
using coordinator::ForkRequest;
using coordinator::PauseOnHost;
using coordinator::RestoreOnHost;
using coordinator::SnapshotOnHost;
using coordinator::SuspendOnHost;
using coordinator::VerifySnapshotOnHost;
using Status = Checkpoint::Status;

struct CheckpointFixture : CoreFixture {
    Later<Checkpoint>
    snapshot(const SandboxId& id, const std::string& name, std::optional<bool> memory = {})
    {
        return Later<Checkpoint>{[this, id, name, memory] {
            return core->take_snapshot(me, id, {name, memory});
        }};
    }
    Later<Checkpoint> forget(const SandboxId& id, const std::string& name)
    {
        return Later<Checkpoint>{[this, id, name] { return core->delete_snapshot(me, id, name); }};
    }
    Later<Checkpoint> verify(const SandboxId& id, const std::string& name)
    {
        return Later<Checkpoint>{[this, id, name] { return core->verify_snapshot(me, id, name); }};
    }
    Later<Sandbox> restore(const SandboxId& id, const std::string& name)
    {
        return Later<Sandbox>{[this, id, name] { return core->restore_snapshot(me, id, name); }};
    }
    Later<Fork> fork(const SandboxId& id, ForkRequest what)
    {
        return Later<Fork>{[this, id, what] { return core->fork(me, id, what); }};
    }
    /// What a host says of the checkpoint that it was asked for.
    static CheckpointReport made(const FakeLink::Sent& sent)
    {
        const auto& what = std::get<SnapshotOnHost>(sent.command.what);
        return made(what.id, what.snapshot, what.name, what.memory);
    }
    static CheckpointReport made(const SandboxId& sandbox,
                                 const SnapshotId& id,
                                 const std::string& name = "one",
                                 bool memory = true)
    {
        CheckpointReport report;
        report.id = id;
        report.sandbox = sandbox;
        report.name = name;
        report.has_memory = memory;
        report.engine = "fast";
        report.qemu_version = "7.2";
        report.memory_bytes = Bytes::mib(3);
        report.disk_bytes = Bytes::mib(1);
        report.paused = std::chrono::microseconds{1500};
        report.digests = {{"ram", "ab"}};
        report.path = "/cp/" + id.str();
        return report;
    }
    /// A checkpoint that is ready.
    Checkpoint taken(const SandboxId& id, const std::string& name, std::optional<bool> memory = {})
    {
        auto asked = snapshot(id, name, memory);
        const auto sent = expect<SnapshotOnHost>();
        answer(sent, made(sent));
        return *asked.get();
    }
    SandboxId stopped()
    {
        const auto id = running().id;
        auto asked = stop(id);
        done(expect<StopOnHost>(), id, Phase::stopped);
        BOOST_REQUIRE(asked.get().has_value());
        return id;
    }
    void await_status(const SnapshotId& id, Status status)
    {
        eventually([&] { return store.checkpoint(id) && store.checkpoint(id)->status == status; },
                   "the status, written down");
    }
    static SnapshotId snapshot_in(const FakeLink::Sent& sent)
    {
        return std::get<SnapshotOnHost>(sent.command.what).snapshot;
    }
};

} // namespace tests
