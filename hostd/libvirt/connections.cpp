#include "hostd/libvirt/connections.hpp"

#include "hostd/libvirt/last_error.hpp"

#include <array>
#include <chrono>

namespace hostd::libvirt {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

constexpr auto slot_patience = std::chrono::seconds{30};
constexpr auto first_retry = std::chrono::milliseconds{50};
constexpr auto last_retry = std::chrono::milliseconds{2000};

} // namespace

// On the event loop's thread: only enqueue. One function for both registering and its opposite:
// libvirt tells callbacks apart by their address, and keeps a connection that still has one.
void Watch::on_close(virConnectPtr, int, void* self)
{
    auto& watch = *static_cast<Watch*>(self);
    {
        const std::scoped_lock lock{watch.mutex_};
        watch.closed_ = true;
    }
    watch.closed_changed_.notify_all();
}

ConnectionPool::Lease::~Lease()
{
    if (pool_ != nullptr) {
        pool_->give_back(std::move(connection_));
    }
}

Result<ConnectionPool::Lease> ConnectionPool::take()
{
    Connection connection;
    {
        std::unique_lock lock{mutex_};
        if (!freed_.wait_for(lock, slot_patience, [this] { return free_slots_ > 0; })) {
            return Error{ErrorCode::unavailable,
                         "every connection to libvirt is busy",
                         "libvirt_unavailable"};
        }
        --free_slots_;
        if (!idle_.empty()) {
            connection = std::move(idle_.back());
            idle_.pop_back();
        }
    }
    if (!connection || virConnectIsAlive(connection.get()) != 1) {
        connection.reset();
        auto opened = opener_.open();
        if (!opened) {
            give_back(nullptr);
            return std::move(opened).error();
        }
        connection = *std::move(opened);
    }
    return Lease{*this, std::move(connection)};
}

void ConnectionPool::give_back(Connection connection)
{
    {
        const std::scoped_lock lock{mutex_};
        ++free_slots_;
        if (connection) {
            idle_.push_back(std::move(connection));
        }
    }
    freed_.notify_one();
}

Watch::Watch(Opener& opener, Callbacks callbacks)
    : opener_{opener},
      callbacks_{std::move(callbacks)},
      thread_{[this](const std::stop_token& stop) { run(stop); }}
{}

Watch::~Watch()
{
    thread_.request_stop();
    thread_.join();
}

void Watch::run(const std::stop_token& stop)
{
    auto retry = first_retry;
    while (!stop.stop_requested()) {
        auto connection = open_and_register();
        if (!connection) {
            std::unique_lock lock{mutex_};
            closed_changed_.wait_for(lock, stop, retry, [] { return false; });
            retry = std::min(retry * 2, last_retry);
            continue;
        }
        retry = first_retry;
        callbacks_.restored();
        {
            std::unique_lock lock{mutex_};
            closed_changed_.wait(lock, stop, [this] { return closed_; });
        }
        deregister(*std::move(connection));
        if (!stop.stop_requested()) {
            callbacks_.lost();
        }
    }
}

Result<Connection> Watch::open_and_register()
{
    COMMON_TRY(auto connection, opener_.open());
    {
        const std::scoped_lock lock{mutex_};
        closed_ = false;
    }
    // The test driver knows no close; its connection never breaks either.
    static_cast<void>(virConnectRegisterCloseCallback(connection.get(), on_close, this, nullptr));

    const auto changed = [](virDomainPtr domain, void* self) {
        static_cast<Watch*>(self)->callbacks_.changed(virDomainGetName(domain));
    };
    static constexpr auto report = changed;
    const auto lifecycle =
        +[](virConnectPtr, virDomainPtr domain, int, int, void* self) { report(domain, self); };
    const auto reboot =
        +[](virConnectPtr, virDomainPtr domain, void* self) { report(domain, self); };
    const auto agent =
        +[](virConnectPtr, virDomainPtr domain, int, int, void* self) { report(domain, self); };
    const std::array wanted{
        std::pair{VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(lifecycle)},
        std::pair{VIR_DOMAIN_EVENT_ID_REBOOT, VIR_DOMAIN_EVENT_CALLBACK(reboot)},
        std::pair{VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(agent)}};
    registered_.clear();
    for (const auto& [id, callback] : wanted) {
        const int number = virConnectDomainEventRegisterAny(
            connection.get(), nullptr, id, callback, this, nullptr);
        if (number < 0) {
            auto error = last_error().during("register for events");
            deregister(std::move(connection)); // What is registered would keep it open.
            return error;
        }
        registered_.push_back(number);
    }
    return connection;
}

void Watch::deregister(Connection connection)
{
    for (const int number : registered_) {
        virConnectDomainEventDeregisterAny(connection.get(), number);
    }
    virConnectUnregisterCloseCallback(connection.get(), on_close);
}

} // namespace hostd::libvirt
