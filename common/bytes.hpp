#pragma once

#include <compare>
#include <cstdint>

namespace common {

/// A size. The unit is in the type, so no call site can confuse MiB with bytes.
class Bytes {
public:
    constexpr Bytes() = default;
    constexpr explicit Bytes(std::uint64_t count) : count_{count} {}

    static constexpr Bytes kib(std::uint64_t n) { return Bytes{n << 10U}; }
    static constexpr Bytes mib(std::uint64_t n) { return Bytes{n << 20U}; }
    static constexpr Bytes gib(std::uint64_t n) { return Bytes{n << 30U}; }

    [[nodiscard]] constexpr std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] constexpr std::uint64_t mib() const noexcept { return count_ >> 20U; }
    [[nodiscard]] constexpr std::uint64_t kib() const noexcept { return count_ >> 10U; }

    friend constexpr auto operator<=>(Bytes, Bytes) = default;
    friend constexpr Bytes operator+(Bytes a, Bytes b) { return Bytes{a.count_ + b.count_}; }
    /// Never below zero: what is left of `a` after `b` is taken.
    friend constexpr Bytes operator-(Bytes a, Bytes b)
    {
        return Bytes{a.count_ > b.count_ ? a.count_ - b.count_ : 0};
    }
    constexpr Bytes& operator+=(Bytes other) { return *this = *this + other; }
    constexpr Bytes& operator-=(Bytes other) { return *this = *this - other; }

private:
    std::uint64_t count_ = 0;
};

} // namespace common
