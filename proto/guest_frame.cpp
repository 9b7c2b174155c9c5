#include "proto/guest_frame.hpp"

#include <cassert>
#include <cerrno>
#include <sys/random.h>
#include <system_error>

namespace proto {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

constexpr char marker = '\xF5';
constexpr std::string_view echo_prefix = "PDKECHO1";

// CRC-32C (Castagnoli), reflected, as in RFC 3720 appendix B.4.
constexpr std::array<std::uint32_t, 256> crc_table = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < table.size(); ++i) {
        std::uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) {
            value = (value & 1U) != 0 ? (value >> 1U) ^ 0x82F63B78U : value >> 1U;
        }
        table[i] = value;
    }
    return table;
}();

std::uint32_t crc32c(std::string_view bytes)
{
    std::uint32_t crc = 0xFFFFFFFFU;
    for (const char c : bytes) {
        crc = crc_table[(crc ^ static_cast<unsigned char>(c)) & 0xFFU] ^ (crc >> 8U);
    }
    return ~crc;
}

void put_u32(std::string& out, std::uint32_t value)
{
    for (const unsigned shift : {24U, 16U, 8U, 0U}) {
        out += static_cast<char>(value >> shift & 0xFFU);
    }
}

std::uint32_t get_u32(std::string_view bytes)
{
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        value = value << 8U | static_cast<unsigned char>(bytes[i]);
    }
    return value;
}

} // namespace

Session random_session()
{
    Session session{};
    if (::getrandom(session.data(), session.size(), 0) != static_cast<ssize_t>(session.size())) {
        throw std::system_error{errno, std::generic_category(), "getrandom"};
    }
    return session;
}

std::string encode_frame(std::string_view payload)
{
    assert(payload.size() <= max_frame_payload);
    std::string frame;
    frame.reserve(frame_header_bytes + payload.size());
    // One word: the marker in the top byte, the length below it.
    put_u32(frame,
            static_cast<std::uint32_t>(static_cast<unsigned char>(marker)) << 24U |
                static_cast<std::uint32_t>(payload.size()));
    put_u32(frame, crc32c(payload));
    frame += payload;
    return frame;
}

std::array<std::uint8_t, 24> echo_of(const Session& session)
{
    std::array<std::uint8_t, 24> echo{};
    std::copy(echo_prefix.begin(), echo_prefix.end(), echo.begin());
    std::copy(session.begin(), session.end(), echo.begin() + echo_prefix.size());
    return echo;
}

void FrameReader::feed(std::string_view bytes)
{
    buffer_.erase(0, from_);
    from_ = 0;
    buffer_ += bytes;
}

Result<std::optional<std::string>> FrameReader::next()
{
    while (from_ < buffer_.size()) {
        const auto rest = std::string_view{buffer_}.substr(from_);
        if (rest.front() == '\0') {
            ++from_;
            continue;
        }
        const bool marked = rest.front() == marker;
        if (marked && rest.size() < frame_header_bytes) {
            return std::optional<std::string>{};
        }
        const auto length = marked ? get_u32(rest) & 0xFFFFFFU : 0;
        if (!marked || length > max_frame_payload) {
            if (on_damage_ == OnDamage::stop) {
                return Error{ErrorCode::invalid_argument,
                             marked ? "a frame over 64 KiB" : "no frame where one must begin"};
            }
            ++from_;
            continue;
        }
        if (rest.size() < frame_header_bytes + length) {
            return std::optional<std::string>{};
        }
        const auto payload = rest.substr(frame_header_bytes, length);
        if (crc32c(payload) != get_u32(rest.substr(4))) {
            if (on_damage_ == OnDamage::stop) {
                return Error{ErrorCode::invalid_argument, "a frame with a wrong checksum"};
            }
            from_ += frame_header_bytes + length;
            continue;
        }
        from_ += frame_header_bytes + length;
        return std::optional{std::string{payload}};
    }
    return std::optional<std::string>{};
}

void FrameReader::reset()
{
    buffer_.clear();
    from_ = 0;
}

std::optional<std::string> EchoFinder::feed(std::string_view bytes)
{
    tail_ += bytes;
    const std::string_view echo{reinterpret_cast<const char*>(echo_.data()), echo_.size()};
    if (const auto found = tail_.find(echo); found != std::string::npos) {
        discarded_ += found;
        return tail_.substr(found + echo.size());
    }
    // Keep only what the echo could begin with.
    if (tail_.size() >= echo.size()) {
        const auto drop = tail_.size() - (echo.size() - 1);
        discarded_ += drop;
        tail_.erase(0, drop);
    }
    return std::nullopt;
}

} // namespace proto
