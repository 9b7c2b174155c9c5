#pragma once

#include "hostd/core/model.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

namespace hostd::libvirt {

inline DomainSpec sample_spec()
{
    DomainSpec spec;
    spec.sandbox.id = common::SandboxId{"sbx-aaaaaaaaaaaaaaaa"};
    spec.sandbox.tenant = "default";
    spec.sandbox.name = "web";
    spec.sandbox.image = common::ImageName{"tiny"};
    spec.sandbox.vcpus = 2;
    spec.sandbox.memory = common::Bytes::mib(256);
    spec.spec_digest = std::string(64, 'd');
    spec.generation = 7;
    spec.image.name = spec.sandbox.image;
    spec.image.boot = Boot::kernel;
    spec.image.agent = AgentKind::paddock;
    spec.image.disk = "/images/tiny/disk.qcow2";
    spec.image.kernel = "/images/tiny/kernel";
    spec.image.initrd = "/images/tiny/initrd";
    spec.image.cmdline = "console=ttyS0 quiet";
    spec.files = {"/s/folder",
                  "/s/folder/overlay.qcow2",
                  "/s/folder/nvram.fd",
                  "/s/folder/console.log",
                  "/s/folder/agent.sock"};
    spec.net = {"paddock", "52:54:00:00:00:01", "10.64.0.2", "pdkaaaaaaaaaaaa"};
    spec.cpu_model = "qemu64";
    spec.created_at = common::from_unix_us(1'700'000'000'000'001);
    return spec;
}

/// What XML, a shell or a format string might take for its own.
inline const std::string hostile = "</name><x a='1' b=\"2\">&amp;<![CDATA[{}{0}$(id)\n\t]]>--><!--";

/// As libvirt 9.0 tells of a running one.
inline const std::string captured = R"(<domain type='qemu' id='4'
    xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>sbx-bbbbbbbbbbbbbbbb.g2</name>
  <uuid>1c2c7eab-3b9f-403e-a84d-211cd9fa12b8</uuid>
  <title>old</title>
  <metadata><paddock:sandbox xmlns:paddock="urn:paddock:1" id="sbx-bbbbbbbbbbbbbbbb"/></metadata>
  <memory unit='KiB'>262144</memory>
  <currentMemory unit='KiB'>262144</currentMemory>
  <memoryBacking><nosharepages/></memoryBacking>
  <vcpu placement='static'>2</vcpu>
  <os>
    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
    <nvram template='/fw/vars.fd'>/s/old/nvram.fd</nvram>
  </os>
  <cpu mode='custom' match='exact' check='none'><model fallback='forbid'>Westmere</model></cpu>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' cache='writeback' discard='unmap'/>
      <source file='/s/old/overlay.qcow2' index='3'><seclabel model='dac' relabel='no'/></source>
      <backingStore type='file' index='2'>
        <format type='qcow2'/><source file='/images/tiny/disk.qcow2'/><backingStore/>
      </backingStore>
      <target dev='vda' bus='virtio'/>
      <address type='pci' domain='0x0000' bus='0x04' slot='0x00' function='0x0'/>
    </disk>
    <controller type='usb' index='0' model='none'/>
    <interface type='network'>
      <mac address='52:54:00:00:00:99'/>
      <source network='paddock' portid='2b1d' bridge='virbr7'/>
      <port isolated='yes'/>
      <target dev='pdkbbbbbbbbbbbb'/>
      <model type='virtio'/>
      <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
    </interface>
    <serial type='file'>
      <source path='/s/old/console.log' append='on'/>
      <target type='isa-serial' port='0'><model name='isa-serial'/></target>
    </serial>
    <console type='file'>
      <source path='/s/old/console.log' append='on'/>
      <target type='serial' port='0'/>
    </console>
    <channel type='unix'>
      <source mode='bind' path='/s/old/agent.sock'/>
      <target type='virtio' name='org.paddock.agent.0' state='connected'/>
      <address type='virtio-serial' controller='0' bus='0' port='1'/>
    </channel>
    <channel type='unix'>
      <source mode='bind' path='/var/lib/libvirt/qemu/channel/target/domain-4-sbx/org.qemu'/>
      <target type='virtio' name='org.qemu.guest_agent.0'/>
      <address type='virtio-serial' controller='0' bus='0' port='2'/>
    </channel>
    <input type='mouse' bus='ps2'/>
    <audio id='1' type='none'/>
    <memballoon model='none'/>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
  </devices>
  <seclabel type='dynamic' model='dac' relabel='yes'>
    <label>+64055:+109</label><imagelabel>+64055:+109</imagelabel>
  </seclabel>
  <qemu:capabilities><qemu:del capability='cpu-unavailable-features'/></qemu:capabilities>
</domain>)";

inline std::string with(std::string text, const std::string& from, const std::string& to)
{
    const auto at = text.find(from);
    BOOST_REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

} // namespace hostd::libvirt
