#pragma once

#include "common/result.hpp"
#include "hostd/libvirt/handles.hpp"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace hostd::libvirt {

/// Runs libvirt's event loop in a thread of its own, for keepalives and callbacks. Libvirt
/// allows one such loop per process; it must run before any connection is opened.
class EventLoop {
public:
    EventLoop();
    ~EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

private:
    std::jthread thread_;
};

/// Opens connections. Any thread.
class Opener {
public:
    explicit Opener(std::string uri) : uri_{std::move(uri)} {}

    /// A connection whose keepalive notices a frozen daemon within about ten seconds.
    /// `unavailable` if there is no daemon, after ten seconds if it does not answer, and at
    /// once while it has not answered one that was given up.
    common::Result<Connection> open();

private:
    const std::string uri_;
    /// Calls of virConnectOpen that nobody waits for any more.
    const std::shared_ptr<std::atomic<int>> given_up_ = std::make_shared<std::atomic<int>>(0);
};

/// A few connections for calls: libvirtd serves five calls of one connection at once and
/// makes the rest wait. Any thread.
class ConnectionPool {
public:
    ConnectionPool(Opener& opener, std::size_t size) : opener_{opener}, free_slots_{size} {}

    /// One connection, given back when it goes out of scope.
    class Lease {
    public:
        Lease(ConnectionPool& pool, Connection connection)
            : pool_{&pool}, connection_{std::move(connection)}
        {}
        Lease(Lease&& other) noexcept
            : pool_{std::exchange(other.pool_, nullptr)}, connection_{std::move(other.connection_)}
        {}
        Lease& operator=(Lease&&) = delete;
        ~Lease();
        [[nodiscard]] virConnectPtr get() const noexcept { return connection_.get(); }

    private:
        ConnectionPool* pool_;
        Connection connection_;
    };

    /// A connection that is alive, opened anew if need be. `unavailable` if the daemon does
    /// not answer or none becomes free in time.
    common::Result<Lease> take();

private:
    void give_back(Connection connection);

    Opener& opener_;
    std::mutex mutex_;
    std::condition_variable freed_;
    std::size_t free_slots_;
    std::vector<Connection> idle_;
};

/// Keeps one connection for events: opens it, registers the callbacks, and does so again
/// whenever it breaks. One thread of its own; the callbacks run on the event loop's.
class Watch {
public:
    struct Callbacks {
        std::function<void(const std::string& domain_name)> changed;
        std::function<void()> lost;
        std::function<void()> restored; ///< Also the first time.
    };
    Watch(Opener& opener, Callbacks callbacks);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

private:
    void run(const std::stop_token& stop);
    common::Result<Connection> open_and_register();
    void deregister(Connection connection);
    static void on_close(virConnectPtr, int reason, void* self);

    Opener& opener_;
    const Callbacks callbacks_;
    std::mutex mutex_;
    std::condition_variable_any closed_changed_;
    bool closed_ = false;
    std::vector<int> registered_;
    std::jthread thread_;
};

} // namespace hostd::libvirt
