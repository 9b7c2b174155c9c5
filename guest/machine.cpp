#include "guest/machine.hpp"

#include "guest/spawn.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <linux/random.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace guest {

namespace {

// Together below the host's patience, so that it hears why.
constexpr auto first_sync_patience = std::chrono::milliseconds{1000};
constexpr auto freeze_patience = std::chrono::milliseconds{1500};
constexpr auto sync_patience = std::chrono::milliseconds{2000};
/// From when on a clock is wrong.
constexpr auto least_behind = std::chrono::milliseconds{100};
constexpr auto least_ahead = std::chrono::seconds{1};

/// As rand_pool_info of random(4), with room for the bytes.
struct PoolInfo {
    int entropy_bits = 0;
    int size = 0;
    std::array<char, proto::max_seed_bytes> bytes{};
};

} // namespace

Machine::Machine(Role role, const Groups& groups)
    : role_{role},
      group_{groups.commands.string()},
      freezer_{groups, is_other_program},
      dhcp_{group_}
{}

void Machine::keep_address()
{
    if (!frozen()) {
        dhcp_.keep_running();
    }
}

common::Result<std::chrono::microseconds> Machine::freeze()
{
    // While everything goes on: then little is left to write once it stands still. Whoever writes
    // without end is not waited for.
    static_cast<void>(sync_disks(first_sync_patience));
    const auto begun = std::chrono::steady_clock::now();
    COMMON_CHECK(freezer_.freeze(freeze_patience));
    if (auto synced = sync_disks(sync_patience); !synced) {
        thaw();
        return std::move(synced).error();
    }
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() -
                                                                 begun);
}

void Machine::thaw(std::int64_t time_unix_us)
{
    if (time_unix_us > 0) {
        set_clock(time_unix_us); // What stands still does not see the wrong one.
    }
    freezer_.thaw();
}

common::Result<> Machine::become(const proto::GuestBecome& self)
{
    return identity_.become(self, *this);
}

common::Result<> Machine::reseed(const std::string& seed)
{
    PoolInfo pool;
    pool.size = static_cast<int>(std::min(seed.size(), pool.bytes.size()));
    pool.entropy_bits = pool.size * 8;
    std::copy_n(seed.data(), pool.size, pool.bytes.data());
    const common::UniqueFd device{::open("/dev/urandom", O_RDONLY | O_CLOEXEC)};
    // Without RNDRESEEDCRNG the key that two copies share would serve for up to a minute more.
    if (!device || ::ioctl(device.get(), RNDADDENTROPY, &pool) != 0 ||
        ::ioctl(device.get(), RNDRESEEDCRNG) != 0) {
        return common::Error{common::ErrorCode::internal,
                             std::string{"reseed /dev/urandom: "} + std::strerror(errno)};
    }
    return {};
}

void Machine::set_clock(std::int64_t unix_us)
{
    timespec time{};
    time.tv_sec = unix_us / 1'000'000;
    time.tv_nsec = unix_us % 1'000'000 * 1000;
    // Only a clock that is clearly wrong is stepped: a step disturbs what runs. One that seems to
    // be ahead may only have been told late.
    const std::chrono::microseconds behind =
        std::chrono::microseconds{unix_us} -
        std::chrono::duration_cast<std::chrono::microseconds>(
            std::chrono::system_clock::now().time_since_epoch());
    if (behind >= least_behind || -behind >= least_ahead) {
        ::clock_settime(CLOCK_REALTIME, &time);
    }
}

void Machine::set_hostname(const std::string& name)
{
    ::sethostname(name.data(), name.size());
}

void Machine::part_from_original(const proto::GuestBecome& self)
{
    take_new_address(self);
    keys_ = renew_files("/", self.identity);
}

void Machine::take_new_address(const proto::GuestBecome& self)
{
    keys_ = HostKeys::none;
    address_ = take_address(self.mac, self.ip);
    if (role_ == Role::init && address_ == Address::changed) {
        dhcp_.ask_again();
    }
}

/// It booted with a network interface of its own.
void Machine::part_from_original_disk(const proto::GuestBecome& self)
{
    keys_ = renew_files("/", self.identity);
    address_ = Address::kept;
}

void Machine::tell_services()
{
    const bool systemd = role_ == Role::service;
    std::string script;
    if (systemd && address_ == Address::changed) {
        // It notices a new MAC by itself, but would still ask with the old machine's DUID.
        script += "systemctl --no-block try-restart systemd-networkd.service; ";
    }
    if (keys_ == HostKeys::removed) {
        script += "command -v ssh-keygen && ssh-keygen -A; ";
    }
    if (systemd && keys_ == HostKeys::removed) {
        // One by one: a unit that is not there fails the whole command.
        script += "for unit in ssh sshd; do systemctl --no-block try-restart $unit.service; done; ";
    }
    run_behind(script);
}

/// In the background, as root; nobody hears its words.
void Machine::run_behind(const std::string& script)
{
    const auto root = find_user("root");
    if (root && !script.empty()) {
        static_cast<void>(
            spawn({{"/bin/sh", "-c", "{ " + script + " } >/dev/null 2>&1"}, *root, "/", {}, group_},
                  Stdin::none));
    }
}

void Machine::power_off(bool reboot)
{
    thaw(); // Nothing that stands still can end well.
    if (role_ == Role::init) {
        end_machine(reboot);
    }
    run_behind(reboot ? "systemctl --no-block reboot;" : "systemctl --no-block poweroff;");
}

proto::GuestHello Machine::hello() const
{
    std::array<char, 256> name{};
    ::gethostname(name.data(), name.size() - 1);
    auto boot_id = read_file("/proc/sys/kernel/random/boot_id");
    boot_id.resize(std::min(boot_id.find('\n'), boot_id.size()));
    timespec up{};
    ::clock_gettime(CLOCK_BOOTTIME, &up);
    proto::GuestHello hello;
    hello.protocol = proto::guest_protocol;
    hello.agent_version = std::string{GUEST_VERSION};
    hello.hostname = name.data();
    hello.boot_id = std::move(boot_id);
    hello.uptime_ms = static_cast<std::uint64_t>(up.tv_sec) * 1000 +
                      static_cast<std::uint64_t>(up.tv_nsec) / 1'000'000;
    hello.init = role_ == Role::init;
    hello.frozen = frozen();
    hello.identity = identity_.name();
    hello.live = true;
    hello.calls = true;
    return hello;
}

} // namespace guest
