#include "coordinator/store/pg_keys.hpp"

#include "coordinator/store/fields.hpp"
#include "coordinator/store/row_writing.hpp"
#include "coordinator/store/text.hpp"

#include <future>

namespace coordinator::store {

namespace {

std::string where(pqxx::transaction_base& sql, const KeyName& name)
{
    return "k.tenant = " + sql.quote(to_column(name.tenant)) +
           " AND k.actor = " + sql.quote(to_column(name.actor)) +
           " AND k.key = " + sql.quote(to_column(name.key));
}

// The members are filled in the order of the SELECT beside each of these.

UsedKey used_from(Fields& in)
{
    UsedKey used;
    used.claim.name.tenant = in.text();
    used.claim.name.actor = in.text();
    used.claim.name.key = in.text();
    used.claim.digest = in.text();
    used.claim.path = in.text();
    used.claim.request = common::RequestId{in.text()};
    used.claim.used_at = in.time();
    used.ours = in.number<bool>();
    used.ended = in.number<bool>();
    if (in.number<bool>()) {
        auto& answer = used.answer.emplace();
        answer.status = in.number<int>();
        answer.content_type = in.text();
        const auto pairs = in.list();
        for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
            answer.headers.emplace_back(pairs[i], pairs[i + 1]);
        }
        answer.body = in.bytes();
    }
    return used;
}
const std::string used_columns =
    "tenant, actor, key, digest, path, request_id, " + us_of("used_at") +
    ", epoch = (SELECT max(epoch) FROM leader), audit_to IS NOT NULL, status IS NOT NULL, status, "
    "content_type, headers, body";

Begun begun_from(Fields& in)
{
    Begun begun;
    begun.action = in.text();
    begun.target = in.text();
    begun.operation = in.text();
    begun.status = in.text();
    begun.remains = in.number<bool>();
    return begun;
}
const std::string begun_columns =
    "a.action, a.target, a.operation_id, coalesce(o.status, ''), a.action IN ('sandbox.create', "
    "'sandbox.claim') AND s.id IS NOT NULL";
/// By the audit's primary key: from the claim to the answer. What was cut short goes as far as
/// its coordinator wrote; the row of one that is gone does not change any more. A warm one that
/// turned out dead is its pool's again, and on its way out.
const std::string begun_tables =
    "request_keys k JOIN audit a ON a.seq > k.audit_from AND a.seq <= coalesce(k.audit_to, "
    "(SELECT audit_seq FROM leader l WHERE l.epoch = k.epoch)) AND a.kind = 'intent' AND "
    "a.request_id = k.request_id AND a.actor = k.actor LEFT JOIN operations o ON o.id = "
    "a.operation_id LEFT JOIN sandboxes s ON s.id = a.target AND s.tenant = k.tenant AND "
    "s.deleted_at IS NULL WHERE ";

KeyUse use_from(Fields& in)
{
    KeyUse use;
    use.tenant = in.text();
    use.keys = in.number<std::uint64_t>();
    use.bytes = in.size();
    use.oldest = in.time();
    return use;
}
const std::string use_columns =
    "tenant, count(*), coalesce(sum(bytes), 0)::bigint, " + us_of("min(used_at)");

void write_change(pqxx::transaction_base& sql, const KeyClaim& claim)
{
    sql.exec_prepared("key_claim",
                      to_column(claim.name.tenant),
                      to_column(claim.name.actor),
                      to_column(claim.name.key),
                      to_column(claim.digest),
                      to_column(claim.path),
                      to_column(claim.request.str()),
                      common::to_rfc3339(claim.used_at));
}

void write_change(pqxx::transaction_base& sql, const KeyEnd& end)
{
    const auto& [tenant, actor, key] = end.name;
    if (!end.answer) {
        sql.exec_prepared("key_end", to_column(tenant), to_column(actor), to_column(key));
        return;
    }
    std::vector<std::string> headers;
    for (const auto& [name, value] : end.answer->headers) {
        headers.push_back(name);
        headers.push_back(value);
    }
    sql.exec_prepared("key_answer",
                      to_column(tenant),
                      to_column(actor),
                      to_column(key),
                      end.answer->status,
                      to_column(end.answer->content_type),
                      text_array(headers),
                      pqxx::binarystring{end.answer->body});
}

void write_change(pqxx::transaction_base& sql, const KeyRelease& release)
{
    const auto& [tenant, actor, key] = release.name;
    sql.exec_prepared("key_release", to_column(tenant), to_column(actor), to_column(key));
}

void write_change(pqxx::transaction_base& sql, const KeyExpiry& expiry)
{
    sql.exec_prepared("key_expiry", common::to_rfc3339(expiry.used_before));
}

void write_change(pqxx::transaction_base& sql, const KeyTrim& trim)
{
    sql.exec_prepared("key_trim", to_column(trim.tenant), trim.surplus.count());
}

} // namespace

