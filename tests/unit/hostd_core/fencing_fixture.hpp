#pragma once

#include "tests/unit/hostd_core/service_fixture.hpp"

namespace tests {

/// A stamp in memory, and a clock that a test moves.
class FakeFence final : public hostd::FenceStamps {
public:
    [[nodiscard]] hostd::BootTime now() const override { return hostd::BootTime{now_.load()}; }
    std::optional<hostd::FenceStamp> read() override
    {
        const std::scoped_lock lock{mutex_};
        return stamp_;
    }
    common::Result<> write(const hostd::FenceStamp& stamp) override
    {
        const std::scoped_lock lock{mutex_};
        stamp_ = stamp;
        return {};
    }
    void pass(std::chrono::milliseconds time) { now_ = now_.load() + time; }

private:
    std::atomic<std::chrono::milliseconds> now_{std::chrono::hours{1}};
    std::mutex mutex_;
    std::optional<hostd::FenceStamp> stamp_;
};

/// A service that fences itself after a minute, by a clock that stands still.
struct FencingFixture : ServiceFixture {
    static constexpr std::chrono::seconds minute{60};

    ~FencingFixture() { service.reset(); } // It may be writing a stamp yet.

    void run_with(hostd::FenceAction action)
    {
        settings.fence = {minute, action};
        run_again();
    }
    void run_again()
    {
        service.reset();
        settings.fence_look = std::chrono::milliseconds{2};
        auto with = ports();
        with.fence = &fence;
        service.emplace(with, settings);
        service->start();
        first_inventory = uplink.inventories.take();
    }
    /// A leader acknowledges what was sent now.
    void hear() { service->submit({{}, {}, 0, hostd::HeardCommand{fence.now()}}); }
    void lift(const std::vector<std::string>& sandboxes)
    {
        hostd::LiftFenceCommand lift;
        for (const auto& one : sandboxes) {
            lift.sandboxes.push_back(id(one));
        }
        service->submit({common::OperationId{"op-lift"}, {}, 0, std::move(lift)});
    }
    static bool is_fenced(const hostd::SandboxStatus& status)
    {
        return status.error && status.error->reason == hostd::fenced_reason;
    }
    /// They are that, for the fence.
    void await_fenced(std::set<std::string> sandboxes, Phase phase)
    {
        while (!sandboxes.empty()) {
            const auto status = uplink.statuses.take();
            if (status.phase == phase && is_fenced(status)) {
                sandboxes.erase(status.spec.id.str());
            }
        }
    }
    hostd::DomainState state_of(const std::string& sandbox)
    {
        return world.locked([&] { return world.domains.at(id(sandbox)).state; });
    }

    FakeFence fence;
};

} // namespace tests
