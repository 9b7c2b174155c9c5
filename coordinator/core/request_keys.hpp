#pragma once

#include "coordinator/core/key_store.hpp"

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

namespace coordinator {

/// Bounds of request keys, for each tenant. docs/decisions/0016 says what is answered.
struct KeySettings {
    std::uint64_t max_keys = 1'000'000;                ///< More get 429.
    common::Bytes max_bytes = common::Bytes::mib(256); ///< Of answers; over it the oldest go.
    common::Bytes max_answer = common::Bytes::mib(4);  ///< A longer one is not kept.
    std::size_t max_owed = 1000;                       ///< That wait for a database that is away.
    common::Bytes max_owed_bytes = common::Bytes::mib(64); ///< Of answers among them.
    std::chrono::hours keep{24};                           ///< From the first use on.
    std::chrono::milliseconds tick{1000};
    std::chrono::milliseconds tidy_every{60'000};
    std::chrono::milliseconds stop_patience{2000}; ///< For what is owed, beyond one write.
};

/// Sees to it that what is asked for under one key is done once. A claim is durable before its
/// request is begun, an answer before it is given; who comes in between is refused. A claim of
/// this process that has no end on record and is not in entries_ was never begun, or nothing came
/// of it: what was begun stays there until its end is on record. Any thread; no lock is held while
/// the store is asked.
class RequestKeys {
public:
    RequestKeys(KeyStore& store, const common::Clock& clock, KeySettings settings);
    ~RequestKeys() { stop(); }
    RequestKeys(const RequestKeys&) = delete;
    RequestKeys& operator=(const RequestKeys&) = delete;

    /// Counts what there is, and begins the upkeep in a thread of its own.
    common::Result<> start();
    /// Writes what is owed, if the database takes it. Idempotent.
    void stop();

    /// Nothing: the request is the caller's to do, and then one of keep(), leave() and release()
    /// is called. Else it was done before, and this was the answer. `failed_precondition`:
    /// idempotency_key_reused by another request, idempotency_in_progress. `timeout`
    /// (outcome_unknown): it was begun, and how it ended is not known here. `rate_limited`: the
    /// tenant has too many. `unavailable`: the database is away, and nothing was begun.
    common::Result<std::optional<KeptAnswer>> claim(const KeyClaim& claim);

    /// Whoever comes again is given this answer.
    void keep(const KeyName& name, KeptAnswer answer);
    /// Nobody knows whether it was done: it is not done again.
    void leave(const KeyName& name);
    /// It was refused before anything was done, or is undone: who comes again may try again. What
    /// is on record of it goes before: while there is a sandbox, its end is unknown.
    void release(const KeyName& name);

    /// What the thread of start() does at each tick.
    void upkeep();

    /// Prometheus text.
    [[nodiscard]] std::string metrics() const;

private:
    struct Entry {
        std::string digest;
        enum class State { working, owes_answer, owes_end, owes_release } state = State::working;
        KeptAnswer answer{}; ///< That the database does not have yet.
    };
    struct Entered {
        bool mine = false;
        bool left = false;         ///< It was begun here, and nobody knows its end.
        bool owes_release = false; ///< There may be a claim on record of which nothing came.
        std::optional<KeptAnswer> answer{};
    };

    common::Result<Entered> enter(const KeyClaim& claim);
    common::Result<std::optional<KeptAnswer>> look(const KeyClaim& claim, Entered& entered);
    [[nodiscard]] common::Result<> may_begin_again(const KeyClaim& claim, const UsedKey& used);
    [[nodiscard]] common::Error outcome_unknown(const UsedKey& used);
    [[nodiscard]] common::Result<> has_room(const std::string& tenant) const;
    common::Result<> write(const KeyClaim& claim, bool is_new, Entered& entered);
    common::Result<> take_back(const KeyName& name);
    void forget(const KeyName& name);
    /// It was begun, and its end will never be on record.
    void lose(const KeyName& name);
    /// A write that failed so may be tried again.
    static bool may_be_mended(const common::Error& error);
    /// What could not be written is tried again by upkeep(), within bounds.
    void owe(const KeyName& name, Entry::State what, KeptAnswer answer);
    void pay(std::map<KeyName, Entry>::iterator entry);
    common::Result<> write_owed(const KeyName& name, const Entry& owed);
    /// Until then, about. False: there is more.
    bool settle_owed(common::SteadyTime until);
    /// False: the database is still away.
    bool settle(const KeyName& name);
    void tidy();
    void count(const std::vector<KeyUse>& uses);
    void run();

    KeyStore& store_;
    const common::Clock& clock_;
    const KeySettings settings_;

    mutable std::mutex mutex_;
    std::condition_variable wake_;
    // Under mutex_:
    std::map<KeyName, Entry> entries_;   ///< Under way here, or owed to the database.
    std::map<std::string, KeyUse> uses_; ///< By tenant, about; set right by each tidy().
    std::size_t owed_ = 0;
    std::uint64_t owed_bytes_ = 0;
    std::uint64_t replays_ = 0;
    std::uint64_t refusals_ = 0;
    common::WallTime latest_{}; ///< Of what was claimed here.
    common::WallTime lost_{};   ///< The latest, when something was lost: it may be any until then.
    bool untidy_ = false;       ///< A tenant's answers have passed their bound.
    bool stopping_ = false;

    common::SteadyTime tidied_{}; ///< Of whoever calls upkeep(); long ago at first.
    std::thread thread_;
};

} // namespace coordinator
