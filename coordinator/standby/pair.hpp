#pragma once

#include "coordinator/standby/proxy.hpp"

#include <array>
#include <boost/asio.hpp>
#include <memory>
#include <unordered_set>
#include <vector>

namespace coordinator::standby {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;

class Pair;

/// What all connections of a proxy share. Its thread's alone.
struct Shared {
    explicit Shared(ProxyOptions given) : options{std::move(given)} {}

    const ProxyOptions options;
    asio::io_context loop{1};
    std::vector<Tcp::endpoint> leader; ///< Empty: nobody leads, or nobody knows where.
    bool connecting_failed = false;    ///< Since they were looked up.
    std::unordered_set<std::shared_ptr<Pair>> pairs;
    std::size_t begun = 0; ///< Of the pairs; the others are only refused.
    std::size_t unsent = 0;
    std::array<char, std::size_t{16} << 10U> scratch{};
};

/// One client's connection, and the one to the leader that belongs to it. Each direction has its
/// own end: what one side ends is ended at the other once all before it is sent. One that breaks
/// breaks the other, so that half a reply never looks like a whole one.
class Pair : public std::enable_shared_from_this<Pair> {
public:
    Pair(Shared& shared, Tcp::socket client);

    /// Waits for the client's first byte, then for the leader.
    void begin();
    /// Tells the client, once it has sent something, and closes.
    void refuse_when_it_speaks(common::Error why);
    /// Its leader leads no longer: it is cut, or refused if nothing has been passed on yet.
    void leave_leader();
    /// Ends both at once.
    void cut();

private:
    /// One direction. While something is unsent nothing more is read.
    struct Flow {
        Tcp::socket& from;
        Tcp::socket& to;
        asio::steady_timer stalls; ///< Runs while a client takes nothing.
        std::string unsent{};
        std::size_t sent = 0; ///< Of it.
        bool ended = false;
    };
    using Code = boost::system::error_code;

    void connect();
    void refuse(const common::Error& why);
    void linger(std::size_t discarded);
    void pump(Flow& flow);
    void take(Flow& flow);
    void push(Flow& flow);
    void end(Flow& flow);
    void forget_unsent(Flow& flow);
    void within(std::chrono::milliseconds time, void (Pair::*then)());

    enum class Stage { waits, connects, passes_on };

    Shared& shared_;
    Stage stage_ = Stage::waits;
    Tcp::socket client_;
    Tcp::socket leader_;
    asio::steady_timer timer_; ///< For what is waited for only once.
    Flow up_;
    Flow down_;
    bool begun_ = false;
    bool over_ = false;
};

} // namespace coordinator::standby
