#pragma once

#include "coordinator/core/guest_terminals.hpp"
#include "coordinator/core/live_execs.hpp"

namespace coordinator::guest {

/// GuestTerminals over calls of the guests' agents.
class Terminals final : public GuestTerminals {
public:
    explicit Terminals(LiveExecs& execs) : execs_{execs} {}

    common::Result<TerminalAnswer>
    ask(const Caller& caller, const common::SandboxId& id, const TerminalRequest& request) override;
    common::Result<std::unique_ptr<TerminalWatch>> watch(const Caller& caller,
                                                         const common::SandboxId& id,
                                                         const TerminalRequest& request) override;

private:
    LiveExecs& execs_;
};

} // namespace coordinator::guest
