// Where what is new may go.
#include "coordinator/core/draining.hpp"
#include "coordinator/core/pooling.hpp"

#include "common/log/log.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

HostWish changed(HostWish wish, const HostChange& change, common::WallTime now)
{
    wish.cordoned = change.cordoned.value_or(wish.cordoned);
    if (change.cordoned && !*change.cordoned) {
        wish.drain.reset();
    }
    if (change.drain) {
        wish.cordoned = true;
        wish.drain = Drain{now, now + *change.drain};
    }
    for (const auto& [label, value] : change.labels) {
        if (value) {
            wish.labels[label] = *value;
        } else {
            wish.labels.erase(label);
        }
    }
    return wish;
}

/// Labels as `paddock hosts label` takes them: "gpu=a100 rack-".
std::string change_detail(const HostChange& change)
{
    if (change.drain) {
        return detail_of({{"deadline_sec", std::to_string(change.drain->count())}});
    }
    std::string labels;
    for (const auto& [label, value] : change.labels) {
        labels += (labels.empty() ? "" : " ") + label + (value ? "=" + *value : "-");
    }
    return labels.empty() ? "{}" : detail_of({{"labels", labels}});
}

} // namespace

Result<> Core::place(Sandbox& sandbox,
                     const Image& image,
                     const scheduler::Where& where,
                     const std::map<common::HostName, std::string>& refused) const
{
    const scheduler::Demand demand{sandbox.vcpus, sandbox.memory, where, refused};
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
                                            {sandbox->vcpus, sandbox->memory, request.where, {}});
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
Result<> Core::change_host(const Caller& caller, const common::HostName& name, HostChange change)
{
    const auto* const what = change.drain       ? "drain"
                             : !change.cordoned ? "label"
                             : *change.cordoned ? "cordon"
                                                : "uncordon";
    const auto attempt = fmt::format("{} host {}", what, name.str());
    AuditRow intent{AuditRow::Kind::intent,
                    fmt::format("host.{}", what),
                    caller,
                    common::mint<common::OperationId>(),
                    name.str(),
                    name.str(),
                    "",
                    change_detail(change)};
    return ask<void>(
        settings_.grace,
        [this, name, change = std::move(change), attempt, intent](const Reply<void>& reply) {
            auto* known = fleet_.host(name);
            if (known == nullptr) {
                return reply(Error{ErrorCode::not_found, "no host " + name.str()});
            }
            auto wish = changed(known->host.wish, change, clock_.wall());
            if (wish.labels.size() > most_labels) {
                return reply(Error{ErrorCode::failed_precondition,
                                   fmt::format("{}: it would have {} labels; {} are the most",
                                               attempt,
                                               wish.labels.size(),
                                               most_labels),
                                   "too_many_labels"});
            }
            const bool renewed = known->host.wish.drain != wish.drain;
            known->host.wish = wish;
            if (renewed) {
                draining_->changed(name);
            }
            const auto number = ++known->wish_changes;
            auto outcome = intent;
            outcome.kind = AuditRow::Kind::outcome;
            outcome.result = "ok";
            save({known->host, intent, std::move(outcome)},
                 [this, name, wish = std::move(wish), number, attempt, reply](
                     const Result<>& saved) {
                     auto& now = *fleet_.host(name);
                     if (saved) {
                         now.wish_recorded = wish;
                         spdlog::info("{}: done", attempt);
                         return reply(Result<>{});
                     }
                     const bool is_latest = number == now.wish_changes;
                     if (is_latest && saved.error().code != ErrorCode::timeout) {
                         now.host.wish = now.wish_recorded;
                         // What was written of it meanwhile may say otherwise.
                         save_outcome({now.host}, [](const Result<>&) {});
                     }
                     reply(not_recorded(attempt, saved.error()));
                 });
        });
}

} // namespace coordinator
