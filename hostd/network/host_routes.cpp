#include "hostd/network/host_routes.hpp"

#include "common/process/process.hpp"
#include "hostd/network/network_xml.hpp"

#include <nlohmann/json.hpp>
#include <sstream>

namespace hostd::network {

using common::Error;
using common::ErrorCode;
using common::Result;
using Json = nlohmann::json;

namespace {

bool is_ours(const std::string& device)
{
    return device == nat_network.bridge || device == isolated_network.bridge;
}

Result<Json> parse_array(std::string_view text)
{
    auto json = Json::parse(text, nullptr, false);
    if (!json.is_array()) {
        return Error{ErrorCode::internal, "`ip -j` printed something that is no JSON array"};
    }
    return json;
}

std::string text_at(const Json& object, const char* key)
{
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

Result<std::string> ip(std::vector<std::string> arguments)
{
    common::process::Command command;
    command.argv = {"ip", "-j", "-4"};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    command.timeout = std::chrono::seconds{10};
    return common::process::run_checked(command);
}

} // namespace

Result<std::vector<Subnet>> parse_routes(std::string_view json)
{
    COMMON_TRY(const auto routes, parse_array(json));
    std::vector<Subnet> networks;
    for (const auto& route : routes) {
        if (!route.is_object() || is_ours(text_at(route, "dev"))) {
            continue;
        }
        // "default" does not parse, and need not.
        if (const auto subnet = parse_subnet(text_at(route, "dst"))) {
            networks.push_back(*subnet);
        }
    }
    return networks;
}

Result<std::vector<Subnet>> parse_own(std::string_view json)
{
    COMMON_TRY(const auto interfaces, parse_array(json));
    std::vector<Subnet> networks;
    for (const auto& interface : interfaces) {
        if (!interface.is_object() || is_ours(text_at(interface, "ifname"))) {
            continue;
        }
        const auto addresses = interface.value("addr_info", Json::array());
        for (const auto& address : addresses) {
            const auto prefix = address.value("prefixlen", 32U);
            if (const auto subnet =
                    parse_subnet(text_at(address, "local") + "/" + std::to_string(prefix))) {
                networks.push_back(*subnet);
            }
        }
    }
    return networks;
}

Result<std::vector<Subnet>> routed_networks()
{
    COMMON_TRY(const auto json, ip({"route", "show", "table", "all"}));
    return parse_routes(json);
}

Result<std::vector<Subnet>> own_networks()
{
    COMMON_TRY(const auto json, ip({"addr"}));
    return parse_own(json);
}

bool arp_knows(std::string_view table,
               std::string_view address,
               std::string_view mac,
               std::string_view device)
{
    // IP address, HW type, Flags, HW address, Mask, Device; the first line is the header.
    std::istringstream lines{std::string{table}};
    std::string line;
    while (std::getline(lines, line)) {
        std::istringstream words{line};
        std::string ip_word;
        std::string type;
        std::string flags;
        std::string hardware;
        std::string mask;
        std::string interface;
        words >> ip_word >> type >> flags >> hardware >> mask >> interface;
        // 0x0: asked for and not answered.
        if (ip_word == address && flags != "0x0" && hardware == mac && interface == device) {
            return true;
        }
    }
    return false;
}

} // namespace hostd::network