void prepare_writing_keys(pqxx::connection& connection)
{
    const std::string named = " WHERE tenant = $1 AND actor = $2 AND key = $3";
    // Our own row of `leader` has this transaction's audit already: what the request begins comes
    // after it.
    const std::string now = "(SELECT audit_seq FROM leader WHERE deposed_at IS NULL)";
    connection.prepare(
        "key_claim",
        "INSERT INTO request_keys AS k (tenant, actor, key, digest, path, request_id, used_at, "
        "epoch, audit_from) SELECT $1, $2, $3, $4, $5, $6, $7::timestamptz, epoch, audit_seq FROM "
        "leader WHERE deposed_at IS NULL ON CONFLICT (tenant, actor, key) DO UPDATE SET digest = "
        "EXCLUDED.digest, path = EXCLUDED.path, request_id = EXCLUDED.request_id, used_at = "
        "EXCLUDED.used_at, epoch = EXCLUDED.epoch, audit_from = EXCLUDED.audit_from, audit_to = "
        "NULL, status = NULL, content_type = NULL, headers = NULL, body = NULL, bytes = 0");
    connection.prepare("key_end", "UPDATE request_keys SET audit_to = " + now + named);
    connection.prepare(
        "key_answer",
        "UPDATE request_keys SET audit_to = " + now +
            ", status = $4, content_type = $5, headers = $6::text[], body = $7::bytea, "
            "bytes = octet_length($7::bytea)" +
            named);
    connection.prepare("key_release", "DELETE FROM request_keys" + named);
    connection.prepare("key_expiry",
                       "DELETE FROM request_keys WHERE (tenant, actor, key) IN (SELECT tenant, "
                       "actor, key FROM request_keys WHERE used_at < $1::timestamptz ORDER BY "
                       "used_at LIMIT 20000)");
    connection.prepare(
        "key_trim",
        "UPDATE request_keys SET status = NULL, content_type = NULL, headers = NULL, body = NULL, "
        "bytes = 0 WHERE (tenant, actor, key) IN (SELECT tenant, actor, key FROM (SELECT tenant, "
        "actor, key, sum(bytes) OVER (ORDER BY used_at, actor, key) - bytes AS older FROM (SELECT "
        "tenant, actor, key, used_at, bytes FROM request_keys WHERE tenant = $1 AND bytes > 0 "
        "ORDER BY used_at LIMIT 20000) AS oldest) AS summed WHERE older < $2::bigint)");
}

void write_row(pqxx::transaction_base& sql, const KeyChange& change)
{
    std::visit([&sql](const auto& one) { write_change(sql, one); }, change);
}

common::Result<std::optional<UsedKey>> PgKeys::find(const KeyName& name)
{
    return readers_.run("look up a request key", [&](pqxx::nontransaction& sql) {
        auto rows =
            read<UsedKey>(sql, used_columns, "request_keys k WHERE " + where(sql, name), used_from);
        return rows.empty() ? std::nullopt : std::optional{std::move(rows.front())};
    });
}

common::Result<std::vector<Begun>> PgKeys::begun_by(const KeyName& name)
{
    return readers_.run("look up what a request began", [&](pqxx::nontransaction& sql) {
        return read<Begun>(sql,
                           begun_columns,
                           begun_tables + where(sql, name) + " ORDER BY a.seq LIMIT 50",
                           begun_from);
    });
}

common::Result<std::vector<KeyUse>> PgKeys::use()
{
    return readers_.run("count request keys", [](pqxx::nontransaction& sql) {
        return read<KeyUse>(sql, use_columns, "request_keys GROUP BY tenant", use_from);
    });
}

common::Result<> PgKeys::write(KeyChange change)
{
    const auto promise = std::make_shared<std::promise<common::Result<>>>();
    auto answer = promise->get_future();
    writer_.write({std::move(change)},
                  [promise](common::Result<> result) { promise->set_value(std::move(result)); });
    return answer.get(); // The writer answers each call within its patience.
}

} // namespace coordinator::store
