#pragma once

#include "coordinator/core/core.hpp"
#include "tests/support/fake_blobs.hpp"
#include "tests/unit/coordinator_core/fake_link.hpp"
#include "tests/unit/coordinator_core/fake_store.hpp"

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <future>

namespace tests {

using common::Bytes;
using common::ErrorCode;
using common::HostName;
using common::Result;
using common::SandboxId;
using coordinator::Command;
using coordinator::CreateOnHost;
using coordinator::Desired;
using coordinator::DestroyOnHost;
using coordinator::ExecOnHost;
using coordinator::HostHealth;
using coordinator::Phase;
using coordinator::Sandbox;
using coordinator::StartOnHost;
using coordinator::StopOnHost;
using Texts = std::vector<std::string>;

/// The true time, with days that can be put on top for what is dated, and with pauses.
class LeapingClock final : public common::Clock {
public:
    [[nodiscard]] common::SteadyTime steady() const override
    {
        return std::chrono::steady_clock::now() + std::chrono::milliseconds{stood_still_};
    }
    [[nodiscard]] common::WallTime wall() const override
    {
        return std::chrono::system_clock::now() + std::chrono::seconds{leapt_} +
               std::chrono::milliseconds{stood_still_};
    }
    void leap(std::chrono::seconds time) { leapt_ += time.count(); }
    /// As if the whole process had stood still for so long. What waits for a time then waits for
    /// as much longer, unless something else wakes it.
    void stand_still(std::chrono::milliseconds time) { stood_still_ += time.count(); }

private:
    std::atomic<std::int64_t> leapt_{0};
    std::atomic<std::int64_t> stood_still_{0};
};

/// What a blocked caller gets. Waits with a deadline.
template <typename T>
class Later {
public:
    template <typename F>
    explicit Later(F f) : future_{std::async(std::launch::async, std::move(f))}
    {}
    [[nodiscard]] bool ready() const
    {
        return future_.wait_for(std::chrono::seconds{0}) == std::future_status::ready;
    }
    Result<T> get()
    {
        if (future_.wait_for(std::chrono::seconds{20}) != std::future_status::ready) {
            throw std::runtime_error{"the call has not come back in time"};
        }
        return future_.get();
    }

private:
    std::future<Result<T>> future_;
};

/// A core between a store in memory and hosts of a script. Patient by default: a test that
/// is about a deadline shortens it before run().
struct CoreFixture {
    explicit CoreFixture(FakeStore::Done done = FakeStore::Done::by_thread) : store{done}
    {
        settings.boot_timeout = std::chrono::seconds{15};
        settings.make_timeout = std::chrono::seconds{15};
        settings.grace = std::chrono::seconds{5};
        settings.tick = std::chrono::milliseconds{5};
        settings.suspect_after = std::chrono::minutes{5};
        settings.lost_after = std::chrono::minutes{10};
        settings.resend_after = std::chrono::minutes{5};
        settings.destroy_again_after = std::chrono::milliseconds{10};
        settings.checkpoint_grace = std::chrono::milliseconds{0};
    }
    ~CoreFixture()
    {
        core.reset();
        store.let_go();
    }

    void run()
    {
        core.emplace(store, link, blobs, clock, settings);
        BOOST_REQUIRE(core->start());
    }
    /// A core that starts with what the first one had written.
    void crash_and_restart()
    {
        core.reset();
        store.snapshot = store.after_crash();
        run();
    }
    /// Runs, with these hosts, each with room for four sandboxes of the default.
    void run_with(const Texts& hosts)
    {
        run();
        for (const auto& host : hosts) {
            connect(host);
        }
        settle();
    }

