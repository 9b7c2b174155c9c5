// What operators' monitoring is told.
#include "common/version.hpp"
#include "coordinator/core/figures.hpp"
#include "coordinator/core/moving.hpp"
#include "coordinator/core/pooling.hpp"
#include "coordinator/core/replicating.hpp"

namespace coordinator {

namespace {

CoreFigures::OfHost figures_of(const KnownHost& known, const Fleet::Reserved& reserved)
{
    const auto& host = known.host;
    const auto& facts = host.facts;
    return {.name = host.name.str(),
            .up = host.health == HostHealth::ready || host.health == HostHealth::suspect,
            .open = is_open(host),
            .cordoned = host.wish.cordoned,
            .vcpus = facts.capacity_vcpus,
            .reserved_vcpus = reserved.vcpus,
            .sandboxes = reserved.sandboxes,
            .memory = facts.capacity_memory,
            .reserved_memory = reserved.memory,
            .available_memory = facts.memory_available,
            .disk = facts.disk,
            .free_disk = facts.disk_free,
            .load1 = facts.load1,
            .warnings = facts.warnings.size()};
}

} // namespace

CoreFigures Core::figures(common::SteadyTime asked) const
{
    const auto begun = clock_.steady();
    CoreFigures figures;
    figures.counts = counts_;
    figures.phases = fleet_.phases();
    figures.hosts.reserve(fleet_.hosts().size());
    for (const auto& [name, known] : fleet_.hosts()) {
        ++figures.health[std::string{health_of(known.host)}];
        figures.hosts.push_back(figures_of(known, fleet_.reserved_on(name)));
    }
    figures.under_way = pending_.size();
    figures.waiting = watches_.size() + moving_->waiting();
    figures.loop = loop_->waiting();
    figures.link = link_.waiting();
    figures.writes = writing_.under_way.size();
    figures.unsaved = writing_.unsaved.size() + dirty_.size();
    figures.lag = writing_.lag(begun);
    pooling_->add_to(figures);
    replicating_->add_to(figures);
    figures.waited = begun - asked;
    figures.took = clock_.steady() - begun;
    return figures;
}

std::string Core::metrics()
{
    constexpr std::chrono::seconds metrics_limit{10};
    const auto asked = clock_.steady();
    const auto told = ask<CoreFigures>(metrics_limit,
                                       [this, asked](const auto& reply) { reply(figures(asked)); });
    common::metrics::Page page;
    page.gauge("paddock_build_info", "The version that runs.")
        .add(1, {{"version", std::string{common::version}}, {"daemon", "coordinator"}});
    // One that stands by answers nothing itself: who asks it is told by the leader.
    page.gauge("paddock_leader", "Whether this coordinator has the lease.")
        .add(store_.lease().has_value());
    page.gauge("paddock_leader_epoch", "Of the coordinator that answers.").add(store_.epoch());
    page.gauge("paddock_core_up",
               "Whether the core's thread answers; all that it knows is missing else.")
        .add(told.has_value());
    describe(store_.figures(), page);
    if (told) {
        describe(*told, page);
    }
    return page.text();
}

} // namespace coordinator
