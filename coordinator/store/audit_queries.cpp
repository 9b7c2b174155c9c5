#include "coordinator/store/audit_queries.hpp"

#include "coordinator/store/row_reading.hpp"
#include "coordinator/store/text.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace coordinator::store {

namespace {

/// Rows that one page looks at, of all or of those that an index gives: a moment's work.
constexpr std::uint64_t most_looked_at = 50'000;
/// Rows that are counted, for a page's total and for the counts.
constexpr std::uint64_t most_in_total = 10'000;
constexpr std::uint64_t most_counted = 100'000;
constexpr std::uint32_t most_on_page = 500;
constexpr std::uint32_t most_actors = 100;

/// Row numbers, both ends left out.
struct Numbers {
    std::uint64_t low = 0;
    std::uint64_t high = 0;

    [[nodiscard]] std::uint64_t count() const { return high > low + 1 ? high - low - 1 : 0; }
    [[nodiscard]] std::string text() const
    {
        return fmt::format("seq > {} AND seq < {}", low, high);
    }
};

std::string moment(pqxx::transaction_base& sql, common::WallTime at)
{
    return sql.quote(common::to_rfc3339(at)) + "::timestamptz";
}

std::optional<std::uint64_t> lone_number(pqxx::transaction_base& sql, const std::string& query)
{
    const auto rows = sql.exec(query);
    return rows.empty() ? std::nullopt : std::optional{rows[0][0].as<std::uint64_t>()};
}

/// The numbers that a span of time has, of those that there are now.
Numbers numbers_of(pqxx::transaction_base& sql, const AuditSpan& span)
{
    Numbers numbers{0, read_audit_head(sql).seq + 1};
    if (span.since) {
        const auto first =
            lone_number(sql,
                        "SELECT seq FROM audit WHERE at >= " + moment(sql, *span.since) +
                            " ORDER BY at, seq LIMIT 1");
        numbers.low = first.value_or(numbers.high) - 1;
    }
    if (span.until) {
        const auto last =
            lone_number(sql,
                        "SELECT seq FROM audit WHERE at < " + moment(sql, *span.until) +
                            " ORDER BY at DESC, seq DESC LIMIT 1");
        numbers.high = std::min(numbers.high, last.value_or(0) + 1);
    }
    return numbers;
}

/// What a row has to be, beside its number.
class Conditions {
public:
    Conditions(pqxx::transaction_base& sql, const std::string& tenant)
        : sql_{sql}, text_{"(tenant = '' OR tenant = " + quoted(tenant) + ")"}
    {}

    void equal(const char* column, const std::optional<std::string>& value)
    {
        if (value) {
            text_ += fmt::format(" AND {} = {}", column, quoted(*value));
        }
    }
    /// As equal(), of a column that has an index of its values but "".
    void indexed(const char* column, const std::optional<std::string>& value)
    {
        if (value) {
            equal(column, value);
            index_ += fmt::format(" AND {0} = {1} AND {0} <> ''", column, quoted(*value));
        }
    }
    void tool(const std::optional<std::string>& value)
    {
        if (value) {
            text_ += fmt::format(" AND starts_with(action, {})", quoted(*value + "."));
        }
    }
    void action(const std::optional<std::string>& value)
    {
        if (value) {
            text_ += fmt::format(" AND (action = {} OR starts_with(action, {}))",
                                 quoted(*value),
                                 quoted(*value + "."));
        }
    }
    [[nodiscard]] std::string text() const { return text_ + index_; }
    /// "" or " AND …": what an index finds.
    [[nodiscard]] const std::string& index() const { return index_; }

private:
    [[nodiscard]] std::string quoted(const std::string& value) const
    {
        return sql_.quote(to_column(value));
    }

