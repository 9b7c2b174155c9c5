#include "guest/terminals/endings.hpp"

#include "common/unique_fd.hpp"
#include "guest/users.hpp"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstring>
#include <dirent.h>
#include <memory>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace guest::terminals {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds hang_up_patience{300};
constexpr milliseconds round_interval{20};
constexpr milliseconds patience{5000};

struct Process {
    char state = 0;
    pid_t session = 0;
};

/// From proc(5)'s stat: "pid (name) state ppid pgrp session …"; a name may hold anything.
std::optional<Process> look_at(const std::string& pid)
{
    const auto text = read_file(("/proc/" + pid + "/stat").c_str());
    const auto end = text.rfind(") ");
    if (end == std::string::npos || text.size() < end + 4) {
        return std::nullopt;
    }
    Process process{text[end + 2], 0};
    std::string_view rest = std::string_view{text}.substr(end + 4);
    for (int skipped = 0; skipped < 2; ++skipped) {
        rest.remove_prefix(std::min(rest.size(), rest.find(' ') + 1));
    }
    std::from_chars(rest.data(), rest.data() + rest.size(), process.session);
    return process;
}

bool exists(pid_t pid)
{
    return ::kill(pid, 0) == 0;
}

std::uint32_t owner_of(const std::string& pid)
{
    struct stat status {};
    return ::stat(("/proc/" + pid).c_str(), &status) == 0 ? status.st_uid : 0;
}

bool belongs(const Process& process, const std::string& pid, const Endings::Leader& leader)
{
    return process.session == leader.pid && process.state != 'Z' && process.state != 'X' &&
           (leader.tie != Endings::Tie::told || owner_of(pid) == leader.user);
}

/// Signals all that is left of the leaders' sessions; whether there was any.
bool signal_all(const std::vector<Endings::Leader>& leaders, std::initializer_list<int> signals)
{
    struct Close {
        void operator()(DIR* folder) const noexcept { ::closedir(folder); }
    };
    const std::unique_ptr<DIR, Close> proc{::opendir("/proc")};
    bool found = false;
    while (const auto* entry = proc ? ::readdir(proc.get()) : nullptr) {
        const std::string name = entry->d_name;
        pid_t pid = 0;
        if (std::from_chars(name.data(), name.data() + name.size(), pid).ec != std::errc{} ||
            pid <= 1 || pid == ::getpid()) {
            continue;
        }
        const auto is_one = [&] {
            const auto process = look_at(name);
            return process && std::ranges::any_of(leaders, [&](const auto& leader) {
                       return belongs(*process, name, leader);
                   });
        };
        if (!is_one()) {
            continue;
        }
        // Held before it is looked at once more: its number may be another's by now.
        const common::UniqueFd held{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
        if (held && is_one()) {
            found = true;
            for (const int signal : signals) {
                ::syscall(SYS_pidfd_send_signal, held.get(), signal, nullptr, 0);
            }
        }
    }
    return found;
}

} // namespace

void Endings::end(std::vector<Leader> leaders, std::function<void()> then)
{
    signal_all(leaders, {SIGHUP, SIGCONT});
    const auto now = clock_.steady();
    endings_.push_back({std::move(leaders), std::move(then), now, now});
}

void Endings::kill(const std::vector<Leader>& leaders)
{
    signal_all(leaders, {SIGKILL});
}

bool Endings::reaped(pid_t pid)
{
    for (auto& ending : endings_) {
        for (auto& leader : ending.leaders) {
            if (leader.tie == Tie::child && leader.pid == pid) {
                leader.tie = Tie::reaped;
                ending.due = clock_.steady();
                return true;
            }
        }
    }
    return false;
}

/// False: nothing is left of it, or nothing helps.
bool Endings::go_on(Ending& ending)
{
    const auto now = clock_.steady();
    auto& leaders = ending.leaders;
    std::erase_if(leaders, [](const Leader& leader) {
        return leader.tie == Tie::reaped && exists(leader.pid); // Somebody else by now.
    });
    if (leaders.empty() || now - ending.began >= patience) {
        return false;
    }
    const bool kills = now - ending.began >= hang_up_patience;
    const bool found = kills ? signal_all(leaders, {SIGKILL}) : signal_all(leaders, {});
    ending.due = now + round_interval;
    return found || std::ranges::any_of(
                        leaders, [](const Leader& leader) { return leader.tie == Tie::child; });
}

std::optional<common::SteadyTime> Endings::on_time()
{
    std::vector<std::function<void()>> done;
    std::optional<common::SteadyTime> next;
    std::erase_if(endings_, [&](Ending& ending) {
        if (clock_.steady() >= ending.due && !go_on(ending)) {
            done.push_back(std::move(ending.then));
            return true;
        }
        next = next ? std::min(*next, ending.due) : ending.due;
        return false;
    });
    for (const auto& then : done) {
        then(); // May begin others.
    }
    return done.empty() ? next : std::optional{clock_.steady()};
}

} // namespace guest::terminals
