#include "hostd/libvirt/last_error.hpp"

#include <cerrno>
#include <fmt/format.h>
#include <libvirt/virterror.h>

namespace hostd::libvirt {

using common::Error;
using common::ErrorCode;

namespace {

ErrorCode code_of(const virError& error)
{
    switch (error.code) {
    case VIR_ERR_NO_DOMAIN: return ErrorCode::not_found;
    case VIR_ERR_DOM_EXIST: return ErrorCode::already_exists;
    case VIR_ERR_OPERATION_INVALID: return ErrorCode::failed_precondition;
    case VIR_ERR_OPERATION_TIMEOUT: return ErrorCode::timeout;
    case VIR_ERR_NO_CONNECT:
    case VIR_ERR_RPC:
    case VIR_ERR_AGENT_UNRESPONSIVE:
    case VIR_ERR_INVALID_CONN: return ErrorCode::unavailable;
    // A daemon that dies under a call is reported as a system error of the socket.
    case VIR_ERR_SYSTEM_ERROR:
        return error.domain == VIR_FROM_RPC || error.int1 == EPIPE || error.int1 == ECONNRESET ||
                       error.int1 == ECONNREFUSED
                   ? ErrorCode::unavailable
                   : ErrorCode::internal;
    case VIR_ERR_INTERNAL_ERROR:
        return error.domain == VIR_FROM_RPC ? ErrorCode::unavailable : ErrorCode::internal;
    case VIR_ERR_XML_ERROR:
    case VIR_ERR_XML_DETAIL:
    case VIR_ERR_XML_INVALID_SCHEMA: return ErrorCode::invalid_argument;
    case VIR_ERR_NO_MEMORY: return ErrorCode::resource_exhausted;
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

void silence_libvirt()
{
    virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});
}

} // namespace hostd::libvirt
