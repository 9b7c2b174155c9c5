#include "hostd/daemon/accel.hpp"

#include "common/unique_fd.hpp"
#include "hostd/daemon/host_facts.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>

namespace hostd::daemon {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

/// Why KVM does not work; empty if it does.
std::string objection(const AccelEvidence& evidence)
{
    if (!evidence.device) {
        return evidence.device_error;
    }
    if (!evidence.cpu_flag) {
        return "/dev/kvm is there, but the CPU has neither vmx nor svm, so it runs no guest";
    }
    if (const auto tried = evidence.trial(); !tried) {
        return "/dev/kvm is there, but a trial failed: " + tried.error().message;
    }
    return {};
}

} // namespace

Result<AccelVerdict> choose_accel(AccelChoice choice, const AccelEvidence& evidence)
{
    if (choice == AccelChoice::tcg) {
        return AccelVerdict{Accel::tcg, "configured (accel: tcg)"};
    }
    const auto why_not = objection(evidence);
    if (why_not.empty()) {
        return AccelVerdict{Accel::kvm, "KVM works: a trial guest ran"};
    }
    if (choice == AccelChoice::kvm) {
        return Error{ErrorCode::failed_precondition,
                     fmt::format("accel: kvm is configured, but KVM does not work here: {}. Enable "
                                 "virtualisation in the firmware (or nested virtualisation of the "
                                 "VM that this is), load kvm_intel or kvm_amd, or set accel: auto",
                                 why_not),
                     "no_kvm"};
    }
    return AccelVerdict{Accel::tcg, why_not + "; guests are emulated"};
}

common::process::Command kvm_trial(const std::string& cpu_model)
{
    // Not halted (-S): the firmware runs, so a CPU that cannot is noticed. `enforce` refuses a
    // CPU that KVM would only pretend to have.
    return {{"qemu-system-x86_64",
             "-nodefaults",
             "-no-user-config",
             "-display",
             "none",
             "-machine",
             "q35,accel=kvm",
             "-cpu",
             cpu_model + ",enforce",
             "-m",
             "64",
             "-qmp",
             "stdio"},
            "{\"execute\":\"qmp_capabilities\"}\n{\"execute\":\"query-status\"}\n"
            "{\"execute\":\"quit\"}\n",
            std::chrono::seconds{10},
            common::Bytes::kib(64)};
}

Result<> read_trial(const common::process::Outcome& outcome)
{
    const bool ran = outcome.out.find("\"running\": true") != std::string::npos;
    if (outcome.status == 0 && ran) {
        return {};
    }
    const auto last_line = [](std::string text) {
        while (text.ends_with('\n')) {
            text.pop_back();
        }
        const auto start = text.rfind('\n');
        return start == std::string::npos ? text : text.substr(start + 1);
    };
    auto said = last_line(outcome.err);
    return Error{ErrorCode::failed_precondition,
                 fmt::format("QEMU ended with status {}{}",
                             outcome.status,
                             said.empty() ? ", the guest did not run" : ": " + said)};
}

AccelEvidence gather_evidence(const std::string& cpu_model)
{
    AccelEvidence evidence;
    const common::UniqueFd device{::open("/dev/kvm", O_RDWR | O_CLOEXEC)};
    evidence.device = static_cast<bool>(device);
    if (!device) {
        const int error = errno;
        evidence.device_error =
            error == ENOENT ? "there is no /dev/kvm"
                            : fmt::format("/dev/kvm cannot be opened ({})", std::strerror(error));
    }
    const auto flags = cpu_flags();
    evidence.cpu_flag = flags.contains("vmx") || flags.contains("svm");
    evidence.trial = [cpu_model]() -> Result<> {
        COMMON_TRY(const auto outcome, common::process::run(kvm_trial(cpu_model)));
        return read_trial(outcome);
    };
    return evidence;
}

} // namespace hostd::daemon
