#include "hostd/virt/opener.hpp"

#include "hostd/virt/last_error.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

namespace hostd::virt {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

// Three unanswered pings, three seconds apart.
constexpr int keepalive_seconds = 3;
constexpr unsigned keepalive_count = 3;
constexpr auto patience = std::chrono::seconds{10};

Result<Connection> connect(const std::string& uri)
{
    Connection connection{virConnectOpen(uri.c_str())};
    if (!connection) {
        auto error = last_error().during("connect to " + uri);
        error.code = ErrorCode::unavailable;
        error.reason = "libvirt_unavailable";
        return error;
    }
    // The test driver has no wire to keep alive, and says so.
    static_cast<void>(virConnectSetKeepAlive(connection.get(), keepalive_seconds, keepalive_count));
    return connection;
}

} // namespace

Result<Connection> Opener::open()
{
    const Error frozen{ErrorCode::unavailable,
                       "connect to " + uri_ + ": libvirt does not answer",
                       "libvirt_unavailable"};
    if (*given_up_ > 0) {
        return frozen;
    }
    // virConnectOpen waits for the daemon without limit, so it does it in a thread that may
    // be left behind. It ends when the daemon goes on, or ends.
    struct Attempt {
        std::mutex mutex;
        std::condition_variable done;
        std::optional<Result<Connection>> result;
        bool given_up = false;
    };
    const auto attempt = std::make_shared<Attempt>();
    std::thread{[attempt, uri = uri_, all_given_up = given_up_] {
        auto result = connect(uri);
        const std::scoped_lock lock{attempt->mutex};
        if (attempt->given_up) {
            --*all_given_up;
        }
        attempt->result = std::move(result);
        attempt->done.notify_one();
    }}.detach();
    std::unique_lock lock{attempt->mutex};
    if (!attempt->done.wait_for(
            lock, patience, [&attempt] { return attempt->result.has_value(); })) {
        attempt->given_up = true;
        ++*given_up_;
        return frozen;
    }
    return *std::exchange(attempt->result, std::nullopt);
}

} // namespace hostd::virt
