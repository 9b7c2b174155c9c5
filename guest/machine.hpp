#pragma once

#include "guest/agent.hpp"
#include "guest/freezer.hpp"
#include "guest/identity.hpp"
#include "guest/init.hpp"

namespace guest {

/// This machine.
class Machine final : public Surroundings, private BecomingSteps {
public:
    enum class Role { init, service };
    Machine(Role role, const Groups& groups);

    /// For the role of init: an address from the network, unless everything stands still.
    void keep_address();

    common::Result<> become(const proto::GuestBecome& self) override;
    common::Result<std::chrono::microseconds> freeze() override;
    void thaw(std::int64_t time_unix_us) override;
    [[nodiscard]] bool frozen() const override { return freezer_.frozen(); }
    void power_off(bool reboot) override;
    [[nodiscard]] proto::GuestHello hello() const override;
    [[nodiscard]] std::vector<std::string> addresses() const override;
    [[nodiscard]] const std::string& group() const override { return group_; }

private:
    common::Result<> reseed(const std::string& seed) override;
    void set_clock(std::int64_t unix_us) override;
    void thaw() override { freezer_.thaw(); }
    void set_hostname(const std::string& name) override;
    void part_from_original(const proto::GuestBecome& self) override;
    void part_from_original_disk(const proto::GuestBecome& self) override;
    void take_new_address(const proto::GuestBecome& self) override;
    std::string identity_on_disk() override { return kept_identity("/"); }
    void keep_on_disk(const std::string& identity) override { keep_identity("/", identity); }
    void tell_services() override;
    void run_behind(const std::string& script);

    Role role_;
    std::string group_;
    Freezer freezer_;
    Identity identity_;
    Dhcp dhcp_;
    HostKeys keys_ = HostKeys::none;
    Address address_ = Address::kept;
};

} // namespace guest
