#include "guest/calls/terminal_keeper.hpp"

#include "guest/calls/terminal_answers.hpp"
#include "guest/terminals/own_terminals.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace guest::calls {

using common::Error;
using common::ErrorCode;
using common::Result;
using common::UniqueFd;
using proto::TerminalCall;
using proto::TerminalReply;
using terminals::Terminals;
using terminals::WatchId;

namespace {

constexpr std::size_t visits_at_most = 128;
/// Of a watch, not yet taken by its call; the rest waits where it is bounded.
constexpr std::size_t unsent_at_most = std::size_t{64} << 10U;
constexpr std::size_t piece_at_most = std::size_t{16} << 10U;

common::SteadyTime now()
{
    return std::chrono::steady_clock::now();
}

/// One call, from its hand-over to its answer's last byte.
struct Visit {
    UniqueFd fd;
    std::string in{};
    std::string out{};
    bool asked = false;
    bool answered = false; ///< Nothing comes any more, but what is in `out`.
    bool gone = false;
    std::optional<WatchId> watch{};
};

UniqueFd child_signals()
{
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    return UniqueFd{::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)};
}

class Keeper {
public:
    Keeper(UniqueFd control, const User& user)
        : control_{std::move(control)}, signals_{child_signals()}, own_{clock_, user}
    {}

    void run()
    {
        while (!ending_) {
            turn();
        }
    }

private:
    void turn();
    void poll_all();
    void take_visits();
    void read(std::uint64_t id, Visit& visit);
    void begin(std::uint64_t id, std::string_view request);
    void watch(std::uint64_t id, const std::string& pane);
    void answer(std::uint64_t id, const TerminalReply& reply);
    bool fill(Visit& visit);
    void pump(Visit& visit);
    void reap();

    UniqueFd control_;
    UniqueFd signals_;
    common::SystemClock clock_;
    terminals::OwnTerminals own_;
    Terminals* terminals_ = &own_.get();
    std::uint64_t next_ = 1;
    std::map<std::uint64_t, Visit> visits_;
    std::vector<pollfd> polled_;
    std::optional<common::SteadyTime> due_;
    bool ending_ = false;
};

void Keeper::poll_all()
{
    int patience = -1;
    if (due_) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(*due_ - now()).count();
        patience = static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
    }
    polled_.clear();
    polled_.push_back({control_.get(), POLLIN, 0});
    polled_.push_back({signals_.get(), POLLIN, 0});
    for (const auto& [id, visit] : visits_) {
        polled_.push_back(
            {visit.fd.get(), static_cast<short>(POLLIN | (visit.out.empty() ? 0 : POLLOUT)), 0});
    }
    terminals_->descriptors([this](int fd, short events) { polled_.push_back({fd, events, 0}); });
    ::poll(polled_.data(), polled_.size(), patience);
}

void Keeper::turn()
{
    poll_all();
    if (polled_[0].revents != 0) {
        take_visits();
    }
    for (auto& [id, visit] : visits_) {
        read(id, visit);
    }
    terminals_->serve();
    if (polled_[1].revents != 0) {
        reap();
    }
    due_ = terminals_->on_time();
    for (auto& [id, visit] : visits_) {
        pump(visit); // What is said to its end here lets the call end.
    }
    std::erase_if(visits_, [this](const auto& entry) {
        const auto& visit = entry.second;
        const bool over = visit.gone || (visit.answered && visit.out.empty());
        if (over && visit.watch) {
            terminals_->unwatch(*visit.watch);
        }
        return over;
    });
}

