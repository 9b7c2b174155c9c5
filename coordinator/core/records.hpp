#pragma once

namespace coordinator {

class Blobs;
class Plans;
class Playbooks;
class Templates;

/// What tenants keep beside their sandboxes.
struct Records {
    Playbooks& playbooks;
    Plans& plans;
    Templates& templates;
    Blobs& blobs;
};

} // namespace coordinator
