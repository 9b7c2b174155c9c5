#pragma once

#include "common/result.hpp"
#include "proto/guest_messages.hpp"

#include <filesystem>
#include <string>
#include <string_view>

namespace guest {

/// What becoming somebody touches, one call each, so that their order can be seen to.
class BecomingSteps {
public:
    virtual ~BecomingSteps() = default;
    /// The kernel's random numbers are others from here on, unless it fails.
    virtual common::Result<> reseed(const std::string& seed) = 0;
    virtual void set_clock(std::int64_t unix_us) = 0;
    virtual void set_hostname(const std::string& name) = 0;
    /// Leaves nothing that this guest, a copy, would share with its original.
    virtual void part_from_original(const proto::GuestBecome& self) = 0;
    /// Likewise where only the disk is a copy: what names the machine, and its keys.
    virtual void part_from_original_disk(const proto::GuestBecome& self) = 0;
    /// The same guest, on another network.
    virtual void take_new_address(const proto::GuestBecome& self) = 0;
    /// Who a guest on this disk was told to be last; "" if nobody knows.
    virtual std::string identity_on_disk() = 0;
    /// For whoever boots from this disk next. A disk that does not take it changes nothing else.
    virtual void keep_on_disk(const std::string& identity) = 0;
    virtual void thaw() = 0;
    /// After one of the steps that part, or a new address: makes running services notice. Does not
    /// wait for them.
    virtual void tell_services() = 0;
};

/// Who this guest was told to be. Lives in memory: so it is part of any checkpoint, and a guest
/// that was loaded as a copy knows by it that it is one. One that has booted remembers nobody, and
/// knows by its disk whether that is a copy.
class Identity {
public:
    /// An error leaves a copy standing still: it must not draw its original's random numbers.
    common::Result<> become(const proto::GuestBecome& self, BecomingSteps& steps);
    [[nodiscard]] const std::string& name() const noexcept { return name_; }

private:
    std::string name_;
    std::string mac_; ///< As it was told last, and so is `ip_`.
    std::string ip_;
};

/// A machine-id(5) of its own for each sandbox: 32 hexadecimal digits.
std::string machine_id_of(std::string_view identity);

enum class HostKeys { none, removed };

/// Gives the files below `root` that name a machine another name, where they exist, and
/// removes the keys that an SSH server was known by.
HostKeys renew_files(const std::filesystem::path& root, std::string_view identity);

/// The identity that keep_identity() left below `root`; "" if there is none to be read.
std::string kept_identity(const std::filesystem::path& root);
/// In var/lib/paddock/identity, whole or not at all; for root alone. Says nothing if it cannot.
void keep_identity(const std::filesystem::path& root, std::string_view identity);

enum class Address { kept, changed };

/// Makes the first network interface have this MAC and IPv4 address, with the prefix and the
/// default route that it had. What is right already is left alone. `mac` "": nothing is done.
Address take_address(const std::string& mac, const std::string& ip);

} // namespace guest
