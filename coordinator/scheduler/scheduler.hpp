#pragma once

#include "common/bytes.hpp"
#include "common/id.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

// Where a new sandbox goes. Pure: a view of the fleet in, a verdict out; whoever
// calls owns the fleet and reserves at once, so that a verdict cannot be outdated.
namespace coordinator::scheduler {

/// Which hosts somebody asked for.
struct Where {
    std::optional<common::HostName> host;      ///< This one alone.
    std::map<std::string, std::string> labels; ///< Those that have all of these.

    /// Why a host of this name and these labels is none of them; "" if it is one.
    [[nodiscard]] std::string why_not(const common::HostName& name,
                                      const std::map<std::string, std::string>& its_labels) const;
};

/// One host as far as placement is concerned.
struct HostView {
    common::HostName name;
    std::string not_ready; ///< Why it cannot take any; "" if it can.
    unsigned capacity_vcpus = 0;
    unsigned used_vcpus = 0;
    common::Bytes capacity_memory;
    common::Bytes used_memory; ///< Overhead included.
    common::Bytes overhead;    ///< Charged for each sandbox beside its memory.
    unsigned starting = 0;     ///< Sandboxes that are being made or booted there now.
    bool has_image = false;
    std::map<std::string, std::string> labels{};
};

struct Demand {
    unsigned vcpus = 0;
    common::Bytes memory;
    Where where;
    std::map<common::HostName, std::string> refused; ///< Who said no to this very sandbox, and why.
};

struct Verdict {
    struct Rejected {
        common::HostName host;
        std::string why; ///< One clause: "256 MiB of memory free, 20000 MiB needed".
    };
    std::optional<common::HostName> host; ///< Nothing: no host can take it.
    std::vector<Rejected> rejected;       ///< In the order of the view.
};

/// Of the hosts that fit, the one with the fewest starts under way, since boots slow each
/// other down; then the one that is least full afterwards (the fuller of memory and vCPUs
/// counts); then the first by name, so that equal fleets give equal answers.
Verdict place(const std::vector<HostView>& fleet, const Demand& demand);

} // namespace coordinator::scheduler
