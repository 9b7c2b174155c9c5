#include "coordinator/store/row_reading.hpp"

#include "coordinator/store/fields.hpp"

#include <algorithm>

namespace coordinator::store {

namespace {

ChainedRow audit_from(Fields& in)
{
    ChainedRow chained;
    auto& row = chained.row;
    chained.seq = in.number<std::uint64_t>();
    chained.at_us = in.number<std::int64_t>();
    row.kind = audit_kind_from(in.text());
    row.action = in.text();
    row.caller.actor = in.text();
    row.caller.tenant = in.text();
    row.caller.request = common::RequestId{in.text()};
    row.operation = common::OperationId{in.text()};
    row.host = in.text();
    row.target = in.text();
    row.result = in.text();
    row.detail = in.text();
    chained.prev_hash = hash_from(in.next());
    chained.hash = hash_from(in.next());
    chained.payload = in.bytes();
    return chained;
}
const std::string audit_columns = "seq, " + us_of("at") +
                                  ", kind, action, actor, tenant, request_id, operation_id, host, "
                                  "target, result, detail, prev_hash, hash, payload";

} // namespace

common::digest::Sha256 hash_from(const pqxx::field& field)
{
    const pqxx::binarystring bytes{field};
    common::digest::Sha256 hash{};
    if (bytes.size() != hash.size()) {
        throw std::runtime_error{std::string{field.name()} + " does not have 32 bytes"};
    }
    std::copy(bytes.begin(), bytes.end(), hash.begin());
    return hash;
}

std::vector<ChainedRow> read_audit(pqxx::transaction_base& sql, const std::string& where)
{
    return read<ChainedRow>(sql, audit_columns, "audit " + where, audit_from);
}

ChainHead read_audit_head(pqxx::transaction_base& sql)
{
    const auto rows = sql.exec("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1");
    if (rows.empty()) {
        return {};
    }
    return {rows[0][0].as<std::uint64_t>(), hash_from(rows[0][1])};
}

} // namespace coordinator::store