void Keeper::take_visits()
{
    while (true) {
        char byte = 0;
        iovec data{&byte, 1};
        alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> space{};
        msghdr message{};
        message.msg_iov = &data;
        message.msg_iovlen = 1;
        message.msg_control = space.data();
        message.msg_controllen = space.size();
        const auto count = ::recvmsg(control_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (count <= 0) {
            ending_ = count == 0 || (errno != EAGAIN && errno != EINTR);
            return;
        }
        const auto* const header = CMSG_FIRSTHDR(&message);
        if (header == nullptr || header->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
        UniqueFd connection{fd};
        ::fcntl(fd, F_SETFL, O_NONBLOCK);
        const auto id = next_++;
        auto& visit = visits_.emplace(id, Visit{std::move(connection)}).first->second;
        if (visits_.size() > visits_at_most) {
            visit.asked = true;
            answer(
                id,
                terminal_refusal(
                    {ErrorCode::rate_limited, "too many look at this user's terminals", "busy"}));
        }
    }
}

void Keeper::read(std::uint64_t id, Visit& visit)
{
    std::array<char, 16384> piece{};
    const auto count = ::read(visit.fd.get(), piece.data(), piece.size());
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
        visit.gone = true;
        return;
    }
    if (count < 0 || visit.asked) {
        return;
    }
    visit.in.append(piece.data(), static_cast<std::size_t>(count));
    if (visit.in.size() < 4) {
        return;
    }
    const auto size = proto::call_length_of(visit.in);
    if (size > proto::max_call_request) {
        visit.asked = true;
        return answer(id, terminal_refusal({ErrorCode::too_large, "it says too much at once"}));
    }
    if (visit.in.size() >= 4 + std::size_t{size}) {
        visit.asked = true;
        begin(id, std::string_view{visit.in}.substr(4, size));
        visit.in.clear();
    }
}

void Keeper::begin(std::uint64_t id, std::string_view request)
{
    const auto call = proto::decode_call<TerminalCall>(request);
    if (!call) {
        return answer(id, terminal_refusal(call.error()));
    }
    terminals_ = &own_.get();
    if (call->what == "watch") {
        return watch(id, call->target);
    }
    act(*terminals_, *call, [this, id](const TerminalReply& reply) { answer(id, reply); });
}

void Keeper::watch(std::uint64_t id, const std::string& pane)
{
    terminals_->watch(pane, [this, id](const Result<WatchId>& watch) {
        const auto visit = visits_.find(id);
        if (!watch) {
            return answer(id, terminal_refusal(watch.error()));
        }
        if (visit == visits_.end() || visit->second.gone) {
            return terminals_->unwatch(*watch);
        }
        visit->second.watch = *watch;
        visit->second.out += proto::call_head(TerminalReply{});
    });
}

void Keeper::answer(std::uint64_t id, const TerminalReply& reply)
{
    if (const auto visit = visits_.find(id); visit != visits_.end()) {
        visit->second.out += proto::call_head(reply);
        visit->second.answered = true;
    }
}

/// From a watch into what is to be sent; false if there is nothing to be sent.
bool Keeper::fill(Visit& visit)
{
    while (visit.watch && visit.out.size() < unsent_at_most) {
        auto piece = terminals_->next(*visit.watch, piece_at_most);
        if (!piece) {
            break;
        }
        if (piece->kind == terminals::WatchPiece::Kind::ended) {
            visit.answered = true;
            visit.watch.reset();
        }
        visit.out += proto::call_head(news_of(*std::move(piece)));
    }
    return !visit.out.empty();
}

void Keeper::pump(Visit& visit)
{
    // Until it is full: who has taken all wakes nobody up for the rest.
    while (fill(visit)) {
        const auto count = ::send(visit.fd.get(), visit.out.data(), visit.out.size(), MSG_NOSIGNAL);
        if (count < 0) {
            visit.gone = visit.gone || (errno != EAGAIN && errno != EINTR);
            return;
        }
        visit.out.erase(0, static_cast<std::size_t>(count));
    }
}

void Keeper::reap()
{
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
        // waitpid(2) tells more.
    }
    int status = 0;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
        terminals_->reaped(pid, status);
    }
}

} // namespace

int keep_terminals(int control, const User& user)
{
    ::signal(SIGPIPE, SIG_IGN); // Programs that are started have it anew.
    // Not theirs: whoever has it takes this process's calls, and keeps it from being missed.
    ::fcntl(control, F_SETFD, FD_CLOEXEC);
    Keeper{UniqueFd{control}, user}.run();
    return 0;
}

} // namespace guest::calls
