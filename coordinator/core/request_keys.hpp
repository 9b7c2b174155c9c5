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
    common::Bytes max_owed_bytes = common::Bytes::mib(64);
    std::chrono::hours keep{24}; ///< From the first use on.
    std::chrono::milliseconds tick{1000};
    std::chrono::milliseconds tidy_every{60'000};
};

/// Sees to it that what is asked for under one key is done once. A claim is durable before its
/// request is begun, an answer before it is given; who comes in between is refused. Any thread;
/// no lock is held while the store is asked.
class RequestKeys {
public:
    RequestKeys(KeyStore& store, const common::Clock& clock, KeySettings settings);
    ~RequestKeys() { stop(); }
    RequestKeys(const RequestKeys&) = delete;
    RequestKeys& operator=(const RequestKeys&) = delete;

    /// Counts what there is, and begins the upkeep in a thread of its own.
    common::Result<> start();
    /// Idempotent.
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
    /// It was refused before anything was done: who comes again may try again. What is on record
    /// of it goes before: if there is a sandbox, this is leave().
    void release(const KeyName& name);

    /// What the thread of start() does at each tick.
    void upkeep();

    /// Prometheus text.
    [[nodiscard]] std::string metrics() const;

private:
    struct Entry {
        std::string digest;
        enum class State { working, owes_answer, owes_release } state = State::working;
        KeptAnswer answer{}; ///< That the database does not have yet.
    };
    struct Entered {
        bool mine = false;
        bool unbegun = false; ///< Whatever the database says: that was taken back.
        std::optional<KeptAnswer> answer{};
    };

    common::Result<Entered> enter(const KeyClaim& claim);
    common::Result<std::optional<KeptAnswer>> look(const KeyClaim& claim, const Entered& entered);
    [[nodiscard]] common::Result<> may_begin_again(const UsedKey& used);
    [[nodiscard]] common::Result<> has_room(const std::string& tenant) const;
    common::Result<> write(const KeyClaim& claim, bool is_new);
    void forget(const KeyName& name);
    /// A write that failed so may be tried again.
    static bool may_be_mended(const common::Error& error);
    /// What could not be written is tried again by upkeep(), within bounds.
    void owe(const KeyName& name, Entry::State what, KeptAnswer answer);
    void pay(std::map<KeyName, Entry>::iterator entry);
    void settle_owed();
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
    bool untidy_ = false; ///< A tenant's answers have passed their bound.
    bool stopping_ = false;

    common::SteadyTime tidied_{}; ///< Of whoever calls upkeep(); long ago at first.
    std::thread thread_;
};

} // namespace coordinator
