#pragma once

#include "hostd/link/link_settings.hpp"

#include <functional>
#include <memory>

namespace hostd::link {

/// The ways of many hosts to one coordinator, on one thread: what CoordinatorLink is to a real
/// host, for those that are simulated. Each has a key pair, a connection and a Session of its own;
/// all wait in one place, so that a turn costs what has news and not what there is. Everything but
/// wake() and the count is for the thread that calls turn().
class LinkBundle {
public:
    using Member = std::size_t;
    struct Ways {
        std::function<void(Command)> command;
        std::function<HostReport()> report;
    };

    /// `shared.keys` are nobody's. `members`: at most so many. Throws zmq::error_t.
    LinkBundle(LinkSettings shared, const common::Clock& clock, std::size_t members);
    ~LinkBundle();
    LinkBundle(const LinkBundle&) = delete;
    LinkBundle& operator=(const LinkBundle&) = delete;

    /// File descriptors for so many: three ZeroMQ sockets and a TCP connection each, and for as
    /// long as it takes to close it the connection before.
    static constexpr std::size_t descriptors(std::size_t members) { return 6 * members + 64; }

    /// Its connection is off.
    Member add(KeyPair keys, Ways ways);
    /// It connects after `delay`, and again whenever the connection is lost.
    void connect(Member member, std::chrono::milliseconds delay = {});
    /// Its connection is gone until connect(); what the coordinator has not acknowledged is kept.
    void cut(Member member);
    /// Likewise, and nothing is kept: another process speaks from then on.
    void restart(Member member);
    /// Nothing is read and nothing said from now on, with the connection as it is; as if its
    /// process had been stopped.
    void hang(Member member);
    void go_on(Member member);

    void push(Member member, Outgoing item);
    [[nodiscard]] std::size_t welcomed() const;
    [[nodiscard]] bool is_welcomed(Member member) const;

    /// Waits for news until then, or wake(), and deals with it.
    void turn(common::SteadyTime until);
    /// Any thread: the turn that waits ends.
    void wake() noexcept;

private:
    struct One;
    struct Poller;

    void serve(One& one);
    void serve_messages(One& one);
    void open(One& one);
    void close(One& one);
    void lost(One& one);
    void schedule(One& one, common::SteadyTime due);
    void on_time(One& one, common::SteadyTime now);

    const LinkSettings settings_;
    const common::Clock& clock_;
    std::unique_ptr<Poller> poller_;
    std::vector<std::unique_ptr<One>> members_;
};

} // namespace hostd::link
