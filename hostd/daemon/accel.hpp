#pragma once

#include "common/process/process.hpp"
#include "hostd/daemon/settings.hpp"

#include <functional>
#include <string_view>

namespace hostd::daemon {

struct AccelVerdict {
    Accel accel = Accel::tcg;
    std::string reason; ///< One sentence: why this one.
};

/// What the verdict is made from; a test gives its own.
struct AccelEvidence {
    bool device = false; ///< /dev/kvm opens for reading and writing.
    std::string device_error;
    bool cpu_flag = false; ///< vmx or svm in /proc/cpuinfo.
    /// QEMU ran a guest with KVM, for a moment; the error says what it said instead.
    std::function<common::Result<>()> trial;
};

/// The device may exist, open and make VMs and yet run none, so KVM is taken only when the CPU
/// says so and a trial has run. `failed_precondition` (reason no_kvm) if KVM is demanded and
/// does not work.
common::Result<AccelVerdict> choose_accel(AccelChoice choice, const AccelEvidence& evidence);

/// This machine's evidence; the trial takes at most a few seconds.
AccelEvidence gather_evidence(const std::string& cpu_model);

/// The trial's command line and what its output says. Pure.
common::process::Command kvm_trial(const std::string& cpu_model);
common::Result<> read_trial(const common::process::Outcome& outcome);

} // namespace hostd::daemon
