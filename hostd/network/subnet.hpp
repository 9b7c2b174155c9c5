#pragma once

#include "common/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hostd::network {

/// An IPv4 address in host byte order.
using Address = std::uint32_t;

/// Strict dotted quad: no leading zeros, nothing around it.
std::optional<Address> parse_address(std::string_view text) noexcept;
std::string to_string(Address address);

/// An IPv4 network. The bits below the prefix are zero.
struct Subnet {
    Address base = 0;
    unsigned prefix = 32;

    [[nodiscard]] Address mask() const noexcept
    {
        return prefix == 0 ? 0 : ~Address{0} << (32U - prefix);
    }
    [[nodiscard]] Address last() const noexcept { return base | ~mask(); }
    [[nodiscard]] bool contains(Address address) const noexcept
    {
        return (address & mask()) == base;
    }
    [[nodiscard]] bool overlaps(const Subnet& other) const noexcept
    {
        return contains(other.base) || other.contains(base);
    }
    /// The bridge's own address; guests get those after it up to the broadcast address.
    [[nodiscard]] Address gateway() const noexcept { return base + 1; }
    [[nodiscard]] Address first_guest() const noexcept { return base + 2; }
    [[nodiscard]] Address last_guest() const noexcept { return last() - 1; }

    friend bool operator==(const Subnet&, const Subnet&) = default;
};

/// "10.0.0.0/8", or an address alone as its /32. Bits below the prefix are cut off.
std::optional<Subnet> parse_subnet(std::string_view text) noexcept;
std::string to_string(const Subnet& subnet);

/// What a guest network may be: private (RFC 1918, or 100.64/10) and /16 to /28.
common::Result<Subnet> parse_guest_subnet(std::string_view cidr);

/// The first /20 of 10.64.0.0/10, 172.16.0.0/12, 192.168.0.0/16 that touches nothing of
/// `taken`. `failed_precondition` (reason no_free_subnet) if there is none. Networks larger
/// than a /8 in `taken` are default routes by another name and do not count. Pure.
common::Result<Subnet> choose_subnet(const std::vector<Subnet>& taken);

} // namespace hostd::network
