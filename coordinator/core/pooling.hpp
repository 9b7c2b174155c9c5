#pragma once

#include "coordinator/core/core.hpp"

namespace coordinator {

/// The warm pools: sandboxes that stand ready, paused, before anybody asks for one.
///
/// What stands ready is an ordinary sandbox of the pools' own tenant: its reservation, its row,
/// its reconciliation and its end are those of all others. A claim gives it another tenant; it is
/// part of the reservation, on the loop's thread, so that nobody else can get it. On each host a
/// pool has a *source* too: a guest that was booted once, checkpointed and suspended; the others
/// are clones of it, and so is whoever finds the pool empty.
///
/// The core's own, and of its thread.
class Core::Pooling {
public:
    explicit Pooling(Core& core);

    /// At the start, of what is on record.
    void adopt(std::vector<Pool> pools);
    /// Throws out what is dead, old or too much, and makes what is missing.
    void tick();

    using Done = std::function<void(common::Result<PoolState>)>;
    void add(const Caller& caller, const PoolRequest& request, const Done& done);
    void change(const Caller& caller,
                const std::string& name,
                const PoolChange& change,
                const Done& done);
    void remove(const Caller& caller, const std::string& name, const Done& done);
    /// As `tenant` sees them: those of another's image do not exist.
    [[nodiscard]] std::vector<PoolState> states(std::string_view tenant) const;
    [[nodiscard]] common::Result<PoolState> state(const std::string& name,
                                                  std::string_view tenant) const;
    /// A pool that is of this image of this tenant's.
    [[nodiscard]] const Pool* of_image(const common::ImageName& image,
                                       std::string_view tenant) const;

    /// Somebody wants a sandbox like this: the warm one that it can be, if there is one. Counts
    /// as a hit or a miss of its pool.
    std::optional<common::SandboxId> take(const Sandbox& wanted,
                                          const std::optional<common::HostName>& only,
                                          const Callers::Full& full);
    /// Why there is none of its shape to be had, host by host.
    [[nodiscard]] std::string why_none(const Sandbox& wanted,
                                       const std::optional<common::HostName>& only,
                                       const Callers::Full& full) const;
    /// Where one like it can be cloned; as of the last tick.
    [[nodiscard]] const std::set<common::HostName>* sources_of(const Sandbox& wanted) const;
    /// `warm` becomes `sandbox`, from here on: nobody else can get it, whatever becomes of this.
    void claim(const Caller& caller,
               const CreateRequest& request,
               Sandbox sandbox,
               const common::SandboxId& warm,
               SandboxDone done);
    void finish_claim(const Op& op, const HostAnswer& answer);
    /// Whoever asked first for what `op` did not make gets what `op->otherwise` makes; who joined
    /// later meant that one.
    void begin_otherwise(const Op& op,
                         const std::vector<SandboxDone>& asked,
                         const common::Error& error);
    /// One that was claimed and is not to be had by whoever claimed it.
    static Sandbox nobodys(Sandbox sandbox);
    /// The checkpoint on `wanted.host` that one like it can be cloned from.
    [[nodiscard]] std::optional<common::SnapshotId> source_for(const Sandbox& wanted) const;
    /// As one that is on that host already, or is cloned there: what it wants of hosts keeps it
    /// away no more, whatever its host has become.
    [[nodiscard]] Sandbox as_there(Sandbox sandbox, const common::HostName& host) const;
    enum class Room { made, too_late };
    /// Throws out warm ones so that `wanted` finds a place there. `then` is told
    /// once whether they are gone by `until`. False if that would not help.
    bool make_room(const Sandbox& wanted,
                   const std::optional<common::HostName>& only,
                   common::SteadyTime until,
                   const std::function<void(Room)>& then);
    /// Whether that would help on the host that `wanted` is to be on.
    [[nodiscard]] bool could_make_room(const Sandbox& wanted) const;
    /// How a clone for somebody ended.
    void clone_failed(const Sandbox& sandbox, const common::Error& why);
    void clone_worked(const Sandbox& sandbox);
    /// A claim ended in error and was left to a destroy that was then not recorded.
    void claim_left_over(const Op& claim);
    /// As it is now, or gone.
    void bring_up_to_date(Pool& pool) const;

