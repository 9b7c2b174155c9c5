// The names, types and words of what the core and its store tell Prometheus.
#include "coordinator/core/figures.hpp"

namespace coordinator {

using common::ErrorCode;
namespace metrics = common::metrics;

namespace {

/// As HostEvent has them.
constexpr std::array<const char*, std::variant_size_v<HostEvent>> message_kinds{"hello",
                                                                                "heartbeat",
                                                                                "inventory",
                                                                                "status",
                                                                                "answer",
                                                                                "activity",
                                                                                "output",
                                                                                "piece_wanted",
                                                                                "piece",
                                                                                "displaced"};

std::uint64_t count(const common::Bytes& bytes)
{
    return bytes.count();
}

/// Whether a create that ended so tells of trouble in the fleet, or of what was asked for.
bool is_refusal(ErrorCode code)
{
    return code == ErrorCode::invalid_argument || code == ErrorCode::not_found ||
           code == ErrorCode::already_exists || code == ErrorCode::failed_precondition ||
           code == ErrorCode::unimplemented;
}

void describe_work(const CoreFigures& figures, metrics::Page& page)
{
    const auto& counts = figures.counts;
    page.counter("paddock_creates_total", "Sandboxes asked for.").add(counts.creates);
    auto results = page.counter("paddock_create_results_total",
                                "What creates came to: ok, refused for what they asked, failed.");
    for (const auto& [result, number] : counts.create_results) {
        results.add(number, {{"result", result.first}, {"reason", result.second}});
    }
    page.histogram("paddock_create_duration_seconds",
                   "Of creates that were made, for their caller.")
        .add(counts.create_times);
    page.counter("paddock_commands_total", "Commands begun.").add(counts.commands);
    page.counter("paddock_image_sent_bytes_total",
                 "Of images, what hosts fetched of the coordinator and not of each other.")
        .add(counts.image_bytes);
    page.histogram("paddock_exec_overhead_seconds",
                   "Of commands that ran to their end: all but what their guest took.")
        .add(counts.exec_overheads);
    page.histogram("paddock_boot_duration_seconds",
                   "A new guest's start to its agent's hello, by its host's word.")
        .add(counts.boots);
    auto ended = page.counter("paddock_operations_total", "Ended, by kind and result.");
    for (const auto& [what, number] : counts.operations) {
        ended.add(number, {{"operation", what.first}, {"result", what.second}});
    }
    auto times = page.histogram("paddock_operation_duration_seconds",
                                "From its beginning here to its host's outcome, by kind.");
    for (const auto& [kind, histogram] : counts.operation_times) {
        times.add(histogram, {{"operation", kind}});
    }
    page.gauge("paddock_operations_under_way", "Asked of hosts and not answered yet.")
        .add(figures.under_way);
    page.gauge("paddock_requests_waiting", "For a sandbox to boot, to move or to take an address.")
        .add(figures.waiting);
    auto verdicts = page.counter("paddock_placements_total", "Placements tried, by verdict.");
    for (const auto& [verdict, number] : counts.verdicts) {
        verdicts.add(number, {{"verdict", verdict}});
    }
    auto messages = page.counter("paddock_host_messages_total", "From hosts, by kind.");
    for (std::size_t i = 0; i < message_kinds.size(); ++i) {
        messages.add(counts.host_messages[i], {{"kind", message_kinds[i]}});
    }
}

void describe_writing(const CoreFigures& figures, metrics::Page& page)
{
    page.counter("paddock_failed_writes_total", "Outcomes that had to be written again.")
        .add(figures.counts.failed_writes);
    page.histogram("paddock_write_duration_seconds",
                   "From a change in memory to its being durable, or given up.")
        .add(figures.counts.writes);
    page.gauge("paddock_writes_under_way", "Changes that wait for the database.")
        .add(figures.writes);
    page.gauge("paddock_unsaved_outcomes", "Outcomes that are to be written again.")
        .add(figures.unsaved);
    page.gauge("paddock_audit_lag_seconds",
               "How long the oldest change, with its row of the audit, has not been durable.")
        .add(figures.lag);
    page.gauge("paddock_core_queue_length", "What waits for the core's thread.").add(figures.loop);
    page.gauge("paddock_link_queue_length", "Messages to hosts that wait for ZeroMQ's thread.")
        .add(figures.link);
    page.gauge("paddock_core_wait_seconds", "How long this scrape waited for the core's thread.")
        .add(figures.waited);
    page.gauge("paddock_core_scrape_seconds", "How much of the core thread's time it took.")
        .add(figures.took);
}

void describe_hosts(const CoreFigures& figures, metrics::Page& page)
{
    auto healths = page.gauge("paddock_hosts", "Hosts by health.");
    for (const auto& [health, number] : figures.health) {
        healths.add(number, {{"health", health}});
    }
    const auto each = [&figures, &page](const char* name, const char* help, auto value) {
        auto family = page.gauge(name, help);
        for (const auto& host : figures.hosts) {
            family.add(value(host), {{"host", host.name}});
        }
    };
    using Host = CoreFigures::OfHost;
    each("paddock_host_up", "Whether it is heard.", [](const Host& host) { return host.up; });
    each("paddock_host_open",
         "Whether what is new may be placed on it, as far as it alone is concerned.",
         [](const Host& host) { return host.open; });
    each("paddock_host_cordoned",
         "Whether an operator keeps it from what is new.",
         [](const Host& host) { return host.cordoned; });
    each("paddock_host_sandboxes", "Sandboxes on record there.", [](const Host& host) {
        return host.sandboxes;
    });
    each("paddock_host_vcpus", "vCPUs for sandboxes.", [](const Host& host) { return host.vcpus; });
    each("paddock_host_reserved_vcpus", "Of these, given to sandboxes.", [](const Host& host) {
        return host.reserved_vcpus;
    });
    each("paddock_host_memory_bytes", "Memory for sandboxes.", [](const Host& host) {
        return count(host.memory);
    });
    each("paddock_host_reserved_memory_bytes",
         "Of this, given to sandboxes, with what each costs beside its own.",
         [](const Host& host) { return count(host.reserved_memory); });
    each("paddock_host_available_memory_bytes",
         "What its kernel says is available.",
         [](const Host& host) { return count(host.available_memory); });
    each("paddock_host_disk_bytes", "Of the file system with its sandboxes.", [](const Host& host) {
        return count(host.disk);
    });
    each("paddock_host_free_disk_bytes", "Of this, free.", [](const Host& host) {
        return count(host.free_disk);
    });
    each("paddock_host_load1", "Its load of one minute.", [](const Host& host) {
        return host.load1;
    });
    each("paddock_host_warnings",
         "What it warns of; GET /v1/hosts has the words.",
         [](const Host& host) { return host.warnings; });
}

void describe_pools(const CoreFigures& figures, metrics::Page& page)
{
    using Pool = CoreFigures::OfPool;
    const auto each = [&figures](auto family, auto value) {
        for (const auto& pool : figures.pools) {
            family.add(value(pool), {{"pool", pool.name}});
        }
    };
    each(page.gauge("paddock_pool_ready", "Sandboxes that stand ready."),
         [](const Pool& pool) { return pool.ready; });
    each(page.gauge("paddock_pool_wanted", "As many as are to stand ready, by demand."),
         [](const Pool& pool) { return pool.wanted; });
    each(page.counter("paddock_pool_hits_total", "Creates that got a warm sandbox."),
         [](const Pool& pool) { return pool.hits; });
    each(page.counter("paddock_pool_misses_total", "Creates that found their pool empty."),
         [](const Pool& pool) { return pool.misses; });
    each(page.counter("paddock_pool_refills_total", "Warm sandboxes made."),
         [](const Pool& pool) { return pool.refills; });
    each(page.counter("paddock_pool_failures_total", "Refills that failed."),
         [](const Pool& pool) { return pool.failures; });
}

} // namespace

void CoreCounts::created(const common::Result<Sandbox>& made, common::SteadyTime::duration took)
{
    if (made) {
        create_times.observe(took);
        ++create_results[{"ok", "ok"}];
        return;
    }
    const std::string result = is_refusal(made.error().code) ? "refused" : "failed";
    std::pair why{result, std::string{made.error().stable_reason()}};
    if (create_results.size() >= most_reasons && !create_results.contains(why)) {
        why.second = "other";
    }
    ++create_results[std::move(why)];
}

void describe(const CoreFigures& figures, metrics::Page& page)
{
    auto phases = page.gauge("paddock_sandboxes",
                             "Sandboxes by phase; those destroyed within a day are counted too.");
    for (const auto& [phase, number] : figures.phases) {
        phases.add(number, {{"phase", std::string{to_string(phase)}}});
    }
    describe_hosts(figures, page);
    describe_work(figures, page);
    describe_writing(figures, page);
    describe_pools(figures, page);
    page.gauge("paddock_replicated_sandboxes", "Sandboxes that are to have copies on other hosts.")
        .add(figures.replicated);
    page.gauge("paddock_replicas_late", "Of these, those with too few copies, or with old ones.")
        .add(figures.late);
    page.counter("paddock_replicas_made_total", "Copies made.").add(figures.replicas_made);
    page.counter("paddock_replicas_failed_total", "Copies that came to nothing.")
        .add(figures.replicas_failed);
}

void describe(const StoreFigures& figures, metrics::Page& page)
{
    page.gauge("paddock_database_up", "Whether PostgreSQL takes what is written.")
        .add(figures.writes);
    page.gauge("paddock_database_queue_length", "Writes that wait for the writer's thread.")
        .add(figures.waiting);
    page.gauge("paddock_database_queue_bytes", "What these hold, about.")
        .add(figures.waiting_bytes);
    page.histogram("paddock_database_commit_duration_seconds",
                   "Of transactions that were committed; many writes share one.")
        .add(figures.commits);
    page.counter("paddock_database_writes_total", "Writes that were committed.")
        .add(figures.written);
    auto errors = page.counter("paddock_database_errors_total",
                               "Transactions that PostgreSQL refused, that were not written, or "
                               "whose end it did not tell.");
    errors.add(figures.refused, {{"kind", "refused"}});
    errors.add(figures.not_written, {{"kind", "not_written"}});
    errors.add(figures.in_doubt, {{"kind", "in_doubt"}});
}

} // namespace coordinator
