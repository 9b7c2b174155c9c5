#include "guest/identity.hpp"

#include "common/unique_fd.hpp"

#include <algorithm>
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

constexpr const char* identity_folder = "var/lib/paddock";
constexpr const char* identity_file = "var/lib/paddock/identity";
constexpr std::size_t longest_identity = 128;

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
    bool parted = copy;
    // It was loaded on another host, which has its own network.
    const bool elsewhere = !copy && name_ == self.identity && !mac_.empty() && !self.mac.empty() &&
                           (self.mac != mac_ || self.ip != ip_);
    if (elsewhere) {
        steps.take_new_address(self);
    }
    mac_ = self.mac;
    ip_ = self.ip;
    if (!self.identity.empty() && name_ != self.identity) {
        const auto kept = steps.identity_on_disk();
        if (!copy && !kept.empty() && kept != self.identity) {
            steps.part_from_original_disk(self);
            parted = true;
        }
        if (kept != self.identity) {
            steps.keep_on_disk(self.identity); // After parting: what is cut short is done again.
        }
        name_ = self.identity;
    }
    steps.thaw();
    if (parted || elsewhere) {
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

std::string kept_identity(const fs::path& root)
{
    // Nobody may make this wait: O_NONBLOCK for what is no file.
    const common::UniqueFd fd{
        ::open((root / identity_file).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
    struct stat about {};
    if (!fd || ::fstat(fd.get(), &about) != 0 || !S_ISREG(about.st_mode)) {
        return "";
    }
    std::string text(longest_identity, '\0');
    const auto count = ::read(fd.get(), text.data(), text.size());
    text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    text.resize(std::min(text.find('\n'), text.size()));
    return text;
}

/// Not synced: the disk of a guest that stands still is, before it is copied.
void keep_identity(const fs::path& root, std::string_view identity)
{
    std::error_code none;
    fs::create_directories((root / identity_folder).parent_path(), none);
    static_cast<void>(::mkdir((root / identity_folder).c_str(), 0700));
    const auto file = root / identity_file;
    const fs::path fresh{file.string() + ".new"};
    static_cast<void>(::unlink(fresh.c_str()));
    const auto line = std::string{identity} + "\n";
    bool whole = false;
    {
        const common::UniqueFd fd{
            ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
        whole =
            fd && ::write(fd.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size());
    }
    if (!whole || ::rename(fresh.c_str(), file.c_str()) != 0) {
        static_cast<void>(::unlink(fresh.c_str()));
    }
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
