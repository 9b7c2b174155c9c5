#pragma once

#include "coordinator/core/moving.hpp"

namespace coordinator {

/// Hosts that are gone: what other hosts have copies of is brought back there, and of the rest it
/// is said why it is not.
///
/// Nothing may run twice. So it is not begun before the host is lost, and certain not to run
/// anything any more: it fences itself and has had the time to, or an operator has seen to it. The
/// wish is in the host's row, until the host is uncordoned; a host that comes back keeps what is
/// still its own, and is told to destroy the rest.
///
/// The core's own, and of its thread.
class Core::Evacuating {
public:
    Evacuating(Core& core, Moving& moving) : core_{core}, moving_{moving} {}

    /// Whether it may be begun, with what is said of the host's power. `failed_precondition`:
    /// host_not_lost, not_fenced.
    [[nodiscard]] common::Result<> may_begin(const KnownHost& known, bool powered_off) const;
    /// It was asked for, or ended, from now on.
    void changed(const common::HostName& host) { hosts_.erase(host); }
    void tick();
    /// Nothing if it is not evacuated.
    [[nodiscard]] std::optional<EvacuationProgress> progress(const Host& host) const;

private:
    struct Trouble {
        common::Error error;
        common::SteadyTime until; ///< It is left alone for so long.
    };
    struct OnHost {
        std::map<common::SandboxId, Trouble> troubles;
        std::set<common::SandboxId> under_way;
        unsigned moved = 0;
        bool told = false; ///< The log knows how it ended.
    };

    [[nodiscard]] std::vector<common::SandboxId> left_on(const common::HostName& host) const;
    void tend(const common::HostName& host, OnHost& here);
    void begin(const common::HostName& host, const common::SandboxId& id);

    Core& core_;
    Moving& moving_;
    std::map<common::HostName, OnHost> hosts_;
};

} // namespace coordinator
