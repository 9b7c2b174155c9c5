#pragma once

#include "common/curve/keys.hpp"
#include "common/outbox.hpp"
#include "coordinator/core/hosts.hpp"
#include "coordinator/link/enrolment.hpp"
#include "coordinator/link/sessions.hpp"

#include <atomic>
#include <memory>
#include <thread>

namespace coordinator::link {

struct RouterSettings {
    std::string address; ///< "tcp://*:7420"
    common::curve::KeyPair keys;
    std::chrono::milliseconds heartbeat{2000};
    /// ZMTP's own heartbeat: how soon a dead peer's connection is given up.
    std::chrono::milliseconds zmtp_timeout{10000};
    std::size_t outbox = 65536;
    int queue_per_host = 16384; ///< Messages; beyond it a host has to say hello again.
};

/// The hosts, over a ZeroMQ ROUTER with CURVE. Its thread owns the socket; the outbox
/// is the only way in.
class HostRouter final : public HostLink {
public:
    HostRouter(RouterSettings settings, Enrolment& enrolment);
    ~HostRouter() override;
    HostRouter(const HostRouter&) = delete;
    HostRouter& operator=(const HostRouter&) = delete;

    /// After observe(). `unavailable` if the address is taken.
    common::Result<> start(std::uint64_t epoch);
    void stop();

    /// The latest epoch that a host has told of, if it is later than ours; else 0. A host's word:
    /// it may be wrong. Any thread.
    [[nodiscard]] std::uint64_t later_epoch() const noexcept { return later_epoch_.load(); }

    void observe(Observer observer) override { observer_ = std::move(observer); }
    /// `unavailable`: "host_unreachable" if the host has no session, "link_busy" if too much
    /// waits to be sent. In both cases the host has certainly not been given it.
    common::Result<> send(const common::HostName& host, HostCommand command) override;
    void acknowledge(const common::HostName& host,
                     const std::string& instance,
                     std::uint64_t seq) override;
    void request_sync(const common::HostName& host) override;
    [[nodiscard]] std::size_t waiting() const override { return outbox_.size(); }

private:
    struct Acknowledge {
        common::HostName host;
        std::string instance;
        std::uint64_t seq;
    };
    struct Sync {
        common::HostName host;
    };
    struct Send {
        common::HostName host;
        HostCommand command;
    };
    using Item = std::variant<Send, Acknowledge, Sync>;
    struct Sockets;

    void run(Sockets& sockets, std::uint64_t epoch);

    const RouterSettings settings_;
    Enrolment& enrolment_;
    Observer observer_;
    Presence presence_;
    common::Outbox<Item> outbox_;
    std::atomic<bool> stopping_{false};
    std::atomic<std::uint64_t> later_epoch_{0};
    std::unique_ptr<Sockets> sockets_;
    std::thread thread_;
};

} // namespace coordinator::link
