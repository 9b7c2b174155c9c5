#pragma once

#include "common/bytes.hpp"
#include "common/result.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace common::config {

enum class Kind { text, integer, boolean, duration_ms, list };

/// One setting of a daemon. Its name in the YAML file; PADDOCK_<NAME> in the
/// environment (upper case) overrides the file; `aliases` are further
/// environment names, kept from the predecessors.
struct Key {
    std::string_view name;
    Kind kind = Kind::text;
    std::string_view fallback; ///< Written as in the file; "" is an empty text or list.
    std::string_view help;     ///< One line, with the unit.
    std::vector<std::string_view> aliases{};
    std::int64_t minimum = 0; ///< Of integers and durations.
    std::int64_t maximum = std::int64_t{1} << 53U;
    bool secret = false; ///< Never printed.
};

/// Settings read once at start-up, checked against the table: an unknown key, a
/// wrong type or a value out of bounds is `invalid_argument` naming the key, where
/// it came from and what is expected. Immutable afterwards; any thread reads.
class Config {
public:
    using Environment = std::function<std::optional<std::string>(const std::string& name)>;

    /// `file` may be empty (defaults and environment only); a file that is named
    /// and missing is an error.
    static Result<Config> load(std::span<const Key> keys,
                               const std::filesystem::path& file,
                               const Environment& environment);

    /// Reading a name that the table lacks, or by the wrong kind, is a bug and throws.
    [[nodiscard]] const std::string& text(std::string_view name) const;
    [[nodiscard]] std::int64_t integer(std::string_view name) const;
    [[nodiscard]] bool boolean(std::string_view name) const;
    [[nodiscard]] std::chrono::milliseconds duration(std::string_view name) const;
    [[nodiscard]] const std::vector<std::string>& list(std::string_view name) const;
    /// Where the value came from: "default", "file" or the variable's name.
    [[nodiscard]] const std::string& origin(std::string_view name) const;

private:
    struct Value {
        Kind kind = Kind::text;
        std::string text;
        std::int64_t integer = 0;
        std::vector<std::string> list;
        std::string origin;
    };
    static Result<Value> parse(const Key& key,
                               const std::vector<std::string>& raw,
                               bool sequence,
                               const std::string& origin);
    [[nodiscard]] const Value& at(std::string_view name, Kind kind) const;

    std::map<std::string, Value, std::less<>> values_;
};

/// The process's own environment.
std::optional<std::string> process_environment(const std::string& name);

/// The table as text for `--help`: name, default, help, variable names.
std::string describe(std::span<const Key> keys);

} // namespace common::config
