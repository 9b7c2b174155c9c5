#pragma once

#include "common/result.hpp"
#include "hostd/core/model.hpp"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <type_traits>
#include <vector>

namespace tests {

/// The whole test program in mount, network and PID namespaces of its own, with a libvirtd of its
/// own: every folder of libvirt's is a tmpfs that only they see. All of it ends with the program,
/// however that ends. Exit code 77, "skipped" to ctest, where there can be none. A global fixture.
struct PrivateHost {
    PrivateHost();

    static constexpr const char* uri = "qemu:///system";
};

/// It has succeeded; otherwise the case ends with what was wrong.
template <typename T>
T must(common::Result<T> result)
{
    BOOST_REQUIRE_MESSAGE(result.has_value(), (result ? "" : result.error().message));
    if constexpr (!std::is_void_v<T>) {
        return *std::move(result);
    }
}

/// Runs a command; what it printed. Ends the case when it fails.
std::string must_run(std::vector<std::string> argv);

/// What is in a pid file; 0 if there is none.
pid_t pid_in(const std::filesystem::path& file);
/// Of the network's dnsmasq.
pid_t dnsmasq_pid(std::string_view network);
/// Sends a signal that ends the process and returns when nothing is left of it.
void end_process(pid_t pid, int signal);

/// libvirtd stays, and its sockets accept, but nobody answers while this lives.
class FrozenLibvirtd {
public:
    FrozenLibvirtd();
    ~FrozenLibvirtd();
    FrozenLibvirtd(const FrozenLibvirtd&) = delete;
    FrozenLibvirtd& operator=(const FrozenLibvirtd&) = delete;

private:
    pid_t pid_;
};

/// A network namespace on the bridge where a guest would be: behind the lease's tap, with its
/// hardware address.
class Guest {
public:
    Guest(const hostd::NetLease& lease, std::string_view bridge);
    ~Guest();
    Guest(const Guest&) = delete;
    Guest& operator=(const Guest&) = delete;

    /// The address that DHCP gives it within some seconds; empty if none.
    [[nodiscard]] std::string ask_for_address() const;
    /// Its tap is where it was put.
    [[nodiscard]] bool is_on_its_bridge() const;

private:
    std::string tap_;
    std::string bridge_;
};

} // namespace tests
