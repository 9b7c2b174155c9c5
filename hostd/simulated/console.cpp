#include "hostd/simulated/console.hpp"

#include <array>
#include <cstdio>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <poll.h>
#include <sstream>
#include <unistd.h>

namespace hostd::simulated {

using common::Error;
using common::ErrorCode;
using common::Result;

const char* const words_understood =
    "hang GLOB     these hosts stand still, their connections stay\n"
    "cut GLOB      the network to them is gone; what runs on them runs on\n"
    "die GLOB      their power is cut; what ran on them is stopped when they are back\n"
    "return GLOB   whatever it was, that is over\n"
    "status        one line of JSON about all\n"
    "list          one line for each host, with its sandboxes; then that of status\n"
    "quit          end\n";

namespace {

void print_list(Fleet& fleet)
{
    for (const auto& host : fleet.view()) {
        fmt::memory_buffer line;
        fmt::format_to(std::back_inserter(line),
                       R"({{"host":"{}","trouble":"{}","welcomed":{},"vcpus":{},"memory_mb":{},)"
                       R"("creates":{},"oversold":{},"sandboxes":{{)",
                       host.name,
                       host.trouble,
                       host.welcomed,
                       host.committed.vcpus,
                       host.committed.memory.mib(),
                       host.counts.creates,
                       host.counts.oversold);
        const char* comma = "";
        for (const auto& [id, phase] : host.sandboxes) {
            fmt::format_to(std::back_inserter(line), R"({}"{}":"{}")", comma, id, phase);
            comma = ",";
        }
        fmt::print("{}}}}}\n", fmt::to_string(line));
    }
}

/// What stdin says, line by line.
class Orders {
public:
    /// Nothing is asked of an stdin that is closed, or that a service manager gives.
    [[nodiscard]] int fd() const { return open_ ? STDIN_FILENO : -1; }
    bool read(Fleet& fleet)
    {
        std::array<char, 4096> piece{};
        const auto count = ::read(STDIN_FILENO, piece.data(), piece.size());
        if (count <= 0) {
            open_ = false;
            return true;
        }
        text_.append(piece.data(), static_cast<std::size_t>(count));
        for (auto end = text_.find('\n'); end != std::string::npos; end = text_.find('\n')) {
            const auto line = text_.substr(0, end);
            text_.erase(0, end + 1);
            if (!obey(fleet, line)) {
                return false;
            }
        }
        return true;
    }

private:
    bool open_ = true;
    std::string text_;
};

/// One line now and then, for whoever watches.
class Progress {
public:
    explicit Progress(std::chrono::milliseconds every) : every_{every} {}

    [[nodiscard]] int wait_ms() const
    {
        if (every_.count() == 0) {
            return -1;
        }
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(
            last_ + every_ - std::chrono::steady_clock::now());
        return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
    }
    void tell(const Shard::Summary& sum)
    {
        const auto now = std::chrono::steady_clock::now();
        const std::chrono::duration<double> passed = now - std::exchange(last_, now);
        const auto rate = [&passed](std::uint64_t is, std::uint64_t was) {
            return static_cast<double>(is - was) / passed.count();
        };
        const auto& is = sum.counts;
        fmt::print(
            stderr,
            "{:%H:%M:%S} {}/{} hosts welcomed, {} in trouble; {} sandboxes; {:.0f} creates/s, "
            "{:.0f} execs/s, {:.0f} destroys/s; {} refused, {} failed, {} oversold, {} "
            "repeated\n",
            std::chrono::system_clock::now(),
            sum.welcomed,
            sum.hosts,
            sum.in_trouble,
            sum.sandboxes,
            rate(is.creates, before_.creates),
            rate(is.execs, before_.execs),
            rate(is.destroyed, before_.destroyed),
            is.refused,
            is.failed,
            is.oversold,
            is.repeated);
        before_ = is;
    }

private:
    const std::chrono::milliseconds every_;
    std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
    Counts before_;
};

} // namespace

std::string to_json(const Shard::Summary& sum)
{
    const auto& counts = sum.counts;
    return fmt::format(
        R"({{"hosts":{},"welcomed":{},"in_trouble":{},"sandboxes":{},"creates":{},"boots":{},)"
        R"("execs":{},"destroyed":{},"refused":{},"failed":{},"oversold":{},"repeated":{}}})",
        sum.hosts,
        sum.welcomed,
        sum.in_trouble,
        sum.sandboxes,
        counts.creates,
        counts.boots,
        counts.execs,
        counts.destroyed,
        counts.refused,
        counts.failed,
        counts.oversold,
        counts.repeated);
}

bool obey(Fleet& fleet, const std::string& line)
{
    std::istringstream in{line};
    std::string verb;
    std::string glob;
    in >> verb >> glob;
    const auto deed = deed_from(verb);
    if (verb.empty()) {
        return true;
    }
    if (verb == "quit") {
        return false;
    }
    if (deed && !glob.empty()) {
        fmt::print("{{\"hosts\":{}}}\n", fleet.do_to(glob, *deed));
    } else if (verb == "list" || verb == "status") {
        if (verb == "list") {
            print_list(fleet);
        }
        fmt::print("{}\n", to_json(fleet.summary()));
    } else {
        fmt::print("{{\"error\":\"not understood\"}}\n");
        fmt::print(stderr, "{}", words_understood);
    }
    std::fflush(stdout);
    return true;
}

Result<> watch(Fleet& fleet, int signals, std::chrono::milliseconds every)
{
    Orders orders;
    Progress progress{every};
    for (;;) {
        std::array<pollfd, 2> wait{{{signals, POLLIN, 0}, {orders.fd(), POLLIN, 0}}};
        const auto news = ::poll(wait.data(), wait.size(), progress.wait_ms());
        if (news < 0 && errno != EINTR) {
            return Error{ErrorCode::internal, "poll: the system refuses"};
        }
        if (wait[0].revents != 0) {
            return {};
        }
        if (wait[1].revents != 0 && !orders.read(fleet)) {
            return {};
        }
        if (progress.wait_ms() == 0) {
            progress.tell(fleet.summary());
        }
    }
}

} // namespace hostd::simulated
