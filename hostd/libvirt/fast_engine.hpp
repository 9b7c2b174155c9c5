#pragma once

#include "hostd/core/state_engine.hpp"
#include "hostd/libvirt/connections.hpp"
#include "hostd/libvirt/qemu_user.hpp"

#include <mutex>
#include <optional>
#include <string>

namespace hostd::libvirt {

/// The StateEngine that splits QEMU's own migration stream: memory into a sparse file, each page at
/// its own offset, and all else into a stream that any number of QEMUs load over a private
/// mapping of that file. What it relies on of QEMU and libvirt is more than they promise:
/// prove_fast_engine() finds out whether it holds here. Any thread.
///
/// A new incarnation runs beside the old one for a moment: they cannot share a tap, a console log
/// or a socket.
class FastEngine final : public StateEngine {
public:
    /// `connections` are LibvirtHypervisor's, and outlive it.
    explicit FastEngine(ConnectionPool& connections) : connections_{connections} {}

    [[nodiscard]] EngineKind kind() const noexcept override { return EngineKind::fast; }
    Captured capture(const CaptureRequest& request) override;
    common::Result<> load(const LoadRequest& request) override;
    common::Result<> replace(const LoadRequest& request) override;

private:
    /// Asked once: libvirt probes its whole host for the answer.
    common::Result<std::optional<uid_t>> asked_qemu_user(virConnectPtr connection);
    common::Result<> let_qemu_open(virConnectPtr connection, const std::filesystem::path& memory);

    ConnectionPool& connections_;
    std::mutex mutex_;
    std::optional<std::optional<uid_t>> qemu_user_;
};

} // namespace hostd::libvirt
