#pragma once

#include "tests/unit/coordinator_core/checkpoint_fixture.hpp"

namespace tests {

using coordinator::CheckpointOffer;
using coordinator::DrainProgress;
using coordinator::FetchSnapshotOnHost;
using coordinator::OfferSnapshotOnHost;

/// Two hosts between which sandboxes can move, and the steps of a move as the hosts see them. A
/// move is begun by a drain of h1.
struct MovingFixture : CheckpointFixture {
    using Sent = FakeLink::Sent;
    using seconds = std::chrono::seconds;

    static coordinator::HostFacts movable(const std::string& host)
    {
        auto one = facts(host);
        one.accel = "tcg";
        one.qemu_version = "7.2";
        one.state_engine = "fast";
        one.images.front().agent = "paddock";
        return one;
    }
    void join(const std::string& host,
              std::vector<coordinator::SandboxReport> has = {},
              std::vector<CheckpointReport> checkpoints = {})
    {
        join_with(movable(host), host, std::move(has), std::move(checkpoints));
    }
    void join_with(const coordinator::HostFacts& facts,
                   const std::string& host,
                   std::vector<coordinator::SandboxReport> has = {},
                   std::vector<CheckpointReport> checkpoints = {})
    {
        link.say(coordinator::HostConnected{HostName{host}, "run-" + host, facts});
        inventory(host, std::move(has), std::move(checkpoints));
        settle();
    }
    void run_two()
    {
        run();
        join("h1");
        join("h2");
    }
    /// What the first one had begun to write is written, or it would be so behind the second's
    /// back.
    void crash_and_restart()
    {
        core.reset();
        std::promise<void> all;
        store.write({}, [&all](const auto&) { all.set_value(); });
        all.get_future().wait();
        CoreFixture::crash_and_restart();
    }
    static coordinator::CreateRequest on_h1()
    {
        auto what = request();
        what.host = HostName{"h1"};
        return what;
    }
    SandboxId runs() { return running(on_h1()).id; }
    SandboxId paused()
    {
        const auto id = runs();
        auto asked = pause(id);
        done(expect<PauseOnHost>(), id, Phase::paused);
        BOOST_REQUIRE(asked.get().has_value());
        return id;
    }
    SandboxId off()
    {
        const auto id = runs();
        auto asked = stop(id);
        done(expect<StopOnHost>(), id, Phase::stopped);
        BOOST_REQUIRE(asked.get().has_value());
        return id;
    }

    void drain(const std::string& host = "h1", seconds deadline = seconds{3600})
    {
        BOOST_REQUIRE(
            core->change_host(me, HostName{host}, {.drain = deadline, .labels = {}}).has_value());
    }
    void uncordon(const std::string& host = "h1")
    {
        BOOST_REQUIRE(
            core->change_host(me, HostName{host}, {.cordoned = false, .labels = {}}).has_value());
    }
    std::optional<DrainProgress> progress(const std::string& host = "h1")
    {
        return core->host(me, HostName{host})->drain;
    }
    void await_drain(DrainProgress::State what, const std::string& host = "h1")
    {
        eventually([&] { return progress(host)->state == what; }, "that state of the drain");
    }
    /// What keeps this one there; "" if it is not there.
    std::string trouble(const SandboxId& id, const std::string& host = "h1")
    {
        const auto how = progress(host);
        if (!how) {
            return "";
        }
        const auto found = std::ranges::find(how->left, id, &DrainProgress::Left::sandbox);
        return found == how->left.end() ? "" : found->reason;
    }
    void await_trouble(const SandboxId& id, const std::string& reason)
    {
        eventually([&] { return trouble(id) == reason; }, "the trouble");
        BOOST_TEST(store.sandbox(id)->host.str() == "h1");
    }
    void await_waiting_for_move(unsigned count)
    {
        const auto line = "paddock_requests_waiting " + std::to_string(count) + "\n";
        eventually([&] { return core->metrics().find(line) != std::string::npos; },
                   "as many requests that wait");
    }
    std::uint64_t used(const std::string& host)
    {
        return core->host(me, HostName{host})->used_memory.mib();
    }

