#pragma once

#include "hostd/core/admission.hpp"

#include <random>

namespace hostd::simulated {

using namespace std::chrono_literals;

/// How long something takes: anything between the two, each as likely as the next.
struct Span {
    std::chrono::milliseconds least{0};
    std::chrono::milliseconds most{0};
    friend bool operator==(const Span&, const Span&) = default;
};

/// "20" or "20-60", in milliseconds. `invalid_argument` otherwise.
common::Result<Span> parse_span(std::string_view text);

/// What each simulated host is.
struct Shape {
    unsigned cores = 16;
    Capacity capacity{common::Bytes::gib(128), 128, common::Bytes::mib(96)};
    unsigned parallel_starts = 16; ///< Guests booting at once; the others wait.
    std::vector<Image> images;
};

/// An image of this name as every simulated host has it: its digest is that of its name, so that
/// all have the same. "NAME" or "NAME:VCPUS:MEMORY_MB".
common::Result<Image> parse_image(std::string_view text);

/// How it behaves. Shares are between 0 and 1.
struct Behaviour {
    Span make{5ms, 20ms};       ///< Lease, overlay, definition.
    Span boot{100ms, 400ms};    ///< From power-on to the agent's hello.
    Span wake{5ms, 20ms};       ///< Pause, and go on from it; a claim.
    Span state{100ms, 300ms};   ///< Suspend, resume, checkpoint, restore, clone.
    Span exec{5ms, 15ms};       ///< A command.
    Span stop{50ms, 200ms};     ///< Power off.
    Span destroy{20ms, 60ms};   ///< Take away.
    double refused_creates = 0; ///< That admission turns away, although there is room.
    double failed_creates = 0;  ///< That are undone half way.
    double failed_execs = 0;    ///< Commands that exit with 1.
};

/// Dice of one thread. Seeded: the same seed makes the same choices in the same order.
class Dice {
public:
    explicit Dice(std::uint64_t seed) : engine_{seed} {}

    std::chrono::milliseconds in(const Span& span);
    /// True in so many cases of one.
    bool falls(double share);
    std::size_t below(std::size_t count);

private:
    std::mt19937_64 engine_;
};

} // namespace hostd::simulated
