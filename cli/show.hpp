#pragma once

#include "cli/listing.hpp"
#include "cli/table.hpp"
#include "common/clock.hpp"

#include <string>

namespace cli {

Tone tone_of_phase(const std::string& phase);

// Lists as tables. `now` is what ages are counted to.
Table sandboxes_table(const Json& items, common::WallTime now);
Table commands_table(const Json& items, common::WallTime now);
Table execs_table(const Json& items, common::WallTime now);
Table snapshots_table(const Json& items, common::WallTime now);
Table replicas_table(const Json& items, common::WallTime now);
Table images_table(const Json& items, common::WallTime now);
Table panes_table(const Json& items);
Table templates_table(const Json& items, common::WallTime now);
Table pools_table(const Json& items);
Table hosts_table(const Json& items, common::WallTime now);
/// Of POST /v1/placement/explain; the best host first.
Table placement_table(const Json& told);
Table vms_table(const Json& items);

/// One thing, a field a line, in the API's order: times with their age, objects as KEY=VALUE, what
/// is empty left out.
std::string details_of(const Json& object, common::WallTime now, const Look& look);

} // namespace cli
