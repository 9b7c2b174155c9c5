#pragma once

#include "common/result.hpp"
#include "hostd/libvirt/connections.hpp"
#include "hostd/libvirt/domain_xml.hpp"

#include <filesystem>
#include <string>

namespace hostd::libvirt {

struct SelfTest {
    std::filesystem::path state_dir; ///< QEMU's user may pass through it.
    Accel accel = Accel::tcg;
    std::string cpu_model;
    Platform platform{};
};

/// Captures a small domain of its own that runs nothing but firmware, loads a clone of it and
/// compares their memory byte for byte; lets both go on and looks whether the file that the clone
/// maps stays as it is. One sentence that says what was proven, or why FastEngine is not to be
/// used here. Blocking, about twenty seconds at most if libvirt answers. Nothing of it is left;
/// what an earlier one left that was killed is removed.
common::Result<std::string> prove_fast_engine(ConnectionPool& connections, const SelfTest& test);

} // namespace hostd::libvirt
