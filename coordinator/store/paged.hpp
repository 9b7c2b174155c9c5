#pragma once

#include "coordinator/core/store.hpp"
#include "coordinator/store/text.hpp"

#include <algorithm>
#include <cstdint>
#include <pqxx/pqxx>
#include <string>

namespace coordinator::store {

constexpr std::uint32_t most_rows = 1000; ///< Of a page.

/// Rows that are told newest first, page by page. All of it is SQL.
struct Paged {
    std::string table; ///< With a column `id`.
    std::string where; ///< "WHERE …": which of its rows.
    std::string time;  ///< The column that they are sorted by.
    std::string bytes; ///< What one of them holds, of the table's columns.
};

inline std::uint64_t count(pqxx::transaction_base& sql, const Paged& rows)
{
    return sql.exec1("SELECT count(*) FROM " + rows.table + " " + rows.where)[0]
        .as<std::uint64_t>();
}

inline std::string
older_than(pqxx::transaction_base& sql, const Paged& rows, const Position& position)
{
    return " AND (" + rows.time + ", id) < (timestamptz 'epoch' + " +
           std::to_string(position.at_us) + " * interval '1 microsecond', " +
           sql.quote(to_column(position.key)) + ")";
}

/// What follows the table's name in a SELECT of one page, newest first: it ends after the row that
/// goes past `page.bytes`.
inline std::string where_fits(pqxx::transaction_base& sql, const Paged& rows, const Page& page)
{
    const auto newest_first = " ORDER BY " + rows.time + " DESC, id DESC";
    const auto rest = rows.where + (page.after ? older_than(sql, rows, *page.after) : "");
    // Each with what those before it on the page hold; octet_length reads no text.
    return "WHERE id IN (SELECT id FROM (SELECT id, sum(bytes) OVER (" + newest_first +
           ") - bytes AS before FROM (SELECT id, " + rows.time + ", " + rows.bytes +
           " AS bytes FROM " + rows.table + " " + rest + newest_first + " LIMIT " +
           std::to_string(std::min(page.limit, most_rows)) + " OFFSET " +
           std::to_string(page.offset) + ") AS page) AS sized WHERE before < " +
           std::to_string(page.bytes.count()) + ")" + newest_first;
}

/// Where the next page begins if the one that ends with this row is not the last.
inline std::optional<Position> next_after(pqxx::transaction_base& sql,
                                          const Paged& rows,
                                          common::WallTime time,
                                          const std::string& id)
{
    const Position end{common::to_unix_us(time), id};
    const auto more = sql.exec1("SELECT EXISTS (SELECT FROM " + rows.table + " " + rows.where +
                                older_than(sql, rows, end) + ")");
    return more[0].as<bool>() ? std::optional{end} : std::nullopt;
}

/// A tenant's rows, by name.
template <typename Row>
struct NamedRows {
    std::vector<Row> rows{};
    std::uint64_t total = 0;
    std::optional<Position> next{};
};

/// `bytes` is what one of them holds, as SQL: a page ends after the row that goes past
/// `page.bytes`. `read` is given what follows the table's name in a SELECT.
template <typename Row, typename Read>
NamedRows<Row> read_by_name(pqxx::transaction_base& sql,
                            const std::string& table,
                            const std::string& bytes,
                            const std::string& tenant,
                            const Page& page,
                            Read read)
{
    const auto of = "WHERE tenant = " + sql.quote(to_column(tenant));
    const std::string by_name = " ORDER BY name COLLATE \"C\"";
    const auto behind = [&](const std::string& name) {
        return of + " AND name COLLATE \"C\" > " + sql.quote(to_column(name));
    };
    NamedRows<Row> found;
    found.total =
        sql.exec1("SELECT count(*) FROM " + table + " " + of)[0].template as<std::uint64_t>();
    if (page.limit == 0 || page.offset >= found.total) {
        return found;
    }
    found.rows = read("WHERE id IN (SELECT id FROM (SELECT id, sum(bytes) OVER (" + by_name +
                      ") - bytes AS before FROM (SELECT id, name, " + bytes + " AS bytes FROM " +
                      table + " " + (page.after ? behind(page.after->key) : of) + by_name +
                      " LIMIT " + std::to_string(std::min(page.limit, most_rows)) + " OFFSET " +
                      std::to_string(page.offset) + ") AS page) AS sized WHERE before < " +
                      std::to_string(page.bytes.count()) + ")" + by_name);
    if (!found.rows.empty()) {
        const auto& last = found.rows.back().name;
        const auto more =
            sql.exec1("SELECT EXISTS (SELECT FROM " + table + " " + behind(last) + ")");
        if (more[0].template as<bool>()) {
            found.next = Position{0, last};
        }
    }
    return found;
}

/// The row of a tenant's that has this name.
inline std::string
where_named(pqxx::transaction_base& sql, const std::string& tenant, const std::string& name)
{
    return "WHERE tenant = " + sql.quote(to_column(tenant)) +
           " AND name = " + sql.quote(to_column(name));
}

} // namespace coordinator::store
