#pragma once

#include "coordinator/core/host.hpp"
#include "coordinator/scheduler/scheduler.hpp"

#include <functional>
#include <memory>
#include <set>

namespace coordinator {

/// A host as the core knows it.
struct KnownHost {
    Host host; ///< Its used_* and sandboxes are filled in by Fleet::with_usage().
    std::string instance;
    common::SteadyTime last_beat;
    /// It was heard and has told what it has, since it connected last.
    bool inventoried = false;
    /// It was not here for long, or never: what it lacks then is fetched before it is `ready`.
    bool comes_cold = false;
    std::set<common::ImageId> warming_for; ///< Those that it still lacks of these.
    common::SteadyTime warming_until{};    ///< Then it takes sandboxes without them.
    HostWish wish_recorded;                ///< `host.wish`, as the database certainly has it.
    std::uint64_t wish_changes = 0;        ///< How often it was asked for: the latest one counts.
    std::set<common::SandboxId> unknown;   ///< It has these; no record says why.
    std::set<common::SandboxId> orphans;   ///< Of these, those that the audit has.
    static constexpr std::size_t most_unknown = 1000; ///< More are not remembered.
    struct Recorded {
        common::SteadyTime at;
        std::uint64_t left_out = 0;
    };
    /// By action: when the audit had it last, and how often it came since.
    std::map<std::string, Recorded> recorded;
};

/// When somebody asked something of a sandbox last.
struct Activity {
    common::SteadyTime last;
    bool falling_asleep = false; ///< It is being paused or suspended because nobody did.
};

/// The fleet in memory: every sandbox that lives or was destroyed within a day, every
/// host. The core thread's own. All changes of a sandbox go through put(), which
/// keeps names and reservations in step.
class Fleet {
public:
    [[nodiscard]] const Sandbox* find(const common::SandboxId& id) const;
    /// Adds or replaces.
    void put(Sandbox sandbox);
    /// Forgets it: it never was, or was destroyed long ago.
    void erase(const common::SandboxId& id);
    [[nodiscard]] const std::map<common::SandboxId, Sandbox>& sandboxes() const noexcept
    {
        return sandboxes_;
    }
    /// The living sandbox of this name.
    [[nodiscard]] const common::SandboxId* named(const std::string& tenant,
                                                 const std::string& name) const;
    [[nodiscard]] std::vector<common::SandboxId> on(const common::HostName& host) const;

    /// What stands ready in a pool, becomes so, or is its source. Not destroyed.
    [[nodiscard]] std::vector<common::SandboxId> all_pooled() const;

    std::map<common::HostName, KnownHost>& hosts() noexcept { return hosts_; }
    [[nodiscard]] const std::map<common::HostName, KnownHost>& hosts() const noexcept
    {
        return hosts_;
    }
    /// nullptr if it was never seen.
    KnownHost* host(const common::HostName& name);
    [[nodiscard]] Host with_usage(const KnownHost& known) const;
    struct Reserved {
        unsigned vcpus = 0;
        common::Bytes memory;
        unsigned sandboxes = 0;
    };
    /// The same, without the host.
    [[nodiscard]] Reserved reserved_on(const common::HostName& host) const;
    /// How many sandboxes are in each; none may be left in one.
    [[nodiscard]] const std::map<Phase, std::size_t>& phases() const noexcept { return phases_; }

    /// Every image of every host that is visible to the tenant; where digests differ, the one that
    /// most hosts have.
    [[nodiscard]] std::vector<Image> images(std::string_view tenant) const;
    [[nodiscard]] std::shared_ptr<const Image> image(const common::ImageName& name,
                                                     std::string_view tenant) const;
    /// To be told whenever `facts.images` of a host is another, or the first.
    void images_changed() { found_images_.clear(); }
    /// What a sandbox was made of, on each host that has just that.
    [[nodiscard]] std::optional<Image> image_of(const Sandbox& sandbox) const;
    /// A host that has an image of this name, whosever it is.
    [[nodiscard]] const KnownHost* host_with(const common::ImageName& name) const;

    /// The hosts, by name, for one like `wanted`. It refers to all that it is given, and is good
    /// until the fleet changes.
    [[nodiscard]] scheduler::View view(const Image& image,
                                       const Sandbox& wanted,
                                       const std::set<common::HostName>* warm = nullptr) const;
    /// Why its host has not enough for it to run, with the numbers; "" if it has. What is
    /// charged already has its place, unless stops of suspended ones have promised more than
    /// there is: then what really has memory counts.
    [[nodiscard]] std::string shortage(const Sandbox& sandbox) const;

private:
    enum class Charge { take, give_back };
    struct Usage {
        unsigned vcpus = 0;
        common::Bytes memory;
        unsigned awake_vcpus = 0; ///< Of those that have memory, or may have.
        common::Bytes awake_memory;
        unsigned sandboxes = 0;
        unsigned starting = 0;

        void hold(const Sandbox& sandbox, bool awake, Charge direction);
    };
    void charge(const Sandbox& sandbox, Charge direction);
    struct Slot {
        const KnownHost* known;
        const Usage* usage;
    };
    [[nodiscard]] const std::vector<Slot>& slots() const;
    /// Of `wanted`'s group, how many others there are: by host, or by the label that it is spread
    /// by.
    [[nodiscard]] std::map<std::string, unsigned> group_mates(const Sandbox& wanted) const;
    [[nodiscard]] std::shared_ptr<const Image> find_image(const common::ImageName& name,
                                                          std::string_view tenant) const;

    std::map<common::SandboxId, Sandbox> sandboxes_;
    std::map<Phase, std::size_t> phases_;
    std::map<std::pair<std::string, std::string>, common::SandboxId> names_; ///< tenant, name
    mutable std::map<common::HostName, Usage> usage_;
    mutable std::vector<Slot> slots_; ///< Made anew if there are more hosts: none ever goes.
    /// By tenant and name, as long as no host's images change.
    mutable std::map<std::pair<std::string, common::ImageName>, std::shared_ptr<const Image>>
        found_images_;
    /// By tenant and group: how many there are on each host.
    std::map<std::pair<std::string, std::string>, std::map<common::HostName, unsigned>> groups_;
    std::map<common::HostName, std::set<common::SandboxId>> placed_; ///< Not destroyed.
    std::map<std::string, std::set<common::SandboxId>> pooled_;      ///< By pool.
    std::map<common::HostName, KnownHost> hosts_;
};

} // namespace coordinator
