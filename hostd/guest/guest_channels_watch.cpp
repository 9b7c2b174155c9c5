// Who watches which guest's live execs, whether or not it has a channel now.
#include "hostd/guest/attached_channel.hpp"

namespace hostd::guest {

void GuestChannels::watch_output(const common::SandboxId& id, OutputWatch watch)
{
    post(WatchOutput{id, std::move(watch)});
}

void GuestChannels::unwatch_output(const common::SandboxId& id, std::uint64_t number)
{
    post(UnwatchOutput{id, number});
}

/// False: it is about something else.
bool GuestChannels::serve_watch(Request& request)
{
    if (auto* wanted = std::get_if<WatchOutput>(&request); wanted != nullptr) {
        const auto channel = channels_.find(wanted->id);
        auto known = watches_.find(wanted->id);
        const bool more = known != watches_.end() && known->second.number == wanted->watch.number;
        if (more) {
            known->second.credit += wanted->watch.credit;
        } else if (known != watches_.end() || watches_.size() < limits_.watches) {
            known = watches_
                        .insert_or_assign(wanted->id,
                                          Watching{wanted->watch.number,
                                                   wanted->watch.credit,
                                                   std::move(wanted->watch.from),
                                                   {}})
                        .first;
        }
        if (channel != channels_.end() && known != watches_.end()) {
            more ? channel->second->channel.tell_watched()
                 : channel->second->channel.watch(&known->second);
        }
    } else if (const auto* over = std::get_if<UnwatchOutput>(&request); over != nullptr) {
        const auto known = watches_.find(over->id);
        if (known != watches_.end() && known->second.number == over->number) {
            if (const auto channel = channels_.find(over->id); channel != channels_.end()) {
                channel->second->channel.watch(nullptr);
            }
            watches_.erase(known);
        }
    } else {
        return false;
    }
    return true;
}

} // namespace hostd::guest
