#pragma once

#include "coordinator/core/hosts.hpp"
#include "tests/support/arrivals.hpp"

#include <atomic>
#include <mutex>

namespace tests {

/// Hosts that do as a test says: every command is recorded, and answered at once by the
/// script if there is one.
class FakeLink final : public coordinator::HostLink {
public:
    struct Sent {
        common::HostName host;
        coordinator::HostCommand command;
    };
    struct Acknowledged {
        common::HostName host;
        std::string instance;
        std::uint64_t seq = 0;
    };
    /// Nothing: the host keeps silent.
    using Script = std::function<std::optional<coordinator::HostAnswer>(const Sent&)>;

    void script(Script script)
    {
        const std::scoped_lock lock{mutex_};
        script_ = std::move(script);
    }
    void say(coordinator::HostEvent event)
    {
        Observer observer;
        {
            const std::scoped_lock lock{mutex_};
            observer = observer_;
        }
        observer(std::move(event));
    }

    void observe(Observer observer) override
    {
        const std::scoped_lock lock{mutex_};
        observer_ = std::move(observer);
    }
    common::Result<> send(const common::HostName& host, coordinator::HostCommand command) override
    {
        const Sent sent{host, std::move(command)};
        Script script;
        {
            const std::scoped_lock lock{mutex_};
            script = script_;
        }
        if (away_) {
            return common::Error{common::ErrorCode::unavailable, "not there", "host_unreachable"};
        }
        const auto answer = script ? script(sent) : std::nullopt;
        commands.add(sent);
        if (answer) {
            say(*answer);
        }
        return {};
    }
    void acknowledge(const common::HostName& host,
                     const std::string& instance,
                     std::uint64_t seq) override
    {
        acknowledged.add({host, instance, seq});
    }
    void request_sync(const common::HostName& host) override { syncs.add(host); }
    [[nodiscard]] std::size_t waiting() const override { return 3; }

    /// Nothing can be sent to any host.
    void away(bool now) { away_ = now; }

    Arrivals<Sent> commands;
    Arrivals<Acknowledged> acknowledged;
    Arrivals<common::HostName> syncs;

private:
    std::atomic<bool> away_{false};
    std::mutex mutex_;
    Script script_;
    Observer observer_;
};

} // namespace tests
