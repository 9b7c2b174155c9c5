#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

/// What the service manager is told (sd_notify(3)). Where none listens, nothing happens.
namespace common::notify {

/// It serves from now on. `status`: a line for `systemctl status`.
void ready(const std::string& status);

/// It ends, on purpose.
void stopping(const std::string& status);

/// Tells the service manager again and again that the process works: a third of the unit's
/// WatchdogSec apart, from a thread of its own, as long as `look` sees it work. Where nobody
/// listens there is no thread.
class Watchdog {
public:
    /// A line on how it goes; nothing: no sign of life. It may block, for a second or so.
    using Look = std::function<std::optional<std::string>()>;

    explicit Watchdog(Look look);
    ~Watchdog(); ///< `look` is not called any more.
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

/// Whether a loop works: whether what `post` gives to it is run within `patience`.
bool answers(const std::function<bool(std::function<void()>)>& post,
             std::chrono::milliseconds patience);

} // namespace common::notify
