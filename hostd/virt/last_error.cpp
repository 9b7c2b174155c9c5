#include "hostd/virt/last_error.hpp"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <libvirt/virterror.h>

namespace hostd::virt {

using common::Error;
using common::ErrorCode;

namespace {

ErrorCode code_of(const virError& error, std::initializer_list<Meaning> meanings)
{
    if (const auto* found = std::ranges::find(meanings, error.code, &Meaning::first);
        found != meanings.end()) {
        return found->second;
    }
    switch (error.code) {
    case VIR_ERR_OPERATION_INVALID: return ErrorCode::failed_precondition;
    case VIR_ERR_OPERATION_TIMEOUT: return ErrorCode::timeout;
    case VIR_ERR_NO_CONNECT:
    case VIR_ERR_RPC:
    case VIR_ERR_INVALID_CONN: return ErrorCode::unavailable;
    // A daemon that dies under a call is reported as a system error of the socket.
    case VIR_ERR_SYSTEM_ERROR:
        return error.domain == VIR_FROM_RPC || error.int1 == EPIPE || error.int1 == ECONNRESET ||
                       error.int1 == ECONNREFUSED
                   ? ErrorCode::unavailable
                   : ErrorCode::internal;
    case VIR_ERR_INTERNAL_ERROR:
        return error.domain == VIR_FROM_RPC ? ErrorCode::unavailable : ErrorCode::internal;
    case VIR_ERR_NO_MEMORY: return ErrorCode::resource_exhausted;
    default: return ErrorCode::internal;
    }
}

} // namespace

Error last_error(std::initializer_list<Meaning> meanings)
{
    const virError* error = virGetLastError();
    if (error == nullptr) {
        return {ErrorCode::internal, "libvirt failed without saying why"};
    }
    return {code_of(*error, meanings),
            fmt::format("libvirt error {}/{}: {}",
                        error->code,
                        error->domain,
                        error->message != nullptr ? error->message : "no message")};
}

void silence_libvirt()
{
    virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});
}

} // namespace hostd::virt
