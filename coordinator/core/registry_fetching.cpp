// Images that not every host is to have: where something of them is to go, they are fetched.
#include "coordinator/core/pooling.hpp"
#include "coordinator/core/registry.hpp"

#include <algorithm>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using ImageStatus = RegisteredImage::Status;

namespace {

/// The host that is asked for could fetch it, and lacks no more than room.
bool could_be_fetched(const scheduler::View& fleet, const scheduler::Demand& demand)
{
    for (std::size_t at = 0; at < fleet.size; ++at) {
        const auto host = fleet.at(at);
        if (host.name == *demand.only) {
            return host.may_fetch_image && scheduler::why_unfit(host, demand).empty();
        }
    }
    return false;
}

} // namespace

bool Core::Registry::is_to_have(const Host& host, const RegisteredImage& image) const
{
    return image.prefetch.covers(host.wish.labels) || asked_for_.contains({host.name, image.id});
}

std::shared_ptr<const Image> Core::Registry::fetchable(const common::ImageName& name,
                                                       const std::string& tenant) const
{
    auto image = complete(nullptr, name, tenant);
    const bool by_request = image && !images_.at(image->registration).prefetch.everywhere;
    return by_request ? std::make_shared<const Image>(*std::move(image)) : nullptr;
}

bool Core::Registry::is_fetched_on_request(const Image& image) const
{
    const auto found = images_.find(image.registration);
    return found != images_.end() && !found->second.prefetch.everywhere &&
           found->second.status == ImageStatus::ready;
}

scheduler::View Core::Registry::with_fetching(scheduler::View view, const Image& image) const
{
    if (!is_fetched_on_request(image)) {
        return view; // Who has it not yet fetches it anyway, and is no host for it until then.
    }
    const auto& registered = images_.at(image.registration);
    view.at = [this, at = std::move(view.at), &registered](std::size_t index) {
        auto host = at(index);
        if (!host.has_image) {
            const OnHost where{host.name, registered.id};
            const auto trouble = troubles_.find(where);
            host.may_fetch_image = !is_in_trouble(where);
            host.is_fetching_image = is_to_have(core_.fleet_.host(host.name)->host, registered);
            host.no_image_because =
                trouble == troubles_.end() ? std::string_view{} : trouble->second.error;
        }
        return host;
    };
    return view;
}

std::optional<Error>
Core::Registry::fetch_for(const Sandbox& wanted,
                          const Image& image,
                          const std::optional<common::HostName>& only,
                          const std::map<common::HostName, std::string>& refused)
{
    if (!is_fetched_on_request(image)) {
        return std::nullopt;
    }
    const auto view = with_fetching(core_.fleet_.view(image, wanted), image);
    const auto demand = core_.demand_of(wanted, only, refused);
    auto best = scheduler::place(view, demand, core_.settings_.placement);
    if (!best && only && could_be_fetched(view, demand)) {
        auto there = wanted;
        there.host = *only;
        if (core_.pooling_->could_make_room(there)) {
            best = only; // Warm ones go for it, once the image is there.
        }
    }
    if (!best) {
        ++core_.counts_.verdicts["no_capacity"];
        return std::nullopt;
    }
    auto& host = core_.fleet_.host(*best)->host;
    const bool there = std::ranges::any_of(host.facts.images, [&](const Image& one) {
        return one.name == image.name && one.digest == image.digest;
    });
    return there ? std::optional<Error>{} : have_fetched(image, host);
}

Error Core::Registry::have_fetched(const Image& image, Host& host)
{
    const OnHost where{host.name, image.registration};
    const bool again = asked_for_.contains(where);
    asked_for_[where] = core_.clock_.steady();
    if (!again) {
        review(host);
        count_givers();
        tend(host.name);
    }
    if (is_in_trouble(where)) { // It cannot, and is no host for it from now on.
        return {ErrorCode::unavailable,
                "image " + image.name.str() + " cannot be fetched by host " + host.name.str() +
                    " now: " + troubles_.at(where).error,
                "image_on_its_way"};
    }
    ++core_.counts_.verdicts["image_fetching"];
    return {ErrorCode::unavailable,
            "image " + image.name.str() + " is not there yet: host " + host.name.str() +
                " is to fetch it; try again, or see GET /v1/images/" + image.name.str(),
            "image_fetching",
            {},
            host.name.str() + ": it is to fetch the image"};
}

} // namespace coordinator