    static coordinator::HostFacts facts(const std::string& host)
    {
        coordinator::HostFacts facts;
        facts.hostname = host + ".example";
        facts.capacity_vcpus = 8;
        facts.capacity_memory = Bytes::mib(1000);
        facts.overhead = Bytes::mib(50);
        coordinator::Image image;
        image.name = common::ImageName{"tiny"};
        image.digest = "d1";
        image.default_vcpus = 1;
        image.default_memory = Bytes::mib(200);
        facts.images = {image};
        return facts;
    }
    void connect(const std::string& host,
                 std::vector<coordinator::SandboxReport> has = {},
                 std::vector<coordinator::CheckpointReport> checkpoints = {})
    {
        link.say(coordinator::HostConnected{HostName{host}, "run-" + host, facts(host)});
        inventory(host, std::move(has), std::move(checkpoints));
    }
    void inventory(const std::string& host,
                   std::vector<coordinator::SandboxReport> has,
                   std::vector<coordinator::CheckpointReport> checkpoints)
    {
        link.say(
            coordinator::HostInventory{HostName{host}, std::move(has), std::move(checkpoints)});
    }
    void status(const std::string& host, coordinator::SandboxReport report, std::uint64_t seq = 1)
    {
        link.say(coordinator::HostStatus{HostName{host}, "run-" + host, seq, std::move(report)});
    }
    static coordinator::SandboxReport
    report(const SandboxId& id, Phase phase, std::uint64_t generation = 1)
    {
        coordinator::SandboxReport one;
        one.id = id;
        one.phase = phase;
        one.generation = generation;
        return one;
    }

    /// What was posted to the core so far has been done.
    void settle()
    {
        for (int i = 0; i < 3; ++i) {
            static_cast<void>(core->hosts(me));
        }
    }
    template <typename Predicate>
    void eventually(Predicate holds, const char* what)
    {
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{20};
        while (!holds()) {
            if (std::chrono::steady_clock::now() > until) {
                throw std::runtime_error{std::string{"never came: "} + what};
            }
            settle();
        }
    }
    void await(const SandboxId& id, Phase phase)
    {
        eventually([&] { return now(id).phase == phase; }, "the phase");
    }
    void await_stored(const SandboxId& id, Phase phase)
    {
        eventually([&] { return store.sandbox(id) && store.sandbox(id)->phase == phase; },
                   "the phase, written down");
    }
    /// One request waits in the core for a sandbox to come that far.
    void await_waiting()
    {
        eventually(
            [&] {
                return core->metrics().find("paddock_requests_waiting 1\n") != std::string::npos;
            },
            "the request that waits");
    }
    void await_health(const std::string& host, HostHealth health)
    {
        eventually([&] { return core->host(me, HostName{host})->health == health; }, "the health");
    }
    Sandbox now(const SandboxId& id)
    {
        auto got = core->get(me, id);
        if (!got) {
            throw std::runtime_error{"no sandbox " + id.str()};
        }
        return *got;
    }

    static coordinator::CreateRequest request(const std::string& name = {})
    {
        coordinator::CreateRequest one;
        one.source = "tiny";
        one.agent_id = "agent";
        one.auto_start = true;
        one.name = name;
        return one;
    }
    Later<Sandbox> create(coordinator::CreateRequest what = request())
    {
        return Later<Sandbox>{[this, what = std::move(what)] { return core->create(me, what); }};
    }
    Later<Sandbox> destroy(const SandboxId& id)
    {
        return Later<Sandbox>{[this, id] { return core->destroy(me, id); }};
    }
    Later<Sandbox> start(const SandboxId& id)
    {
        return Later<Sandbox>{[this, id] { return core->start(me, id, false); }};
    }
    Later<Sandbox> stop(const SandboxId& id, bool force = false)
    {
        return Later<Sandbox>{[this, id, force] { return core->stop(me, id, {force, {}}); }};
    }
    Later<Sandbox> pause(const SandboxId& id)
    {
        return Later<Sandbox>{[this, id] { return core->pause(me, id); }};
    }
    Later<Sandbox> resume(const SandboxId& id)
    {
        return Later<Sandbox>{[this, id] { return core->resume(me, id); }};
    }
    Later<Sandbox> suspend(const SandboxId& id)
    {
        return Later<Sandbox>{[this, id] { return core->suspend(me, id); }};
    }
    Later<Command> exec(const SandboxId& id,
                        const std::string& line = "ls",
                        std::chrono::milliseconds timeout = std::chrono::seconds{15})
    {
        coordinator::RunRequest what;
        what.command = line;
        what.timeout = timeout;
        return Later<Command>{[this, id, what] { return core->run(me, id, what); }};
    }

