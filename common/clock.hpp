#pragma once

#include <chrono>
#include <string>

namespace common {

using SteadyTime = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;

/// Where time comes from, so that a test can hold it. Both functions may be
/// called from any thread.
class Clock {
public:
    virtual ~Clock() = default;
    /// For deadlines and durations; never goes back.
    [[nodiscard]] virtual SteadyTime steady() const = 0;
    /// For records; UTC.
    [[nodiscard]] virtual WallTime wall() const = 0;
};

class SystemClock final : public Clock {
public:
    [[nodiscard]] SteadyTime steady() const override { return std::chrono::steady_clock::now(); }
    [[nodiscard]] WallTime wall() const override { return std::chrono::system_clock::now(); }
};

/// RFC 3339, UTC, microseconds: "2026-01-31T23:59:59.123456Z".
std::string to_rfc3339(WallTime time);

/// Microseconds since 1970-01-01T00:00:00Z: how times are stored and sent.
std::int64_t to_unix_us(WallTime time);
WallTime from_unix_us(std::int64_t us);

} // namespace common
