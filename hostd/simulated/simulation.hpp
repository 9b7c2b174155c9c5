#pragma once

#include "common/outbox.hpp"
#include "hostd/link/link_bundle.hpp"
#include "hostd/simulated/host.hpp"
#include "hostd/simulated/members.hpp"

#include <atomic>
#include <thread>

namespace hostd::simulated {

/// Hosts fall over by themselves, on average one of the whole fleet every `hangs_every` and
/// `dies_every` (0: never), and are back after so long.
struct Trouble {
    std::chrono::milliseconds hangs_every{0};
    std::chrono::milliseconds hangs_for{20'000};
    std::chrono::milliseconds dies_every{0};
    std::chrono::milliseconds dies_for{60'000};
};

/// What is done to a host from outside.
enum class Deed {
    hang,  ///< Its process stands still; the connection stays.
    cut,   ///< The network to it is gone; what runs on it runs on.
    die,   ///< Its power is cut; what ran on it is stopped when it is back.
    go_on, ///< Whatever it was, that is over.
};
std::optional<Deed> deed_from(std::string_view text) noexcept;

/// One host as it is now.
struct HostView {
    std::string name;
    std::string trouble; ///< hang | cut | die | ""
    bool welcomed = false;
    Counts counts;
    Commitment committed;
    std::vector<std::pair<std::string, std::string_view>> sandboxes; ///< Id and phase.
};

/// Some of the hosts of a simulation and the thread that they all live on.
class Shard {
public:
    Shard(const link::LinkSettings& settings,
          const common::Clock& clock,
          const Shape& shape,
          const Behaviour& ways,
          const Trouble& trouble,
          std::vector<Member> members,
          std::uint64_t seed);
    ~Shard();
    Shard(const Shard&) = delete;
    Shard& operator=(const Shard&) = delete;

    /// `stagger`: how long the hosts take to connect, one after the other.
    void start(std::chrono::milliseconds stagger);
    /// Ends the thread; what it was asked is answered from then on by whoever asks.
    void stop();

    struct Summary {
        std::size_t hosts = 0;
        std::size_t welcomed = 0;
        std::size_t in_trouble = 0;
        std::size_t sandboxes = 0;
        Counts counts;
    };
    // From any other thread; each waits for the shard's own.
    Summary summary();
    std::vector<HostView> view();
    /// To every host whose name fits the glob; to how many.
    std::size_t do_to(const std::string& glob, Deed deed);

private:
    struct Simulated;

    template <typename Value>
    Value ask(std::function<Value()> question);
    void run();
    void act(Simulated& one, Deed deed);
    void troubles();
    void next_trouble(std::chrono::milliseconds every, std::chrono::milliseconds lasts, Deed deed);

    const common::Clock& clock_;
    const Shape shape_;
    const Behaviour ways_;
    const Trouble trouble_;
    // The thread's own, once it runs.
    Timers timers_;
    Dice dice_;
    link::LinkBundle links_;
    std::vector<std::unique_ptr<Simulated>> hosts_;
    common::Outbox<std::function<void()>> questions_;
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

} // namespace hostd::simulated