    static CheckpointOffer offer()
    {
        return {"manifest",
                {{"ram", "digest-ram", Bytes::mib(8)}, {"dev", "digest-dev", Bytes{9}}}};
    }
    static CheckpointReport held_still(const Sent& sent)
    {
        auto report = made(sent);
        report.frozen = true;
        return report;
    }
    /// What the other host says of what it has fetched.
    static CheckpointReport copy(const Sent& sent)
    {
        const auto& what = std::get<FetchSnapshotOnHost>(sent.command.what);
        auto report = made(what.id, what.snapshot);
        report.digests = {{"ram", "of-the-copy"}};
        report.path = "/there/" + what.snapshot.str();
        return report;
    }
    /// The next command. It is looked for, since a core whose clock stood still sleeps for longer.
    Sent next()
    {
        eventually([&] { return !link.commands.empty(); }, "a command");
        return link.commands.take();
    }
    template <typename Predicate>
    Sent next_until(Predicate fits)
    {
        auto sent = next();
        while (!fits(sent)) {
            sent = next();
        }
        return sent;
    }
    template <typename What>
    Sent expect_on(const std::string& host)
    {
        auto sent = next();
        BOOST_TEST(sent.host.str() == host);
        if (!std::holds_alternative<What>(sent.command.what)) {
            throw std::runtime_error{"another command came, number " +
                                     std::to_string(sent.command.what.index())};
        }
        return sent;
    }
    void await_audited(const SandboxId& id, const std::string& row)
    {
        eventually(
            [&] {
                const auto rows = store.audit_of(id.str());
                return std::ranges::find(rows, row) != rows.end();
            },
            "the audit's row");
    }
    /// The offer comes; what the other host is asked for then.
    Sent offered()
    {
        answer(expect_on<OfferSnapshotOnHost>("h1"), offer());
        return expect_on<FetchSnapshotOnHost>("h2");
    }
    SnapshotId copied()
    {
        const auto sent = offered();
        answer(sent, copy(sent));
        return std::get<FetchSnapshotOnHost>(sent.command.what).snapshot;
    }
    /// From when it is paused to what is asked for when its state is captured.
    Sent captured()
    {
        const auto sent = expect_on<SnapshotOnHost>("h1");
        state = snapshot_in(sent);
        answer(sent, held_still(sent));
        return expect_on<OfferSnapshotOnHost>("h1");
    }
    /// A running one, from the pause on: the fetch of its state, to be answered.
    Sent crossing(const SandboxId& id)
    {
        done(expect_on<PauseOnHost>("h1"), id, Phase::paused);
        answer(captured(), offer());
        return expect_on<FetchSnapshotOnHost>("h2");
    }
    /// The create at the other host, to be answered.
    Sent arriving(const SandboxId& id)
    {
        const auto sent = crossing(id);
        answer(sent, copy(sent));
        return expect_on<CreateOnHost>("h2");
    }
    void arrived(const Sent& sent, const SandboxId& id, Phase phase = Phase::running)
    {
        auto there = report(id, phase, sent.command.generation);
        there.ip = "10.0.0.7";
        answer(sent, there);
    }
    /// What is left to be removed when it is there, in whichever order.
    void cleaned_up()
    {
        unsigned destroys = 0;
        for (int i = 0; i < 2; ++i) {
            const auto sent = next();
            if (std::holds_alternative<DestroyOnHost>(sent.command.what)) {
                BOOST_TEST(sent.host.str() == "h1");
                ++destroys;
            } else {
                const auto& what = std::get<DeleteSnapshotOnHost>(sent.command.what);
                BOOST_TEST(sent.host.str() == "h2");
                BOOST_TEST(what.snapshot == state);
            }
            answer(sent, std::monostate{});
        }
        BOOST_TEST(destroys == 1U);
    }
    /// By the record: no host that it came from has anything of it.
    bool is_nowhere_else(const SandboxId& id)
    {
        const auto row = store.sandbox(id);
        return row->left_host.empty() && row->remains_on.empty();
    }
    void await_left(const SandboxId& id)
    {
        eventually(
            [&] {
                const auto row = store.sandbox(id);
                return row->host.str() == "h2" && row->moving_to.empty() && is_nowhere_else(id);
            },
            "the end of the move, written down");
    }
    /// The host undid it, or never began.
    void undone(const Sent& sent, ErrorCode code = ErrorCode::resource_exhausted)
    {
        link.say(coordinator::HostAnswer{
            sent.host, sent.command.operation, common::Error{code, "no", "no_capacity"}, {}, true});
    }
    void nothing_is_asked()
    {
        clock.stand_still(2 * settings.tick); // Nor by time.
        settle();
        BOOST_TEST(link.commands.empty());
    }
    Checkpoint stored(const SnapshotId& id) { return *store.checkpoint(id); }
    static bool is_about(const FakeStore::Changes& changes, const std::string& host)
    {
        return std::ranges::any_of(changes, [&host](const auto& change) {
            const auto* row = std::get_if<Sandbox>(&change);
            return row != nullptr && row->host.str() == host;
        });
    }
    std::string audited(const SandboxId& id, const std::string& action, bool outcome)
    {
        std::string detail;
        for (const auto& row : store.audit()) {
            const bool is_outcome = row.kind == coordinator::AuditRow::Kind::outcome;
            if (row.target == id.str() && row.action == action && is_outcome == outcome) {
                detail = row.detail;
            }
        }
        return detail;
    }

    SnapshotId state; ///< The checkpoint of the move that was captured last.
};

} // namespace tests
