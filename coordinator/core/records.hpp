#pragma once

namespace coordinator {

class Plans;
class Playbooks;
class Templates;

/// What tenants keep in the database alone.
struct Records {
    Playbooks& playbooks;
    Plans& plans;
    Templates& templates;
};

} // namespace coordinator
