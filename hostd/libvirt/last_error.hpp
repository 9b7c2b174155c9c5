#pragma once

#include "common/error.hpp"

namespace hostd::libvirt {

/// The calling thread's libvirt error as ours, with libvirt's own code and text. Call it
/// right after the call that failed, on the same thread: libvirt keeps the error per
/// thread and the next call overwrites it.
common::Error last_error();

/// Once per process: libvirt prints every error to stderr otherwise.
void silence_libvirt();

} // namespace hostd::libvirt
