#include "coordinator/scheduler/scheduler.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>
#include <numeric>

namespace coordinator::scheduler {

namespace {

/// nullptr if it has no such label.
const std::string* value_of(const Labels* labels, const std::string& label)
{
    if (labels == nullptr) {
        return nullptr;
    }
    const auto found = labels->find(label);
    return found == labels->end() ? nullptr : &found->second;
}

std::string lacking_label(const Labels* has, const Labels& wanted)
{
    for (const auto& [label, value] : wanted) {
        const auto* found = value_of(has, label);
        if (found == nullptr) {
            return fmt::format("it has no label {}, \"{}\" was asked for", label, value);
        }
        if (*found != value) {
            return fmt::format(
                "its label {} is \"{}\", \"{}\" was asked for", label, *found, value);
        }
    }
    return "";
}

std::string shown_taint(const std::string& name, const std::string& value)
{
    return value.empty() ? name : name + "=" + value;
}

std::string untolerated_taint(const Labels* taints, const std::set<std::string>& tolerated)
{
    if (taints != nullptr) {
        for (const auto& [name, value] : *taints) {
            if (!tolerated.contains(name) && !tolerated.contains(name + "=" + value)) {
                return "it is tainted " + shown_taint(name, value) +
                       ", which was not said to be tolerated";
            }
        }
    }
    return "";
}

/// The first number of what is left of a version, which loses it; nothing if it has none.
std::optional<unsigned> next_number(std::string_view& left)
{
    unsigned number = 0;
    const auto [end, error] = std::from_chars(left.data(), left.data() + left.size(), number);
    if (error != std::errc{}) {
        return std::nullopt;
    }
    left.remove_prefix(static_cast<std::size_t>(end - left.data()));
    left.remove_prefix(left.starts_with('.') ? 1 : 0);
    return number;
}

/// How the group keeps it away from there; "" if it does not.
std::string crowd(const HostView& host, const Wants& wants)
{
    if (wants.group.empty() || !wants.apart) {
        return "";
    }
    if (wants.spread_by.empty()) {
        return host.group_mates == 0 ? "" : "one of group " + wants.group + " is there";
    }
    const auto* value = value_of(host.labels, wants.spread_by);
    if (value == nullptr) {
        return fmt::format(
            "it has no label {}, by which group {} is spread", wants.spread_by, wants.group);
    }
    return host.group_mates == 0
               ? ""
               : fmt::format(
                     "one of group {} is where {} is \"{}\"", wants.group, wants.spread_by, *value);
}

bool has_memory(const HostView& host, const Demand& demand)
{
    const auto memory = demand.memory + host.overhead;
    return memory >= demand.memory && // The sum may wrap around.
           memory <= host.capacity_memory - host.used_memory;
}

unsigned free_vcpus(const HostView& host)
{
    return host.capacity_vcpus > host.used_vcpus ? host.capacity_vcpus - host.used_vcpus : 0;
}

bool has_room(const HostView& host, const Demand& demand)
{
    return has_memory(host, demand) && demand.vcpus <= free_vcpus(host);
}

std::string missing_memory(const HostView& host, const Demand& demand)
{
    return has_memory(host, demand) ? ""
                                    : fmt::format("{} MiB of memory free of {}, {} needed",
                                                  (host.capacity_memory - host.used_memory).mib(),
                                                  host.capacity_memory.mib(),
                                                  (demand.memory + host.overhead).mib());
}

std::string missing_vcpus(const HostView& host, const Demand& demand)
{
    return demand.vcpus <= free_vcpus(host) ? ""
                                            : fmt::format("{} vCPUs free of {}, {} needed",
                                                          free_vcpus(host),
                                                          host.capacity_vcpus,
                                                          demand.vcpus);
}

/// Each says how a host falls short of it; "" if it does not.
using Constraint = std::string (*)(const HostView&, const Demand&);

constexpr std::array<Constraint, 8> unfit_by{
    [](const HostView& host, const Demand& demand) {
        return lacking_label(host.labels, demand.wants.labels);
    },
    [](const HostView& host, const Demand& demand) {
        const auto& wanted = demand.wants.accelerator;
        return wanted.empty() || wanted == host.accelerator
                   ? std::string{}
                   : fmt::format("its accelerator is \"{}\", \"{}\" was asked for",
                                 host.accelerator,
                                 wanted);
    },
    [](const HostView& host, const Demand& demand) {
        return untolerated_taint(host.taints, demand.wants.tolerates);
    },
    [](const HostView& host, const Demand&) { return std::string{host.not_ready}; },
    [](const HostView& host, const Demand& demand) {
        return is_older(host.version, demand.oldest_hostd)
                   ? fmt::format("its hostd is {}, {} at least is asked of hosts (oldest_hostd)",
                                 host.version.empty() ? "of no version" : host.version,
                                 demand.oldest_hostd)
                   : std::string{};
    },
    [](const HostView& host, const Demand& demand) {
        const auto said = demand.refused.find(host.name);
        return said == demand.refused.end() ? std::string{} : "it refused: " + said->second;
    },
    [](const HostView& host, const Demand&) {
        if (host.has_image || host.may_fetch_image) {
            return std::string{};
        }
        constexpr auto lacks = "it does not have the image";
        return host.no_image_because.empty()
                   ? std::string{lacks}
                   : fmt::format("{}, and cannot fetch it: {}", lacks, host.no_image_because);
    },
    [](const HostView& host, const Demand& demand) { return crowd(host, demand.wants); }};

constexpr std::array<Constraint, 2> full_by{&missing_memory, &missing_vcpus};

bool is_another(const HostView& host, const Demand& demand)
{
    return demand.only && *demand.only != host.name;
}

double share(double part, double whole)
{
    return whole > 0 ? std::clamp(part / whole, 0.0, 1.0) : 1;
}

/// How full the host is once it has taken it: the fuller of memory and vCPUs counts.
double fullness(const HostView& host, const Demand& demand)
{
    const auto memory = host.used_memory + demand.memory + host.overhead;
    return std::max(share(static_cast<double>(memory.count()),
                          static_cast<double>(host.capacity_memory.count())),
                    share(host.used_vcpus + demand.vcpus, host.capacity_vcpus));
}

Scores scores_of(const HostView& host, const Demand& demand, const Policy& policy)
{
    constexpr double fetching = 0.5; // Better than to begin another fetch, worse than none.
    constexpr double busy = 2; // Processes that wait, for each core: what it cannot keep up with.
    const auto full = fullness(host, demand);
    Scores scores;
    scores.quiet = 1.0 / (1.0 + host.starting);
    scores.room = policy.fill == Policy::Fill::spread ? 1 - full : full;
    scores.load = 1 - share(host.load, busy);
    scores.pressure = std::clamp(host.memory_available, 0.0, 1.0);
    scores.warm = host.is_warm ? 1 : 0;
    scores.image = host.has_image ? 1 : host.is_fetching_image ? fetching : 0;
    const auto& wants = demand.wants;
    const bool is_nowhere = !wants.group.empty() && !wants.spread_by.empty() &&
                            value_of(host.labels, wants.spread_by) == nullptr;
    scores.apart = is_nowhere ? 0 : 1.0 / (1.0 + host.group_mates);
    return scores;
}

/// Every index once: steps of this, modulo the size, lead through the whole fleet. By the golden
/// section each step lands far from all before, and neighbours by name (a rack, an age) are alike.
std::size_t stride_through(std::size_t size)
{
    constexpr double section = 0.6180339887;
    auto stride = static_cast<std::size_t>(section * static_cast<double>(size));
    while (std::gcd(stride, size) != 1) {
        ++stride; // size - 1 has no factor of size.
    }
    return stride;
}

} // namespace

/// That no image is fetched where one is there, or is on its way, is above all; then a group's
/// wish; then that no host boots many while others boot none.
double Scores::total() const noexcept
{
    constexpr double of_apart = 20;
    constexpr double of_image = 80; // Half of it is more than all below.
    constexpr double of_quiet = 10;
    constexpr double of_room = 3;
    constexpr double of_warm = 2;
    constexpr double of_load = 1;
    constexpr double of_pressure = 1;
    constexpr double all =
        of_apart + of_image + of_quiet + of_room + of_warm + of_load + of_pressure;
    return (of_apart * apart + of_image * image + of_quiet * quiet + of_room * room +
            of_warm * warm + of_load * load + of_pressure * pressure) /
           all;
}

bool is_version(std::string_view text)
{
    const bool ends_in_one = !text.ends_with('.');
    auto left = text;
    bool numbers = !text.empty();
    while (numbers && !left.empty()) {
        numbers = next_number(left).has_value();
    }
    return numbers && ends_in_one;
}

bool is_older(std::string_view version, std::string_view than)
{
    while (!than.empty()) {
        const auto wanted = next_number(than);
        const auto has = next_number(version);
        if (!wanted || has != wanted) {
            return has < wanted;
        }
    }
    return false;
}

std::string why_unfit(const HostView& host, const Demand& demand)
{
    if (is_another(host, demand)) {
        return std::string{another_asked_for};
    }
    for (const auto& constraint : unfit_by) {
        if (auto why = constraint(host, demand); !why.empty()) {
            return why;
        }
    }
    return "";
}

std::string why_not(const HostView& host, const Demand& demand)
{
    if (is_another(host, demand)) {
        return std::string{another_asked_for};
    }
    std::string all;
    const auto add = [&](const auto& constraints) {
        for (const auto& constraint : constraints) {
            if (const auto why = constraint(host, demand); !why.empty()) {
                all += (all.empty() ? "" : "; ") + why;
            }
        }
    };
    add(unfit_by);
    add(full_by);
    return all;
}

std::optional<common::HostName>
place(const View& fleet, const Demand& demand, const Policy& policy, std::size_t first)
{
    const bool whole = fleet.size <= policy.full_scan || demand.only;
    const auto stride = whole ? 1 : stride_through(fleet.size);
    const auto enough = whole ? fleet.size : policy.sample;
    std::optional<common::HostName> best;
    double highest = 0;
    std::size_t fitting = 0;
    auto at = whole ? 0 : first % fleet.size;
    for (std::size_t looked = 0; looked < fleet.size && fitting < enough; ++looked) {
        auto host = fleet.at(at);
        at = (at + stride) % fleet.size;
        if (!has_room(host, demand) || !why_unfit(host, demand).empty()) {
            continue;
        }
        fitting += host.has_image ? 1 : 0; // One that has it is still to be found.
        const auto total = scores_of(host, demand, policy).total();
        const bool first_by_name = whole && total == highest && best && host.name < *best;
        if (!best || total > highest || first_by_name) {
            highest = total;
            best = std::move(host.name);
        }
    }
    return best;
}

std::vector<Assessment> assess(const View& fleet, const Demand& demand, const Policy& policy)
{
    std::vector<Assessment> all;
    all.reserve(fleet.size);
    for (std::size_t at = 0; at < fleet.size; ++at) {
        auto host = fleet.at(at);
        auto why = why_not(host, demand);
        const auto scores = why.empty() ? scores_of(host, demand, policy) : Scores{};
        all.push_back({std::move(host.name), std::move(why), scores});
    }
    return all;
}

std::string told(const std::vector<Assessment>& hosts)
{
    constexpr std::size_t most = 100;
    const bool all = hosts.size() <= most;
    std::string text;
    std::size_t count = 0;
    for (const auto& host : hosts) {
        if (count < most && (all || host.why_not != another_asked_for)) {
            text += (count++ == 0 ? "" : "\n") + host.host.str() + ": " + host.why_not;
        }
    }
    if (count < hosts.size()) {
        text += fmt::format("\nand {} more hosts, none of which can", hosts.size() - count);
    }
    return text.empty() ? "no host has connected yet" : text;
}

} // namespace coordinator::scheduler
