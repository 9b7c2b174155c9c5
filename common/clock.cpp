#include "common/clock.hpp"

#include <array>
#include <cstdio>
#include <ctime>

namespace common {

std::string to_rfc3339(WallTime time)
{
    const auto us = to_unix_us(time);
    // Floor division, so that times before 1970 keep a positive fraction.
    const auto fraction = ((us % 1'000'000) + 1'000'000) % 1'000'000;
    const auto seconds = static_cast<std::time_t>((us - fraction) / 1'000'000);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::array<char, 48> text{};
    const auto length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
    std::array<char, 16> tail{};
    std::snprintf(tail.data(), tail.size(), ".%06lldZ", static_cast<long long>(fraction));
    return std::string{text.data(), length} + tail.data();
}

std::int64_t to_unix_us(WallTime time)
{
    return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}

WallTime from_unix_us(std::int64_t us)
{
    return WallTime{std::chrono::duration_cast<WallTime::duration>(std::chrono::microseconds{us})};
}

} // namespace common
