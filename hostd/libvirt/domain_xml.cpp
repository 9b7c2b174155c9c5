#include "hostd/libvirt/domain_xml.hpp"

#include "hostd/libvirt/metadata.hpp"
#include "hostd/virt/escape_xml.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace hostd::libvirt {

using virt::escape_xml;

namespace {

// Emulation knows no speculation to guard against, and the guards are most of what a
// system call costs there. The guest has one tenant; the host keeps its own.
constexpr std::string_view cmdline_when_emulated = " mitigations=off";

std::string os_element(const DomainSpec& spec, const Platform& platform)
{
    const auto type =
        fmt::format("<type arch='x86_64' machine='{}'>hvm</type>", escape_xml(platform.machine));
    const auto& image = spec.image;
    switch (image.boot) {
    case Boot::kernel: {
        const auto initrd = image.initrd.empty() ? std::string{}
                                                 : fmt::format("\n    <initrd>{}</initrd>",
                                                               escape_xml(image.initrd.string()));
        return fmt::format("{}\n    <kernel>{}</kernel>{}\n    <cmdline>{}{}</cmdline>",
                           type,
                           escape_xml(image.kernel.string()),
                           initrd,
                           escape_xml(image.cmdline),
                           spec.accel == Accel::tcg ? cmdline_when_emulated : std::string_view{});
    }
    case Boot::bios: return type + "\n    <boot dev='hd'/>";
    case Boot::uefi:
        return fmt::format("{}\n    <loader readonly='yes' type='pflash'>{}</loader>\n    <nvram "
                           "template='{}'>{}</nvram>\n    <boot dev='hd'/>",
                           type,
                           escape_xml(platform.ovmf_code),
                           escape_xml(platform.ovmf_vars),
                           escape_xml(spec.files.nvram.string()));
    }
    return type;
}

// writeback: the guest's flushes reach the disk, so what it was told is safe survives a
// power cut; and a hundred overlays share the image's pages in the host's cache. unsafe, of an
// ephemeral disk: they do not.
constexpr std::string_view disk_layout = R"(
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' cache='{cache}' discard='unmap'/>
      <source file='{overlay}'/>
      <backingStore type='file'>
        <format type='qcow2'/>
        <source file='{image}'/>
        <backingStore/>
      </backingStore>
      <target dev='vda' bus='virtio'/>
    </disk>)";

// Anti-spoofing is hostd's own bridge table, keyed by the tap's name (hostd/network).
constexpr std::string_view interface_layout = R"(
    <interface type='network'>
      <mac address='{mac}'/>
      <source network='{network}'/>
      <port isolated='yes'/>
      <target dev='{tap}'/>
      <model type='virtio'/>
    </interface>)";

// The log goes through virtlogd, which bounds it (2 MiB and three older files).
// No balloon: docs/decisions/0006-domain-shape.md.
constexpr std::string_view fixed_devices = R"(
    <controller type='usb' model='none'/>
    <controller type='virtio-serial' index='0'/>
    <serial type='file'>
      <source path='{console}' append='on'/>
      <target type='isa-serial' port='0'/>
    </serial>
    <channel type='unix'>
      <source mode='bind' path='{agent}'/>
      <target type='virtio' name='org.paddock.agent.0'/>
    </channel>
    <channel type='unix'>
      <target type='virtio' name='org.qemu.guest_agent.0'/>
    </channel>
    <memballoon model='none'/>
    <rng model='virtio'>
      <backend model='random'>/dev/urandom</backend>
    </rng>)";

// nosharepages: merging equal pages across tenants lets one observe another.
// cpu-unavailable-features: with it libvirt asks QEMU 400 questions at every start
// (docs/decisions/0006-domain-shape.md).
constexpr std::string_view layout =
    R"(<domain type='{type}' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>{name}</name>
  <title>{title}</title>
  <metadata>
    {metadata}
  </metadata>
  <memory unit='b'>{memory}</memory>
  <currentMemory unit='b'>{memory}</currentMemory>
  <memoryBacking><nosharepages/></memoryBacking>
  <vcpu placement='static'>{vcpus}</vcpu>
  <cputune><shares>{shares}</shares></cputune>
  <os>
    {os}
  </os>
  <features><acpi/><apic/></features>
  <cpu mode='custom' match='exact' check='none'><model fallback='forbid'>{cpu}</model></cpu>
  <clock offset='utc'><timer name='hpet' present='no'/></clock>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>{disk}{interface}{devices}
  </devices>
  <qemu:capabilities><qemu:del capability='{unasked}'/></qemu:capabilities>
</domain>
)";

} // namespace

std::string_view cache_of(DiskKind disk)
{
    return disk == DiskKind::ephemeral ? "unsafe" : "writeback";
}

unsigned cpu_shares_of(const SandboxSpec& spec)
{
    constexpr unsigned shares_per_vcpu = 100; // What a group gets by default.
    constexpr unsigned most_shares = 10000;   // There is no more.
    return std::min(spec.vcpus * shares_per_vcpu, most_shares);
}

std::string domain_name(const common::SandboxId& id, std::uint64_t incarnation)
{
    return incarnation <= 1 ? id.str() : fmt::format("{}.g{}", id.str(), incarnation);
}

std::string domain_xml(const DomainSpec& spec, const Platform& platform)
{
    const auto& sandbox = spec.sandbox;
    const auto interface = sandbox.network == NetworkMode::none
                               ? std::string{}
                               : fmt::format(interface_layout,
                                             fmt::arg("mac", escape_xml(spec.net.mac)),
                                             fmt::arg("network", escape_xml(spec.net.network)),
                                             fmt::arg("tap", escape_xml(spec.net.tap)));
    return fmt::format(
        layout,
        fmt::arg("type", spec.accel == Accel::kvm ? "kvm" : "qemu"),
        fmt::arg("name", escape_xml(domain_name(sandbox.id, spec.incarnation))),
        fmt::arg("title", escape_xml(sandbox.name)),
        fmt::arg("metadata", metadata_element(record_of(spec), Prefix::with)),
        fmt::arg("memory", sandbox.memory.count()),
        fmt::arg("vcpus", sandbox.vcpus),
        fmt::arg("unasked", unasked_capability),
        fmt::arg("shares", cpu_shares_of(sandbox)),
        fmt::arg("os", os_element(spec, platform)),
        fmt::arg("cpu", escape_xml(spec.cpu_model)),
        fmt::arg("disk",
                 fmt::format(disk_layout,
                             fmt::arg("cache", cache_of(sandbox.disk)),
                             fmt::arg("overlay", escape_xml(spec.files.overlay.string())),
                             fmt::arg("image", escape_xml(spec.image.disk.string())))),
        fmt::arg("interface", interface),
        fmt::arg("devices",
                 fmt::format(fixed_devices,
                             fmt::arg("console", escape_xml(spec.files.console_log.string())),
                             fmt::arg("agent", escape_xml(spec.files.agent_socket.string())))));
}

} // namespace hostd::libvirt
