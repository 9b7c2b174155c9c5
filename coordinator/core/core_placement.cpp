// Where what is new may go.
#include "coordinator/core/pooling.hpp"

#include "common/log/log.hpp"

#include <algorithm>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

Result<> Core::place(Sandbox& sandbox,
                     const Image& image,
                     const std::optional<common::HostName>& host,
                     const std::map<common::HostName, std::string>& refused) const
{
    const scheduler::Demand demand{sandbox.vcpus, sandbox.memory, host, refused};
    const auto verdict = scheduler::place(fleet_.view(image), demand);
    if (!verdict.host) {
        std::string details;
        for (const auto& one : verdict.rejected) {
            details += (details.empty() ? "" : "\n") + one.host.str() + ": " + one.why;
        }
        return Error{ErrorCode::resource_exhausted,
                     "create a sandbox: no host can take it",
                     "no_capacity",
                     {},
                     details.empty() ? "no host has connected yet" : details};
    }
    sandbox.host = *verdict.host;
    sandbox.overhead = fleet_.hosts().at(sandbox.host).host.facts.overhead;
    return {};
}

Result<Placement> Core::explain(const Caller& caller, CreateRequest request)
{
    return ask<Placement>(
        settings_.grace,
        [this, caller, request = std::move(request)](const Reply<Placement>& reply) {
            const auto image = fleet_.image(common::ImageName{request.source}, caller.tenant);
            if (!image) {
                return reply(Error{ErrorCode::not_found,
                                   "explain a placement: no host has an image named " +
                                       request.source + "; GET /v1/images lists them",
                                   "unknown_image"});
            }
            const auto sandbox = draft(caller, request, *image);
            if (!sandbox) {
                return reply(sandbox.error());
            }
            auto verdict = scheduler::place(fleet_.view(*image),
                                            {sandbox->vcpus, sandbox->memory, request.host, {}});
            Placement placement{std::move(verdict.host), {}};
            for (const auto& [name, known] : fleet_.hosts()) {
                placement.hosts.push_back({name, ""});
            }
            for (auto& rejected : verdict.rejected) {
                std::ranges::find(placement.hosts, rejected.host, &Placement::OnHost::name)
                    ->why_not = std::move(rejected.why);
            }
            reply(std::move(placement));
        });
}

/// It holds from here on, unless it certainly is not recorded.
Result<> Core::cordon(const Caller& caller, const common::HostName& name, bool cordoned)
{
    const std::string attempt = (cordoned ? "cordon host " : "uncordon host ") + name.str();
    return ask<void>(
        settings_.grace, [this, caller, name, cordoned, attempt](const Reply<void>& reply) {
            auto* known = fleet_.host(name);
            if (known == nullptr) {
                return reply(Error{ErrorCode::not_found, "no host " + name.str()});
            }
            known->host.cordoned = cordoned;
            const auto number = ++known->cordon_changes;
            AuditRow intent{AuditRow::Kind::intent,
                            cordoned ? "host.cordon" : "host.uncordon",
                            caller,
                            common::mint<common::OperationId>(),
                            name.str(),
                            name.str(),
                            "",
                            "{}"};
            auto outcome = intent;
            outcome.kind = AuditRow::Kind::outcome;
            outcome.result = "ok";
            save({known->host, std::move(intent), std::move(outcome)},
                 [this, name, cordoned, number, attempt, reply](const Result<>& saved) {
                     auto& now = *fleet_.host(name);
                     if (saved) {
                         now.cordon_recorded = cordoned;
                         spdlog::info("{}: done", attempt);
                         return reply(Result<>{});
                     }
                     const bool is_latest = number == now.cordon_changes;
                     if (is_latest && saved.error().code != ErrorCode::timeout) {
                         now.host.cordoned = now.cordon_recorded;
                         // What was written of it meanwhile may say otherwise.
                         save_outcome({now.host}, [](const Result<>&) {});
                     }
                     reply(not_recorded(attempt, saved.error()));
                 });
        });
}

} // namespace coordinator
