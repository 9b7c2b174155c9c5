// Who a guest is told to be, and how it stands still for a checkpoint.
#include "hostd/guest/channel.hpp"

#include "hostd/guest/guest_words.hpp"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <sys/random.h>
#include <system_error>

namespace hostd::guest {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

Error not_frozen(const common::SandboxId& id, const std::string& why)
{
    return {ErrorCode::unavailable,
            fmt::format("the guest of {} could not be made to stand still: {}", id.str(), why),
            "guest_not_frozen"};
}

/// 256 bits: what the guest's kernel keeps as its key.
std::string fresh_seed()
{
    std::string seed(32, '\0');
    // At most 256 bytes are never cut short once the kernel's pool is ready.
    if (::getrandom(seed.data(), seed.size(), 0) != static_cast<ssize_t>(seed.size())) {
        throw std::system_error{errno, std::generic_category(), "getrandom"};
    }
    return seed;
}

} // namespace

void Channel::send_identity()
{
    proto::GuestBecome become;
    become.hostname = identity_.hostname;
    become.time_unix_us = common::to_unix_us(clock_.wall());
    become.identity = id_.str();
    become.seed = fresh_seed();
    become.mac = identity_.mac;
    become.ip = identity_.ip;
    ++becoming_;
    send(0, become);
}

void Channel::become(GuestIdentity identity)
{
    identity_ = std::move(identity);
    if (!ready() && state_ != State::becoming) {
        return resume();
    }
    state_ = State::becoming; // Or resume() would let commands begin.
    const bool told = paused_.has_value();
    resume();
    enter(State::becoming, limits_.become_timeout);
    if (!told) {
        send_identity();
        go_on();
        on_writable();
    }
}

Result<> Channel::take_became(const proto::GuestBecame& became)
{
    becoming_ -= std::min<std::size_t>(becoming_, 1);
    if (state_ != State::becoming || becoming_ > 0) {
        ++useless_; // The answer to a `become` that nobody waits for, or to an earlier one.
        return {};
    }
    if (became.identity != id_.str()) {
        return Error{ErrorCode::invalid_argument,
                     "it became '" + printable(became.identity, 64) + "'"};
    }
    be_ready();
    return {};
}

void Channel::freeze(Guests::Frozen done)
{
    if (!ready() || paused_) {
        return done(not_frozen(id_, "its agent is not connected"));
    }
    if (motion_ == Motion::freezing) {
        return done(not_frozen(id_, "that is under way already"));
    }
    const auto now = clock_.steady();
    if (motion_ == Motion::running) {
        still_since_ = now;
    }
    motion_ = Motion::freezing;
    frozen_ = std::move(done);
    freeze_due_ = now + limits_.freeze_limit;
    send(0, proto::GuestFreeze{++freeze_});
    on_writable();
}

void Channel::take_frozen(const proto::GuestFrozen& frozen)
{
    if (motion_ != Motion::freezing || frozen.token != freeze_) {
        ++useless_; // Too late, or never asked for.
        return;
    }
    if (!frozen.ok) {
        return give_up_freezing(printable(frozen.message, 512));
    }
    motion_ = Motion::frozen;
    const auto now = clock_.steady();
    const auto asked = freeze_due_ - limits_.freeze_limit;
    // Unless it stood still before that. The word of a guest, which may say anything.
    if (still_since_ >= asked && frozen.still_us > 0) {
        const auto longest = std::chrono::duration_cast<std::chrono::microseconds>(now - asked);
        const auto told = std::min(frozen.still_us, static_cast<std::uint64_t>(longest.count()));
        still_since_ = now - std::chrono::microseconds{told};
    }
    std::exchange(frozen_, nullptr)(
        std::chrono::duration_cast<std::chrono::microseconds>(now - still_since_));
}

void Channel::on_freeze_time(common::SteadyTime now)
{
    if (motion_ == Motion::freezing && now >= freeze_due_) {
        give_up_freezing("its agent did not answer in time");
    }
}

void Channel::give_up_freezing(const std::string& why)
{
    if (motion_ != Motion::freezing) {
        return;
    }
    const auto done = std::exchange(frozen_, nullptr);
    thaw(); // It may have done it all the same.
    done(not_frozen(id_, why));
}

void Channel::thaw()
{
    if (ready()) {
        send(0, proto::GuestThaw{common::to_unix_us(clock_.wall())});
    }
    go_on();
    if (ready()) {
        on_writable();
    }
}

void Channel::go_on()
{
    if (motion_ == Motion::running) {
        return;
    }
    shift_runs(clock_.steady() - still_since_);
    motion_ = Motion::running;
    frozen_ = nullptr;
    for (auto& [operation, run] : runs_) {
        if (ready() && run.stream == 0) {
            start(run); // It was asked for while the guest stood still.
        }
    }
}

} // namespace hostd::guest
