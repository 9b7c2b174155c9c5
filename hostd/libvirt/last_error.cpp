#include "hostd/libvirt/last_error.hpp"

#include "hostd/virt/last_error.hpp"

#include <libvirt/virterror.h>

namespace hostd::libvirt {

using common::ErrorCode;

common::Error last_error()
{
    return virt::last_error({{VIR_ERR_NO_DOMAIN, ErrorCode::not_found},
                             {VIR_ERR_DOM_EXIST, ErrorCode::already_exists},
                             {VIR_ERR_AGENT_UNRESPONSIVE, ErrorCode::unavailable},
                             {VIR_ERR_XML_ERROR, ErrorCode::invalid_argument},
                             {VIR_ERR_XML_DETAIL, ErrorCode::invalid_argument},
                             {VIR_ERR_XML_INVALID_SCHEMA, ErrorCode::invalid_argument}});
}

} // namespace hostd::libvirt
