#include "hostd/network/libvirt_calls.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <libvirt/virterror.h>
#include <span>

namespace hostd::network {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

// Three unanswered pings, three seconds apart: then the daemon counts as gone.
constexpr int keepalive_seconds = 3;
constexpr unsigned keepalive_count = 3;

ErrorCode code_of(const virError& error)
{
    switch (error.code) {
    case VIR_ERR_NO_NETWORK: return ErrorCode::not_found;
    case VIR_ERR_NETWORK_EXIST: return ErrorCode::already_exists;
    case VIR_ERR_OPERATION_INVALID: return ErrorCode::failed_precondition;
    case VIR_ERR_NO_CONNECT:
    case VIR_ERR_RPC:
    case VIR_ERR_INVALID_CONN: return ErrorCode::unavailable;
    // A daemon that dies under a call is reported as an error of the socket.
    case VIR_ERR_SYSTEM_ERROR:
    case VIR_ERR_INTERNAL_ERROR:
        return error.domain == VIR_FROM_RPC ? ErrorCode::unavailable : ErrorCode::internal;
    default: return ErrorCode::internal;
    }
}

} // namespace

Error last_error()
{
    const virError* error = virGetLastError();
    if (error == nullptr) {
        return {ErrorCode::internal, "libvirt failed without saying why"};
    }
    return {code_of(*error),
            fmt::format("libvirt error {}/{}: {}",
                        error->code,
                        error->domain,
                        error->message != nullptr ? error->message : "no message")};
}

Result<SharedConnection> Connector::get()
{
    const common::MutexLock lock{mutex_};
    if (connection_ && virConnectIsAlive(connection_.get()) == 1) {
        return connection_;
    }
    connection_.reset();
    auto* opened = virConnectOpen(uri_.c_str());
    if (opened == nullptr) {
        auto error = last_error().during("connect to " + uri_);
        error.code = ErrorCode::unavailable;
        error.reason = "libvirt_unavailable";
        return error;
    }
    connection_ = SharedConnection{
        opened, [](virConnectPtr connection) { static_cast<void>(virConnectClose(connection)); }};
    // Without an event loop in the process there is no keepalive; a broken socket still shows.
    static_cast<void>(virConnectSetKeepAlive(opened, keepalive_seconds, keepalive_count));
    return connection_;
}

Result<NetworkHandle> find_network(virConnectPtr connection, std::string_view name)
{
    NetworkHandle network{virNetworkLookupByName(connection, std::string{name}.c_str())};
    if (!network) {
        return last_error().during(fmt::format("look up network {}", name));
    }
    return network;
}

Result<NetworkFacts> facts_of(virNetworkPtr network)
{
    const std::unique_ptr<char, decltype([](char* text) { std::free(text); })> xml{
        virNetworkGetXMLDesc(network, 0)};
    if (!xml) {
        return last_error().during("describe a network");
    }
    return parse_network(xml.get());
}

Result<std::vector<DhcpLease>> dhcp_leases(virNetworkPtr network, const std::string& mac)
{
    virNetworkDHCPLeasePtr* raw = nullptr;
    const int count =
        virNetworkGetDHCPLeases(network, mac.empty() ? nullptr : mac.c_str(), &raw, 0);
    if (count < 0 && virGetLastErrorCode() == VIR_ERR_NO_SUPPORT) {
        return std::vector<DhcpLease>{}; // This driver gives out none.
    }
    if (count < 0) {
        return last_error().during("read DHCP leases");
    }
    std::vector<DhcpLease> leases;
    for (auto* lease : std::span{raw, static_cast<std::size_t>(count)}) {
        if (lease->type == VIR_IP_ADDR_TYPE_IPV4 && lease->mac != nullptr &&
            lease->ipaddr != nullptr) {
            leases.push_back({lease->mac, lease->ipaddr});
        }
        virNetworkDHCPLeaseFree(lease);
    }
    std::free(raw);
    return leases;
}

} // namespace hostd::network
