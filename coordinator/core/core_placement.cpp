// Where what is new may go.
#include "coordinator/core/draining.hpp"
#include "coordinator/core/evacuating.hpp"
#include "coordinator/core/pooling.hpp"
#include "coordinator/core/registry.hpp"

#include "common/log/log.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

/// With a value it is there, without one it is not.
void change(Labels& labels, const std::map<std::string, std::optional<std::string>>& changes)
{
    for (const auto& [label, value] : changes) {
        if (value) {
            labels[label] = *value;
        } else {
            labels.erase(label);
        }
    }
}

HostWish changed(HostWish wish, const HostChange& change, common::WallTime now)
{
    wish.cordoned = change.cordoned.value_or(wish.cordoned);
    if (change.cordoned && !*change.cordoned) {
        wish.drain.reset();
        wish.evacuation.reset();
    }
    if (change.evacuation) {
        wish.cordoned = true;
        wish.evacuation = Evacuation{now, change.evacuation->powered_off};
    }
    if (change.drain) {
        wish.cordoned = true;
        wish.drain = Drain{now, now + *change.drain};
    }
    coordinator::change(wish.labels, change.labels);
    coordinator::change(wish.taints, change.taints);
    return wish;
}

/// As `paddock hosts label` and `taint` take them: "gpu=a100 rack-".
std::string shown(const std::map<std::string, std::optional<std::string>>& changes)
{
    std::string text;
    for (const auto& [label, value] : changes) {
        text += (text.empty() ? "" : " ") + label + (value ? "=" + *value : "-");
    }
    return text;
}

std::string change_detail(const HostChange& change)
{
    if (change.evacuation) {
        return detail_of({{"powered_off", change.evacuation->powered_off ? "yes" : "no"}});
    }
    if (change.drain) {
        return detail_of({{"deadline_sec", std::to_string(change.drain->count())}});
    }
    std::vector<std::pair<std::string_view, std::string>> detail;
    if (!change.labels.empty()) {
        detail.emplace_back("labels", shown(change.labels));
    }
    if (!change.taints.empty()) {
        detail.emplace_back("taints", shown(change.taints));
    }
    return detail_of(detail);
}

} // namespace

scheduler::Demand Core::demand_of(const Sandbox& sandbox,
                                  const std::optional<common::HostName>& only,
                                  const std::map<common::HostName, std::string>& refused) const
{
    return {sandbox.vcpus, sandbox.memory, sandbox.wants, only, refused, settings_.oldest_hostd};
}

Result<> Core::place(Sandbox& sandbox,
                     const Image& image,
                     const std::optional<common::HostName>& only,
                     const std::map<common::HostName, std::string>& refused)
{
    const auto demand = demand_of(sandbox, only, refused);
    const auto* warm = pooling_->sources_of(sandbox);
    const auto view = fleet_.view(image, sandbox, warm);
    auto host = scheduler::place(view, demand, settings_.placement, ++counts_.placements);
    if (host || !registry_->is_fetched_on_request(image)) { // Else it is not over with that.
        ++counts_.verdicts[host ? "placed" : "no_capacity"];
    }
    if (!host) {
        return Error{ErrorCode::resource_exhausted,
                     "create a sandbox: no host can take it",
                     "no_capacity",
                     {},
                     scheduler::told(scheduler::assess(view, demand, settings_.placement))};
    }
    sandbox.overhead = fleet_.hosts().at(*host).host.facts.overhead;
    sandbox.host = *std::move(host);
    return {};
}

/// Who is blocked until it is made does not wait for a host that too many wait for already.
Result<> Core::place_for(const CreateRequest& request, Sandbox& sandbox, const Image& image)
{
    const auto full = request.placed ? callers_.full() : Callers::Full{};
    auto placed = place(sandbox, image, request.host, full);
    if (placed) {
        return placed;
    }
    const auto view = fleet_.view(image, sandbox, pooling_->sources_of(sandbox));
    const auto demand = demand_of(sandbox, request.host);
    if (registry_->is_fetched_on_request(image)) { // What keeps them from fetching it, too.
        auto error = std::move(placed).error();
        error.details = scheduler::told(
            scheduler::assess(registry_->with_fetching(view, image), demand, settings_.placement));
        placed = std::move(error);
    }
    if (full.empty()) {
        return placed;
    }
    if (!scheduler::place(view, demand, settings_.placement, counts_.placements)) {
        return placed;
    }
    return Error{ErrorCode::rate_limited,
                 "create a sandbox: as many requests as may wait already for each host that could "
                 "take it; http_threads bounds them; nothing was done",
                 "host_busy",
                 {},
                 placed.error().details};
}

Result<Placement> Core::explain(const Caller& caller, CreateRequest request)
{
    return ask<Placement>(
        settings_.grace,
        [this, caller, request = std::move(request)](const Reply<Placement>& reply) {
            const common::ImageName name{request.source};
            auto image = fleet_.image(name, caller.tenant);
            if (!image) {
                image = registry_->fetchable(name, caller.tenant);
            }
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
            const auto demand = demand_of(*sandbox, request.host);
            const auto* warm = pooling_->sources_of(*sandbox);
            const auto view = registry_->with_fetching(fleet_.view(*image, *sandbox, warm), *image);
            Placement placement{
                scheduler::place(view, demand, settings_.placement, counts_.placements + 1), {}};
            for (auto& one : scheduler::assess(view, demand, settings_.placement)) {
                placement.hosts.push_back(
                    {std::move(one.host), std::move(one.why_not), one.scores});
            }
            reply(std::move(placement));
        });
}

/// It holds from here on, unless it certainly is not recorded.
Result<> Core::change_host(const Caller& caller, const common::HostName& name, HostChange change)
{
    const auto* const step = change.evacuation                                 ? "evacuate"
                             : change.drain                                    ? "drain"
                             : change.cordoned && *change.cordoned             ? "cordon"
                             : change.cordoned                                 ? "uncordon"
                             : !change.taints.empty() && change.labels.empty() ? "taint"
                                                                               : "label";
    const auto attempt = fmt::format("{} host {}", step, name.str());
    AuditRow intent{AuditRow::Kind::intent,
                    fmt::format("host.{}", step),
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
            if (const auto may = change.evacuation ? evacuating_->may_begin(
                                                         *known, change.evacuation->powered_off)
                                                   : Result<>{};
                !may) {
                return reply(may.error());
            }
            auto wish = changed(known->host.wish, change, clock_.wall());
            for (const auto& [labels, what] :
                 {std::pair{&wish.labels, "labels"}, std::pair{&wish.taints, "taints"}}) {
                if (labels->size() > most_labels) {
                    return reply(Error{ErrorCode::failed_precondition,
                                       fmt::format("{}: it would have {} {}; {} are the most",
                                                   attempt,
                                                   labels->size(),
                                                   what,
                                                   most_labels),
                                       std::string{"too_many_"} + what});
                }
            }
            const bool renewed = known->host.wish.drain != wish.drain;
            const bool evacuated = known->host.wish.evacuation != wish.evacuation;
            known->host.wish = wish;
            registry_->labels_changed(known->host);
            if (renewed) {
                draining_->changed(name);
            }
            if (evacuated) {
                evacuating_->changed(name);
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
                         registry_->labels_changed(now.host);
                         // What was written of it meanwhile may say otherwise.
                         save_outcome({now.host}, [](const Result<>&) {});
                     }
                     reply(not_recorded(attempt, saved.error()));
                 });
        });
}

} // namespace coordinator
