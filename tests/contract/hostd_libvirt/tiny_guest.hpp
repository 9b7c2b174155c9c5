#pragma once

#include <string>

namespace tests {

/// What the boot sector of a domain's disk does: all the operating system that a guest of these
/// tests has.
enum class Guest {
    waits_for_the_button, ///< Says "up" on its console, powers off when the button is pressed.
    powers_off_at_once
};

/// 512 bytes for the machine q35 under SeaBIOS.
std::string boot_sector(Guest guest);

} // namespace tests
