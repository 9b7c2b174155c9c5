#include "coordinator/store/audit_verifier.hpp"

#include "coordinator/store/row_reading.hpp"

#include <fmt/format.h>
#include <map>

namespace coordinator::store {

namespace {

constexpr std::uint64_t rows_at_once = 500;

using Flaw = AuditCheck::Flaw;

/// What each epoch noted as the audit's last row.
using Anchors = std::multimap<std::uint64_t, common::digest::Sha256>;

Anchors read_anchors(pqxx::transaction_base& sql)
{
    Anchors anchors;
    for (const auto& row : sql.exec("SELECT audit_seq, audit_hash FROM leader ORDER BY epoch")) {
        anchors.emplace(row[0].as<std::uint64_t>(), hash_from(row[1]));
    }
    return anchors;
}

/// One row against the one before it; `head` moves on to it.
std::optional<Flaw> check_row(const ChainedRow& row, const Anchors& anchors, ChainHead& head)
{
    const auto expected = head.seq + 1;
    if (row.seq != expected) {
        return Flaw{expected, fmt::format("it is missing, the next one is {}", row.seq)};
    }
    if (row.prev_hash != head.hash) {
        return Flaw{row.seq, "prev_hash is not the hash of the row before"};
    }
    if (encode_audit(row) != row.payload) {
        return Flaw{row.seq, "its columns are not what its payload says"};
    }
    if (common::digest::of(row.payload) != row.hash) {
        return Flaw{row.seq, "hash is not that of its payload"};
    }
    for (auto [at, end] = anchors.equal_range(row.seq); at != end; ++at) {
        if (at->second != row.hash) {
            return Flaw{row.seq, "a coordinator noted another hash for it"};
        }
    }
    head = {row.seq, row.hash};
    return std::nullopt;
}

AuditCheck found(const ChainHead& fitting, std::optional<Flaw> flaw)
{
    return {fitting.seq, common::digest::to_hex(fitting.hash), std::move(flaw)};
}

} // namespace

common::Result<AuditCheck> check_audit(Session& session,
                                       std::chrono::milliseconds patience,
                                       const std::function<bool()>& going)
{
    const auto begin = [&](bool anew) {
        return session.run(patience, "read the audit", [anew](pqxx::nontransaction& sql) {
            if (anew) {
                sql.exec("ROLLBACK");
            }
            sql.exec("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
            return read_anchors(sql);
        });
    };
    COMMON_TRY(auto anchors, begin(false));
    ChainHead head;
    auto at_once = rows_at_once;
    for (bool more = true; more;) {
        if (!going()) {
            return common::Error{common::ErrorCode::unavailable,
                                 "verify the audit: the coordinator is ending",
                                 "coordinator_ending"};
        }
        const auto rows = session.run(patience, "read the audit", [&](pqxx::nontransaction& sql) {
            return read_audit(
                sql, fmt::format("WHERE seq > {} ORDER BY seq LIMIT {}", head.seq, at_once));
        });
        if (!rows) {
            if (rows.error().code != common::ErrorCode::internal) {
                return rows.error();
            }
            // One of them holds what no row has: the next, once they are read one by one.
            if (at_once == 1) {
                return found(head, Flaw{head.seq + 1, "what it holds cannot be read"});
            }
            at_once = 1;
            COMMON_TRY(anchors, begin(true));
            continue;
        }
        for (const auto& row : *rows) {
            if (auto flaw = check_row(row, anchors, head)) {
                return found(head, std::move(flaw));
            }
        }
        more = !rows->empty();
    }
    COMMON_CHECK(session.run(patience, "read the audit", [](auto& sql) { sql.exec("COMMIT"); }));
    if (!anchors.empty() && anchors.rbegin()->first > head.seq) {
        return found(head,
                     Flaw{head.seq + 1,
                          fmt::format("it is missing, though rows up to {} were committed",
                                      anchors.rbegin()->first)});
    }
    return found(head, std::nullopt);
}

common::Result<AuditCheck> whole(common::Result<AuditCheck> check)
{
    if (!check || !check->flaw) {
        return check;
    }
    return common::Error{
        common::ErrorCode::internal,
        fmt::format("audit row {} does not fit: {}", check->flaw->seq, check->flaw->why),
        "audit_broken"};
}

} // namespace coordinator::store
