#pragma once

#include "common/error.hpp"

#include <initializer_list>
#include <utility>

namespace hostd::virt {

/// What a code of libvirt's means to one adapter.
using Meaning = std::pair<int, common::ErrorCode>;

/// The calling thread's libvirt error as ours, with libvirt's own code and text. Call it
/// right after the call that failed, on the same thread: libvirt keeps the error per
/// thread and the next call overwrites it, virDomainGetName() too.
///
/// `meanings` come before what a code means to everybody. A missing network is `not_found` to
/// who looks a network up, but not to who starts a domain: its caller would take the domain for
/// missing.
common::Error last_error(std::initializer_list<Meaning> meanings = {});

/// Once per process: libvirt prints every error to stderr otherwise.
void silence_libvirt();

} // namespace hostd::virt
