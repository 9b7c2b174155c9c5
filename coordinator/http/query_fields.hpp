#pragma once

#include "coordinator/core/store.hpp"
#include "coordinator/http/fields.hpp"
#include "coordinator/http/request.hpp"

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace coordinator::http {

/// A query being taken apart, as strictly as a body: what is repeated, unknown or out
/// of bounds is collected and refused by finish().
class QueryFields {
public:
    explicit QueryFields(const Query& query) : query_{query} {}

    std::optional<std::string> text(std::string_view name, TextRule rule);
    std::optional<std::uint64_t> integer(std::string_view name, Range range);
    std::optional<bool> boolean(std::string_view name);
    /// All values of a parameter that may be repeated.
    std::vector<std::string> all(std::string_view name);
    /// Where a reader of events goes on: `from`, or after the last event that it has had.
    std::optional<std::uint64_t> position(const std::string& last_event_id);
    /// limit (1–500, default 100), and offset or cursor.
    Page page();

    void wrong(std::string field, std::string message);
    common::Result<> finish(std::string_view attempt);

private:
    std::optional<std::string> lone(std::string_view name);

    const Query& query_;
    std::set<std::string, std::less<>> asked_;
    std::vector<common::FieldError> wrong_;
};

} // namespace coordinator::http
