#include "guest/identity.hpp"

#include "common/unique_fd.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace guest {

namespace fs = std::filesystem;

namespace {

void overwrite(const fs::path& file, std::string_view text)
{
    // In place: systemd may have mounted something over it.
    const common::UniqueFd fd{::open(file.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW)};
    if (fd) {
        static_cast<void>(::write(fd.get(), text.data(), text.size()));
    }
}

bool is_host_key(const std::string& name)
{
    constexpr std::string_view prefix = "ssh_host_";
    return name.starts_with(prefix) && (name.ends_with("_key") || name.ends_with("_key.pub"));
}

} // namespace

common::Result<> Identity::become(const proto::GuestBecome& self, BecomingSteps& steps)
{
    const bool copy = !name_.empty() && !self.identity.empty() && name_ != self.identity;
    // First: whatever runs from here on has numbers of its own.
    if (const auto seeded = self.seed.empty() ? common::Result<>{} : steps.reseed(self.seed);
        !seeded && copy) {
        return seeded;
    }
    if (self.time_unix_us > 0) {
        steps.set_clock(self.time_unix_us);
    }
    if (!self.hostname.empty()) {
        steps.set_hostname(self.hostname);
    }
    if (copy) {
        steps.part_from_original(self);
    }
    if (!self.identity.empty()) {
        name_ = self.identity;
    }
    steps.thaw();
    if (copy) {
        steps.tell_services();
    }
    return {};
}

std::string machine_id_of(std::string_view identity)
{
    // FNV-1a of 128 bits. Ids are random, so a hash that spreads them is enough.
    __extension__ using Wide = unsigned __int128;
    constexpr Wide prime = (Wide{1} << 88U) + 0x13B;
    Wide hash = (Wide{0x6C62272E07BB0142} << 64U) + 0x62B821756295C58D;
    for (const char c : identity) {
        hash = (hash ^ static_cast<unsigned char>(c)) * prime;
    }
    std::string digits(32, '0');
    for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit, hash >>= 4U) {
        *digit = "0123456789abcdef"[static_cast<unsigned>(hash & 15U)];
    }
    return digits;
}

HostKeys renew_files(const fs::path& root, std::string_view identity)
{
    const auto line = machine_id_of(identity) + "\n";
    for (const auto* file : {"etc/machine-id", "var/lib/dbus/machine-id"}) {
        std::error_code none;
        if (fs::is_regular_file(fs::symlink_status(root / file, none))) {
            overwrite(root / file, line);
        }
    }
    auto keys = HostKeys::none;
    std::error_code none;
    std::vector<fs::path> found;
    for (fs::directory_iterator each{root / "etc/ssh", none}, end; !none && each != end;
         each.increment(none)) {
        if (is_host_key(each->path().filename())) {
            found.push_back(each->path());
        }
    }
    for (const auto& key : found) {
        keys = fs::remove(key, none) ? HostKeys::removed : keys;
    }
    return keys;
}

} // namespace guest
