#pragma once

#include "common/tenant.hpp"
#include "tests/unit/coordinator_core/checkpoint_fixture.hpp"

#include <set>

namespace tests {

using coordinator::ClaimOnHost;
using coordinator::PoolRequest;
using coordinator::PoolState;
using coordinator::WarmUse;

struct PoolFixture : CheckpointFixture {
    static coordinator::HostFacts facts_with(const std::string& engine,
                                             const std::string& digest = "d1")
    {
        auto one = facts("h1");
        one.state_engine = engine;
        one.cores = 2;
        one.memory = Bytes::mib(2000);
        one.memory_available = Bytes::mib(1500);
        one.images.front().agent = "paddock";
        one.images.front().digest = digest;
        return one;
    }
    /// One host with room for four of the default.
    void run_on(const coordinator::HostFacts& has)
    {
        run();
        connect_with(has);
    }
    void connect_with(const coordinator::HostFacts& has,
                      std::vector<coordinator::SandboxReport> sandboxes = {},
                      std::vector<CheckpointReport> checkpoints = {})
    {
        link.say(coordinator::HostConnected{HostName{"h1"}, "run-h1", has});
        inventory("h1", std::move(sandboxes), std::move(checkpoints));
        settle();
    }
    void connect_second(const coordinator::HostFacts& has)
    {
        link.say(coordinator::HostConnected{HostName{"h2"}, "run-h2", has});
        inventory("h2", {}, {});
        settle();
    }
    static PoolRequest pool(unsigned min, std::optional<unsigned> max = {})
    {
        PoolRequest what;
        what.name = "tiny";
        what.image = common::ImageName{"tiny"};
        what.min = min;
        what.max = max;
        return what;
    }
    PoolState state() { return *core->pool(me, "tiny"); }
    PoolState::OnHost on_host() { return state().hosts.at(0); }
    void await_ready(unsigned count)
    {
        eventually([&] { return on_host().ready == count; }, "as many as that");
    }
    /// Boots it, keeps its memory and puts it away.
    SandboxId source()
    {
        const auto made = expect<CreateOnHost>();
        const auto& what = std::get<CreateOnHost>(made.command.what);
        BOOST_TEST(what.warm);
        BOOST_TEST(!what.from_snapshot.has_value());
        const auto id = id_in(made);
        done(made, id, Phase::paused);
        const auto kept = expect<SnapshotOnHost>();
        answer(kept, frozen(kept));
        source_checkpoint = snapshot_in(kept);
        done(expect<SuspendOnHost>(), id, Phase::suspended);
        eventually([&] { return on_host().source == "ready"; }, "the source");
        return id;
    }
    static CheckpointReport frozen(const FakeLink::Sent& sent)
    {
        auto report = made(sent);
        report.frozen = true;
        return report;
    }
    SandboxId warm()
    {
        const auto sent = expect<CreateOnHost>();
        BOOST_TEST(std::get<CreateOnHost>(sent.command.what).warm);
        done(sent, id_in(sent), Phase::paused);
        return id_in(sent);
    }
    std::set<SandboxId> filled(unsigned count)
    {
        BOOST_REQUIRE(core->create_pool(me, pool(count)).has_value());
        static_cast<void>(source());
        std::set<SandboxId> ids;
        while (ids.size() < count) {
            ids.insert(warm());
        }
        await_ready(count);
        return ids;
    }
    /// A create of one who does as the pools tell.
    static coordinator::CreateRequest wants(WarmUse use = WarmUse::prefer)
    {
        auto what = request();
        what.pool = use;
        return what;
    }
    static SandboxId claimed_in(const FakeLink::Sent& sent)
    {
        return std::get<ClaimOnHost>(sent.command.what).sandbox.id;
    }

    SnapshotId source_checkpoint;
};

} // namespace tests
