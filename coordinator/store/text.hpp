#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace coordinator::store {

/// Text as a column holds it. PostgreSQL refuses NUL and what is not UTF-8, so those bytes
/// become \xHH and a backslash becomes \\; nothing else changes, and nothing is lost.
std::string to_column(std::string_view text);
/// The inverse. What to_column cannot have made stays as it is.
std::string from_column(std::string_view column);

/// A one-dimensional array literal, its elements through to_column.
class ArrayText {
public:
    void add(std::string_view text) { add_raw(to_column(text)); }
    /// An element that is known to be what its type takes, such as a number.
    void add_raw(std::string_view element);
    void add_null();
    [[nodiscard]] std::string finish() &&;

private:
    std::string text_{"{"};
};

/// What is in a one-dimensional array as PostgreSQL writes it, each through from_column; no NULL.
/// libpqxx 6's own reader takes an apostrophe for a quote and aborts the program.
std::vector<std::string> array_items(std::string_view array);

/// {k1,v1,k2,v2,…}: what jsonb_object() takes.
std::string pairs_array(const std::map<std::string, std::string>& map);
std::string pairs_array(const std::map<std::string, std::uint64_t>& map);
std::string text_array(const std::vector<std::string>& list);

/// bytea as its text form, "\x00ff…".
std::string bytea_text(std::string_view bytes);

} // namespace coordinator::store
