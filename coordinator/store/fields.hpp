#pragma once

#include "coordinator/store/row_reading.hpp"
#include "coordinator/store/text.hpp"

#include <pqxx/pqxx>
#include <stdexcept>

namespace coordinator::store {

// For the readers of rows only. In a SELECT: a time as microseconds since 1970, exact because
// extract() is numeric since PostgreSQL 14; and a jsonb object as {key,value,…}.
inline std::string us_of(const std::string& column)
{
    return "(extract(epoch FROM " + column + ") * 1000000)::bigint";
}
inline std::string pairs_of(const std::string& column)
{
    return "ARRAY(SELECT unnest(ARRAY[key, value]) FROM jsonb_each_text(" + column + "))";
}

/// The fields of a row, taken one after another in the order of the SELECT.
class Fields {
public:
    explicit Fields(const pqxx::row& row) : row_{row} {}

    std::string text() { return from_column(next().c_str()); }
    std::string bytes() { return pqxx::binarystring{next()}.str(); }
    template <typename T>
    T number()
    {
        return next().as<T>();
    }
    common::Bytes size() { return common::Bytes{number<std::uint64_t>()}; }
    common::WallTime time() { return common::from_unix_us(number<std::int64_t>()); }
    std::optional<common::WallTime> maybe_time()
    {
        const auto field = next();
        return field.is_null() ? std::nullopt
                               : std::optional{common::from_unix_us(field.as<std::int64_t>())};
    }
    std::optional<std::chrono::seconds> maybe_seconds()
    {
        const auto field = next();
        return field.is_null() ? std::nullopt
                               : std::optional{std::chrono::seconds{field.as<std::int64_t>()}};
    }
    std::vector<std::string> list() { return array_items(next().c_str()); }
    std::map<std::string, std::string> map()
    {
        const auto items = list();
        std::map<std::string, std::string> map;
        for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
            map[items[i]] = items[i + 1];
        }
        return map;
    }
    std::map<std::string, std::uint64_t> numbers()
    {
        std::map<std::string, std::uint64_t> numbers;
        for (const auto& [key, value] : map()) {
            numbers[key] = std::stoull(value);
        }
        return numbers;
    }
    /// By a function like phase_from.
    template <typename Parse>
    auto word(Parse parse)
    {
        const auto field = next();
        const auto value = parse(std::string_view{field.c_str()});
        if (!value) {
            throw std::runtime_error{std::string{field.name()} + " of " + row_[0].c_str() +
                                     " is no value that this version knows"};
        }
        return *value;
    }
    pqxx::field next() { return row_[at_++]; }

private:
    const pqxx::row& row_;
    pqxx::row::size_type at_ = 0;
};

/// One `make(Fields&)` for each row of "SELECT columns FROM from".
template <typename Row, typename Make>
std::vector<Row>
read(pqxx::transaction_base& sql, const std::string& columns, const std::string& from, Make make)
{
    std::vector<Row> rows;
    for (const auto& row : sql.exec("SELECT " + columns + " FROM " + from)) {
        Fields fields{row};
        rows.push_back(make(fields));
    }
    return rows;
}

} // namespace coordinator::store
