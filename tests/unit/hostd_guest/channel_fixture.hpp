#pragma once

#include "hostd/guest/guest_channels.hpp"
#include "tests/support/arrivals.hpp"
#include "tests/unit/hostd_guest/scripted_agent.hpp"

namespace tests {

using Outcome = common::Result<hostd::ExecOutcome>;
using Kind = hostd::GuestEvent::Kind;

inline hostd::guest::ChannelLimits quick_limits()
{
    hostd::guest::ChannelLimits limits;
    limits.retry_first = std::chrono::milliseconds{5};
    limits.retry_max = std::chrono::milliseconds{20};
    limits.penalty_first = std::chrono::milliseconds{5};
    limits.penalty_max = std::chrono::milliseconds{40};
    return limits;
}

/// One host's channels and one guest "sbx-1" with a scripted agent.
struct ChannelFixture {
    explicit ChannelFixture(hostd::guest::ChannelLimits limits = quick_limits())
        : channels{clock, limits}
    {
        channels.observe([this](const hostd::GuestEvent& event) { events.add(event); });
        channels.attach(id, folder.path() / "agent", self());
    }

    static hostd::GuestIdentity self() { return {"box", "52:54:00:00:00:01", "10.64.0.2"}; }
    hostd::GuestEvent await(Kind kind)
    {
        return events.take_until([&](const auto& event) { return event.kind == kind; });
    }
    static hostd::ExecSpec shell(const std::string& operation, const std::string& line)
    {
        hostd::ExecSpec spec;
        spec.operation = common::OperationId{operation};
        spec.shell = line;
        spec.user = "sandbox";
        spec.timeout = std::chrono::seconds{30};
        spec.output_limit = common::Bytes::mib(1);
        return spec;
    }
    void exec(hostd::ExecSpec spec)
    {
        channels.exec(
            id, std::move(spec), [this](Outcome outcome) { outcomes.add(std::move(outcome)); });
    }
    void ready()
    {
        agent.greet();
        static_cast<void>(await(Kind::ready));
    }

    TempFolder folder;
    common::SystemClock clock;
    common::SandboxId id{"sbx-1"};
    ScriptedAgent agent{folder.path() / "agent"};
    Arrivals<hostd::GuestEvent> events;
    Arrivals<Outcome> outcomes;
    hostd::guest::GuestChannels channels;
};

} // namespace tests
