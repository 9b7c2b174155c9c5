#pragma once

namespace coordinator {

class GuestFiles;
class GuestTerminals;

/// What can be had from inside sandboxes, beside their commands.
struct Guests {
    GuestFiles& files;
    GuestTerminals& terminals;
};

} // namespace coordinator
