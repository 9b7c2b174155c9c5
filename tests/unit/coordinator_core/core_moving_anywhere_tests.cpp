// Whatever fails, and whenever: it never runs twice, nothing of it is lost, and in the end it has
// moved.
#include "tests/unit/coordinator_core/moving_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;

namespace {

/// Hosts that do as they are told, but for one command. Any thread.
class ObedientHosts {
public:
    enum class Twist {
        none,
        refuse,         ///< It is not done, and that is said.
        refuse_unknown, ///< Likewise, but it is not said that nothing is left.
        unheard,        ///< It is done, and then its coordinator hears nothing more.
        undone_unheard, ///< Likewise, but it is not even done.
    };
    struct OnHost {
        std::map<SandboxId, Phase> sandboxes;
        std::map<SnapshotId, CheckpointReport> checkpoints;
    };

    void twist(Twist twist, int at)
    {
        const std::scoped_lock lock{mutex_};
        twist_ = twist;
        left_ = at;
    }
    /// It hears again.
    void reachable()
    {
        const std::scoped_lock lock{mutex_};
        silent_ = false;
    }
    bool is_silent()
    {
        const std::scoped_lock lock{mutex_};
        return silent_;
    }
    OnHost on(const std::string& host)
    {
        const std::scoped_lock lock{mutex_};
        return hosts_[host];
    }
    std::string wrong()
    {
        const std::scoped_lock lock{mutex_};
        return wrong_;
    }

    std::optional<coordinator::HostAnswer> carry_out(const FakeLink::Sent& sent)
    {
        const std::scoped_lock lock{mutex_};
        if (silent_) {
            return std::nullopt;
        }
        const bool twisted = twist_ != Twist::none && left_-- == 0;
        if (!twisted) {
            return obey(sent);
        }
        const bool makes = std::holds_alternative<CreateOnHost>(sent.command.what);
        coordinator::HostAnswer no{sent.host,
                                   sent.command.operation,
                                   common::Error{ErrorCode::unavailable, "no", "host_failed"},
                                   {}};
        switch (twist_) {
        case Twist::refuse: no.undone = makes; return no;
        case Twist::none:
        case Twist::refuse_unknown: return no;
        case Twist::unheard: static_cast<void>(obey(sent)); break;
        case Twist::undone_unheard: break;
        }
        silent_ = true;
        return std::nullopt;
    }

private:
    coordinator::HostAnswer obey(const FakeLink::Sent& sent)
    {
        auto& host = hosts_[sent.host.str()];
        coordinator::HostAnswer done{sent.host, sent.command.operation, {}, {}};
        const auto becomes = [&](const SandboxId& id, Phase phase) {
            if (!host.sandboxes.contains(id)) {
                done.error = common::Error{ErrorCode::not_found, "none"};
                return;
            }
            host.sandboxes[id] = phase;
            done.value = CoreFixture::report(id, phase, sent.command.generation);
            look_for_two();
        };
        if (const auto* create = std::get_if<CreateOnHost>(&sent.command.what)) {
            const auto& from = create->from_snapshot;
            if (from && !host.checkpoints.contains(*from)) {
                wrong_ = "it is made of what is not there";
            }
            host.sandboxes.try_emplace(create->sandbox.id, Phase::created);
            becomes(create->sandbox.id,
                    create->start ? Phase::running
                    : from        ? Phase::stopped
                                  : Phase::created);
        } else if (const auto* start = std::get_if<StartOnHost>(&sent.command.what)) {
            becomes(start->id, Phase::running);
        } else if (const auto* pause = std::get_if<PauseOnHost>(&sent.command.what)) {
            becomes(pause->id, Phase::paused);
        } else if (const auto* suspend = std::get_if<SuspendOnHost>(&sent.command.what)) {
            becomes(suspend->id, Phase::suspended);
        } else if (const auto* stop = std::get_if<StopOnHost>(&sent.command.what)) {
            becomes(stop->id, Phase::stopped);
        } else if (std::holds_alternative<SnapshotOnHost>(sent.command.what)) {
            const auto report = MovingFixture::held_still(sent);
            host.checkpoints[report.id] = report;
            done.value = report;
        } else if (const auto* offer = std::get_if<OfferSnapshotOnHost>(&sent.command.what)) {
            if (host.checkpoints.contains(offer->snapshot)) {
                done.value = MovingFixture::offer();
            } else {
                done.error = common::Error{ErrorCode::not_found, "none", "unknown_snapshot"};
            }
        } else if (std::holds_alternative<FetchSnapshotOnHost>(sent.command.what)) {
            const auto report = MovingFixture::copy(sent);
            host.checkpoints[report.id] = report;
            done.value = report;
        } else if (const auto* drop = std::get_if<DeleteSnapshotOnHost>(&sent.command.what)) {
            host.checkpoints.erase(drop->snapshot);
        } else if (const auto* destroy = std::get_if<DestroyOnHost>(&sent.command.what)) {
            host.sandboxes.erase(destroy->id);
            host.checkpoints.clear(); // There is only one sandbox.
        }
        return done;
    }
    void look_for_two()
    {
        int running = 0;
        for (const auto& [name, host] : hosts_) {
            running += static_cast<int>(std::ranges::count_if(
                host.sandboxes, [](const auto& entry) { return entry.second == Phase::running; }));
        }
        if (running > 1) {
            wrong_ = "it runs twice";
        }
    }

