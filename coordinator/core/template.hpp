#pragma once

#include "common/clock.hpp"
#include "common/id.hpp"
#include "coordinator/core/page.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace coordinator {

/// What creates say that are alike, under a name. It lives in the database alone.
struct Template {
    common::TemplateId id;
    std::string tenant;
    std::string name; ///< Unique per tenant.
    std::string description;
    std::string fields; ///< Of a create: a JSON object as text.
    common::WallTime created_at;
    common::WallTime updated_at;
    std::uint64_t revision = 1; ///< Grows with each change.
};

/// It goes if this is still its revision.
struct TemplateRemoval {
    common::TemplateId id;
    std::uint64_t revision = 0;
};

struct TemplatePage {
    std::vector<Template> templates;
    std::uint64_t total = 0;
    std::optional<Position> next; ///< As of PagePart.
};

} // namespace coordinator
