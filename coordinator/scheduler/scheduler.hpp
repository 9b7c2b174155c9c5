#pragma once

#include "common/bytes.hpp"
#include "common/id.hpp"

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

// Where a new sandbox goes. Pure: a view of the fleet in, a verdict out; whoever
// calls owns the fleet and reserves at once, so that a verdict cannot be outdated.
namespace coordinator::scheduler {

using Labels = std::map<std::string, std::string>;

/// What a sandbox asks of the host it is on, for its whole life: moves keep to it, too.
struct Wants {
    Labels labels;                   ///< Hosts that have all of these.
    std::set<std::string> tolerates; ///< Taints: "gpu" of any value, "gpu=a100" of that one.
    std::string accelerator;         ///< kvm | tcg; "" is either.
    std::string group;               ///< Of its tenant: its members are kept apart; "" is none.
    std::string spread_by;           ///< By the value of this label of hosts; "" is host by host.
    bool apart = true;               ///< Or nowhere; else only where that can be had.

    friend bool operator==(const Wants&, const Wants&) = default;
};

/// One host as far as placement is concerned. Cheap to make: it refers to what its maker owns.
struct HostView {
    common::HostName name;
    std::string_view not_ready; ///< Why it cannot take any; "" if it can.
    unsigned capacity_vcpus = 0;
    unsigned used_vcpus = 0;
    common::Bytes capacity_memory;
    common::Bytes used_memory; ///< Overhead included.
    common::Bytes overhead;    ///< Charged for each sandbox beside its memory.
    unsigned starting = 0;     ///< Sandboxes that are being made or booted there now.
    bool has_image = false;
    bool may_fetch_image = false;      ///< Where it has not: it can be told to.
    bool is_fetching_image = false;    ///< It is to have it, and has not yet.
    std::string_view no_image_because; ///< Where it may not, though it would be: what keeps it.
    bool is_warm = false; ///< What is asked for can be cloned there, which is faster than a boot.
    double load = 0;      ///< Runnable processes for each core, by its own word.
    double memory_available = 1; ///< Of its memory, by its own word.
    std::string_view accelerator;
    std::string_view version;       ///< Of its hostd.
    const Labels* labels = nullptr; ///< None: it has none.
    const Labels* taints = nullptr;
    /// Of the group that is asked for, how many are where it would count as one of them.
    unsigned group_mates = 0;
};

struct Demand {
    unsigned vcpus = 0;
    common::Bytes memory;
    Wants wants{};
    std::optional<common::HostName> only{};            ///< This host or none.
    std::map<common::HostName, std::string> refused{}; ///< Who said no to this, and why.
    /// What hostd has to be at least, as 1.2.3: the fleet's, not the sandbox's. "" is any.
    std::string_view oldest_hostd{};
};

/// The fleet, host by host; the same index is the same host for as long as it is looked at.
struct View {
    std::size_t size = 0;
    std::function<HostView(std::size_t)> at;
};

/// Which of the hosts that fit is best.
struct Policy {
    enum class Fill {
        spread, ///< The emptier, the better.
        pack,   ///< The fuller: others stay free for what is large, or can be switched off.
    } fill = Fill::spread;
    /// Fleets up to this are looked at whole, of larger ones `sample` hosts that fit: the best of
    /// so many is nearly the best of all, and the cost does not grow with the fleet.
    std::size_t full_scan = 256;
    std::size_t sample = 48;
};

/// What speaks for a host, each from 0 to 1, before weights.
struct Scores {
    double quiet = 0;    ///< Few starts are under way there: boots slow each other down.
    double room = 0;     ///< How empty it is afterwards; how full, where hosts are packed.
    double load = 0;     ///< Its cores are idle.
    double pressure = 0; ///< It has memory at hand.
    double warm = 0;     ///< It can be cloned there.
    double apart = 0;    ///< No others of its group are there.
    double image = 0;    ///< 1: it has the image; a half: it is to have it soon.

    [[nodiscard]] double total() const noexcept; ///< By weight; at most 1.
};

/// Numbers with dots between them, like 1.2.3.
bool is_version(std::string_view text);
/// By the numbers of versions like 1.2.3, from the left: one that has none where the other one has
/// is older.
bool is_older(std::string_view version, std::string_view than);

/// Of all hosts but the one that was asked for.
constexpr std::string_view another_asked_for = "another host was asked for";

/// Why a host cannot take it, by what was asked for and what the host is, the first that is found;
/// room is not looked at.
std::string why_unfit(const HostView& host, const Demand& demand);
/// All that keeps it from there, room included, by how much: "it does not have the image; 256 MiB
/// of memory free of 2048, 20000 needed". "" if it can take it.
std::string why_not(const HostView& host, const Demand& demand);

/// The best host; nothing if none can take it. Of equal ones the first by name, so that equal
/// fleets give equal answers; where a fleet is not looked at whole, the first of those looked at,
/// which begin with host `first` modulo the fleet. It may have to fetch the image before.
std::optional<common::HostName>
place(const View& fleet, const Demand& demand, const Policy& policy, std::size_t first = 0);

struct Assessment {
    common::HostName host;
    std::string why_not;
    Scores scores; ///< Of one that fits.
};
/// Every host, in the order of the view. place() takes one of the highest total.
std::vector<Assessment> assess(const View& fleet, const Demand& demand, const Policy& policy);
/// Why none of them can, a host a line, each with what it lacks: the operator who reads it has to
/// act. Of a fleet that is too large for that, the first hundred that are in question.
std::string told(const std::vector<Assessment>& hosts);

} // namespace coordinator::scheduler
