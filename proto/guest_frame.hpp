#pragma once

#include "common/result.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

// Framing of the guest channel: one byte stream (virtio-serial) between hostd and
// the agent, which either side may leave in the middle of a frame.
//
//   frame := 0xF5, length (u24, big endian), CRC-32C of the payload (u32, big endian), payload
//   payload := msgpack, at most 64 KiB: see guest_messages.hpp
//   A 0x00 byte between frames is padding and is skipped.
//
// Resynchronising, host to guest: on every connect hostd sends `resync_padding`
// zero bytes and then a `reset` frame. Whatever frame was cut short is completed by
// the zeros, fails its CRC and is dropped; the reader is then between frames.
// Guest to host: the agent answers a reset with the 24 bytes of echo_of(nonce),
// outside of any frame, and then only frames that carry the new session. hostd
// discards everything up to the echo; a guest cannot know the nonce beforehand.
namespace proto {

inline constexpr std::size_t max_frame_payload = std::size_t{64} << 10U;
inline constexpr std::size_t frame_header_bytes = 8;
inline constexpr std::size_t resync_padding = max_frame_payload + frame_header_bytes;

/// Names one connection of hostd to one agent; also the nonce of its reset.
using Session = std::array<std::uint8_t, 16>;
Session random_session();

/// Header and payload. `payload` must be at most max_frame_payload: a bug otherwise.
std::string encode_frame(std::string_view payload);

std::array<std::uint8_t, 24> echo_of(const Session& session);

/// Cuts a byte stream into payloads. Bounded: it never holds more than one frame.
class FrameReader {
public:
    enum class OnDamage {
        stop, ///< hostd: damage means a broken or lying guest; the channel is to be closed.
        skip, ///< agent: damage is what a lost connection leaves behind; go on at the next frame.
    };
    explicit FrameReader(OnDamage on_damage) : on_damage_{on_damage} {}

    /// Adds what was read, any number of bytes.
    void feed(std::string_view bytes);

    /// The next whole payload, nothing until more is fed. An error only with
    /// OnDamage::stop, and then forever.
    common::Result<std::optional<std::string>> next();

    /// Forgets a partial frame: the connection is known to have ended.
    void reset();

private:
    OnDamage on_damage_;
    std::string buffer_;
    std::size_t from_ = 0;
};

/// Discards a stream up to and including the echo of `session`.
class EchoFinder {
public:
    explicit EchoFinder(const Session& session) : echo_{echo_of(session)} {}

    /// What follows the echo in the bytes seen so far, once it was found.
    std::optional<std::string> feed(std::string_view bytes);
    /// How much was thrown away, so that the caller can bound it.
    [[nodiscard]] std::uint64_t discarded() const noexcept { return discarded_; }

private:
    std::array<std::uint8_t, 24> echo_;
    std::string tail_;
    std::uint64_t discarded_ = 0;
};

} // namespace proto
