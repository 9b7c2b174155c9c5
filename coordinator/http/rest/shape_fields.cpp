#include "coordinator/http/rest/shape_fields.hpp"

#include "coordinator/http/rules.hpp"

namespace coordinator::http::rest {

namespace {

constexpr Range cpus{0, 64};
constexpr Range memory_mb{64, std::int64_t{1} << 20U};

} // namespace

std::optional<std::int64_t> unless_zero(std::optional<std::int64_t> value)
{
    return value && *value == 0 ? std::nullopt : value;
}

std::string read_name(Fields& fields, std::string_view field)
{
    auto name = fields.text(field, rules::name);
    if (!fields.has(field)) {
        fields.wrong(std::string{field}, "is required");
    }
    return name.value_or("");
}

std::optional<unsigned> read_cpu(Fields& fields)
{
    const auto cpu = unless_zero(fields.integer("cpu", cpus));
    return cpu ? std::optional{static_cast<unsigned>(*cpu)} : std::nullopt;
}

std::optional<common::Bytes> read_memory(Fields& fields)
{
    const auto mib = unless_zero(fields.integer("memory_mb", {0, memory_mb.high}));
    if (mib && *mib < memory_mb.low) {
        fields.wrong("memory_mb", "must be from 64 to 1048576, or 0 for the image's own");
        return std::nullopt;
    }
    return mib ? std::optional{common::Bytes::mib(static_cast<std::uint64_t>(*mib))} : std::nullopt;
}

NetworkMode read_network_mode(Fields& fields)
{
    const auto mode = fields.text("network_mode", rules::any);
    if (mode == "bridge") {
        fields.not_yet("network_mode", "bridge is not supported yet");
    } else if (mode) {
        if (const auto known = network_mode_from(*mode)) {
            return *known;
        }
        fields.wrong("network_mode", "must be nat, isolated, bridge or none");
    }
    return NetworkMode::nat;
}

Labels read_labels(Fields& fields)
{
    return fields.texts("labels", rules::label_key, rules::label_value, most_labels);
}

std::map<std::string, std::optional<std::string>> read_label_changes(Fields& fields,
                                                                     const char* name)
{
    return fields.texts_or_null(name, rules::label_key, rules::label_value, most_labels);
}

std::map<std::string, std::string> read_env(Fields& fields)
{
    constexpr std::size_t most = 256;
    return fields.texts("env", rules::env_name, rules::env_value, most);
}

} // namespace coordinator::http::rest
