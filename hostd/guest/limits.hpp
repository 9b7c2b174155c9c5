#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace hostd::guest {

/// What one guest may cost this host. A guest is hostile: each of these is a bound
/// that it cannot talk its way past.
struct ChannelLimits {
    // Connecting: the socket appears when the VM starts, so the first tries are quick.
    std::chrono::milliseconds retry_first{20};
    std::chrono::milliseconds retry_max{2000};
    /// From connecting to the echo; then again with a fresh session. A guest that
    /// is still booting takes several rounds.
    std::chrono::milliseconds echo_timeout{15000};
    /// Thrown away while waiting for the echo: more than virtio and QEMU can hold.
    std::uint64_t echo_discard_bytes = std::uint64_t{8} << 20U;
    /// From the echo to the hello.
    std::chrono::milliseconds hello_timeout{10000};
    /// From the hello of a guest that is to be another, or stood still, until it is.
    std::chrono::milliseconds become_timeout{10000};
    /// From `freeze` to `frozen`: the agent itself gives up a little earlier.
    std::chrono::milliseconds freeze_limit{5000};
    /// An idle channel is asked for a sign of life, so that a guest that rebooted
    /// or hangs is noticed.
    std::chrono::milliseconds ping_interval{15000};
    std::chrono::milliseconds silence_limit{60000};
    /// On top of a command's own timeout, which the agent enforces.
    std::chrono::milliseconds exec_grace{5000};
    /// Of a command that names no timeout.
    std::chrono::milliseconds exec_longest{std::chrono::hours{24}};
    /// After a violation: doubled with each, until a session was good for `penalty_max`.
    std::chrono::milliseconds penalty_first{1000};
    std::chrono::milliseconds penalty_max{30000};
    /// Address reports are passed on at most this often.
    std::chrono::milliseconds addresses_interval{1000};

    /// Read from one guest before the next has its turn.
    std::size_t turn_bytes = std::size_t{64} << 10U;
    /// Read without one whole frame in it: a frame is at most 64 KiB.
    std::size_t frameless_bytes = std::size_t{192} << 10U;
    /// Frames of no use (unknown kinds and streams, repeats) in one window.
    std::size_t useless_frames = 4096;
    std::chrono::milliseconds useless_window{30000};
    std::size_t execs = 64;                            ///< At once in one guest.
    std::size_t ended_live = 8;                        ///< Kept for who reads them again, …
    std::chrono::milliseconds ended_live_for{300000};  ///< … for so long, …
    std::chrono::milliseconds ended_live_grace{15000}; ///< … and, however many, for so long.
    /// Stdin that there is no room for waits so long before it is refused.
    std::chrono::milliseconds stdin_patience{5000};
    /// For the first reader of a live one, and for the coordinator of those that were read to come
    /// back when its connection was lost.
    std::chrono::milliseconds reader_patience{30000};
    /// For readers of a command that this hostd finds running. The coordinator has them come at
    /// once.
    std::chrono::milliseconds resumed_patience{3000};
    /// For credit, after the end of a live one, so that who watches sees the last of it too.
    std::chrono::milliseconds watch_patience{3000};
    std::size_t watches = 4096;                        ///< Over all guests; more are not seen.
    std::size_t joined = 8;                            ///< Callers waiting for one exec.
    std::size_t write_bytes = std::size_t{256} << 10U; ///< Queued before stdin waits.
    std::size_t waiting_execs = 1024;                  ///< In the inbox, over all guests.
};

} // namespace hostd::guest
