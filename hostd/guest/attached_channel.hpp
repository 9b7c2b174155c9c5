#pragma once

#include "hostd/guest/channel.hpp"
#include "hostd/guest/guest_channels.hpp"

// For the files of GuestChannels alone.
namespace hostd::guest {

struct GuestChannels::Attached {
    Channel channel;
    std::uint64_t watched = 0; ///< The channel's connection that epoll knows.
    std::uint32_t interest = 0;
    bool ready = false;
};

} // namespace hostd::guest
