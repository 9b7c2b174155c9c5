#pragma once

#include "common/bytes.hpp"
#include "common/clock.hpp"
#include "common/id.hpp"
#include "common/result.hpp"

#include <compare>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace coordinator {

/// A request key (Idempotency-Key), and whose: one actor's key is nothing to another.
struct KeyName {
    std::string tenant;
    std::string actor;
    std::string key;

    friend auto operator<=>(const KeyName&, const KeyName&) = default;
};

/// That a request is about to be done under a key.
struct KeyClaim {
    KeyName name;
    std::string digest; ///< Of all that makes the request what it is. The body itself is not kept.
    std::string path;   ///< For people; bounded by whoever makes it.
    common::RequestId request;
    common::WallTime used_at;
    /// What is begun for it has an intent in the audit; else nobody knows after a crash whether it
    /// was begun. Not stored: the route says so each time.
    bool is_recorded = true;
};

/// What was answered, but for what belongs to one exchange alone.
struct KeptAnswer {
    int status = 0;
    std::string content_type;
    std::vector<std::pair<std::string, std::string>> headers{};
    std::string body{};

    friend bool operator==(const KeptAnswer&, const KeptAnswer&) = default;
};

/// What is on record about a key.
struct UsedKey {
    KeyClaim claim;
    bool ours = false;  ///< Claimed since this coordinator began: what it began may still go on.
    bool ended = false; ///< Its request is over, as far as anybody knows.
    std::optional<KeptAnswer> answer; ///< None: under way, cut short, or not kept.
};

/// One intent of the request that claimed a key.
struct Begun {
    std::string action; ///< "sandbox.create"
    std::string target;
    std::string operation;
    std::string status;   ///< Of the operation, as of now; "" if it has no row.
    bool remains = false; ///< It made a sandbox that is not known to be gone.
};

/// What a tenant's keys take up.
struct KeyUse {
    std::string tenant;
    std::uint64_t keys = 0;
    common::Bytes bytes; ///< Of kept answers.
    common::WallTime oldest;
};

// Changes, as the writer knows them.
struct KeyEnd {
    KeyName name;
    std::optional<KeptAnswer> answer;
};
struct KeyRelease {
    KeyName name;
};
struct KeyExpiry {
    common::WallTime used_before;
};
struct KeyTrim {
    std::string tenant;
    common::Bytes surplus;
};
using KeyChange = std::variant<KeyClaim, KeyEnd, KeyRelease, KeyExpiry, KeyTrim>;

/// What becomes of request keys in PostgreSQL. Every call blocks, within a bound; any thread.
/// A write that failed is certainly not there, unless the code is `timeout`.
class KeyStore {
public:
    virtual ~KeyStore() = default;

    /// Nothing: it was never claimed, or is forgotten.
    virtual common::Result<std::optional<UsedKey>> find(const KeyName& name) = 0;
    /// What the request that claimed it has put on record, some tens at most. Nothing of a claim
    /// that is not ours: it never began anything, and never will.
    virtual common::Result<std::vector<Begun>> begun_by(const KeyName& name) = 0;

    /// Replaces what there is under the key.
    virtual common::Result<> claim(const KeyClaim& claim) = 0;
    /// The request is over. Without an answer: whoever asks again is told what is on record.
    virtual common::Result<> end(const KeyName& name, const std::optional<KeptAnswer>& answer) = 0;
    /// As if it had never been claimed.
    virtual common::Result<> release(const KeyName& name) = 0;

    virtual common::Result<std::vector<KeyUse>> use() = 0;
    /// Some thousands at most, oldest first.
    virtual common::Result<> forget(common::WallTime used_before) = 0;
    /// Drops a tenant's oldest answers until so much is gone; likewise. The keys stay.
    virtual common::Result<> trim(const std::string& tenant, common::Bytes surplus) = 0;
};

} // namespace coordinator
