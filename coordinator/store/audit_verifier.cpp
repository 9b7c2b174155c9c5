#include "coordinator/store/audit_verifier.hpp"

#include "coordinator/store/row_reading.hpp"

#include <fmt/format.h>
#include <map>

namespace coordinator::store {

namespace {

constexpr std::uint64_t rows_at_once = 500;

common::Error broken(std::uint64_t seq, std::string_view why)
{
    return {common::ErrorCode::internal,
            fmt::format("audit row {} does not fit: {}", seq, why),
            "audit_broken"};
}

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
common::Result<> check_row(const ChainedRow& row, const Anchors& anchors, ChainHead& head)
{
    const auto expected = head.seq + 1;
    if (row.seq != expected) {
        return broken(expected, fmt::format("it is missing, the next one is {}", row.seq));
    }
    if (row.prev_hash != head.hash) {
        return broken(row.seq, "prev_hash is not the hash of the row before");
    }
    if (encode_audit(row) != row.payload) {
        return broken(row.seq, "its columns are not what its payload says");
    }
    if (common::digest::of(row.payload) != row.hash) {
        return broken(row.seq, "hash is not that of its payload");
    }
    head = {row.seq, row.hash};
    for (auto [at, end] = anchors.equal_range(head.seq); at != end; ++at) {
        if (at->second != head.hash) {
            return broken(head.seq, "a coordinator noted another hash for it");
        }
    }
    return {};
}

} // namespace

common::Result<Store::AuditCheck> verify_audit(Session& session, std::chrono::milliseconds patience)
{
    COMMON_TRY(const auto anchors,
               session.run(patience, "read the audit", [](pqxx::nontransaction& sql) {
                   sql.exec("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
                   return read_anchors(sql);
               }));
    ChainHead head;
    for (bool more = true; more;) {
        COMMON_TRY(const auto rows,
                   session.run(patience, "read the audit", [&](pqxx::nontransaction& sql) {
                       return read_audit(sql,
                                         fmt::format("WHERE seq > {} ORDER BY seq LIMIT {}",
                                                     head.seq,
                                                     rows_at_once));
                   }));
        for (const auto& row : rows) {
            COMMON_CHECK(check_row(row, anchors, head));
        }
        more = !rows.empty();
    }
    COMMON_CHECK(session.run(patience, "read the audit", [](auto& sql) { sql.exec("COMMIT"); }));
    if (!anchors.empty() && anchors.rbegin()->first > head.seq) {
        return broken(head.seq + 1,
                      fmt::format("it is missing, though rows up to {} were committed",
                                  anchors.rbegin()->first));
    }
    return Store::AuditCheck{head.seq, common::digest::to_hex(head.hash)};
}

} // namespace coordinator::store
