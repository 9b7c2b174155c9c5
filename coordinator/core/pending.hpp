#pragma once

#include "coordinator/core/hosts.hpp"
#include "coordinator/core/service.hpp"

#include <functional>
#include <map>
#include <memory>

namespace coordinator {

/// Something a host was asked for, or will be as soon as its intent is durable, from
/// there to its outcome. The core thread's own.
struct Pending {
    enum class Kind { create, start, pause, stop, destroy, run, list_vms };
    using SandboxDone = std::function<void(common::Result<Sandbox>)>;
    using CommandDone = std::function<void(common::Result<Command>)>;
    using VmsDone = std::function<void(common::Result<std::vector<ForeignVm>>)>;

    Kind kind = Kind::list_vms;
    Operation row;
    Caller caller;
    common::HostName host;
    HostCommand command;
    bool durable = false;    ///< Its intent is.
    bool dispatched = false; ///< It is durable, and was sent to `host` at least once.
    common::SteadyTime begun;
    common::SteadyTime sent;

    std::vector<SandboxDone> waiting;                ///< Of all but run and list_vms.
    std::map<common::HostName, std::string> refused; ///< Hosts that were asked, and what they said.
    bool may_move = false;                           ///< Of create: another host will do.

    // Of run.
    Command record;
    CommandDone ran;
    common::SteadyTime give_up; ///< No more patience with "not now".
    std::chrono::microseconds stored{0};

    VmsDone listed;
};
using Op = std::shared_ptr<Pending>;

std::string_view to_string(Pending::Kind kind) noexcept; ///< "create"

/// What a failed write means for whoever asked: it was not done, or nobody knows.
common::Error not_recorded(std::string_view attempt, const common::Error& cause);

/// An address was asked for where none can ever be.
common::Error no_network(std::string_view attempt);

/// A small JSON object of texts, for the audit's detail.
std::string detail_of(const std::vector<std::pair<std::string_view, std::string>>& fields);

} // namespace coordinator