    /// What monitoring is told of them.
    void add_to(CoreFigures& figures) const;

private:
    using Key = std::pair<std::string, common::HostName>;
    struct Counts {
        std::uint64_t hits = 0;
        std::uint64_t misses = 0;
        std::uint64_t refills = 0;
        std::uint64_t failures = 0; ///< Of refills.
        std::uint64_t dead = 0;     ///< Found dead, claimed or not.
        std::uint64_t thrown_out = 0;
        std::chrono::duration<double, std::milli> refill_time{0}; ///< Moving mean.
        std::deque<common::SteadyTime> arrivals; ///< Of those who wanted one, within a minute.
    };
    /// What goes wrong with a pool on a host, and how long it is left alone for it.
    struct Trouble {
        unsigned in_a_row = 0;
        unsigned of_source = 0; ///< Of those, what the source may be to blame for.
        common::SteadyTime until{};
        std::string error;
    };
    /// What a pool has on a host.
    struct Standing {
        std::vector<const Sandbox*> ready; ///< Oldest first.
        unsigned filling = 0;
        const Sandbox* source = nullptr;
        std::optional<common::SnapshotId> checkpoint; ///< Of the source, if it is ready.
    };

    [[nodiscard]] const Pool* find(const std::string& name) const;
    [[nodiscard]] const Pool* visible(const std::string& name, std::string_view tenant) const;
    [[nodiscard]] const Pool* pool_of(const Sandbox& wanted) const;
    [[nodiscard]] bool fits(const Pool& pool, const Sandbox& sandbox) const;
    [[nodiscard]] Standing standing(const Pool& pool, const common::HostName& host) const;
    [[nodiscard]] unsigned target(const Pool& pool) const;
    [[nodiscard]] std::vector<common::HostName> hosts_of(const Pool& pool) const;
    [[nodiscard]] bool is_ready(const Sandbox& sandbox) const;
    [[nodiscard]] static bool is_under_pressure(const Host& host);
    [[nodiscard]] bool is_busy(const common::HostName& host) const;
    [[nodiscard]] unsigned most_at_once(const Host& host);
    [[nodiscard]] unsigned filling_on(const common::HostName& host) const;
    [[nodiscard]] std::vector<common::SandboxId> in_the_way(const Sandbox& wanted,
                                                            const scheduler::HostView& view) const;
    [[nodiscard]] PoolState state_of_pool(const Pool& pool) const;
    [[nodiscard]] Caller caller() const;

    // pooling_claim.cpp
    void claim_saved(const Op& op, const Sandbox& before, const common::Result<>& saved);
    void found_dead(const Sandbox& sandbox, const common::Error& why);
    bool give_up_claimed(const Op& op, const common::Error& error);
    void destroy_claimed(const common::SandboxId& id);

    // pooling_refill.cpp
    [[nodiscard]] std::string unfit(const Sandbox& sandbox) const;
    void throw_out_unfit();
    void throw_out(const common::SandboxId& id, const std::string& why);
    void tend(const Pool& pool, const common::HostName& host);
    [[nodiscard]] common::Result<Sandbox>
    draft(const Pool& pool, const common::HostName& host, const Image& image) const;
    /// It boots, or is cloned `from` a checkpoint, gets warm, and is paused.
    void make(Sandbox sandbox, std::optional<common::SnapshotId> from, const SandboxDone& done);
    bool make_one(const Pool& pool,
                  const common::HostName& host,
                  const Image& image,
                  const std::optional<common::SnapshotId>& from);
    void make_source(const Pool& pool, const common::HostName& host, const Image& image);
    void keep_source(const Key& key, const common::SandboxId& id);
    void no_room(const Key& key, const common::Error& why);
    enum class Blame { nobody, source };
    void failed(const Key& key, const common::Error& why, Blame blame);

    // pooling_definitions.cpp
    void record(const Caller& caller,
                const Pool& pool,
                std::string_view action,
                const std::function<void(common::Result<>)>& then);

    /// Of the checkpoint that clones are made of.
    static constexpr const char* source_name = "source";

    Core& core_;
    std::map<std::string, Pool> pools_;
    std::map<std::string, Counts> counts_;
    std::map<Key, Trouble> troubles_;
    std::map<std::string, std::set<common::HostName>>
        sources_;                                   ///< Ready ones, as of the last tick.
    std::set<common::SandboxId> sources_under_way_; ///< Booted, and not kept yet.
    std::map<common::HostName, common::SteadyTime>
        relieved_; ///< When something was given up there.
    std::map<common::HostName, common::SteadyTime> busy_since_;
};

} // namespace coordinator
