#include "hostd/libvirt/agent_gate.hpp"

namespace hostd::libvirt {

using common::SandboxId;

namespace {

// A disk is switched in a moment; for a libvirtd that dies meanwhile half a minute is waited.
constexpr std::chrono::seconds longest_capture{60};
// Each question has ten seconds for its answer, and five before that to find the agent there.
constexpr std::chrono::seconds longest_question{15};

} // namespace

AgentGate::Pass AgentGate::enter(const SandboxId& id)
{
    std::unique_lock lock{mutex_};
    if (const auto closed = closed_until_.find(id); closed != closed_until_.end()) {
        const auto until = closed->second;
        changed_.wait_until(lock, until, [&] { return !closed_until_.contains(id); });
    }
    ++inside_[id];
    return Pass{*this, id};
}

void AgentGate::leave(const SandboxId& id)
{
    {
        const std::scoped_lock lock{mutex_};
        if (const auto found = inside_.find(id); --found->second == 0) {
            inside_.erase(found);
        }
    }
    changed_.notify_all();
}

void AgentGate::close(const SandboxId& id)
{
    std::unique_lock lock{mutex_};
    closed_until_[id] = std::chrono::steady_clock::now() + longest_capture;
    changed_.wait_for(lock, longest_question, [&] { return !inside_.contains(id); });
}

void AgentGate::open(const SandboxId& id)
{
    {
        const std::scoped_lock lock{mutex_};
        closed_until_.erase(id);
    }
    changed_.notify_all();
}

} // namespace hostd::libvirt
