#pragma once

#include "common/result.hpp"
#include "coordinator/http/options.hpp"
#include "coordinator/http/wire/head.hpp"

#include <string>

namespace coordinator::http {

/// Refuses what a browser was tricked into sending: a Host that is not ours (DNS
/// rebinding) or a foreign Origin. `permission_denied` with reason host_not_allowed or
/// origin_not_allowed. Plain addresses are ours as Host, because rebinding needs a name.
common::Result<> check_origin(const Options& options, const Head& head);

/// The actor behind "Authorization: Bearer" or "X-API-Key": "token:<name>", or
/// "anonymous" where no authentication is configured. `permission_denied` with
/// reason unauthenticated otherwise; never says which part was wrong.
common::Result<std::string> authenticate(const Options& options, const Head& head);

/// Likewise, and the token may be the password of HTTP Basic, under any name: what a person who
/// opens a page can give. Only for what changes nothing: a browser sends it along by itself.
common::Result<std::string> authenticate_browser(const Options& options, const Head& head);

} // namespace coordinator::http
