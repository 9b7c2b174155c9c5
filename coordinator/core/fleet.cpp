#include "coordinator/core/fleet.hpp"

#include <algorithm>
#include <cassert>
#include <fmt/format.h>

namespace coordinator {

namespace {

bool is_starting(Phase phase)
{
    return phase == Phase::placing || phase == Phase::starting || phase == Phase::restoring;
}

/// It holds memory and vCPUs of its host, or a place for them.
bool is_charged(Phase phase)
{
    return phase != Phase::destroyed && phase != Phase::suspended;
}

/// Its memory is there now, as far as anybody knows.
bool is_awake(Phase phase)
{
    return is_charged(phase) && phase != Phase::created && phase != Phase::stopped;
}

/// Why a host cannot take a sandbox; "" if it can.
std::string_view not_ready(const KnownHost& known)
{
    switch (known.host.health) {
    case HostHealth::ready:
        return known.host.wish.cordoned ? "it is cordoned"
               : known.host.warming     ? "it is fetching images that it lacks"
                                        : "";
    case HostHealth::joining: return "it has not said yet what it has";
    case HostHealth::suspect: return "it has not been heard for some seconds";
    case HostHealth::lost: return "it is not connected";
    }
    return "it is not connected";
}

} // namespace

const Sandbox* Fleet::find(const common::SandboxId& id) const
{
    const auto found = sandboxes_.find(id);
    return found == sandboxes_.end() ? nullptr : &found->second;
}

void Fleet::put(Sandbox sandbox)
{
    if (const auto* before = find(sandbox.id); before != nullptr) {
        charge(*before, Charge::give_back);
    }
    charge(sandbox, Charge::take);
    const auto id = sandbox.id;
    sandboxes_.insert_or_assign(id, std::move(sandbox));
}

void Fleet::erase(const common::SandboxId& id)
{
    if (const auto* before = find(id); before != nullptr) {
        charge(*before, Charge::give_back);
        sandboxes_.erase(id);
    }
}

void Fleet::Usage::hold(const Sandbox& sandbox, bool awake, Charge direction)
{
    const auto size = sandbox.memory + sandbox.overhead;
    if (direction == Charge::take) {
        vcpus += sandbox.vcpus;
        memory += size;
        awake_vcpus += awake ? sandbox.vcpus : 0;
        awake_memory += awake ? size : common::Bytes{};
    } else {
        vcpus -= sandbox.vcpus;
        memory -= size;
        awake_vcpus -= awake ? sandbox.vcpus : 0;
        awake_memory -= awake ? size : common::Bytes{};
    }
}

/// A sandbox holds its name until it is destroyed, and its place in all phases but suspended; where
/// it has left it, too, awake or not, until that host says that nothing of it is there.
void Fleet::charge(const Sandbox& sandbox, Charge direction)
{
    auto& in_phase = phases_[sandbox.phase];
    in_phase = direction == Charge::take ? in_phase + 1 : in_phase - 1;
    if (!sandbox.left_host.empty()) {
        usage_[sandbox.left_host].hold(sandbox, true, direction);
    }
    for (const auto& host : sandbox.remains_on) {
        usage_[host].hold(sandbox, true, direction);
    }
    if (sandbox.phase == Phase::destroyed) {
        return;
    }
    auto& usage = usage_[sandbox.host];
    const std::pair name{sandbox.tenant, sandbox.name};
    const unsigned starting = is_starting(sandbox.phase) ? 1 : 0;
    if (is_charged(sandbox.phase)) {
        usage.hold(sandbox, is_awake(sandbox.phase), direction);
    }
    if (direction == Charge::take) {
        names_[name] = sandbox.id;
        if (!sandbox.pool.empty()) {
            pooled_[sandbox.pool].insert(sandbox.id);
        }
        placed_[sandbox.host].insert(sandbox.id);
        if (!sandbox.wants.group.empty()) {
            ++groups_[{sandbox.tenant, sandbox.wants.group}][sandbox.host];
        }
        usage.starting += starting;
        ++usage.sandboxes;
    } else {
        names_.erase(name);
        if (const auto pool = pooled_.find(sandbox.pool); pool != pooled_.end()) {
            pool->second.erase(sandbox.id);
            if (pool->second.empty()) {
                pooled_.erase(pool);
            }
        }
        placed_[sandbox.host].erase(sandbox.id);
        if (const auto group = groups_.find({sandbox.tenant, sandbox.wants.group});
            group != groups_.end()) {
            if (const auto there = group->second.find(sandbox.host); --there->second == 0) {
                group->second.erase(there);
            }
            if (group->second.empty()) {
                groups_.erase(group);
            }
        }
        usage.starting -= starting;
        --usage.sandboxes;
    }
}

const common::SandboxId* Fleet::named(const std::string& tenant, const std::string& name) const
{
    const auto found = names_.find({tenant, name});
    return found == names_.end() ? nullptr : &found->second;
}

std::vector<common::SandboxId> Fleet::on(const common::HostName& host) const
{
    const auto found = placed_.find(host);
    return found == placed_.end()
               ? std::vector<common::SandboxId>{}
               : std::vector<common::SandboxId>{found->second.begin(), found->second.end()};
}

std::vector<common::SandboxId> Fleet::all_pooled() const
{
    std::vector<common::SandboxId> out;
    for (const auto& [pool, ids] : pooled_) {
        out.insert(out.end(), ids.begin(), ids.end());
    }
    return out;
}

KnownHost* Fleet::host(const common::HostName& name)
{
    const auto found = hosts_.find(name);
    return found == hosts_.end() ? nullptr : &found->second;
}

Fleet::Reserved Fleet::reserved_on(const common::HostName& host) const
{
    const auto used = usage_.find(host);
    return used == usage_.end()
               ? Reserved{}
               : Reserved{used->second.vcpus, used->second.memory, used->second.sandboxes};
}

Host Fleet::with_usage(const KnownHost& known) const
{
    auto host = known.host;
    if (const auto used = usage_.find(host.name); used != usage_.end()) {
        host.used_vcpus = used->second.vcpus;
        host.used_memory = used->second.memory;
        host.sandboxes = used->second.sandboxes;
    }
    if (!known.unknown.empty()) {
        host.facts.warnings.push_back(std::to_string(known.unknown.size()) +
                                      " sandboxes on this host have no record here, the first is " +
                                      known.unknown.begin()->str() +
                                      ": they are left alone; remove them with virsh");
    }
    return host;
}

std::optional<Image> Fleet::image_of(const Sandbox& sandbox) const
{
    std::optional<Image> image;
    for (const auto& [host, known] : hosts_) {
        const auto& has = known.host.facts.images;
        const auto found = std::ranges::find(has, sandbox.image, &Image::name);
        if (found != has.end() && found->digest == sandbox.image_digest &&
            is_visible(*found, sandbox.tenant)) {
            auto hosts = image ? std::move(image->hosts) : std::vector<common::HostName>{};
            hosts.push_back(host);
            image = *found;
            image->hosts = std::move(hosts);
        }
    }
    return image;
}

std::vector<Image> Fleet::images(std::string_view tenant) const
{
    std::map<std::pair<common::ImageName, std::string>, Image> by_digest;
    for (const auto& [name, known] : hosts_) {
        for (const auto& image : known.host.facts.images) {
            if (!is_visible(image, tenant)) {
                continue;
            }
            auto& one = by_digest.try_emplace({image.name, image.digest}, image).first->second;
            one.hosts.push_back(name);
            one.registered_at = std::min(one.registered_at, image.registered_at);
        }
    }
    std::vector<Image> images;
    for (auto& [key, image] : by_digest) {
        if (images.empty() || images.back().name != image.name) {
            images.push_back(std::move(image));
        } else if (image.hosts.size() > images.back().hosts.size()) {
            images.back() = std::move(image);
        }
    }
    return images;
}

/// As images() has it, without making all the others.
std::shared_ptr<const Image> Fleet::find_image(const common::ImageName& name,
                                               std::string_view tenant) const
{
    std::map<std::string, Image> by_digest;
    for (const auto& [host, known] : hosts_) {
        const auto& has = known.host.facts.images;
        const auto found = std::ranges::find(has, name, &Image::name);
        if (found != has.end() && is_visible(*found, tenant)) {
            auto& one = by_digest.try_emplace(found->digest, *found).first->second;
            one.hosts.push_back(host);
            one.registered_at = std::min(one.registered_at, found->registered_at);
        }
    }
    const auto most = std::ranges::max_element(
        by_digest, {}, [](const auto& entry) { return entry.second.hosts.size(); });
    return most == by_digest.end() ? nullptr
                                   : std::make_shared<const Image>(std::move(most->second));
}

std::shared_ptr<const Image> Fleet::image(const common::ImageName& name,
                                          std::string_view tenant) const
{
    const std::pair key{std::string{tenant}, name};
    if (const auto found = found_images_.find(key); found != found_images_.end()) {
        assert(*find_image(name, tenant) == *found->second);
        return found->second;
    }
    auto image = find_image(name, tenant);
    if (image != nullptr) { // Names that nobody has would never end.
        found_images_.emplace(key, image);
    }
    return image;
}

const KnownHost* Fleet::host_with(const common::ImageName& name) const
{
    const auto found = std::ranges::find_if(hosts_, [&name](const auto& entry) {
        const auto& has = entry.second.host.facts.images;
        return std::ranges::find(has, name, &Image::name) != has.end();
    });
    return found == hosts_.end() ? nullptr : &found->second;
}

const std::vector<Fleet::Slot>& Fleet::slots() const
{
    if (slots_.size() != hosts_.size()) {
        slots_.clear();
        for (const auto& [name, known] : hosts_) {
            slots_.push_back({&known, &usage_[name]});
        }
    }
    return slots_;
}

std::map<std::string, unsigned> Fleet::group_mates(const Sandbox& wanted) const
{
    std::map<std::string, unsigned> mates;
    const auto group = groups_.find({wanted.tenant, wanted.wants.group});
    if (wanted.wants.group.empty() || group == groups_.end()) {
        return mates;
    }
    auto by_host = group->second;
    if (const auto* itself = find(wanted.id);
        itself != nullptr && itself->phase != Phase::destroyed && itself->wants == wanted.wants) {
        --by_host.at(itself->host);
    }
    for (const auto& [name, count] : by_host) {
        const auto& by = wanted.wants.spread_by;
        if (by.empty()) {
            mates[name.str()] += count;
        } else if (const auto host = hosts_.find(name); host != hosts_.end()) {
            if (const auto value = host->second.host.wish.labels.find(by);
                value != host->second.host.wish.labels.end()) {
                mates[value->second] += count;
            }
        }
    }
    return mates;
}

scheduler::View
Fleet::view(const Image& image, const Sandbox& wanted, const std::set<common::HostName>* warm) const
{
    const auto view =
        [&image, &wanted, warm, &slots = slots(), mates = group_mates(wanted)](std::size_t at) {
            const auto& [known, usage] = slots[at];
            const auto& host = known->host;
            const auto& facts = host.facts;
            scheduler::HostView one;
            one.name = host.name;
            one.not_ready = not_ready(*known);
            one.capacity_vcpus = facts.capacity_vcpus;
            one.used_vcpus = usage->vcpus;
            one.capacity_memory = facts.capacity_memory;
            one.used_memory = usage->memory;
            one.overhead = facts.overhead;
            one.starting = usage->starting;
            one.has_image = std::ranges::any_of(facts.images, [&](const Image& has) {
                return has.name == image.name && has.digest == image.digest &&
                       (is_visible(has, image.tenant) || is_visible(has, wanted.tenant));
            });
            one.is_warm = warm != nullptr && warm->contains(host.name);
            one.load = facts.cores > 0 ? facts.load1 / facts.cores : 0;
            one.memory_available = facts.memory > common::Bytes{}
                                       ? static_cast<double>(facts.memory_available.count()) /
                                             static_cast<double>(facts.memory.count())
                                       : 1;
            one.accelerator = facts.accel;
            one.version = facts.hostd_version;
            one.labels = &host.wish.labels;
            one.taints = &host.wish.taints;
            if (!mates.empty()) {
                const auto& by = wanted.wants.spread_by;
                const auto label = by.empty() ? one.labels->end() : one.labels->find(by);
                const auto* where = by.empty()                   ? &host.name.str()
                                    : label == one.labels->end() ? nullptr
                                                                 : &label->second;
                const auto count = where == nullptr ? mates.end() : mates.find(*where);
                one.group_mates = count == mates.end() ? 0 : count->second;
            }
            return one;
        };
    return {slots().size(), view};
}

std::string Fleet::shortage(const Sandbox& sandbox) const
{
    const auto* known = find(sandbox.id);
    const bool charged = known != nullptr && is_charged(known->phase);
    if (charged && is_awake(known->phase)) {
        return "";
    }
    const auto host = hosts_.find(sandbox.host);
    if (host == hosts_.end()) {
        return "its host has never connected";
    }
    const auto& facts = host->second.host.facts;
    const auto found = usage_.find(sandbox.host);
    const auto used = found == usage_.end() ? Usage{} : found->second;
    const auto memory = sandbox.memory + sandbox.overhead;
    const auto free_memory = facts.capacity_memory - (charged ? used.awake_memory : used.memory);
    if (memory > free_memory || memory < sandbox.memory) { // The sum may wrap around.
        return fmt::format("{} MiB of memory free of {}, {} needed",
                           free_memory.mib(),
                           facts.capacity_memory.mib(),
                           memory.mib());
    }
    const auto used_vcpus = charged ? used.awake_vcpus : used.vcpus;
    const auto free_vcpus =
        facts.capacity_vcpus > used_vcpus ? facts.capacity_vcpus - used_vcpus : 0;
    if (sandbox.vcpus > free_vcpus) {
        return fmt::format(
            "{} vCPUs free of {}, {} needed", free_vcpus, facts.capacity_vcpus, sandbox.vcpus);
    }
    return "";
}

} // namespace coordinator
