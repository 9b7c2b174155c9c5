#pragma once

#include "common/unique_fd.hpp"
#include "hostd/core/state_engine.hpp"
#include "hostd/libvirt/captured_xml.hpp"
#include "hostd/libvirt/engine_steps.hpp"
#include "hostd/libvirt/qemu_user.hpp"

#include <chrono>
#include <libvirt/libvirt.h>
#include <optional>
#include <string>

namespace hostd::libvirt {

/// One capture of a domain that runs or is paused. Whatever happens, a guest that ran goes on
/// unless it was captured to stay paused.
class LiveCapture {
public:
    /// `request.id` is not looked at. `captured` is filled in as things happen.
    LiveCapture(virDomainPtr domain,
                Life life,
                std::optional<uid_t> qemu_user,
                const CaptureRequest& request,
                Captured& captured)
        : domain_{domain},
          life_{life},
          qemu_user_{qemu_user},
          request_{request},
          captured_{captured}
    {}

    common::Result<> run();

private:
    /// What needs no guest that stands still: files, and what the domain is.
    common::Result<> prepare();
    common::Result<> stop_guest();
    common::Result<> take();
    common::Result<> branch_disk();
    common::Result<> take_memory();
    common::Result<> let_go(common::Result<> taken);
    void time(const char* step, std::chrono::steady_clock::time_point since);

    virDomainPtr domain_;
    Life life_;
    std::optional<uid_t> qemu_user_;
    const CaptureRequest& request_;
    Captured& captured_;

    common::UniqueFd memory_;
    std::string xml_;
    RamBlock ram_;
    std::string device_;
    std::chrono::steady_clock::time_point stopped_at_{};
};

} // namespace hostd::libvirt
