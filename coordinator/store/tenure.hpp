#pragma once

#include "coordinator/store/audit_chain.hpp"
#include "coordinator/store/session.hpp"
#include "coordinator/store/write_queue.hpp"

#include <optional>
#include <span>

namespace coordinator::store {

/// The right to write, and all that it stands on: the one connection that writes, the lease
/// (an advisory lock that PostgreSQL frees when that connection ends), this start's row in
/// `leader`, and the audit's head as memory has it. One thread at a time.
///
/// Each transaction changes our `leader` row first. That makes a deposed writer fail, and it
/// tells after a lost connection whether the last commit landed: the lease is free again only
/// when the old connection has ended at the server, and with it that transaction.
class Tenure {
public:
    Tenure(const StoreSettings& settings, ConnInfo info, Watchdog& watchdog);

    /// Connects and gets the lease, waiting for another holder up to lease_patience, or for as
    /// long as StoreSettings::standing_by says; then a holder that hangs is ended.
    /// `failed_precondition`: it did not go, or the server would lose what it confirmed.
    /// `unavailable`: the server is away, or (coordinator_ending) it stands by no longer.
    common::Result<> take();

    /// Makes this start the leader, and reads what it needs to know.
    common::Result<Snapshot> begin();

    /// Connects again if need be and makes sure of lease, leadership and audit head.
    /// `unavailable`: try again later. `failed_precondition`: never again, also for every
    /// call after this one.
    common::Result<> ensure();

    /// Gives the lease back; ensure() would take it again.
    void release() { session_.reset(); }

    /// ensure(), and asks the server even when the connection looks open.
    common::Result<> probe();

    enum class End {
        committed,
        not_written, ///< Certainly; it may be tried again.
        refused,     ///< Certainly not written, and again would be refused again.
        in_doubt,    ///< COMMIT was sent. ensure() finds out; then see landed().
    };
    struct Outcome {
        End end = End::committed;
        common::Error why{common::ErrorCode::internal, ""};
    };
    /// All changes in one transaction. After ensure() succeeded, on an open connection.
    Outcome commit(std::span<const Call> batch);

    /// Whether the commit that was in doubt is in the database. Known once ensure() has
    /// returned anything but `unavailable`.
    [[nodiscard]] std::optional<bool> landed() const { return landed_; }

private:
    struct Doubt {
        std::uint64_t batch;
        ChainHead head;
    };
    common::Result<> connect();
    common::Result<> stand_by();
    common::Result<> call_it(const char* what);
    common::Result<> get_lease(common::SteadyTime deadline);
    common::Result<> check_server();
    struct Standing {
        std::uint64_t batch = 0;
        bool leading = false;
        ChainHead head;
    };
    common::Result<Standing> look();
    void settle_doubt(std::uint64_t batch);
    common::Result<> take_up();
    common::Result<> look_for_a_successor(common::Error held);
    common::Error deposed();
    common::Error never_again(const std::string& why);
    bool roll_back();
    Outcome run(std::span<const Call> batch, std::span<const ChainedRow> audit);

    const StoreSettings& settings_;
    const ConnInfo info_;
    Watchdog& watchdog_;
    const std::string name_;
    const std::string application_name_; ///< Tells our own old connection from others'.
    std::unique_ptr<Session> session_;
    std::uint64_t epoch_ = 0;
    std::uint64_t batch_ = 0; ///< The last one committed.
    ChainHead head_;
    std::int64_t last_us_ = 0; ///< Of the audit's last row: its time never goes back.
    std::optional<Doubt> doubt_;
    std::optional<bool> landed_;
    std::optional<common::Error> ended_;
};

} // namespace coordinator::store
