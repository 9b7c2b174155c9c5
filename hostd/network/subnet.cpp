#include "hostd/network/subnet.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>

namespace hostd::network {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

constexpr unsigned chosen_prefix = 20; // 4093 guests: more than any host holds.
constexpr unsigned smallest_taken_prefix = 8;

std::optional<unsigned> parse_number(std::string_view text, unsigned maximum) noexcept
{
    unsigned value = 0;
    const auto* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (text.empty() || error != std::errc{} || stop != end || value > maximum ||
        (text.size() > 1 && text.front() == '0')) {
        return std::nullopt;
    }
    return value;
}

} // namespace

std::optional<Address> parse_address(std::string_view text) noexcept
{
    Address address = 0;
    for (unsigned part = 0; part < 4; ++part) {
        const auto dot = part < 3 ? text.find('.') : text.size();
        if (dot == std::string_view::npos) {
            return std::nullopt;
        }
        const auto number = parse_number(text.substr(0, dot), 255);
        if (!number) {
            return std::nullopt;
        }
        address = (address << 8U) | *number;
        text.remove_prefix(part < 3 ? dot + 1 : dot);
    }
    return address;
}

std::string to_string(Address address)
{
    return fmt::format("{}.{}.{}.{}",
                       address >> 24U,
                       (address >> 16U) & 255U,
                       (address >> 8U) & 255U,
                       address & 255U);
}

std::optional<Subnet> parse_subnet(std::string_view text) noexcept
{
    const auto slash = text.find('/');
    const auto address = parse_address(text.substr(0, slash));
    const auto prefix = slash == std::string_view::npos ? std::optional{32U}
                                                        : parse_number(text.substr(slash + 1), 32);
    if (!address || !prefix) {
        return std::nullopt;
    }
    Subnet subnet{0, *prefix};
    subnet.base = *address & subnet.mask();
    return subnet;
}

std::string to_string(const Subnet& subnet)
{
    return fmt::format("{}/{}", to_string(subnet.base), subnet.prefix);
}

Result<Subnet> parse_guest_subnet(std::string_view cidr)
{
    const auto subnet = parse_subnet(cidr);
    constexpr std::array<Subnet, 4> allowed{{{0x0A000000, 8},    // 10.0.0.0/8
                                             {0xAC100000, 12},   // 172.16.0.0/12
                                             {0xC0A80000, 16},   // 192.168.0.0/16
                                             {0x64400000, 10}}}; // 100.64.0.0/10
    const auto in = [&](const Subnet& range) { return range.contains(subnet->base); };
    if (!subnet || subnet->prefix < 16 || subnet->prefix > 28 ||
        std::ranges::none_of(allowed, in)) {
        return Error{ErrorCode::invalid_argument,
                     fmt::format("'{}' is no private IPv4 network of /16 to /28, such as "
                                 "10.64.0.0/20",
                                 cidr),
                     "bad_network_cidr"};
    }
    return *subnet;
}

Result<Subnet> choose_subnet(const std::vector<Subnet>& taken)
{
    constexpr std::array<Subnet, 3> ranges{{{0x0A400000, 10}, {0xAC100000, 12}, {0xC0A80000, 16}}};
    for (const auto& range : ranges) {
        constexpr std::uint64_t step = std::uint64_t{1} << (32U - chosen_prefix);
        for (std::uint64_t base = range.base; base < range.last(); base += step) {
            const Subnet candidate{static_cast<Address>(base), chosen_prefix};
            const auto clashes = [&](const Subnet& other) {
                return other.prefix >= smallest_taken_prefix && other.overlaps(candidate);
            };
            if (std::ranges::none_of(taken, clashes)) {
                return candidate;
            }
        }
    }
    return Error{ErrorCode::failed_precondition,
                 "every private network is routed on this host; name one for the guests in "
                 "network_cidr",
                 "no_free_subnet"};
}

} // namespace hostd::network
