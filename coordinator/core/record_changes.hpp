#pragma once

#include "common/bytes.hpp"
#include "coordinator/core/store.hpp"
#include "coordinator/core/turns.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coordinator {

/// How changes of one kind of a tenant's records that live in the database alone are made. Nothing
/// of them is in memory: each reads what there is, and what it makes of it is written, with its
/// intent and outcome, only after the revision that was read. A tenant's changes of one kind take
/// turns, so that none is made in vain.
///
/// Any thread; calls block, within bounds.
class RecordChanges {
public:
    struct Bounds {
        std::chrono::milliseconds patience;    ///< Until others have made their changes.
        std::chrono::milliseconds write_limit; ///< A guard: the store is less patient.
    };
    /// A change as the audit and errors name it.
    struct Attempt {
        std::string_view action; ///< "playbook.create"
        std::string words;       ///< "make playbook web"
    };
    using Detail = std::vector<std::pair<std::string_view, std::string>>;

    /// `kind` in the plural, as errors name it: "playbooks".
    RecordChanges(Store& store, std::string kind, Bounds bounds)
        : store_{store}, kind_{std::move(kind)}, bounds_{bounds}
    {}

    /// In the tenant's turn, runs `once` until what it wrote was not stale, a few times at most.
    /// `rate_limited` (<kind>_busy): the turn did not come, or others were faster each time.
    template <typename T>
    common::Result<T> make(const Caller& caller,
                           const Attempt& attempt,
                           const std::function<common::Result<T>()>& once)
    {
        constexpr int most = 3;
        const auto mine = turns_.take(caller.tenant, bounds_.patience);
        if (!mine) {
            return busy(attempt, "other changes of " + kind_ + " take too long");
        }
        // Stale it is only after a write whose outcome nobody heard, or beside another coordinator.
        for (int i = 0; i < most; ++i) {
            auto done = once();
            if (done || done.error().reason != stale) {
                return done;
            }
        }
        return busy(attempt, "it is changed by others all the time");
    }

    /// `failed_precondition` (too_many_<kind>) if the tenant has `most` of them already.
    [[nodiscard]] common::Result<>
    check_room(const Attempt& attempt, std::uint64_t there, std::uint64_t most) const;
    /// `failed_precondition` (`reason`) if what it would hold is more than `most`.
    [[nodiscard]] static common::Result<> check_size(const Attempt& attempt,
                                                     common::Bytes size,
                                                     common::Bytes most,
                                                     const std::string& reason);

    /// The row, intent and outcome as one write: no host is asked. `already_exists` (stale) is for
    /// make(). `timeout` (outcome_unknown): nobody knows whether it was written.
    common::Result<> write(const Caller& caller,
                           const Attempt& attempt,
                           const std::string& target,
                           Change row,
                           const Detail& detail);

private:
    static constexpr std::string_view stale = "stale";

    [[nodiscard]] common::Error busy(const Attempt& attempt, const std::string& why) const;

    Store& store_;
    const std::string kind_;
    const Bounds bounds_;
    Turns turns_;
};

} // namespace coordinator
