#pragma once

#include "hostd/core/model.hpp"

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

} // namespace hostd::libvirt
