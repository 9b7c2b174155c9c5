#pragma once

#include "hostd/simulated/host.hpp"

#include <boost/test/unit_test.hpp>

BOOST_TEST_DONT_PRINT_LOG_VALUE(hostd::Phase)

// A simulated host in time that the test holds, and what it says.
namespace hostd::simulated {

class HeldClock final : public common::Clock {
public:
    [[nodiscard]] common::SteadyTime steady() const override { return now; }
    [[nodiscard]] common::WallTime wall() const override { return {}; }
    common::SteadyTime now{};
};

struct Said final : Uplink {
    void answer(Answer answer) override { answers.push_back(std::move(answer)); }
    void status(SandboxStatus status) override { phases.push_back(status.phase); }
    void inventory(std::vector<SandboxStatus> all, std::vector<Checkpoint> some) override
    {
        sandboxes = std::move(all);
        checkpoints = std::move(some);
    }
    void activity(std::vector<common::SandboxId>) override {}
    void reader_news(ReaderNews one) override { news.push_back(one.kind); }
    void want_piece(PieceWish) override {}
    void give_piece(Piece) override {}

    std::vector<Answer> answers;
    std::vector<Phase> phases;
    std::vector<SandboxStatus> sandboxes;
    std::vector<Checkpoint> checkpoints;
    std::vector<ReaderNews::Kind> news;
};

struct HostFixture {
    HostFixture()
    {
        shape.capacity = {common::Bytes::gib(4), 8, common::Bytes::mib(96)};
        shape.parallel_starts = 2;
        shape.images = {*parse_image("tiny")};
        ways.make = {10ms, 10ms};
        ways.boot = {100ms, 100ms};
        ways.wake = {10ms, 10ms};
        ways.state = {50ms, 50ms};
        ways.exec = {5ms, 5ms};
        ways.stop = {20ms, 20ms};
        ways.destroy = {20ms, 20ms};
        start_host();
    }
    void start_host()
    {
        host.emplace("sim-1", 1, shape, ways, Host::Ports{said, clock, timers, dice});
    }

    static common::SandboxId id(char last)
    {
        return common::SandboxId{"sbx-aaaaaaaaaaaaaaa" + std::string(1, last)};
    }
    static common::SnapshotId snapshot(char last)
    {
        return common::SnapshotId{"snp-aaaaaaaaaaaaaaa" + std::string(1, last)};
    }
    static CreateCommand boots(char last)
    {
        CreateCommand create;
        create.spec.id = id(last);
        create.spec.tenant = "default";
        create.spec.name = "box-" + std::string(1, last);
        create.spec.image = common::ImageName{"tiny"};
        create.spec.memory = common::Bytes::mib(256);
        create.start = true;
        return create;
    }
    /// Asks, and lets so much time go by.
    void ask(decltype(Command::what) what,
             std::chrono::milliseconds wait = 1s,
             std::uint64_t generation = 1)
    {
        const common::OperationId operation{"op-" + std::to_string(++asked)};
        host->take({operation, common::RequestId{"req-1"}, generation, std::move(what)});
        pass(wait);
    }
    void pass(std::chrono::milliseconds time)
    {
        const auto end = clock.now + time;
        for (auto next = timers.run_due(); next <= end; next = timers.run_due()) {
            clock.now = std::max(clock.now, next);
        }
        clock.now = end;
    }
    Answer answer()
    {
        BOOST_REQUIRE_EQUAL(said.answers.size(), 1U);
        auto one = std::move(said.answers.front());
        said.answers.clear();
        return one;
    }
    Phase phase_answered()
    {
        const auto one = answer();
        BOOST_REQUIRE(!one.error);
        return std::get<SandboxStatus>(one.value).phase;
    }
    std::string reason_answered()
    {
        const auto one = answer();
        BOOST_REQUIRE(one.error.has_value());
        return std::string{one.error->stable_reason()};
    }
    Phase phase_of(const common::SandboxId& wanted)
    {
        host->take({{}, {}, 0, SyncCommand{}});
        for (const auto& one : said.sandboxes) {
            if (one.spec.id == wanted) {
                return one.phase;
            }
        }
        return Phase::destroyed;
    }

    HeldClock clock;
    Timers timers{clock};
    Dice dice{1};
    Said said;
    Shape shape;
    Behaviour ways;
    std::optional<Host> host;
    int asked = 0;
};

} // namespace hostd::simulated