    /// The next command, which must be of this kind.
    template <typename What>
    FakeLink::Sent expect()
    {
        auto sent = link.commands.take();
        if (!std::holds_alternative<What>(sent.command.what)) {
            throw std::runtime_error{"another command came, number " +
                                     std::to_string(sent.command.what.index())};
        }
        return sent;
    }
    template <typename Value>
    void answer(const FakeLink::Sent& sent, Value value)
    {
        coordinator::HostAnswer answer{sent.host, sent.command.operation, {}, {}};
        answer.value = std::move(value);
        link.say(std::move(answer));
    }
    /// Of a create: the host undid it.
    void refuse(const FakeLink::Sent& sent, ErrorCode code, const std::string& reason = {})
    {
        link.say(coordinator::HostAnswer{sent.host,
                                         sent.command.operation,
                                         common::Error{code, "no", reason},
                                         {},
                                         std::holds_alternative<CreateOnHost>(sent.command.what)});
    }
    /// A create that ended badly, of a sandbox that is there.
    void cut_short(const FakeLink::Sent& sent, ErrorCode code, const std::string& reason)
    {
        link.say(coordinator::HostAnswer{
            sent.host, sent.command.operation, common::Error{code, "no", reason}, {}});
    }
    void done(const FakeLink::Sent& sent, const SandboxId& id, Phase phase)
    {
        answer(sent, report(id, phase, sent.command.generation));
    }
    /// A sandbox that runs on whichever host it was placed on.
    Sandbox running(const coordinator::CreateRequest& what = request())
    {
        auto made = create(what);
        const auto sent = expect<CreateOnHost>();
        done(sent, id_in(sent), what.auto_start ? Phase::running : Phase::created);
        return *made.get();
    }
    /// A sandbox that was suspended.
    SandboxId suspended(const coordinator::CreateRequest& what = request())
    {
        const auto id = running(what).id;
        auto asked = suspend(id);
        done(expect<coordinator::SuspendOnHost>(), id, Phase::suspended);
        BOOST_REQUIRE(asked.get()->phase == Phase::suspended);
        return id;
    }
    static SandboxId id_in(const FakeLink::Sent& sent)
    {
        return std::get<CreateOnHost>(sent.command.what).sandbox.id;
    }
    static coordinator::ExecReport output(const std::string& text, int exit_code = 0)
    {
        coordinator::ExecReport report;
        report.stdout_bytes = text;
        report.exit_code = exit_code;
        return report;
    }
    /// A sandbox as an earlier coordinator has left it.
    static Sandbox recorded(const std::string& id, Phase phase, const std::string& host = "h1")
    {
        Sandbox one;
        one.id = SandboxId{id};
        one.tenant = "t";
        one.name = id;
        one.image = common::ImageName{"tiny"};
        one.image_digest = "d1";
        one.host = HostName{host};
        one.vcpus = 1;
        one.memory = Bytes::mib(200);
        one.overhead = Bytes::mib(50);
        one.phase = phase;
        one.desired = phase == Phase::running ? Desired::running : Desired::stopped;
        one.generation = 1;
        return one;
    }
    static coordinator::Host recorded_host(const std::string& name)
    {
        coordinator::Host host;
        host.name = HostName{name};
        host.facts = facts(name);
        return host;
    }
    template <typename T>
    static std::string reason_of(const Result<T>& result)
    {
        return result ? "ok" : std::string{result.error().stable_reason()};
    }

    const coordinator::Caller me{"token:me", "t", common::RequestId{"req-1"}};
    const coordinator::Caller other{"token:other", "u", common::RequestId{"req-2"}};
    LeapingClock clock;
    FakeStore store;
    FakeLink link;
    coordinator::CoreSettings settings;
    test_support::FakeBlobs blobs;
    std::optional<coordinator::Core> core;
};

struct CoreFixtureAtOnce : CoreFixture {
    CoreFixtureAtOnce() : CoreFixture{FakeStore::Done::at_once} {}
};

} // namespace tests
