#pragma once

#include "common/result.hpp"
#include "hostd/virt/opener.hpp"

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace hostd::libvirt {

using virt::Connection;
using virt::Opener;

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
