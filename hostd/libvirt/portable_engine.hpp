#pragma once

#include "hostd/core/state_engine.hpp"
#include "hostd/libvirt/connections.hpp"
#include "hostd/libvirt/engine_steps.hpp"

#include <string>

namespace hostd::libvirt {

/// The StateEngine that needs nothing of libvirt and QEMU but what they promise: external
/// snapshots, save images, managed save. Any thread.
///
/// What it cannot do, for libvirt changes neither name nor UUID of what it restores:
/// - Clones. A state is loaded into the sandbox that it was captured of; any other is
///   `failed_precondition` (state_incompatible).
/// - Two incarnations side by side. The new one takes the old one's name, and the old one is gone
///   when replace() returns: what incarnation a domain is, its metadata say. Only after FastEngine
///   gave the sandbox another name is the old one still there, paused.
/// - Memory of a guest that FastEngine loaded: `failed_precondition` (state_incompatible), until
///   it has been stopped and started.
///
/// While a guest is replaced, libvirt keeps its memory in its own folder for managed saves.
class PortableEngine final : public StateEngine {
public:
    /// `connections` are LibvirtHypervisor's, and outlive it.
    explicit PortableEngine(ConnectionPool& connections) : connections_{connections} {}

    [[nodiscard]] EngineKind kind() const noexcept override { return EngineKind::portable; }
    /// `paused` is an upper bound: libvirt does not tell when it pauses the guest.
    Captured capture(const CaptureRequest& request) override;
    common::Result<> load(const LoadRequest& request) override;
    common::Result<> replace(const LoadRequest& request) override;

private:
    common::Result<> replace_old(const LoadRequest& request);

    ConnectionPool& connections_;
};

} // namespace hostd::libvirt
