#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace proto {

enum class Stdio : std::uint8_t { out, err };
std::string_view to_string(Stdio stdio) noexcept; ///< "stdout"
std::optional<Stdio> stdio_from(std::string_view text) noexcept;

/// What a command has written to stdout and stderr, in the order in which it was read. A
/// position counts the bytes of both before it, since the command began. Not thread-safe.
class OutputLog {
public:
    struct Piece {
        Stdio stdio;
        std::uint64_t position; ///< Of its first byte.
        std::string data;
    };

    void append(Stdio stdio, std::string_view bytes);
    /// Forgets the oldest until at most `most` bytes are taken up, but nothing from `needed` on.
    void trim(std::size_t most, std::uint64_t needed);
    /// What comes next is at `position`: all of before is forgotten.
    void restart_at(std::uint64_t position);

    /// The oldest position that is kept.
    [[nodiscard]] std::uint64_t begin() const noexcept { return begin_; }
    /// The position of what comes next.
    [[nodiscard]] std::uint64_t end() const noexcept { return begin_ + bytes_.size() - dead_; }
    /// Up to `size` bytes of one of the two, from `position` or begin() on. None at the end.
    [[nodiscard]] std::optional<Piece> read(std::uint64_t position, std::uint64_t size) const;
    /// Bytes that it takes up.
    [[nodiscard]] std::size_t cost() const noexcept;

private:
    /// As far as the next run, or the end, all is of one of the two.
    struct Run {
        std::uint64_t position;
        Stdio stdio;
    };

    std::uint64_t begin_ = 0;
    std::string bytes_;
    std::size_t dead_ = 0; ///< At the front of bytes_, erased in one go.
    std::deque<Run> runs_;
};

} // namespace proto
