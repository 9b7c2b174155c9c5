#pragma once

#include "hostd/libvirt/libvirt_hypervisor.hpp"
#include "tests/contract/hostd_libvirt/private_libvirt.hpp"
#include "tests/contract/hostd_libvirt/tiny_guest.hpp"
#include "tests/support/arrivals.hpp"

#include <boost/test/unit_test.hpp>
#include <filesystem>

namespace hostd::libvirt {

/// All that is in a file; "" if it cannot be read.
std::string content(const std::filesystem::path& file);

/// One case: a hypervisor and its events, and domains that are gone with it, with all of theirs.
class Domains {
public:
    Domains();
    ~Domains();
    Domains(const Domains&) = delete;
    Domains& operator=(const Domains&) = delete;

    tests::PrivateLibvirt& libvirt = tests::PrivateLibvirt::shared();
    tests::Arrivals<DomainEvent> events; // Before the one that adds to it.
    LibvirtHypervisor hypervisor{libvirt.uri()};

    /// A sandbox with its files: what it takes to define it. Any thread.
    DomainSpec spec(tests::Guest guest = tests::Guest::waits_for_the_button);
    /// The same, defined.
    DomainSpec defined(tests::Guest guest = tests::Guest::waits_for_the_button);
    /// The same, running.
    DomainSpec running(tests::Guest guest = tests::Guest::waits_for_the_button);

    /// Waits for an event of `id` after which it is found in `state`.
    void await(const common::SandboxId& id, DomainState state);
    void await(DomainEvent::Kind kind);
    /// Waits until the guest says that it is up.
    void await_up(const DomainSpec& spec) const;
    [[nodiscard]] DomainState state(const common::SandboxId& id) const;

    std::string virsh(std::vector<std::string> argv, std::string input = {}) const;
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

/// It has failed, and with this code.
template <typename T>
common::Error refused(const common::Result<T>& result, common::ErrorCode code)
{
    BOOST_REQUIRE(!result.has_value());
    BOOST_TEST(common::to_string(result.error().code) == common::to_string(code),
               result.error().message);
    return result.error();
}

} // namespace hostd::libvirt
