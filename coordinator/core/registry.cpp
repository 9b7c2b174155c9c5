// Images of uploaded files, as their tenants see them; what hosts do about them is in
// registry_hosts.cpp, registry_fetching.cpp and registry_upkeep.cpp.
#include "coordinator/core/registry.hpp"

#include "coordinator/core/imaging.hpp"

#include <algorithm>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

std::string_view to_string(RegisteredImage::Status status) noexcept
{
    switch (status) {
    case RegisteredImage::Status::registering: return "registering";
    case RegisteredImage::Status::ready: return "ready";
    case RegisteredImage::Status::deleted: return "deleted";
    }
    return "deleted";
}

std::optional<RegisteredImage::Status> registration_status_from(std::string_view text) noexcept
{
    for (const auto status : {RegisteredImage::Status::registering,
                              RegisteredImage::Status::ready,
                              RegisteredImage::Status::deleted}) {
        if (to_string(status) == text) {
            return status;
        }
    }
    return std::nullopt;
}

using ImageStatus = RegisteredImage::Status;

namespace {

Image image_of(const RegisteredImage& registered)
{
    Image image;
    image.name = registered.name;
    image.digest = registered.disk.digest;
    image.size = registered.disk.size;
    image.boot = registered.boot;
    image.agent = registered.agent;
    image.default_vcpus = registered.vcpus;
    image.default_memory = registered.memory;
    image.registered_at = registered.created_at;
    image.tenant = registered.tenant;
    image.registration = registered.id;
    image.prefetch = to_string(registered.prefetch);
    return image;
}

} // namespace

Result<Image> Core::register_image(const Caller& caller, RegisteredImage wanted)
{
    const auto attempt = "register image " + wanted.name.str();
    for (auto* blob : {&wanted.disk, &wanted.kernel, &wanted.initrd}) {
        if (!blob->digest.empty()) {
            auto found = registry_->find_blob(caller.tenant, blob->digest);
            if (!found) {
                return std::move(found).error().during(attempt);
            }
            *blob = *found;
        }
    }
    wanted.tenant = caller.tenant;
    return ask<Image>(
        settings_.snapshot_timeout + settings_.grace,
        [this, caller, wanted = std::move(wanted), attempt](const Reply<Image>& reply) {
            give_up(reply,
                    settings_.snapshot_timeout,
                    {ErrorCode::timeout,
                     attempt + ": no answer in time; the work goes on, and GET /v1/images/" +
                         wanted.name.str() + " finds it when a host has it",
                     "outcome_unknown"});
            registry_->add(caller, wanted, reply);
        });
}

void Core::Registry::adopt(std::vector<RegisteredImage> images,
                           std::vector<coordinator::Change>& changes)
{
    for (auto& image : images) {
        if (image.status == ImageStatus::registering) { // Nobody was told that it is there.
            image.status = ImageStatus::deleted;
            image.deleted_at = core_.clock_.wall();
            changes.emplace_back(image);
        }
        if (image.status != ImageStatus::deleted) {
            names_[image.name] = image.id;
        }
        images_[image.id] = std::move(image);
    }
    for (auto& [name, known] : core_.fleet_.hosts()) {
        amend(known.host);
    }
}

void Core::Registry::bring_up_to_date(RegisteredImage& image) const
{
    if (const auto now = images_.find(image.id); now != images_.end()) {
        image = now->second;
    }
}

RegisteredImage* Core::Registry::living(const common::ImageName& name)
{
    const auto found = names_.find(name);
    return found == names_.end() ? nullptr : &images_.at(found->second);
}

Result<> Core::Registry::may_add(const RegisteredImage& wanted) const
{
    const auto attempt = "register image " + wanted.name.str() + ": ";
    if (names_.contains(wanted.name) || core_.imaging_->is_busy(wanted.name) ||
        core_.fleet_.host_with(wanted.name) != nullptr) {
        return Error{ErrorCode::already_exists,
                     attempt + "there is one of this name, or it is being made or deleted",
                     "image_exists"};
    }
    if (names_.size() >= core_.settings_.max_images_per_host) {
        return Error{ErrorCode::failed_precondition,
                     attempt + "there are " + std::to_string(names_.size()) +
                         " already, which is the most; delete some of those first",
                     "too_many_images"};
    }
    return core_.room_for_one_more();
}

void Core::Registry::add(const Caller& caller, RegisteredImage wanted, const Done& done)
{
    if (const auto may = may_add(wanted); !may) {
        return done(may.error());
    }
    wanted.id = common::mint<common::ImageId>();
    wanted.created_at = core_.clock_.wall();
    wanted.status = ImageStatus::registering;
    const auto id = wanted.id;
    names_[wanted.name] = id;
    images_[id] = std::move(wanted);
    look_at(caller, id, {}, done);
}

/// It is not to be: what a host may have of it goes.
void Core::Registry::give_up(const Caller& caller,
                             RegisteredImage& image,
                             const Error& error,
                             const Done& done)
{
    free_name_of(image);
    image.status = ImageStatus::deleted;
    image.deleted_at = core_.clock_.wall();
    AuditRow row{AuditRow::Kind::outcome,
                 audit_action(to_string(Kind::register_image)),
                 caller,
                 {},
                 "",
                 image.name.str(),
                 std::string{error.stable_reason()},
                 detail_of({{"error", error.message}})};
    core_.save_outcome({image, std::move(row)}, [done, error](const Result<>&) { done(error); });
}

void Core::Registry::forget(const common::ImageId& id)
{
    free_name_of(images_.at(id));
    images_.erase(id);
}

void Core::Registry::free_name_of(const RegisteredImage& image)
{
    if (const auto at = names_.find(image.name); at != names_.end() && at->second == image.id) {
        names_.erase(at);
    }
}