    std::mutex mutex_;
    Twist twist_ = Twist::none;
    int left_ = 0;
    bool silent_ = false;
    std::string wrong_;
    std::map<std::string, OnHost> hosts_;
};

struct AnywhereFixture : MovingFixture {
    AnywhereFixture()
    {
        link.script([this](const Sent& sent) { return hosts.carry_out(sent); });
    }
    ~AnywhereFixture()
    {
        core.reset(); // Nothing is asked of the hosts any more.
    }
    AnywhereFixture(const AnywhereFixture&) = delete;
    AnywhereFixture& operator=(const AnywhereFixture&) = delete;

    /// One with a snapshot, on a host that is to be emptied then.
    void begin(Phase phase)
    {
        run_two();
        box = core->create(me, on_h1())->id;
        kept = core->take_snapshot(me, box, {"kept", true})->id;
        if (phase == Phase::paused) {
            BOOST_REQUIRE(core->pause(me, box).has_value());
        } else if (phase == Phase::suspended) {
            BOOST_REQUIRE(core->suspend(me, box).has_value());
        } else if (phase == Phase::stopped) {
            BOOST_REQUIRE(core->stop(me, box, {}).has_value());
        }
        await_stored(box, phase);
    }
    void tell(const std::string& host)
    {
        const auto has = hosts.on(host);
        std::vector<coordinator::SandboxReport> reports;
        for (const auto& [id, phase] : has.sandboxes) {
            reports.push_back(report(id, phase, 1000));
        }
        std::vector<CheckpointReport> checkpoints;
        for (const auto& [id, checkpoint] : has.checkpoints) {
            checkpoints.push_back(checkpoint);
        }
        join(host, std::move(reports), std::move(checkpoints));
    }
    void crash()
    {
        core.reset();
        hosts.reachable();
        crash_and_restart();
        tell("h2");
        tell("h1");
    }
    void time_passes()
    {
        if (hosts.is_silent()) {
            crash();
        }
        clock.stand_still(seconds{1});
        while (!link.syncs.empty()) {
            tell(link.syncs.take().str());
        }
    }
    /// `phase`: in which it is then; nothing if that is not known.
    void ends_well(std::optional<Phase> phase)
    {
        eventually(
            [&] {
                time_passes();
                const auto row = store.sandbox(box);
                return progress()->state == DrainProgress::State::drained &&
                       row->moving_to.empty() && is_nowhere_else(box);
            },
            "the end of the move");
        BOOST_TEST(hosts.wrong() == "");
        tell("h1"); // What is left over goes by what hosts tell.
        tell("h2");
        eventually(
            [&] {
                time_passes();
                return hosts.on("h2").checkpoints.size() == 1;
            },
            "copies are removed");
        BOOST_CHECK(hosts.on("h2").checkpoints.contains(kept));
        BOOST_CHECK(hosts.on("h1").sandboxes.empty());
        BOOST_CHECK(hosts.on("h1").checkpoints.empty());
        BOOST_TEST(store.sandbox(box)->host.str() == "h2");
        BOOST_TEST(stored(kept).host.str() == "h2");
        BOOST_CHECK(stored(kept).status == Status::ready);
        BOOST_TEST(stored(kept).error == "");
        BOOST_TEST(used("h1") == 0U);
        if (phase) {
            BOOST_CHECK(hosts.on("h2").sandboxes.at(box) == *phase);
            await_stored(box, *phase);
        }
        eventually(
            [&] {
                time_passes();
                return std::ranges::none_of(
                    store.operations(), [](const auto& row) { return row.status == "running"; });
            },
            "the end of all operations");
    }

