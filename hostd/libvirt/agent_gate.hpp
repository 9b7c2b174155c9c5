#pragma once

#include "common/id.hpp"

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <utility>

namespace hostd::libvirt {

/// While the file systems of a guest are frozen its qemu-guest-agent does nothing but thaw them:
/// a command that is asked after then would seem lost. Who has a question waits here. Any thread.
class AgentGate {
public:
    /// Held while a question is asked.
    class Pass {
    public:
        Pass(AgentGate& gate, common::SandboxId id) : gate_{&gate}, id_{std::move(id)} {}
        Pass(Pass&& other) noexcept
            : gate_{std::exchange(other.gate_, nullptr)}, id_{std::move(other.id_)}
        {}
        Pass& operator=(Pass&&) = delete;
        ~Pass()
        {
            if (gate_ != nullptr) {
                gate_->leave(id_);
            }
        }

    private:
        AgentGate* gate_;
        common::SandboxId id_;
    };

    /// Waits while it is closed, but no longer than a capture may take: then its agent itself says
    /// what it does not do.
    [[nodiscard]] Pass enter(const common::SandboxId& id);
    /// Waits for those inside, likewise.
    void close(const common::SandboxId& id);
    void open(const common::SandboxId& id);

private:
    void leave(const common::SandboxId& id);

    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<common::SandboxId, unsigned> inside_;
    std::map<common::SandboxId, std::chrono::steady_clock::time_point> closed_until_;
};

} // namespace hostd::libvirt
