// The names, types and words of what a host tells Prometheus.
#include "hostd/metrics/host_page.hpp"

#include "common/version.hpp"

namespace hostd::metrics {

using common::metrics::Page;

namespace {

void describe_service(const ServiceFigures& service, Page& page)
{
    std::map<Phase, std::size_t> phases;
    for (const auto& [id, phase] : service.sandboxes) {
        ++phases[phase];
    }
    auto sandboxes = page.gauge("paddock_hostd_sandboxes", "Sandboxes of this host by phase.");
    for (int number = 0; number <= static_cast<int>(Phase::destroyed); ++number) {
        const auto phase = static_cast<Phase>(number);
        sandboxes.add(phases[phase], {{"phase", std::string{to_string(phase)}}});
    }
    page.gauge("paddock_hostd_adopted", "Whether all that was there before it began is read back.")
        .add(service.adopted);
    page.gauge("paddock_hostd_checkpoints", "Checkpoints of this host.").add(service.checkpoints);
    page.gauge("paddock_hostd_operations_under_way", "Commands of the coordinator's.")
        .add(service.under_way);
    page.gauge("paddock_hostd_queue_length", "What waits for hostd's loop.").add(service.loop);
    page.gauge("paddock_hostd_booting", "Guests that boot now; max_parallel_starts bounds them.")
        .add(service.booting);
    page.gauge("paddock_hostd_boots_waiting", "Guests that wait until they may boot.")
        .add(service.in_line);
    page.histogram("paddock_hostd_boot_duration_seconds",
                   "A new guest's start to its agent's hello.")
        .add(service.counts.boots);
    auto ended = page.counter("paddock_hostd_operations_total", "Ended, by kind and result.");
    for (const auto& [what, number] : service.counts.operations) {
        ended.add(number, {{"operation", what.first}, {"result", what.second}});
    }
    auto times = page.histogram("paddock_hostd_operation_duration_seconds",
                                "From a command's arrival to its answer, by kind.");
    for (const auto& [kind, histogram] : service.counts.operation_times) {
        times.add(histogram, {{"operation", kind}});
    }
    page.gauge("paddock_hostd_fenced",
               "Whether no leader was heard for so long that the fence applies.")
        .add(service.fenced);
    page.gauge("paddock_hostd_fenced_sandboxes", "Sandboxes that are held for that.")
        .add(service.held);
    auto silence = page.gauge("paddock_hostd_leader_silence_seconds",
                              "Since the heartbeat was sent that a leader acknowledged last.");
    if (service.leader_silence) {
        silence.add(*service.leader_silence);
    }
}

void describe_usage(const HostFigures& figures, Page& page)
{
    page.counter("paddock_hostd_usage_failures_total", "Looks that libvirt did not answer.")
        .add(figures.usage.failures);
    auto age =
        page.gauge("paddock_hostd_usage_age_seconds", "How old what is said of sandboxes' use is.");
    if (figures.usage.at) {
        age.add(figures.now - *figures.usage.at);
    }
    const auto each = [&figures](auto family, auto value) {
        for (const auto& [sandbox, reading] : figures.usage.usages) {
            // What is named like ours and is not is nobody's business here.
            if (!figures.service || figures.service->sandboxes.contains(sandbox)) {
                family.add(value(reading), {{"sandbox", sandbox.str()}});
            }
        }
    };
    each(page.counter("paddock_sandbox_cpu_seconds_total", "CPU time of its QEMU."),
         [](const Reading& reading) { return std::chrono::duration<double>{reading.cpu}; });
    each(page.gauge("paddock_sandbox_memory_bytes", "Of the host's, that its QEMU has."),
         [](const Reading& reading) { return reading.memory.count(); });
    each(page.counter("paddock_sandbox_disk_read_bytes_total", "Read from its disks."),
         [](const Reading& reading) { return reading.disk_read.count(); });
    each(page.counter("paddock_sandbox_disk_written_bytes_total", "Written to its disks."),
         [](const Reading& reading) { return reading.disk_written.count(); });
    each(page.counter("paddock_sandbox_network_received_bytes_total", "As the guest sees it."),
         [](const Reading& reading) { return reading.received.count(); });
    each(page.counter("paddock_sandbox_network_sent_bytes_total", "As the guest sees it."),
         [](const Reading& reading) { return reading.sent.count(); });
}

} // namespace

Page page_of(const HostFigures& figures)
{
    const auto& report = figures.report;
    Page page;
    page.gauge("paddock_build_info", "The version that runs.")
        .add(1, {{"version", std::string{common::version}}, {"daemon", "hostd"}});
    page.gauge("paddock_hostd_info", "What this host is.")
        .add(1,
             {{"accel", std::string{to_string(report.accel)}},
              {"state_engine", report.state_engine},
              {"libvirt", report.hypervisor.libvirt_version},
              {"qemu", report.hypervisor.qemu_version},
              {"kernel", report.kernel}});
    page.gauge("paddock_hostd_loop_up", "Whether hostd's loop answers.")
        .add(figures.service.has_value());
    page.gauge("paddock_hostd_libvirt_up", "Whether libvirt answers.").add(figures.libvirt_up);
    page.gauge("paddock_hostd_link_up", "Whether a leading coordinator has taken this host in.")
        .add(figures.link_up);
    page.gauge("paddock_hostd_leader_epoch", "The highest of a coordinator that it has heard of.")
        .add(figures.leader_epoch);
    page.gauge("paddock_hostd_link_queue_length",
               "Messages to the coordinator that wait for ZeroMQ's thread.")
        .add(figures.link_waiting);
    page.gauge("paddock_hostd_warnings", "What it warns of; GET /v1/hosts has the words.")
        .add(report.warnings.size());
    page.gauge("paddock_hostd_images", "Images that sandboxes can be made of here.")
        .add(report.images.size());
    page.gauge("paddock_hostd_vcpus", "vCPUs for sandboxes.").add(report.capacity_vcpus);
    page.gauge("paddock_hostd_capacity_memory_bytes", "Memory for sandboxes.")
        .add(report.capacity_memory.count());
    page.gauge("paddock_hostd_memory_bytes", "Of the machine.").add(report.memory.count());
    page.gauge("paddock_hostd_available_memory_bytes", "What the kernel says is available.")
        .add(report.memory_available.count());
    page.gauge("paddock_hostd_disk_bytes", "Of the file system below state_dir.")
        .add(report.disk.count());
    page.gauge("paddock_hostd_free_disk_bytes", "Of this, free.").add(report.disk_free.count());
    page.gauge("paddock_hostd_load1", "Load of one minute.").add(report.load1);
    if (figures.service) {
        describe_service(*figures.service, page);
    }
    describe_usage(figures, page);
    return page;
}

} // namespace hostd::metrics
