#pragma once

#include "coordinator/core/moving.hpp"

namespace coordinator {

/// Hosts that are to be emptied: what can move moves, and of the rest it is said what keeps it.
///
/// The wish is in the host's row, with its end; how far it has come is found out anew after a
/// restart. Warm sandboxes are thrown out by their pools, since the host is cordoned.
///
/// The core's own, and of its thread.
class Core::Draining {
public:
    Draining(Core& core, Moving& moving) : core_{core}, moving_{moving}, began_{core.clock_.wall()}
    {}

    /// It was asked for, or ended, from now on.
    void changed(const common::HostName& host);
    void tick();
    /// Nothing if it is not drained.
    [[nodiscard]] std::optional<DrainProgress> progress(const Host& host) const;

private:
    struct Trouble {
        common::Error error;
        common::SteadyTime until; ///< It is left alone for so long.
    };
    struct OnHost {
        std::map<common::SandboxId, Trouble> troubles;
        std::set<common::SandboxId> under_way;
        unsigned moved = 0;
        bool told = false; ///< The log and the audit know how it ended.
    };

    void tend(const Host& host, OnHost& here);
    void tell_of_end(const common::HostName& host, const DrainProgress& how);
    void begin(const common::HostName& host, const Sandbox& sandbox);
    [[nodiscard]] std::vector<common::SandboxId> left_on(const common::HostName& host) const;
    [[nodiscard]] std::size_t leaving(const common::HostName& host, const OnHost& here) const;
    [[nodiscard]] bool has_remains(const common::HostName& host) const;

    Core& core_;
    Moving& moving_;
    const common::WallTime began_;
    std::map<common::HostName, OnHost> hosts_;
};

} // namespace coordinator
