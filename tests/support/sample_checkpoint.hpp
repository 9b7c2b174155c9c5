#pragma once

#include "coordinator/core/model.hpp"

namespace test_support {

/// A checkpoint that is ready, with every fact that a host tells.
inline coordinator::Checkpoint sample_checkpoint(const common::SandboxId& sandbox,
                                                 const std::string& name)
{
    coordinator::Checkpoint one;
    one.id = common::mint<common::SnapshotId>();
    one.sandbox = sandbox;
    one.name = name;
    one.status = coordinator::Checkpoint::Status::ready;
    one.has_memory = true;
    one.engine = "fast";
    one.qemu_version = "7.2";
    one.libvirt_version = "9.0";
    one.size = common::Bytes::mib(1);
    one.paused = std::chrono::microseconds{152'500};
    one.digests = {{"ram", "ab12"}};
    one.path = "/var/lib/paddock/checkpoints/" + one.id.str();
    one.created_at = common::from_unix_us(1'790'000'000'000'000);
    return one;
}

} // namespace test_support