    ObedientHosts hosts;
    SandboxId box;
    SnapshotId kept;
};

constexpr Phase resting[] = {Phase::running, Phase::paused, Phase::suspended, Phase::stopped};
constexpr int most_steps = 14; // There are fewer commands and writes in a move.

void twisted(ObedientHosts::Twist twist, Phase phase, int at, std::optional<Phase> ends_as)
{
    BOOST_TEST_CONTEXT("phase " << to_string(phase) << ", command " << at)
    {
        AnywhereFixture move;
        move.begin(phase);
        move.hosts.twist(twist, at);
        move.drain();
        move.ends_well(ends_as);
    }
}

void unwritten(ErrorCode code, Phase phase, int at)
{
    BOOST_TEST_CONTEXT("phase " << to_string(phase) << ", write " << at)
    {
        AnywhereFixture move;
        move.begin(phase);
        move.drain();
        const auto left = std::make_shared<int>(at);
        move.store.fail(code, [left](const auto&) { return (*left)-- == 0; });
        move.ends_well(phase);
    }
}

} // namespace

BOOST_AUTO_TEST_SUITE(core_moving_anywhere_tests)

BOOST_AUTO_TEST_CASE(any_command_may_be_refused)
{
    // The last one may keep it awake, which was asleep.
    const std::map<Phase, int> falls_asleep{{Phase::paused, 6}, {Phase::suspended, 8}};
    for (const auto phase : resting) {
        for (int at = 0; at < most_steps; ++at) {
            const auto last = falls_asleep.find(phase);
            const bool awake = last != falls_asleep.end() && last->second == at;
            twisted(ObedientHosts::Twist::refuse, phase, at, awake ? Phase::running : phase);
        }
    }
}

BOOST_AUTO_TEST_CASE(of_any_command_it_may_be_unknown_what_became_of_it)
{
    for (int at = 0; at < most_steps; ++at) {
        twisted(ObedientHosts::Twist::refuse_unknown, Phase::running, at, Phase::running);
    }
}

BOOST_AUTO_TEST_CASE(a_coordinator_may_end_before_it_hears_of_any_command)
{
    for (int at = 0; at < most_steps; ++at) {
        twisted(ObedientHosts::Twist::unheard, Phase::running, at, Phase::running);
        twisted(ObedientHosts::Twist::unheard, Phase::stopped, at, Phase::stopped);
        twisted(ObedientHosts::Twist::unheard, Phase::suspended, at, std::nullopt);
    }
}

BOOST_AUTO_TEST_CASE(a_coordinator_may_end_before_any_command_is_carried_out)
{
    for (int at = 0; at < most_steps; ++at) {
        twisted(ObedientHosts::Twist::undone_unheard, Phase::running, at, Phase::running);
        twisted(ObedientHosts::Twist::undone_unheard, Phase::stopped, at, Phase::stopped);
        twisted(ObedientHosts::Twist::undone_unheard, Phase::paused, at, std::nullopt);
    }
}

BOOST_AUTO_TEST_CASE(any_write_may_fail)
{
    for (const auto phase : {Phase::running, Phase::stopped}) {
        for (int at = 0; at < most_steps; ++at) {
            unwritten(ErrorCode::unavailable, phase, at);
        }
    }
}

BOOST_AUTO_TEST_CASE(of_any_write_it_may_be_unknown_whether_it_landed)
{
    for (const auto phase : {Phase::running, Phase::suspended}) {
        for (int at = 0; at < most_steps; ++at) {
            unwritten(ErrorCode::timeout, phase, at);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
