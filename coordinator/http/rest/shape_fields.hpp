#pragma once

#include "coordinator/core/model.hpp"
#include "coordinator/http/fields.hpp"

// The fields that a sandbox's shape is made of, as creates and pools have them.
namespace coordinator::http::rest {

/// What `ttl_seconds` may be. 0: the default.
inline constexpr Range lifetime_seconds{0, 366L * 24 * 3600};

/// 0 has always meant "the default" for numbers in this API.
std::optional<std::int64_t> unless_zero(std::optional<std::int64_t> value);

/// A name that must be there.
std::string read_name(Fields& fields, std::string_view field);

std::optional<unsigned> read_cpu(Fields& fields);
std::optional<common::Bytes> read_memory(Fields& fields);
NetworkMode read_network_mode(Fields& fields); ///< nat if it is not said.
Labels read_labels(Fields& fields);
/// Without a value: it is to go.
std::map<std::string, std::optional<std::string>> read_label_changes(Fields& fields,
                                                                     const char* name);
/// The environment of commands.
std::map<std::string, std::string> read_env(Fields& fields);

} // namespace coordinator::http::rest
