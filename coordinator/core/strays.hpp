#pragma once

#include "coordinator/core/audit.hpp"
#include "coordinator/core/fleet.hpp"

namespace coordinator {

/// A host has come further with a sandbox than its record: that is of a backup which was restored.
/// It is asked for what comes after what it knows, or it would refuse. One that is warm by the
/// record and somebody's by its host's word is theirs, and given to nobody else: with a row of the
/// audit. Only for what nothing is under way with.
std::optional<AuditRow> catch_up(Sandbox& sandbox, const SandboxReport& report, const Fleet& fleet);

} // namespace coordinator