    pqxx::transaction_base& sql_;
    std::string text_;
    std::string index_;
};

Conditions conditions_of(pqxx::transaction_base& sql, const AuditQuery& query)
{
    Conditions conditions{sql, query.span.tenant};
    conditions.indexed("target", query.target);
    conditions.indexed("request_id", query.request);
    conditions.indexed("operation_id", query.operation);
    conditions.equal("actor", query.actor);
    conditions.equal("host", query.host);
    conditions.equal("result", query.result);
    if (query.kind) {
        conditions.equal("kind", std::string{to_string(*query.kind)});
    }
    conditions.tool(query.tool);
    conditions.action(query.action);
    return conditions;
}

/// The part of `all` that one page looks at.
Numbers looked_at(pqxx::transaction_base& sql,
                  const Conditions& conditions,
                  const Numbers& all,
                  bool newest_first)
{
    auto looked = all;
    if (all.count() <= most_looked_at) {
        return looked;
    }
    auto first_left_out =
        newest_first ? all.high - most_looked_at - 1 : all.low + most_looked_at + 1;
    if (!conditions.index().empty()) {
        const auto found = lone_number(sql,
                                       fmt::format("SELECT seq FROM audit WHERE {}{} ORDER BY seq "
                                                   "{} LIMIT 1 OFFSET {}",
                                                   all.text(),
                                                   conditions.index(),
                                                   newest_first ? "DESC" : "ASC",
                                                   most_looked_at));
        if (!found) {
            return looked;
        }
        first_left_out = *found;
    }
    (newest_first ? looked.low : looked.high) = first_left_out;
    return looked;
}

std::optional<std::uint64_t>
total_of(pqxx::transaction_base& sql, const Conditions& conditions, const Numbers& all)
{
    if (looked_at(sql, conditions, all, true).low != all.low) {
        return std::nullopt;
    }
    const auto total = lone_number(
        sql,
        fmt::format("SELECT count(*) FROM (SELECT FROM audit WHERE {} AND {} LIMIT {}) AS matching",
                    conditions.text(),
                    all.text(),
                    most_in_total + 1));
    return total && *total <= most_in_total ? total : std::nullopt;
}

void count_into(std::map<std::string, std::uint64_t>& counts,
                pqxx::transaction_base& sql,
                const std::string& query)
{
    for (const auto& row : sql.exec(query)) {
        counts[from_column(row[0].c_str())] = row[1].as<std::uint64_t>();
    }
}

} // namespace

AuditEvent event_of(ChainedRow row)
{
    AuditEvent event;
    event.seq = row.seq;
    event.at = common::from_unix_us(row.at_us);
    event.row = std::move(row.row);
    event.seal = std::make_shared<const AuditSeal>(
        AuditSeal{row.prev_hash, row.hash, std::move(row.payload)});
    return event;
}

AuditPage find_audit(pqxx::transaction_base& sql, const AuditQuery& query)
{
    const auto conditions = conditions_of(sql, query);
    auto all = numbers_of(sql, query.span);
    all.low = std::max(all.low, query.after);
    all.high = std::min(all.high, query.before.value_or(all.high));
    AuditPage page;
    if (query.total == AuditQuery::Total::counted) {
        page.total = total_of(sql, conditions, all);
    }
    if (all.count() == 0) {
        return page;
    }
    const bool newest_first = query.order == AuditQuery::Order::newest_first;
    const auto looked = looked_at(sql, conditions, all, newest_first);
    const auto limit = std::clamp<std::uint32_t>(query.limit, 1, most_on_page);
    auto rows = read_audit(sql,
                           fmt::format("WHERE {} AND {} ORDER BY seq {} LIMIT {}",
                                       conditions.text(),
                                       looked.text(),
                                       newest_first ? "DESC" : "ASC",
                                       limit + 1));
    if (rows.size() > limit) {
        rows.pop_back();
        page.next = rows.back().seq;
    } else if (looked.count() < all.count()) {
        page.next = newest_first ? looked.low + 1 : looked.high - 1;
    }
    page.rows.reserve(rows.size());
    for (auto& row : rows) {
        page.rows.push_back(event_of(std::move(row)));
    }
    return page;
}

AuditCounts count_audit(pqxx::transaction_base& sql, const AuditSpan& span)
{
    auto numbers = numbers_of(sql, span);
    AuditCounts counts;
    if (numbers.count() == 0) {
        return counts;
    }
    counts.complete = numbers.count() <= most_counted;
    numbers.low = counts.complete ? numbers.low : numbers.high - most_counted - 1;
    counts.first = numbers.low + 1;
    counts.last = numbers.high - 1;
    const auto of =
        " FROM audit WHERE " + Conditions{sql, span.tenant}.text() + " AND " + numbers.text();
    for (const auto& row :
         sql.exec("SELECT action, count(*) FILTER (WHERE kind = 'intent'), count(*) FILTER (WHERE "
                  "kind = 'outcome')" +
                  of + " GROUP BY action")) {
        const AuditCounts::Kinds kinds{row[1].as<std::uint64_t>(), row[2].as<std::uint64_t>()};
        counts.actions[from_column(row[0].c_str())] = kinds;
        counts.rows += kinds.intents + kinds.outcomes;
    }
    count_into(counts.results,
               sql,
               "SELECT result, count(*)" + of + " AND kind = 'outcome' GROUP BY result");
    count_into(counts.actors,
               sql,
               fmt::format("SELECT actor, count(*){} GROUP BY actor ORDER BY 2 DESC, 1 LIMIT {}",
                           of,
                           most_actors));
    return counts;
}

} // namespace coordinator::store