bool Core::Registry::is_looked_at(const common::ImageId& id) const
{
    return std::ranges::any_of(core_.pending_, [&id](const auto& entry) {
        return entry.second->kind == Kind::register_image && entry.second->registration == id;
    });
}

bool Core::Registry::remove(const Caller& caller, const common::ImageName& name, const Done& done)
{
    auto* image = living(name);
    if (image == nullptr || image->tenant != caller.tenant) {
        return false;
    }
    if (const auto free = core_.imaging_->is_unused(image->name, image->tenant, image->disk.digest);
        !free) {
        done(free.error());
        return true;
    }
    const auto id = image->id;
    const auto before = *image;
    const auto shown = complete(core_.fleet_.image(name, caller.tenant), name, caller.tenant)
                           .value_or(image_of(before)); // No host may have had it yet.
    names_.erase(name);
    leaving_.insert(id);
    std::map<common::HostName, Image> had;
    image->status = ImageStatus::deleted;
    image->deleted_at = core_.clock_.wall();
    for (auto& [host, known] : core_.fleet_.hosts()) {
        const auto& has = known.host.facts.images;
        if (const auto at = std::ranges::find(has, id, &Image::registration); at != has.end()) {
            had.emplace(host, *at);
        }
        review(known.host); // Nothing new comes to lie on it.
    }
    AuditRow intent{AuditRow::Kind::intent,
                    audit_action(to_string(Kind::remove_image)),
                    caller,
                    common::mint<common::OperationId>(),
                    "",
                    name.str(),
                    "",
                    detail_of({{"image_id", id.str()}, {"digest", before.disk.digest}})};
    auto outcome = intent;
    outcome.kind = AuditRow::Kind::outcome;
    outcome.result = "ok";
    core_.save({*image, std::move(intent), std::move(outcome)},
               [this, before, had, shown, done](const Result<>& saved) {
                   leaving_.erase(before.id);
                   if (saved) {
                       return done(shown);
                   }
                   if (saved.error().code != ErrorCode::timeout) {
                       take_back(before, had);
                   } else { // Hosts remove it, so it has to be recorded.
                       record(before.id);
                   }
                   done(not_recorded("delete image " + before.name.str(), saved.error()));
               });
    return true;
}

void Core::Registry::record(const common::ImageId& id)
{
    if (const auto image = images_.find(id); image != images_.end()) {
        core_.save_outcome({image->second}, [](const Result<>&) {});
    }
}

/// Its deletion was not recorded: it is there as before, unless it could not be any more.
void Core::Registry::take_back(const RegisteredImage& before,
                               const std::map<common::HostName, Image>& had)
{
    if (names_.contains(before.name) || !images_.contains(before.id) ||
        (before.status == ImageStatus::registering && !is_looked_at(before.id))) {
        return record(before.id); // It stays deleted here: so it is to be there.
    }
    images_[before.id] = before;
    names_[before.name] = before.id;
    for (const auto& [host, image] : had) {
        lately_.insert_or_assign({host, before.id}, Lately{image, core_.clock_.steady()});
    }
    for (auto& [host, known] : core_.fleet_.hosts()) {
        doomed_[host].erase(before.id);
        review(known.host);
    }
}

std::map<common::HostName, std::string>
Core::Registry::missing_on(const RegisteredImage& image,
                           const std::vector<common::HostName>& on) const
{
    std::map<common::HostName, std::string> missing;
    for (const auto& [name, known] : core_.fleet_.hosts()) {
        if (std::ranges::find(on, name) != on.end() || !is_to_have(known.host, image)) {
            continue;
        }
        const auto trouble = troubles_.find({name, image.id});
        if (known.host.health == HostHealth::lost) {
            missing[name] = "it is not connected";
        } else {
            missing[name] = trouble == troubles_.end() ? "" : trouble->second.error;
        }
    }
    return missing;
}

std::optional<Image> Core::Registry::complete(const std::shared_ptr<const Image>& known,
                                              const common::ImageName& name,
                                              const std::string& tenant) const
{
    auto image = known ? std::optional{*known} : std::nullopt;
    const auto found = names_.find(name);
    if (found == names_.end()) {
        return image;
    }
    const auto& registered = images_.at(found->second);
    if (registered.status != ImageStatus::ready || registered.tenant != tenant) {
        return image;
    }
    if (!image) {
        image = image_of(registered);
    }
    image->prefetch = to_string(registered.prefetch);
    image->missing_on = missing_on(registered, image->hosts);
    return image;
}

void Core::Registry::complete(std::vector<Image>& images, const std::string& tenant) const
{
    for (auto& image : images) {
        const auto name = image.name;
        image = *complete(std::make_shared<const Image>(image), name, tenant);
    }
    std::vector<Image> nowhere;
    for (const auto& [name, id] : names_) {
        const auto at = std::ranges::lower_bound(images, name, {}, &Image::name);
        if (at == images.end() || at->name != name) {
            if (auto image = complete(nullptr, name, tenant)) {
                nowhere.push_back(*std::move(image));
            }
        }
    }
    images.insert(images.end(), nowhere.begin(), nowhere.end());
    std::ranges::sort(images, {}, &Image::name);
}

void Core::Registry::sweep_blobs()
{
    std::set<Blobs::Key> used;
    for (const auto& [name, id] : names_) {
        const auto& image = images_.at(id);
        for (const auto* blob : {&image.disk, &image.kernel, &image.initrd}) {
            if (!blob->digest.empty()) {
                used.emplace(image.tenant, blob->digest);
            }
        }
    }
    blobs_.sweep(std::move(used));
}

} // namespace coordinator
