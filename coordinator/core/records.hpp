#pragma once

namespace coordinator {

class Plans;
class Playbooks;

/// What tenants keep in the database alone.
struct Records {
    Playbooks& playbooks;
    Plans& plans;
};

} // namespace coordinator
