#pragma once

#include "common/bytes.hpp"
#include "common/result.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coordinator::http {

/// Says what is wrong with a text, or "" when nothing is.
using TextRule = std::string (*)(std::string_view text);

struct Range {
    std::int64_t low;
    std::int64_t high;
};

/// A JSON object being taken apart: each field is asked for once, whatever is wrong is
/// collected, and what nobody asked for is wrong too. `null` is a wrong type.
class Fields {
public:
    /// An object or nothing: an empty `body` is an empty object. It outlives this.
    static common::Result<Fields> parse(std::string_view body);
    ~Fields();
    Fields(Fields&&) noexcept;
    Fields& operator=(Fields&&) noexcept;

    std::optional<std::string> text(std::string_view name, TextRule rule);
    std::optional<std::int64_t> integer(std::string_view name, Range range);
    std::optional<bool> boolean(std::string_view name);
    /// A map of texts: at most `limit` entries.
    std::map<std::string, std::string>
    texts(std::string_view name, TextRule key_rule, TextRule value_rule, std::size_t limit);
    /// Likewise, where a null says that there is to be none.
    std::map<std::string, std::optional<std::string>>
    texts_or_null(std::string_view name, TextRule key_rule, TextRule value_rule, std::size_t limit);
    /// A list of texts: at most `limit` of them.
    std::optional<std::vector<std::string>>
    list(std::string_view name, TextRule rule, std::size_t limit);
    /// An object of whatever may be in one, as text_of_member() gives it.
    std::optional<std::string> object(std::string_view name, common::Bytes limit);
    /// Whether the field is there, of any type, without asking for its value.
    [[nodiscard]] bool has(std::string_view name) const;
    /// The fields of a nested object; nothing when absent or of another type.
    std::optional<std::vector<std::string>> keys(std::string_view name);
    /// The text at name.inner, for an object asked for with keys().
    std::optional<std::string>
    inner_text(std::string_view name, std::string_view inner, TextRule rule);
    std::optional<std::int64_t>
    inner_integer(std::string_view name, std::string_view inner, Range range); ///< Likewise.
    std::optional<bool> inner_boolean(std::string_view name, std::string_view inner);
    /// Likewise a list of texts.
    std::optional<std::vector<std::string>>
    inner_list(std::string_view name, std::string_view inner, TextRule rule, std::size_t limit);
    /// Likewise a map of texts.
    std::map<std::string, std::string> inner_texts(std::string_view name,
                                                   std::string_view inner,
                                                   TextRule key_rule,
                                                   TextRule value_rule,
                                                   std::size_t limit);

    void wrong(std::string field, std::string message);
    /// The field stands for a feature that is not built: 501 unless something is wrong.
    void not_yet(std::string field, std::string what);

    /// To be called last: everything that was wrong, as one `invalid_argument` or
    /// `unimplemented`.
    common::Result<> finish(std::string_view attempt);

private:
    Fields();
    struct State;
    std::unique_ptr<State> state_;
};

/// "the value of `field` …": one error for a lone field.
common::Error field_error(std::string_view attempt, std::vector<common::FieldError> fields);
/// Likewise for what is named in the contract and not built: `unimplemented`, reason not_yet.
common::Error not_yet_error(std::string_view attempt, std::vector<common::FieldError> fields);

/// Shortens and disarms text from a request, to be repeated in a message.
std::string shown(std::string_view text);

} // namespace coordinator::http
