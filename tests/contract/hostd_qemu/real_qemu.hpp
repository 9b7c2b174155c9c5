#pragma once

#include "common/unique_fd.hpp"

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace tests {

/// Two sockets that are connected: this program's, and one to give away.
std::pair<common::UniqueFd, common::UniqueFd> socket_pair();

/// All of a file; throws when it cannot be read.
std::string content(const std::string& file);

/// A QEMU of this test's own, without libvirt: emulated, 32 MiB, firmware and a graphics card,
/// nothing to boot from. It ends with the object, and with the test program however that ends. What
/// it does not do within a minute throws. One thread.
class RealQemu {
public:
    static constexpr std::uint64_t ram = std::uint64_t{32} << 20U;

    /// `machine` is appended to -machine. `stream` becomes descriptor `stream_fd` of QEMU's.
    RealQemu(const std::string& machine,
             std::vector<std::string> more_arguments,
             common::UniqueFd stream = {});
    ~RealQemu();
    RealQemu(const RealQemu&) = delete;
    RealQemu& operator=(const RealQemu&) = delete;

    static constexpr int stream_fd = 5;

    /// What it answers to a QMP command, maybe with a descriptor; throws when that is an error.
    nlohmann::json ask(const std::string& command,
                       const nlohmann::json& arguments = nlohmann::json::object(),
                       int descriptor = -1);
    /// Asks until `field` of the answer is one of `values`, which it returns.
    std::string await(const std::string& query,
                      const std::string& field,
                      const std::vector<std::string>& values);

    /// Until the firmware has nothing more to do than to count ticks.
    void await_firmware();
    /// Until the firmware has counted on, in memory.
    void await_tick();
    /// Begins to send its state over a socket: this program's end of it.
    common::UniqueFd send_state();
    /// All of physical memory.
    std::string memory(const std::string& scratch_file);

private:
    std::string line();
    std::string ticks();

    pid_t pid_ = -1;
    common::UniqueFd qmp_;
    common::UniqueFd console_;
    std::string unread_;
};

/// Exit code 77, "skipped" to ctest, where there is no QEMU.
struct SkipWithoutQemu {
    SkipWithoutQemu();
};

} // namespace tests
