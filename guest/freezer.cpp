#include "guest/freezer.hpp"

#include "common/unique_fd.hpp"
#include "guest/users.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace guest {

using common::Error;
using common::ErrorCode;
using common::Result;
namespace fs = std::filesystem;

namespace {

bool write_to(const fs::path& file, std::string_view text)
{
    const common::UniqueFd fd{::open(file.c_str(), O_WRONLY | O_CLOEXEC)};
    return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

std::vector<fs::path> children_of(const fs::path& group)
{
    std::vector<fs::path> found;
    std::error_code gone;
    for (fs::directory_iterator each{group, gone}, end; !gone && each != end;
         each.increment(gone)) {
        if (each->is_directory(gone)) {
            found.push_back(each->path());
        }
    }
    return found;
}

bool stands_still(const fs::path& group)
{
    const auto events = read_file((group / "cgroup.events").c_str());
    return events.empty() || events.find("frozen 1") != std::string::npos; // Empty: it is gone.
}

pid_t first_program(const fs::path& group, const std::function<bool(pid_t)>& goes_on)
{
    const auto text = read_file((group / "cgroup.procs").c_str());
    const auto* at = text.data();
    const auto* const end = at + text.size();
    while (at < end) {
        pid_t pid = 0;
        at = std::from_chars(at, end, pid).ptr;
        if (pid != 0 && goes_on(pid)) {
            return pid;
        }
        at = std::find(at, end, '\n') + (at < end ? 1 : 0);
    }
    return 0;
}

} // namespace

Groups settle_into_groups(const fs::path& root, std::string_view membership)
{
    // cgroup2 is the hierarchy without a number; with cgroup1 beside it, it is elsewhere.
    const auto line = membership.find("0::/");
    if (::access((root / "cgroup.controllers").c_str(), F_OK) != 0 ||
        line == std::string_view::npos) {
        return {};
    }
    const auto from = line + std::strlen("0::/");
    Groups groups;
    groups.root = root;
    groups.own = membership.substr(from, membership.find('\n', from) - from);
    if (groups.own.empty()) {
        groups.commands = root / "guest";
    } else {
        groups.commands = root / groups.own / "commands";
        groups.own /= "agent";
        ::mkdir((root / groups.own).c_str(), 0755);
        if (!write_to(root / groups.own / "cgroup.procs", "0")) {
            groups.own = groups.own.parent_path();
        }
    }
    ::mkdir(groups.commands.c_str(), 0755);
    return groups;
}

Freezer::Freezer(Groups groups, std::function<bool(pid_t)> goes_on)
    : groups_{std::move(groups)}, goes_on_{std::move(goes_on)}
{}

std::vector<fs::path> Freezer::way() const
{
    std::vector<fs::path> way{groups_.root};
    for (const auto& part : groups_.own) {
        way.push_back(way.back() / part);
    }
    return way;
}

Freezer::Found Freezer::stop(const fs::path& group)
{
    const auto file = group / "cgroup.freeze";
    if (std::ranges::find(stopped_, group) != stopped_.end() ||
        !read_file(file.c_str()).starts_with('0') || !write_to(file, "1")) {
        return Found::nothing; // Stopped already, by us or by others; or gone.
    }
    stopped_.push_back(group);
    return Found::more;
}

Freezer::Found Freezer::stop_all()
{
    auto found = Found::nothing;
    const auto levels = way();
    for (const auto& level : levels) {
        for (const auto& group : children_of(level)) {
            if (std::ranges::find(levels, group) == levels.end() && stop(group) == Found::more) {
                found = Found::more;
            }
        }
    }
    return found;
}

std::string Freezer::obstacle() const
{
    const auto levels = way();
    for (const auto& level : levels) {
        for (const auto& group : children_of(level)) {
            if (std::ranges::find(levels, group) == levels.end() && !stands_still(group)) {
                return group.lexically_relative(groups_.root).string() + " goes on";
            }
        }
        if (const auto pid = first_program(level, goes_on_); pid != 0) {
            return "process " + std::to_string(pid) + " is in the agent's own group";
        }
    }
    return "";
}

Result<> Freezer::freeze(std::chrono::milliseconds patience)
{
    if (frozen_) {
        return {};
    }
    if (groups_.root.empty()) {
        return Error{ErrorCode::unavailable, "this guest has no cgroup2 at /sys/fs/cgroup"};
    }
    // In a guest so slow that one look takes all the time, what was found has stood still since.
    constexpr int most_looks_too_late = 3;
    const auto until = std::chrono::steady_clock::now() + patience;
    int too_late = 0;
    while (true) {
        // Until it stood still, a service manager may have made new groups.
        const auto found = stop_all();
        const auto why = obstacle();
        if (found == Found::nothing && why.empty()) {
            frozen_ = true;
            return {};
        }
        if (std::chrono::steady_clock::now() >= until &&
            (found == Found::nothing || ++too_late > most_looks_too_late)) {
            thaw();
            return Error{ErrorCode::unavailable, why.empty() ? "new groups without end" : why};
        }
        ::usleep(500);
    }
}

void Freezer::thaw()
{
    for (const auto& group : std::exchange(stopped_, {})) {
        write_to(group / "cgroup.freeze", "0");
    }
    frozen_ = false;
}

bool is_other_program(pid_t pid)
{
    // proc(5): "pid (name) state parent …"; the name may hold anything.
    const auto stat = read_file(("/proc/" + std::to_string(pid) + "/stat").c_str());
    const auto name_end = stat.rfind(") ");
    if (pid == ::getpid() || name_end == std::string::npos || name_end + 4 >= stat.size()) {
        return false;
    }
    constexpr pid_t kthreadd = 2;
    const char state = stat[name_end + 2];
    pid_t parent = 0;
    std::from_chars(stat.data() + name_end + 4, stat.data() + stat.size(), parent);
    return pid != kthreadd && parent != kthreadd && state != 'Z' && state != 'X';
}

Result<> sync_disks(std::chrono::milliseconds patience)
{
    const pid_t helper = ::fork();
    if (helper == 0) {
        ::sync();
        ::_exit(0);
    }
    if (helper < 0) {
        return Error{ErrorCode::unavailable, std::string{"fork: "} + std::strerror(errno)};
    }
    const auto until = std::chrono::steady_clock::now() + patience;
    while (::waitpid(helper, nullptr, WNOHANG) == 0) {
        if (std::chrono::steady_clock::now() >= until) {
            ::kill(helper, SIGKILL); // Reaped with all others, once the kernel lets it go.
            return Error{ErrorCode::unavailable, "writing to the disks takes too long"};
        }
        ::usleep(500);
    }
    return {};
}

} // namespace guest
