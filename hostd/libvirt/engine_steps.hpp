#pragma once

#include "common/result.hpp"
#include "hostd/core/state_engine.hpp"
#include "hostd/libvirt/connections.hpp"
#include "hostd/libvirt/definitions.hpp"
#include "hostd/libvirt/our_domains.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace hostd::libvirt {

// What the engines have in common.

enum class Life { running, paused };

/// A guest that is to be captured.
struct LiveGuest {
    virConnectPtr connection;
    virDomainPtr domain;
    Life life;
};
using CaptureLive = std::function<common::Result<>(const LiveGuest&, Captured&)>;

/// StateEngine::capture(), by `live` for all but stopped guests.
Captured
capture_by(ConnectionPool& connections, const CaptureRequest& request, const CaptureLive& live);

/// What is to be defined, of what was captured.
common::Result<std::string>
definition_of(const LoadRequest& request, std::string_view captured, const std::string& uuid);

/// The incarnation that another is to be loaded in place of.
common::Result<Domain> find_replaced(virConnectPtr connection, const LoadRequest& request);

/// take_back(), also when libvirtd went away meanwhile. `error` is why it is done, with the reason
/// left_behind if it could not be.
common::Error taken_back(ConnectionPool& connections,
                         const std::string& name,
                         const std::optional<Stopped>& before,
                         common::Error error);

/// What has to be done, also when libvirtd went away meanwhile: it is given half a minute to come
/// back.
common::Result<> insist(ConnectionPool& connections,
                        const std::function<common::Result<>(virConnectPtr)>& attempt);

/// A guest that was paused for us goes on.
void let_go_on(ConnectionPool& connections, const std::string& domain_name);

/// Calls `load` while `old` is paused; if that fails, `old` goes on as it was. Both live at one
/// time then: `invalid_argument` if they share a tap, a log or a socket.
common::Result<> load_beside(ConnectionPool& connections,
                             virDomainPtr old,
                             const DomainRecord& next,
                             const std::function<common::Result<>()>& load);

} // namespace hostd::libvirt
