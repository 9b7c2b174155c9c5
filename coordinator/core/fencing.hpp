#pragma once

#include "coordinator/core/moving.hpp"

#include <deque>

namespace coordinator {

/// Hosts know from here that they have a leader, and what stood still because they had none goes
/// on.
///
/// A heartbeat is acknowledged once PostgreSQL has confirmed, after it was heard, that this process
/// leads: so no host is kept by one that was deposed without knowing it. A host that was without a
/// leader for as long as it says (HostFacts::fence_after) pauses or stops what runs there, and
/// nothing of that goes on before its own leader names it: another host may have been given it
/// meanwhile (Evacuating).
///
/// The core's own, and of its thread.
class Core::Fencing {
public:
    Fencing(Core& core, const Moving& moving) : core_{core}, moving_{moving} {}

    void heard(const HostBeat& beat);
    /// What its host says of a sandbox; `record` is what was known until now.
    void reported(const Sandbox& record, const SandboxReport& report);
    /// Its host has paused it so, and it will go on: a pause that is asked for is no matter of
    /// course.
    [[nodiscard]] bool is_still(const Sandbox& sandbox) const;
    /// A host does not know its leader yet: it is asked again as soon as it does.
    void refused(const Op& op) { refused_[op->host].push_back(op->row.id); }
    /// What time brings.
    void tick();

private:
    struct Beat {
        std::string instance;
        std::uint64_t seq = 0;
        common::SteadyTime heard;
    };
    struct Still {
        std::set<common::SandboxId> sandboxes;
        common::SteadyTime again; ///< Nothing is said of them before.
    };

    void acknowledge(const common::HostName& host, std::deque<Beat>& beats);
    void ask_again(const common::HostName& host);
    [[nodiscard]] bool may_go_on(const common::HostName& host, const common::SandboxId& id) const;
    void lift(const common::HostName& host, Still& still);
    void tell(const Sandbox& record, std::string_view action, const std::string& phase);

    Core& core_;
    const Moving& moving_;
    std::map<common::HostName, std::deque<Beat>> beats_; ///< Heard, and not confirmed yet.
    std::map<common::HostName, Still> still_;
    std::map<common::HostName, std::vector<common::OperationId>> refused_;
};

} // namespace coordinator
